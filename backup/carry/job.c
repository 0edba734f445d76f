/* What jobs have in common: their members, and the descriptors of carry.h. */
#include "job.h"
#include "base/file.h"
#include "base/num.h"
#include "carry/carry.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

enum rc job_members(json_t *job, struct err *e, const char *fmt, ...)
{
	json_error_t je;
	va_list ap;
	int bad;

	va_start(ap, fmt);
	bad = json_vunpack_ex(job, &je, JSON_STRICT, fmt, ap);
	va_end(ap);
	if (bad)
		return err_set(e, RC_USAGE, "job", je.text, NULL, "members");
	return RC_OK;
}

enum rc job_text(json_t *member, const char *name, const char **out,
		 struct err *e)
{
	if (!json_is_null(member) && !json_is_string(member))
		return err_set(e, RC_USAGE, "job", "must be a text, or null", NULL,
			       "%s", name);
	*out = json_string_value(member);
	return RC_OK;
}

/* Up to cap bytes of a descriptor, or to its end. */
static enum rc read_some(int fd, uint8_t *buf, size_t cap, size_t *n,
			 struct err *e)
{
	size_t got = 0;

	while (got < cap) {
		ssize_t r = read(fd, buf + got, cap - got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(e, RC_ERROR, "read", NULL,
					 "descriptor %d", fd);
		if (r == 0)
			break;
		got += num_size(r);
	}
	*n = got;
	return RC_OK;
}

enum rc job_content(size_t max, uint8_t **out, size_t *n, struct err *e)
{
	uint8_t CLEANUP_FREE *buf = malloc(max + 1);
	size_t got = 0;

	if (!buf)
		return err_errno(e, RC_ERROR, "malloc", NULL, "the content");
	if (read_some(CARRY_CONTENT_FD, buf, max + 1, &got, e) != RC_OK)
		return e->rc;
	if (got > max)
		return err_set(e, RC_USAGE, "job", "too much content", NULL,
			       "at most %zu bytes", max);
	*out = buf;
	*n = got;
	buf = NULL;
	return RC_OK;
}

enum rc job_has(int fd, struct err *e)
{
	if (fcntl(fd, F_GETFD) >= 0)
		return RC_OK;
	return err_errno(e, RC_USAGE, "job", NULL, "descriptor %d", fd);
}

enum rc job_password(struct secret **out, struct err *e)
{
	struct secret CLEANUP(secret_free) *s = NULL;
	size_t n = 0;

	if (secret_new(SECRET_MAX, &s, e) != RC_OK ||
	    read_some(CARRY_SECRET_FD, s->p, s->n, &n, e) != RC_OK)
		return e->rc;
	if (n == 0 || n == s->n || memchr(s->p, '\0', n))
		return err_set(e, RC_USAGE, "password",
			       "is empty, too long, or has a NUL", NULL,
			       "at most %d bytes", SECRET_MAX - 1);
	*out = s;
	s = NULL;
	return RC_OK;
}

enum rc job_bring(struct bytes b, struct err *e)
{
	if (!file_write_all(CARRY_RESULT_FD, b))
		return err_errno(e, RC_ERROR, "write", NULL, "descriptor %d",
				 CARRY_RESULT_FD);
	return RC_OK;
}

enum rc job_bring_json(const json_t *j, struct err *e)
{
	char CLEANUP_FREE *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	if (!text)
		return err_set(e, RC_ERROR, "job", "out of memory, or no JSON", NULL,
			       "its result");
	return job_bring(bytes_of_text(text), e);
}
