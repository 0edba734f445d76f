/*
 * For whom phones may be told "valid": certificates, their roles, and for how long.
 * Built once, then only read: threads may share one. Pure.
 */
#ifndef TVS_TRUSTSTORE_H
#define TVS_TRUSTSTORE_H

#include "base/bytes.h"
#include "base/err.h"
#include "tvs/wire.h"
#include <openssl/x509.h>

struct vouched {
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

struct truststore;

/* An empty one. truststore_free() it. */
enum rc truststore_new(struct truststore **out, struct err *e) MUST_CHECK;
void truststore_free(struct truststore *t); /* NULL is fine */
CLEANUP_DEFINE(struct truststore *, truststore_free);

/* A certificate and its roles (TRUST_ROLE(), ORed). One that is there already stays
 * as it is. RC_REFUSED for a certificate that cannot be asked about. */
enum rc truststore_add(struct truststore *t, X509 *cert, uint32_t roles, uint32_t ttl,
		  struct err *e) MUST_CHECK;

/* After the last truststore_add(), before the first look-up. */
enum rc truststore_sort(struct truststore *t, struct err *e) MUST_CHECK;

size_t truststore_count(const struct truststore *t);

/* The very certificate; NULL for another one, and for what is no certificate. */
const struct vouched *truststore_by_cert(const struct truststore *t, struct bytes der);

/* Issuer and serial, compared as certificates (itl_names_cert()). Authorities that
 * give a serial twice are not told apart: the first one. */
const struct vouched *truststore_by_name(const struct truststore *t, struct bytes issuer,
					  struct bytes serial);

#endif
