/* Cleanup attributes, so that every owner frees on every path. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* Give a variable the destructor that CLEANUP_DEFINE made for its type. */
#define CLEANUP(free_fn) __attribute__((cleanup(free_fn##_at)))

/* Defines free_fn_at() for variables of `type`; free_fn must accept NULL. */
#define CLEANUP_DEFINE(type, free_fn)                                          \
	static inline void free_fn##_at(type *at)                              \
	{                                                                      \
		free_fn(*at);                                                  \
	}                                                                      \
	struct cleanup_needs_a_semicolon

static inline void fd_close(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static inline void file_close(FILE *f)
{
	if (f)
		(void)fclose(f);
}

static inline void mem_free_at(void *at)
{
	void **p = at;

	free(*p);
}

CLEANUP_DEFINE(int, fd_close);
CLEANUP_DEFINE(FILE *, file_close);

/* For any pointer that malloc() made. */
#define CLEANUP_FREE __attribute__((cleanup(mem_free_at)))

#endif
