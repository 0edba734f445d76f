/* Bytes with something changed, for readers of what strangers wrote. */
#ifndef SUPPORT_MUTATE_H
#define SUPPORT_MUTATE_H

#include "base/bytes.h"

/*
 * One to four edits: a bit, a byte, one inserted, some removed, a stretch copied,
 * the rest cut off; half of them in the first `dense` bytes, where the structure
 * is. malloc()ed at its exact size, so that a sanitizer sees a read behind its
 * end; free() .p. It can come out as it was.
 */
struct bytes support_mutate(struct bytes sample, size_t dense, uint64_t *random);

/* The first n bytes, malloc()ed at that size. */
struct bytes support_cut(struct bytes sample, size_t n);

#endif
