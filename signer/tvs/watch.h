/*
 * The thread that serves nobody: what keyd has, the trust file, cluster.conf, the
 * listeners' sockets. It makes the states that the loops serve (site.h).
 */
#ifndef TVS_WATCH_H
#define TVS_WATCH_H

#include "keys.h"
#include "loop.h"
#include "nodekey.h"
#include "trustfile.h"
#include <openssl/ssl.h>

/* What is known of a listener. */
struct listener {
	const struct tvs_listener *conf;
	X509 *cert;   /* owned: that of the context; NULL: there is none yet */
	unsigned generation; /* of its key, which the context names */
	SSL_CTX *ctx; /* owned */
	bool rsa;     /* RSA key exchange */
	bool bound;
	double next_bind;
	struct err why; /* rc RC_OK: it serves */
};

/* All borrowed. */
struct watch_setup {
	const struct cluster *cluster;
	const struct tvs_conf *conf;
	struct slots *slots;
	struct loops *loops;
	OSSL_LIB_CTX *lib;
	const char *keyd_socket;
};

struct watch {
	struct watch_setup given;
	struct keyd *keyd;
	size_t nlisteners;
	struct listener listeners[CLUSTER_MAX_NODES];
	struct keys keys;
	struct trustfile file;
	uint32_t trust;    /* the newest one that keyd signed: its time */
	struct err away; /* rc RC_OK: keyd answers */
	size_t vouched;  /* certificates */
	bool news;       /* what the loops serve is older than this */
};

enum rc watch_open(const struct watch_setup *setup, struct watch **out,
		   struct err *e) MUST_CHECK;

/* Look at everything once. It is time again after a second. */
void watch_look(struct watch *w);

#endif
