/* What writing and reading a line have in common. */
#ifndef AUDIT_INTERNAL_H
#define AUDIT_INTERNAL_H

#include "audit/audit.h"
#include <stdbool.h>

/* What follows a line's own text: ,"h":"<64 hex>"} and a newline. */
#define HASH_MARK ",\"h\":\""
#define HASH_TAIL_LEN (sizeof HASH_MARK - 1 + 2 * AUDIT_HASH_LEN + 3)

void audit_chain_hash(const uint8_t head[AUDIT_HASH_LEN], const char *text,
		      size_t n, uint8_t out[AUDIT_HASH_LEN]);

/* A line apart, as far as the chain needs it; the rest is JSON. */
struct audit_line {
	bool continues;   /* the number is that of an entry in another file */
	uint64_t number;
	int64_t time;
	const char *text; /* what is hashed */
	size_t n;
	const char *hex;  /* of its h, 2 * AUDIT_HASH_LEN digits */
};

/* NULL, or what is wrong with the line (n bytes, with its newline). */
const char *audit_line_read(const char *line, size_t n, struct audit_line *out);

/* SHA-256 in libsodium's form, for certificates. */
void audit_sha256(struct bytes b, uint8_t to[32]);

#endif
