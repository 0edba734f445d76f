/* A job's side of a dialogue. */
#include "job.h"
#include "base/file.h"
#include "base/num.h"
#include "carry/carry.h"
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

static enum rc hung_up(struct err *e)
{
	return err_set(e, RC_STALE, "job", "its parent has hung up", NULL, "descriptor %d",
		       CARRY_TALK_FD);
}

bool job_hung_up(void)
{
	struct pollfd p = {.fd = CARRY_TALK_FD, .events = POLLRDHUP};

	return poll(&p, 1, 0) > 0 && p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

enum rc job_say(char letter, struct bytes head, struct bytes rest, struct err *e)
{
	uint8_t start[5];
	struct writer w = writer_of(start, sizeof start);

	write_u32(&w, num_u32(1 + head.n + rest.n));
	write_u8(&w, (uint8_t)letter);
	if (!file_write_all(CARRY_TALK_FD, writer_bytes(&w)) ||
	    !file_write_all(CARRY_TALK_FD, head) || !file_write_all(CARRY_TALK_FD, rest))
		return hung_up(e);
	return RC_OK;
}

static bool read_all(uint8_t *p, size_t n)
{
	while (n) {
		ssize_t got = read(CARRY_TALK_FD, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		n -= num_size(got);
	}
	return true;
}

enum rc job_hear(size_t max, uint8_t **out, size_t *n, struct err *e)
{
	uint8_t length[4] = {0};
	struct reader r = reader_of(bytes_of(length, sizeof length));
	uint8_t CLEANUP_FREE *p = NULL;
	size_t len;

	if (!read_all(length, sizeof length))
		return hung_up(e);
	len = read_u32(&r);
	if (len == 0 || len > max)
		return err_set(e, RC_USAGE, "job", "no such message", NULL, "%zu bytes", len);
	p = malloc(len);
	if (!p)
		return err_errno(e, RC_ERROR, "malloc", NULL, "a message");
	if (!read_all(p, len))
		return hung_up(e);
	*out = p;
	*n = len;
	p = NULL;
	return RC_OK;
}
