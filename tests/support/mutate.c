#include "support/mutate.h"
#include "support/support.h"
#include <stdlib.h>
#include <string.h>

struct bytes support_cut(struct bytes sample, size_t n)
{
	uint8_t *b = malloc(n ? n : 1);

	assert_non_null(b);
	memcpy(b, sample.p, n);
	return bytes_of(b, n);
}

struct bytes support_mutate(struct bytes sample, size_t dense, uint64_t *random)
{
	uint8_t *b = malloc(sample.n + 4); /* inserts */
	size_t n = sample.n;

	assert_non_null(b);
	memcpy(b, sample.p, n);
	for (uint64_t left = 1 + support_random(random) % 4; left && n; left--) {
		size_t at = support_random(random) % n;
		size_t near = support_random(random) % 2 && n > dense ? at % dense : at;
		size_t len = 1 + support_random(random) % 64;
		uint8_t byte = (uint8_t)support_random(random);

		switch (support_random(random) % 6) {
		case 0: /* one bit */
			b[near] ^= (uint8_t)(1u << byte % 8);
			break;
		case 1:
			b[near] = byte;
			break;
		case 2: /* insert */
			memmove(b + near + 1, b + near, n - near);
			b[near] = byte;
			n++;
			break;
		case 3: /* delete */
			len = len > n - near ? n - near : len;
			memmove(b + near, b + near + len, n - near - len);
			n -= len;
			break;
		case 4: /* copy a stretch over another place */
			len = len > n - near ? n - near : len;
			len = len > n - at ? n - at : len;
			memmove(b + near, b + at, len);
			break;
		default: /* cut */
			n = at;
			break;
		}
	}
	b = realloc(b, n ? n : 1);
	assert_non_null(b);
	return bytes_of(b, n);
}
