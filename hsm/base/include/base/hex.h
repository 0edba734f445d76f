/* Digests and serial numbers as people read them. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/bytes.h"

#define SHA1_LEN 20
#define SHA1_HEX (2 * SHA1_LEN + 1)

/* Lower-case hex with a NUL, cut to whole bytes that fit cap. Returns to. */
char *hex_of(struct bytes b, char *to, size_t cap);

/* Exactly n bytes of hex, of either case; false otherwise. */
bool hex_read(const char *hex, uint8_t *to, size_t n);

#endif
