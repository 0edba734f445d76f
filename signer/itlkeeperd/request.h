/*
 * Restart requests: files that an unprivileged program left in a folder of its
 * own. Every name and content is hostile.
 */
#ifndef ITLKEEPERD_REQUEST_H
#define ITLKEEPERD_REQUEST_H

#include "base/bytes.h"
#include "base/err.h"
#include "cluster/restart.h"
#include <sys/types.h>

#define REQUEST_LINE_MAX 200 /* of the command's last line, in an answer */

/* Content of a request: 32 hex digits and a newline, nothing else. */
bool request_read(struct bytes content, char nonce[RESTART_NONCE_HEX + 1]);

/*
 * Take the request NODE from the folder that `dir` is open on: read it, and
 * remove it. Only a regular file without further links that `writer` owns
 * counts; links are not followed and nothing blocks. RC_NOTFOUND if there is
 * none; RC_REFUSED, the file removed if that was possible, for anything else.
 */
enum rc request_take(int dir, const char *node, uid_t writer,
		     char nonce[RESTART_NONCE_HEX + 1],
		     struct err *e) MUST_CHECK;

/* The last line that is not empty of what is put in, piece by piece. */
struct last_line {
	char last[REQUEST_LINE_MAX + 1];
	char now[REQUEST_LINE_MAX + 1];
	size_t n;
};
void last_line_put(struct last_line *l, struct bytes piece);
/* Bytes that are no printable ASCII are '?'. Valid until the next put. */
const char *last_line_text(const struct last_line *l);

/* The answer (cluster/restart.h). Returns its length. */
#define REQUEST_ANSWER_MAX (RESTART_NONCE_HEX + REQUEST_LINE_MAX + 16)
size_t request_answer(const char *nonce, int status, const char *last,
		      char to[REQUEST_ANSWER_MAX]);

#endif
