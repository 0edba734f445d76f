/* Self-signed certificates with a call manager's profile (spec: itl-format,
 * "Certificates"). libcrypto only: the key may live anywhere. */
#ifndef X509_X509_H
#define X509_X509_H

#include "base/err.h"
#include <openssl/x509.h>
#include <stdint.h>

enum x509_profile {
	X509_CALLMANAGER,
	X509_TVS,
	X509_CAPF,
	X509_RECOVERY,
	X509_AUDIT,
};

struct x509_subject {
	/* NULL or "": left out. In the certificate: C, O, OU, CN, ST, L. */
	const char *cn, *ou, *o, *l, *st, *c;
};

#define X509_SERIAL_LEN 16 /* the first byte 0x40 to 0x7F */

/*
 * Make and sign. `key` signs and gives the public key (a provider's key, or a
 * plain one in tests). hash: "SHA1", "SHA256", "SHA512". Valid from not_before
 * (Unix time) for `years` calendar years. The result is verified with
 * `public_key` before it is returned. X509_free() it.
 */
enum rc x509_self_sign(enum x509_profile profile,
		       const struct x509_subject *subject, EVP_PKEY *key,
		       EVP_PKEY *public_key, OSSL_LIB_CTX *libctx,
		       const char *hash, int64_t not_before, unsigned years,
		       X509 **out, struct err *e) MUST_CHECK;

#endif
