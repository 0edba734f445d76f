#include "peer.h"
#include "base/sock.h"
#include <unistd.h>

struct live live;

struct keyd *client(void)
{
	struct keyd *k = NULL;
	struct err e;

	assert_ok(keyd_open(live.keyd_socket, &k, &e), &e);
	return k;
}

struct frame *frame_of(unsigned what)
{
	static struct frame f;

	f.w = writer_of(f.bytes, sizeof f.bytes);
	wire_header(&f.w, what, 77);
	return &f;
}

enum rc ask(enum live_who who, struct bytes frame, int pass, struct reader *r,
	    struct err *e)
{
	static uint8_t answer[SOCK_MESSAGE_MAX];
	unsigned rc;
	uint32_t id;
	size_t n;
	int fd = -1;

	live_be(&live, who);
	assert_ok(sock_connect(live.keyd_socket, &fd, e), e);
	live_be(&live, LIVE_ROOT);
	assert_ok(sock_send(fd, frame, pass, 0, e), e);
	assert_ok(sock_wait(fd, 20000, e), e);
	if (sock_recv(fd, answer, sizeof answer, &n, NULL, 0, e) != RC_OK) {
		close(fd);
		return e->rc;
	}
	close(fd);
	*r = reader_of(bytes_of(answer, n));
	assert_true(wire_header_read(r, &rc, &id));
	if (rc != RC_OK)
		wire_error_read(r, rc, e);
	return (enum rc)rc;
}

enum rc ask_frame(enum live_who who, struct frame *f, struct err *e)
{
	struct reader r;

	assert_false(f->w.bad);
	return ask(who, writer_bytes(&f->w), -1, &r, e);
}

uint8_t *own_list(const char *node, size_t *n)
{
	struct keyd *k = client();
	uint8_t *list = NULL;
	struct err e;

	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_sign_itl(k, node, NOW, &list, n, &e), &e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return list;
}

int peer_start(void **state)
{
	(void)state;
	live_start(&live, NULL);
	live_keyd(&live);
	live_init(&live);
	return 0;
}

int peer_stop(void **state)
{
	(void)state;
	live_stop(&live);
	return 0;
}
