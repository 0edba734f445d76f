#include "base/hex.h"
#include <sodium.h>
#include <string.h>

char *hex_of(struct bytes b, char *to, size_t cap)
{
	if (b.n > (cap - 1) / 2)
		b.n = (cap - 1) / 2;
	to[0] = '\0';
	return b.n ? sodium_bin2hex(to, cap, b.p, b.n) : to;
}

bool hex_read(const char *hex, uint8_t *to, size_t n)
{
	size_t got = 0;
	const char *end = NULL;

	if (strlen(hex) != 2 * n)
		return false;
	return sodium_hex2bin(to, n, hex, 2 * n, NULL, &got, &end) == 0 &&
	       got == n && end == hex + 2 * n;
}
