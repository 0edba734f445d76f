/* TLS clients: one handshake after the other, each on a connection of its own. */
#ifndef TLSLOAD_H
#define TLSLOAD_H

#include "base/err.h"
#include <openssl/ssl.h>
#include <stdbool.h>

struct tls_load {
	SSL_CTX *ctx;
	SSL_SESSION *session; /* resumed; NULL: full handshakes */
	const char *host;     /* an IPv4 address; borrowed */
	unsigned port;
};

/* version: TLS1_2_VERSION (with ECDHE), TLS1_3_VERSION. resumed: a session is made
 * first. tls_load_clear() it. */
enum rc tls_load_open(struct tls_load *l, const char *host, unsigned port, int version,
		      bool resumed, struct err *e) MUST_CHECK;
void tls_load_clear(struct tls_load *l);

/* A bench_step(); arg: the struct tls_load. From connect to both sides' goodbye. */
enum rc tls_load_step(void *arg, unsigned thread, struct err *e) MUST_CHECK;

#endif
