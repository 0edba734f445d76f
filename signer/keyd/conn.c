#include "conn.h"
#include "base/num.h"
#include "keyd/wire.h"
#include <sys/socket.h>

const char *role_name(enum role r)
{
	switch (r) {
	case ROLE_FRONT:
		return "front";
	case ROLE_TVS:
		return "tvs";
	case ROLE_ADMIN:
		return "admin";
	case ROLE_NONE:
		break;
	}
	return "nobody";
}

struct conn *conn_new(int fd, enum role role, const struct sock_peer *peer)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c) {
		fd_close(fd);
		return NULL;
	}
	c->fd = fd;
	c->role = role;
	c->peer = *peer;
	atomic_init(&c->refs, 1);
	return c;
}

void conn_ref(struct conn *c)
{
	atomic_fetch_add(&c->refs, 1);
}

void conn_unref(struct conn *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
		return;
	sock_hang_up(c->fd);
	free(c);
}

void conn_cut(struct conn *c)
{
	atomic_store(&c->dead, true);
	(void)shutdown(c->fd, SHUT_RDWR);
}

void conn_send(struct conn *c, struct bytes frame)
{
	struct err e;

	if (atomic_load(&c->dead))
		return;
	if (sock_send(c->fd, frame, -1, MSG_DONTWAIT, &e) != RC_OK)
		conn_cut(c);
}

void conn_send_error(struct conn *c, uint32_t id, const struct err *e)
{
	uint8_t frame[KEYD_HEADER_LEN + sizeof *e + 32];
	struct writer w = writer_of(frame, sizeof frame);

	wire_header(&w, e->rc, id);
	wire_error(&w, e);
	conn_send(c, writer_bytes(&w));
}
