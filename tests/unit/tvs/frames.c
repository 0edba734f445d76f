#include "frames.h"
#include <string.h>

static void fill(struct writer *w, unsigned tag, const char *begin, size_t n, uint8_t with)
{
	size_t from = strlen(begin);

	write_u8(w, (uint8_t)tag);
	write_u16(w, (uint16_t)n);
	write_bytes(w, bytes_of_text(begin));
	for (size_t i = from; i < n; i++)
		write_u8(w, with);
}

struct bytes frames_query(uint8_t to[153])
{
	static const uint8_t given[] = {
		0x57, 0x01, 0x03, 0x00, 0x00, 0x00, 0x03, 0xe9, 0x00, 0x8f, 0x01, 0x00,
		0x18, 0x01, 0x43, 0x50, 0x2d, 0x38, 0x38, 0x36, 0x31, 0x2d, 0x53, 0x45,
		0x50, 0x42, 0x30, 0x30, 0x30, 0x42, 0x34, 0x42, 0x41, 0x30, 0x41, 0x45,
		0x45,
	};
	struct writer w = writer_of(to, 153);

	write_bytes(&w, bytes_of(given, sizeof given));
	fill(&w, 3, "CN=", 66, 's'); /* 03 00 42 43 4e 3d */
	to[w.n - 1] = 0;
	fill(&w, 4, "CN=", 25, 'i');
	to[w.n - 1] = 0;
	fill(&w, 5, "", FRAMES_SERIAL, 0x40);
	return writer_bytes(&w);
}

struct bytes frames_found(uint8_t to[1480])
{
	static const uint8_t given[] = {
		0x57, 0x01, 0x04, 0xf7, 0x00, 0x00, 0x03, 0xe9, 0x05, 0xbe,
		0x07, 0x00, 0x01, 0x00,
	};
	struct writer w = writer_of(to, 1480);

	write_bytes(&w, bytes_of(given, sizeof given));
	fill(&w, 2, "\x30\x82", 0x5ab, 0xcc);
	fill(&w, 8, "", 2, 0);
	to[w.n - 1] = 2;
	fill(&w, 9, "", 4, 0);
	to[w.n - 3] = 1; /* 0x00015180: 86400 seconds */
	to[w.n - 2] = 0x51;
	to[w.n - 1] = 0x80;
	return writer_bytes(&w);
}
