/*
 * All that changes while phones are served: the listeners' TLS and the trust store.
 * A state is made aside, never changed, and put in the place of the one before; each
 * thread holds what it has begun with.
 */
#ifndef TVS_SITE_H
#define TVS_SITE_H

#include "cluster/cluster.h"
#include "truststore.h"
#include <openssl/ssl.h>
#include <stdatomic.h>

struct site {
	atomic_uint refs;
	struct truststore *trust;                  /* owned */
	SSL_CTX *contexts[CLUSTER_MAX_NODES]; /* by listener; NULL: it has no certificate */
};

/* An empty one, with one reference. NULL out of memory. */
struct site *site_new(void);
void site_unref(struct site *s); /* NULL is fine */
CLEANUP_DEFINE(struct site *, site_unref);

/* The state of now, for the caller to give back; NULL before the first. */
struct site *site_get(void);
/* Take over the reference; the one before goes when nobody holds it. */
void site_put(struct site *s);

#endif
