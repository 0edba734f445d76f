/* Checked narrowing: a value that does not fit is our own bug. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static inline uint8_t num_u8(size_t n)
{
	assert(n <= UINT8_MAX);
	return (uint8_t)n;
}

static inline uint16_t num_u16(size_t n)
{
	assert(n <= UINT16_MAX);
	return (uint16_t)n;
}

static inline uint32_t num_u32(size_t n)
{
	assert(n <= UINT32_MAX);
	return (uint32_t)n;
}

static inline int num_int(size_t n)
{
	assert(n <= INT_MAX);
	return (int)n;
}

/* For results of read(), recv(), ... that were checked to be >= 0. */
static inline size_t num_size(long n)
{
	assert(n >= 0);
	return (size_t)n;
}

#endif
