/* Files, written so that a crash leaves the old or the new one, never half. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/bytes.h"
#include "base/err.h"
#include <sys/types.h>

/* The whole file, at most max bytes, malloc()ed with a NUL behind it (not
 * counted). RC_NOTFOUND if there is none. The caller frees *out. */
enum rc file_read(const char *path, size_t max, uint8_t **out, size_t *n,
		  struct err *e) MUST_CHECK;

/*
 * Write aside in the same folder, fsync, rename over path, fsync the folder.
 * The name aside is ".NAME.PID.tmp"; it is removed on failure. Does not follow
 * a link at path: it is replaced.
 */
enum rc file_replace(const char *path, struct bytes content, mode_t mode,
		     struct err *e) MUST_CHECK;

/* The same, with the mode and the owner of the regular file `like`, which may be
 * path itself. */
enum rc file_replace_as(const char *path, const char *like, struct bytes content,
			struct err *e) MUST_CHECK;

/* What a file begins with, wherever its offset stands, up to n bytes: *got of them, fewer
 * if it is shorter. However often pread(2) stops short; errno if not. */
bool file_read_start(int fd, void *to, size_t n, size_t *got) MUST_CHECK;

/* All of b to a descriptor, however often write(2) stops short; errno if not. */
bool file_write_all(int fd, struct bytes b) MUST_CHECK;

/* mkdir -p; parents get mode 0755 cut by umask. Owner only if uid is not -1. */
enum rc file_make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid,
		      struct err *e) MUST_CHECK;

/* "dir/name" into buf; RC_ERROR if it does not fit. */
enum rc file_path(char *buf, size_t cap, const char *dir, const char *name,
		  struct err *e) MUST_CHECK;

#endif
