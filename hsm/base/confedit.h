/* What confedit.c and confedit_diff.c share. */
#ifndef CONFEDIT_INTERNAL_H
#define CONFEDIT_INTERNAL_H

#include "base/confedit.h"

struct line {
	char *text; /* with its end */
	enum { LINE_KEPT, LINE_ADDED, LINE_REMOVED } state;
	char *section, *key, *value; /* a header has a section alone */
};

struct confedit {
	char *path;
	struct line *lines; /* removed ones too: they are half of the diff */
	size_t n, cap;
};

#endif
