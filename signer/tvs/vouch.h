/*
 * For whom phones may be told "valid": certificates, their roles, and for how long.
 * Built once, then only read: threads may share one. Pure.
 */
#ifndef TVS_VOUCH_H
#define TVS_VOUCH_H

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

struct vouch;

/* An empty one. vouch_free() it. */
enum rc vouch_new(struct vouch **out, struct err *e) MUST_CHECK;
void vouch_free(struct vouch *t); /* NULL is fine */
CLEANUP_DEFINE(struct vouch *, vouch_free);

/* A certificate and its roles (TRUST_ROLE(), ORed). One that is there already stays
 * as it is. RC_REFUSED for a certificate that cannot be asked about. */
enum rc vouch_add(struct vouch *t, X509 *cert, uint32_t roles, uint32_t ttl,
		  struct err *e) MUST_CHECK;

/* After the last vouch_add(), before the first look-up. */
void vouch_sort(struct vouch *t);

size_t vouch_count(const struct vouch *t);

/* The very certificate; NULL for another one, and for what is no certificate. */
const struct vouched *vouch_by_cert(const struct vouch *t, struct bytes der);

/* Issuer and serial, compared as certificates (itl_names_cert()). Authorities that
 * give a serial twice are not told apart: the first one. */
const struct vouched *vouch_by_name(const struct vouch *t, struct bytes issuer,
					struct bytes serial);

#endif
