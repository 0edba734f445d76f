/* Texts from outside, on their way to a terminal, a log, or a line. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

/* How many bytes the control character has that stands here; 0: it is none. Those
 * of two bytes are C1 in UTF-8, U+0080 to U+009F: terminals obey them too. */
static inline unsigned text_control(const char *p)
{
	const unsigned char b = (unsigned char)p[0], next = b ? (unsigned char)p[1] : 0;

	if (b && (b < ' ' || b == 0x7f))
		return 1;
	return b == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

/* A line break or an escape could forge a line: each byte of a control character
 * becomes a '?'. Returns s. */
static inline char *text_flatten(char *s)
{
	for (char *p = s; *p; p++)
		for (unsigned n = text_control(p); n; n--)
			p[n - 1] = '?';
	return s;
}

#endif
