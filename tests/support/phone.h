/*
 * A phone and the TVSs that it asks, modelled from the format and the phone's rules
 * alone (spec: itl-format, phone, tvs): its own reader, its own rules, OpenSSL for the
 * signature. It shares nothing with the project's parser and its decision, which it
 * is there to judge.
 */
#ifndef SUPPORT_PHONE_H
#define SUPPORT_PHONE_H

#include "base/bytes.h"
#include <openssl/x509.h>
#include <stdbool.h>

/* A TVS that answers: its TLS certificate, and for whom it says "may sign lists". */
struct phone_tvs {
	X509 *tls;
	X509 *const *sast;
	size_t nsast;
};

struct phone {
	uint8_t *itl; /* what it holds; NULL: nothing yet */
	size_t n;
};

enum phone_says {
	PHONE_SAME,  /* it holds just this list */
	PHONE_FIRST, /* it held none */
	PHONE_KNOWS, /* its list's SAST */
	PHONE_ASKED, /* a TVS's word */
	PHONE_REJECTS
};

/* It fetches `list`; what it accepts replaces what it holds. tvs: those of its own
 * configuration, that answer. */
enum phone_says phone_fetch(struct phone *p, struct bytes list,
			    const struct phone_tvs *tvs, size_t ntvs);
/* What it would say; it keeps what it has. */
enum phone_says phone_would(const struct phone *p, struct bytes list,
			    const struct phone_tvs *tvs, size_t ntvs);
void phone_clear(struct phone *p);

/* It asked for `name`, and its list holds the signer's certificate as TFTP: NULL if
 * it takes `content` for the file; or why not. */
const char *phone_file_fault(struct bytes sgn, const char *name, struct bytes content,
			     X509 *signer);

#endif
