/* What certificates and requests have in common. */
#ifndef X509_PARTS_H
#define X509_PARTS_H

#include "x509/x509.h"
#include "base/cleanup.h"
#include <openssl/x509v3.h>

struct profile {
	const char *usage;
	const char *extended; /* NULL: no such extension */
};
extern const struct profile profiles[]; /* by enum x509_profile */

#define X509_SUBJECT_HINT "CN, O and OU have at most 64 characters, C exactly 2"

/* OpenSSL's own reason, which is the only thing that says what is wrong. */
enum rc x509_fail(struct err *e, const char *op, const char *cn);

/* NULL if a part is too long, or no text. */
X509_NAME *x509_name(const struct x509_subject *subject);

CLEANUP_DEFINE(X509 *, X509_free);
CLEANUP_DEFINE(X509_NAME *, X509_NAME_free);
CLEANUP_DEFINE(EVP_MD_CTX *, EVP_MD_CTX_free);
CLEANUP_DEFINE(X509_EXTENSION *, X509_EXTENSION_free);

static inline void openssl_free(uint8_t *p)
{
	OPENSSL_free(p);
}
CLEANUP_DEFINE(uint8_t *, openssl_free);

#endif
