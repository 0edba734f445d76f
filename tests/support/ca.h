/* Authorities in software, and what they make of requests. */
#ifndef SUPPORT_CA_H
#define SUPPORT_CA_H

#include "base/bytes.h"
#include <openssl/x509.h>
#include <stdint.h>

struct ca {
	EVP_PKEY *key;
	X509 *cert;
};
/* by: NULL: it signs itself. Valid for a year around now. */
struct ca ca_new(const char *cn, const struct ca *by);
void ca_clear(struct ca *c);

/* What an authority may do otherwise; all zero: what it should. */
struct ca_whim {
	int64_t from, to;            /* seconds from now; both 0: a year around it */
	const char *usage, *extended; /* in the place of the request's; "": none */
	const char *cn;              /* in the place of the request's subject; "": nothing */
	X509_NAME *issuer;           /* in the place of the authority's */
	unsigned serial_len;         /* bytes of the serial; 0: 16 */
	unsigned pad;                /* bytes of a comment */
};
/* Of the request, for its key unless `other` is given. X509_free() it. */
X509 *ca_issue(const struct ca *by, X509_REQ *req, EVP_PKEY *other,
	       const struct ca_whim *whim);

/* n certificates, one behind the other; free() it. */
struct bytes ca_chain(X509 *const *certs, size_t n);

#endif
