/*
 * Private operations. Hashing is done in software, over parts; the token gets
 * the DigestInfo (CKM_RSA_PKCS, RFC 8017 9.2) or the digest (CKM_RSA_PKCS_PSS).
 * Every signature is verified in software with the certificate's key (or, before
 * there is one, the public key) before it is returned: RC_VERIFY otherwise. Only for
 * measurements that is left out (hsm_place.unverified).
 */
#ifndef HSM_SIGN_H
#define HSM_SIGN_H

#include "base/bytes.h"
#include "hsm/key.h"

#define HSM_SIGNATURE_MAX 512

enum hsm_padding { HSM_PKCS1, HSM_PSS };

/* Digest by OpenSSL's name: "SHA1", "SHA256", "SHA384", "SHA512"; "MD5-SHA1"
 * (TLS 1.0, no DigestInfo) with HSM_PKCS1 only. `length` must be the key's size
 * in bytes. A stale handle is looked up once more, in place; a second RC_STALE,
 * or one because the key is gone, is the caller's to end on. */
enum rc hsm_sign(struct hsm_session *s, struct hsm_key *key,
		 const char *digest, enum hsm_padding padding,
		 const struct bytes *parts, size_t nparts, uint8_t *signature,
		 size_t length, struct err *e) MUST_CHECK;

/* CKM_RSA_X_509: raw. out has `length` = the key's size in bytes, leading zeros
 * put back. RC_TOKEN with CKR_MECHANISM_INVALID if the token does not do it. */
enum rc hsm_decrypt_raw(struct hsm_session *s, struct hsm_key *key,
			struct bytes in, uint8_t *out, size_t length,
			struct err *e) MUST_CHECK;

#endif
