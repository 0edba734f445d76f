/*
 * Secrets: PINs, passwords, keys derived from them.
 *
 * The memory is sodium_malloc()ed, locked, left out of core dumps, and zeroed
 * when freed. They are read with read(2) from a descriptor, never from argv or
 * the environment.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"
#include <stdint.h>

#define SECRET_MAX 1024 /* bytes of a line that is read; longer is refused */
#define SECRET_BLOCK_MAX (256u << 10) /* bytes of secret_new(): keys, frames */

struct secret {
	uint8_t *p; /* sodium_malloc()ed */
	size_t n;   /* bytes in use */
};

/* n zero bytes, 1 to SECRET_BLOCK_MAX. Fails if the memory cannot be locked
 * (RLIMIT_MEMLOCK). The caller frees it. Calls sodium_init() itself. */
enum rc secret_new(size_t n, struct secret **out, struct err *e) MUST_CHECK;
void secret_free(struct secret *s); /* NULL is fine; zeroes */

/*
 * The first line of a file, without its line end. The file must be regular and
 * readable by its owner alone (mode & 077 == 0), and owned by this user or by
 * root. An empty line is refused.
 */
enum rc secret_read_file(const char *path, struct secret **out,
			 struct err *e) MUST_CHECK;

/* A systemd credential ($CREDENTIALS_DIRECTORY/NAME). */
enum rc secret_read_credential(const char *name, struct secret **out,
			       struct err *e) MUST_CHECK;

/* Ask on /dev/tty with echo off. RC_USAGE if there is no terminal. A signal that
 * would end the process does so, with the terminal as it was; one that the
 * program handles makes this fail. One thread at a time. */
enum rc secret_ask(const char *prompt, struct secret **out,
		   struct err *e) MUST_CHECK;

CLEANUP_DEFINE(struct secret *, secret_free);

#endif
