/* Nothing here waits, so that neither side waits for the other's reading. */
#include "voice.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define LENGTH 4u         /* bytes before a message */
#define AT_ONCE (64u << 10)

bool voice_open(struct carry_voice *v, const struct carry_talk *talk, int *other)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	v->talk = talk;
	v->fd = pair[0];
	*other = pair[1];
	/* The child's end waits. */
	return fcntl(v->fd, F_SETFL, O_NONBLOCK) == 0;
}

static bool room(struct voice_bytes *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 4096;
	uint8_t *p;

	while (cap < b->n + more)
		cap *= 2;
	if (cap == b->cap)
		return true;
	p = realloc(b->p, cap);
	if (!p)
		return false;
	b->p = p;
	b->cap = cap;
	return true;
}

enum rc carry_say(struct carry_voice *v, struct bytes message, struct err *e)
{
	uint8_t length[LENGTH];
	struct writer w = writer_of(length, sizeof length);

	if (!room(&v->out, sizeof length + message.n))
		return err_errno(e, RC_ERROR, "malloc", NULL, "an answer to carry");
	write_u32(&w, num_u32(message.n));
	memcpy(v->out.p + v->out.n, length, sizeof length);
	memcpy(v->out.p + v->out.n + sizeof length, message.p, message.n);
	v->out.n += sizeof length + message.n;
	return RC_OK;
}

struct pollfd voice_poll(const struct carry_voice *v)
{
	return (struct pollfd){.fd = v->fd,
			       .events = (short)(v->out.n ? POLLIN | POLLOUT : POLLIN)};
}

static void send_some(struct carry_voice *v)
{
	while (v->fd >= 0 && v->out.n) {
		ssize_t n = send(v->fd, v->out.p, v->out.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		/* An end is met by reading. */
		if (n <= 0)
			return;
		v->out.n -= num_size(n);
		memmove(v->out.p, v->out.p + n, v->out.n);
	}
}

/* Bytes that the message at the front still needs; 0: it is whole. What it says of its
 * length is believed up to talk->max, and memory is taken as bytes come. */
static size_t missing(struct carry_voice *v)
{
	struct reader r = reader_of(bytes_of(v->in.p, v->in.n));
	size_t n;

	if (v->in.n < LENGTH)
		return LENGTH - v->in.n;
	n = read_u32(&r);
	if (n == 0 || n > v->talk->max) {
		err_set(&v->error, RC_ERROR, "carry", "says more than it may", NULL,
			"a message of %zu bytes", n);
		return 0;
	}
	return LENGTH + n - v->in.n;
}

/* False: there is nothing now, or it was the end. */
static bool read_some(struct carry_voice *v, size_t n)
{
	ssize_t got;

	if (n > AT_ONCE)
		n = AT_ONCE;
	if (!room(&v->in, n)) {
		err_errno(&v->error, RC_ERROR, "malloc", NULL, "a message");
		return false;
	}
	do
		got = recv(v->fd, v->in.p + v->in.n, n, 0);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		v->in.n += num_size(got);
		return true;
	}
	if (got == 0 || errno != EAGAIN)
		voice_hang_up(v);
	return false;
}

bool voice_attend(struct carry_voice *v)
{
	bool heard = false;

	send_some(v);
	while (v->fd >= 0 && v->error.rc == RC_OK) {
		size_t n = missing(v);

		if (v->error.rc != RC_OK || (n && !read_some(v, n)))
			break;
		if (missing(v) || v->error.rc != RC_OK)
			continue;
		heard = true;
		if (v->talk->heard(v->talk->arg, v,
				   bytes_of(v->in.p + LENGTH, v->in.n - LENGTH),
				   &v->error) == RC_OK)
			v->error.rc = RC_OK;
		v->in.n = 0;
		send_some(v);
	}
	return heard;
}

void voice_hang_up(struct carry_voice *v)
{
	fd_close(v->fd);
	v->fd = -1;
}

void voice_clear(struct carry_voice *v)
{
	voice_hang_up(v);
	free(v->in.p);
	free(v->out.p);
}
