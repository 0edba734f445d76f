/*
 * For whom phones may be told "valid": certificates, their roles, and for how long.
 * Built once, then only read: threads may share one. Pure.
 */
#ifndef TVS_TRUST_H
#define TVS_TRUST_H

#include "base/bytes.h"
#include "base/err.h"
#include "tvs/wire.h"
#include <openssl/x509.h>

struct trust_entry {
	X509 *cert;
	uint8_t *der; /* owned; der_len bytes */
	size_t der_len;
	uint8_t sha256[32];
	uint8_t serial[64]; /* as lists have it: no leading zero byte */
	size_t serial_len;
	uint8_t roles[TVS_ROLES_MAX];
	size_t nroles;
	uint32_t ttl; /* seconds */
};

struct trust;

/* An empty one. trust_free() it. */
enum rc trust_new(struct trust **out, struct err *e) MUST_CHECK;
void trust_free(struct trust *t); /* NULL is fine */
CLEANUP_DEFINE(struct trust *, trust_free);

/* One more role of a certificate; of one that is there already, its time stays as it
 * was. RC_REFUSED for a certificate that cannot be asked about, or a role too many. */
enum rc trust_add(struct trust *t, X509 *cert, unsigned role, uint32_t ttl,
		  struct err *e) MUST_CHECK;

/* After the last trust_add(), before the first look-up. */
void trust_sort(struct trust *t);

size_t trust_count(const struct trust *t);

/* The very certificate; NULL for another one, and for what is no certificate. */
const struct trust_entry *trust_by_cert(const struct trust *t, struct bytes der);

/* Issuer and serial, compared as certificates (itl_names_cert()). Authorities that
 * give a serial twice are not told apart: the first one. */
const struct trust_entry *trust_by_name(const struct trust *t, struct bytes issuer,
					struct bytes serial);

#endif
