/*
 * Bytes from outside and bytes to outside, big-endian.
 *
 * A reader never reads past its end: the first call that would sets the sticky
 * `bad`, and it and every later call return zero or NULL. Check `bad` once, at
 * the end of a section. It does not own the bytes.
 *
 * A writer fills a buffer that its caller owns, up to the capacity given at
 * birth; what does not fit sets the sticky `bad` and writes nothing.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view; whoever made the bytes keeps them. */
struct bytes {
	const uint8_t *p;
	size_t n;
};

bool bytes_equal(struct bytes a, struct bytes b);
struct bytes bytes_of(const void *p, size_t n);
struct bytes bytes_of_text(const char *text); /* without the NUL */
uint8_t *bytes_copy(struct bytes b); /* malloc()ed, also of none; NULL out of memory */

struct reader {
	const uint8_t *p;
	size_t n;   /* all of them */
	size_t pos; /* of the next byte; for messages, the offset */
	bool bad;
};

struct reader reader_of(struct bytes b);
size_t reader_left(const struct reader *r);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
struct bytes read_bytes(struct reader *r, size_t n);
/* A u16 or u32 length, then as many bytes. */
struct bytes read_bytes16(struct reader *r);
struct bytes read_bytes32(struct reader *r);
/* A u16 length, then text without NUL, copied with a NUL to `to`; a text that
 * is longer than cap - 1 or holds a NUL sets `bad`. */
void read_text(struct reader *r, char *to, size_t cap);
/* True if nothing was bad and nothing is left. */
bool reader_done(const struct reader *r);

struct writer {
	uint8_t *p;
	size_t cap;
	size_t n; /* written so far */
	bool bad;
};

struct writer writer_of(void *p, size_t cap);
void write_u8(struct writer *w, uint8_t v);
void write_u16(struct writer *w, uint16_t v);
void write_u32(struct writer *w, uint32_t v);
void write_u64(struct writer *w, uint64_t v);
void write_bytes(struct writer *w, struct bytes b);
void write_bytes16(struct writer *w, struct bytes b);
void write_bytes32(struct writer *w, struct bytes b);
void write_text(struct writer *w, const char *text);
/* What was written; of no length if `bad`. */
struct bytes writer_bytes(const struct writer *w);

#endif
