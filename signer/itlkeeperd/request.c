#include "request.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool request_read(struct bytes content, char nonce[RESTART_NONCE_HEX + 1])
{
	if (content.n != RESTART_NONCE_HEX + 1 ||
	    content.p[RESTART_NONCE_HEX] != '\n')
		return false;
	for (size_t i = 0; i < RESTART_NONCE_HEX; i++)
		if (!content.p[i] || !strchr("0123456789abcdefABCDEF", content.p[i]))
			return false;
	memcpy(nonce, content.p, RESTART_NONCE_HEX);
	nonce[RESTART_NONCE_HEX] = '\0';
	return true;
}

/* NULL, or what is wrong with the file. */
static const char *read_open(int fd, uid_t writer,
			     char nonce[RESTART_NONCE_HEX + 1])
{
	uint8_t buf[RESTART_NONCE_HEX + 2];
	struct stat st;
	ssize_t r;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return "is not a regular file";
	/* A further link could be another user's file, brought here. */
	if (st.st_uid != writer || st.st_nlink != 1)
		return "does not belong to front alone";
	r = read(fd, buf, sizeof buf);
	if (r < 0 || !request_read(bytes_of(buf, num_size(r)), nonce))
		return "is not 32 hex digits and a newline";
	return NULL;
}

enum rc request_take(int dir, const char *node, uid_t writer,
		     char nonce[RESTART_NONCE_HEX + 1], struct err *e)
{
	int CLEANUP(fd_close) fd =
		openat(dir, node, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					  O_NOCTTY | O_CLOEXEC);
	const char *why;

	if (fd < 0 && errno == ENOENT)
		return err_errno(e, RC_NOTFOUND, "restart request", NULL, "%s",
				 node);
	why = fd < 0 ? "cannot be opened as a file" : read_open(fd, writer, nonce);
	if (unlinkat(dir, node, 0) != 0 &&
	    unlinkat(dir, node, AT_REMOVEDIR) != 0 && !why)
		why = "cannot be removed";
	if (why)
		return err_set(e, RC_REFUSED, "restart request", why,
			       "nothing but front may write there: look for who did",
			       "%s", node);
	return RC_OK;
}

void last_line_put(struct last_line *l, struct bytes piece)
{
	for (size_t i = 0; i < piece.n; i++) {
		char c = (char)piece.p[i];

		if (c == '\n') {
			l->now[l->n] = '\0';
			if (l->n)
				memcpy(l->last, l->now, l->n + 1);
			l->n = 0;
		} else if (l->n < REQUEST_LINE_MAX) {
			l->now[l->n++] = c >= ' ' && c <= '~' ? c : '?';
		}
	}
	l->now[l->n] = '\0';
}

const char *last_line_text(const struct last_line *l)
{
	return l->n ? l->now : l->last;
}

size_t request_answer(const char *nonce, int status, const char *last,
		      char to[REQUEST_ANSWER_MAX])
{
	int n = snprintf(to, REQUEST_ANSWER_MAX, "%s\n%d\n%.*s\n", nonce,
			 status, REQUEST_LINE_MAX, last);

	assert(n > 0 && n < REQUEST_ANSWER_MAX);
	return num_size(n);
}
