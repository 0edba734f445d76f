/* One phone's connection, on the thread of its loop. */
#ifndef TVS_CONN_H
#define TVS_CONN_H

#include "slots.h"
#include "tvsconf.h"
#include <event2/event.h>
#include <openssl/ssl.h>

/* What all connections of a loop share; borrowed by them. */
struct conn_home {
	struct event_base *base;
	const struct tvs_conf *conf;
	struct slots *slots;
};

/* Serve it; takes over the socket, its slot and the SSL, also when it fails. */
void conn_start(const struct conn_home *home, int fd, struct slots_who who, SSL *ssl);

#endif
