/* A peer's connection: counted references, so that an answer can still be sent
 * while the peer's next request is read. */
#ifndef KEYD_CONN_H
#define KEYD_CONN_H

#include "base/sock.h"
#include <stdatomic.h>

/* Who may ask what; see requests.c. */
enum role { ROLE_NONE = 0, ROLE_FRONT = 1, ROLE_TVS = 2, ROLE_ADMIN = 4 };
const char *role_name(enum role r);

/* How many frames may lie in locked memory at once, of those who share it. From
 * the request's arrival until its answer was sent. */
struct room {
	atomic_int used;
	int most;
};

struct conn {
	int fd;
	struct room *room; /* or NULL: who may ask nothing that is secret */
	enum role role;
	struct sock_peer peer;
	atomic_int refs;
	atomic_int in_flight;
	atomic_bool dead; /* does not read, or broke the protocol */
};

/* Takes fd. One reference. NULL out of memory (fd is closed then). */
struct conn *conn_new(int fd, enum role role, const struct sock_peer *peer);
void conn_ref(struct conn *c);
void conn_unref(struct conn *c);

/* It gets no more answers. */
void conn_cut(struct conn *c);
/* Send without waiting: a peer that does not read its answers is cut off. */
void conn_send(struct conn *c, struct bytes frame);
/* The same for an error. */
void conn_send_error(struct conn *c, uint32_t id, const struct err *e);

#endif
