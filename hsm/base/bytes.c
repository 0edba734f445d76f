#include "base/bytes.h"
#include <stdlib.h>
#include <string.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

struct bytes bytes_of(const void *p, size_t n)
{
	return (struct bytes){p, n};
}

struct bytes bytes_of_text(const char *text)
{
	return bytes_of(text, strlen(text));
}

uint8_t *bytes_copy(struct bytes b)
{
	uint8_t *copy = malloc(b.n + 1);

	if (copy && b.n)
		memcpy(copy, b.p, b.n);
	return copy;
}

struct reader reader_of(struct bytes b)
{
	return (struct reader){.p = b.p, .n = b.n};
}

size_t reader_left(const struct reader *r)
{
	return r->n - r->pos;
}

struct bytes read_bytes(struct reader *r, size_t n)
{
	struct bytes out = {NULL, 0};

	if (r->bad || n > reader_left(r)) {
		r->bad = true;
		return out;
	}
	out = bytes_of(r->p + r->pos, n);
	r->pos += n;
	return out;
}

static uint64_t read_uint(struct reader *r, size_t width)
{
	struct bytes b = read_bytes(r, width);
	uint64_t v = 0;

	for (size_t i = 0; i < b.n; i++)
		v = v << 8 | b.p[i];
	return v;
}

uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_uint(r, 1);
}

uint16_t read_u16(struct reader *r)
{
	return (uint16_t)read_uint(r, 2);
}

uint32_t read_u32(struct reader *r)
{
	return (uint32_t)read_uint(r, 4);
}

uint64_t read_u64(struct reader *r)
{
	return read_uint(r, 8);
}

struct bytes read_bytes16(struct reader *r)
{
	return read_bytes(r, read_u16(r));
}

struct bytes read_bytes32(struct reader *r)
{
	return read_bytes(r, read_u32(r));
}

void read_text(struct reader *r, char *to, size_t cap)
{
	struct bytes b = read_bytes16(r);

	if (b.n >= cap || (b.n && memchr(b.p, 0, b.n)))
		r->bad = true;
	if (r->bad) {
		to[0] = '\0';
		return;
	}
	if (b.n)
		memcpy(to, b.p, b.n);
	to[b.n] = '\0';
}

bool reader_done(const struct reader *r)
{
	return !r->bad && r->pos == r->n;
}

struct writer writer_of(void *p, size_t cap)
{
	return (struct writer){.p = p, .cap = cap};
}

void write_bytes(struct writer *w, struct bytes b)
{
	if (w->bad || b.n > w->cap - w->n) {
		w->bad = true;
		return;
	}
	if (b.n)
		memcpy(w->p + w->n, b.p, b.n);
	w->n += b.n;
}

static void write_uint(struct writer *w, uint64_t v, size_t width)
{
	uint8_t b[8];

	for (size_t i = 0; i < width; i++)
		b[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
	write_bytes(w, bytes_of(b, width));
}

void write_u8(struct writer *w, uint8_t v)
{
	write_uint(w, v, 1);
}

void write_u16(struct writer *w, uint16_t v)
{
	write_uint(w, v, 2);
}

void write_u32(struct writer *w, uint32_t v)
{
	write_uint(w, v, 4);
}

void write_u64(struct writer *w, uint64_t v)
{
	write_uint(w, v, 8);
}

void write_bytes16(struct writer *w, struct bytes b)
{
	if (b.n > UINT16_MAX)
		w->bad = true;
	write_u16(w, (uint16_t)b.n);
	write_bytes(w, b);
}

void write_bytes32(struct writer *w, struct bytes b)
{
	if (b.n > UINT32_MAX)
		w->bad = true;
	write_u32(w, (uint32_t)b.n);
	write_bytes(w, b);
}

void write_text(struct writer *w, const char *text)
{
	write_bytes16(w, bytes_of_text(text));
}

struct bytes writer_bytes(const struct writer *w)
{
	return bytes_of(w->p, w->bad ? 0 : w->n);
}
