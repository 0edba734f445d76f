/* One connection: ask.c speaks frames, tls.c TLS, bio.c to the socket. */
#ifndef TVS_ASK_INTERNAL_H
#define TVS_ASK_INTERNAL_H

#include "tvs/ask.h"
#include <openssl/ssl.h>

#define WHERE_MAX 128 /* bytes of "HOST:PORT", NUL included */

struct tvs_ask {
	int fd; /* not blocking; -1 before it is connected */
	double deadline; /* proc_now() */
	char where[WHERE_MAX];
	BIO_METHOD *method;
	SSL_CTX *ctx;
	SSL *ssl;
	tvs_ask_trusts *trusts;
	void *arg;
	bool met;     /* trusts() was asked */
	bool refused; /* and said no */
	bool late;
	bool broken;  /* nothing more can be asked */
	uint32_t session;
	uint8_t frame[TVS_FRAME_MAX]; /* the last answer */
};

/* A BIO over a->fd, which raises no SIGPIPE and ends at the deadline; NULL out of
 * memory. a->method is freed by the caller, after the BIO. */
BIO *bio_over(struct tvs_ask *a);

/* From a connected socket to a finished handshake. */
enum rc tls_start(struct tvs_ask *a, const struct tvs_server *s, struct err *e) MUST_CHECK;
/* All n bytes, or an error: RC_STALE or RC_ERROR. */
enum rc tls_read(struct tvs_ask *a, uint8_t *to, size_t n, struct err *e) MUST_CHECK;
enum rc tls_write(struct tvs_ask *a, struct bytes b, struct err *e) MUST_CHECK;
void tls_end(struct tvs_ask *a);

#endif
