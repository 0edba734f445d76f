/*
 * Files from a TFTP or HTTP server, many at once, in one thread (libcurl).
 *
 * A lane fetches one file at a time: HTTP first where it is configured, and
 * TFTP if that gives no answer. Downloads are bounded: what is longer than
 * FETCH_MAX is cut to FETCH_MAX bytes and reported as too large.
 */
#ifndef FETCH_H
#define FETCH_H

#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>

#define FETCH_LANES_MAX 1024
#define FETCH_MAX (65535u + 1) /* a byte more than a list may have */
#define FETCH_NAME_MAX 64      /* bytes of a file's name, NUL included */

enum fetch_result {
	FETCH_OK,
	FETCH_TOO_LARGE, /* content holds the first FETCH_MAX bytes */
	FETCH_ABSENT,    /* the server says that it has no such file */
	FETCH_NO_ANSWER, /* nobody there, or silence */
	FETCH_ERROR,     /* an answer that is none of these */
};

struct fetch_options {
	const char *server;
	unsigned tftp_port, http_port; /* 0: not over this protocol */
	double timeout;                /* seconds of one try */
	unsigned tries;                /* of a file over TFTP */
};

/* What came of one attempt; the content is the lane's until its next start. */
struct fetched {
	const char *name;
	const char *over; /* "http" or "tftp" */
	enum fetch_result result;
	struct bytes content;
	char error[256]; /* "" when FETCH_OK */
};

struct fetcher;

/* The server must resolve or be an address; it is not asked yet. */
enum rc fetcher_new(const struct fetch_options *o, unsigned lanes,
		    struct fetcher **out, struct err *e) MUST_CHECK;
void fetcher_free(struct fetcher *f); /* NULL is fine */
CLEANUP_DEFINE(struct fetcher *, fetcher_free);

/* A phone starts on this lane: HTTP is tried again, if it had failed. */
void fetcher_begin(struct fetcher *f, unsigned lane);

/* Let an idle lane fetch a file. Once HTTP gave no answer, the lane stays with
 * TFTP until fetcher_begin(). */
enum rc fetcher_start(struct fetcher *f, unsigned lane, const char *name,
		      struct err *e) MUST_CHECK;

#define FETCH_WOKEN FETCH_LANES_MAX /* no lane */

/*
 * Wait for the next lane that ended and give its result. *again is true if the
 * lane goes on by itself (another try, or TFTP after HTTP): then `out` is the
 * attempt that failed. *lane is FETCH_WOKEN if fetcher_wake() ended the wait, or a
 * call of it came before.
 */
enum rc fetcher_wait(struct fetcher *f, unsigned *lane, struct fetched *out,
		     bool *again, struct err *e) MUST_CHECK;

/* From any thread, while the fetcher is there. */
void fetcher_wake(struct fetcher *f);

#endif
