/* What the tests of wrapping share. */
#ifndef TEST_HSM_WRAP_FIXTURE_H
#define TEST_HSM_WRAP_FIXTURE_H

#include "hsm/wrap.h"
#include "support/support.h"
#include "wrapped/pkcs8.h"

/* A fresh key-encryption key and IV; nothing wrapped yet. */
void wrapping_start(struct wrapped_key *w);

/* A software key of so many bits, whose PKCS#8 DER is (or is not) a multiple of
 * 16, or, for `fits` < 0, of any length. Made once. EVP_PKEY_free() it. */
EVP_PKEY *software_key(unsigned bits, int fits);
X509 *software_cert(EVP_PKEY *key);

/* Wrap a software key, as a file from elsewhere has it. */
void wrap_software(struct wrapped_key *w, EVP_PKEY *key);

/* The same of a key of 1024 bits with its secret numbers changed: well formed, and
 * no key. */
void wrap_software_spoilt(struct wrapped_key *w, EVP_PKEY *key);

/* The same of any key with one of its numbers changed, by a bit or to zero. */
void wrap_software_changed(struct wrapped_key *w, EVP_PKEY *key,
			   enum pkcs8_number which, bool zero);

#define EXPORTED (HSM_SIGN | HSM_EXTRACTABLE)

/* A software key in the token, under a fresh id. */
struct hsm_key *wrap_import(struct hsm_session *s, EVP_PKEY *key, unsigned usage);
/* Out of the token, and freed. */
void wrap_drop(struct hsm_session *s, struct hsm_key *key);

/* Fail unless w opens to the private key of `public_key`, in exact DER. */
void assert_opens(const struct wrapped_key *w, EVP_PKEY *public_key);

/* Objects of the token and of all sessions. */
size_t objects_in(struct hsm_session *s);

/* A signature by key verifies with its certificate. */
void assert_signs(struct hsm_session *s, struct hsm_key *key);

#endif
