/*
 * Signed files in bulk, for front: many requests in flight on one connection, and
 * their answers in any order.
 */
#ifndef KEYD_SGN_H
#define KEYD_SGN_H

#include "keyd/client.h"

struct keyd_sgn_file {
	const char *name;     /* as a phone asks for it */
	struct bytes content; /* at most KEYD_CONTENT_MAX (keyd/wire.h) */
};

struct keyd_sgn {
	const char *node; /* its current CallManager key signs */
	unsigned digest;  /* enum itl_digest: SHA-1 or SHA-512 */
	uint32_t timestamp;
	size_t n;
	/*
	 * File i. What *out points to stays until the next call of it; it is called
	 * again for a file that a keyd which ended did not answer. An error is that
	 * file's alone: it goes to answered().
	 */
	enum rc (*file)(void *arg, size_t i, struct keyd_sgn_file *out, struct err *e);
	/* File i, once: its header, to be written before the content; or of no length,
	 * and why. */
	void (*answered)(void *arg, size_t i, struct bytes header, const struct err *e);
	void *arg;
};

/*
 * Signs them all. If keyd ends, it connects again, and sends what was not answered
 * once more; a file that was sent four times is not sent again, for keyd might end of
 * it. Then, and if keyd does not come back, it fails, and those that were not answered
 * stay so. Both functions are called on this thread.
 */
enum rc keyd_sgn(struct keyd *k, const struct keyd_sgn *job, struct err *e) MUST_CHECK;

#endif
