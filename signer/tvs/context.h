/* A listener's TLS: its certificate, versions and ciphers. */
#ifndef TVS_CONTEXT_H
#define TVS_CONTEXT_H

#include "nodekey.h"
#include <openssl/ssl.h>

struct context_plan {
	OSSL_LIB_CTX *lib; /* provider_context()'s; outlives the context */
	const struct keyd_key *key; /* the node's current TVS key */
	unsigned tls_min;  /* 0 to 3: TLS 1.0 to 1.3 */
	bool rsa;          /* RSA key exchange is offered: the token decrypts */
};

/* By one thread at a time; threads may share *out. SSL_CTX_free() it. */
enum rc context_new(const struct context_plan *p, SSL_CTX **out, struct err *e) MUST_CHECK;

/*
 * Does this key take part in RSA key exchange? Asks keyd with a block that nobody
 * encrypted. RC_OK: it does; RC_TOKEN with the token's code: it does not; anything
 * else: it is not known yet.
 */
enum rc context_probe_rsa(struct keyd *k, const struct keyd_key *key,
			  struct err *e) MUST_CHECK;

#endif
