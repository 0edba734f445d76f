/* The lines that came and went, as diff -u shows them. */
#include "confedit.h"
#include <stdio.h>
#include <string.h>

#define CONTEXT 3

static bool near_change(const struct confedit *c, size_t at)
{
	size_t from = at < CONTEXT ? 0 : at - CONTEXT;

	for (size_t i = from; i < c->n && i <= at + CONTEXT; i++)
		if (c->lines[i].state != LINE_KEPT)
			return true;
	return false;
}

static void print_line(const struct line *l, FILE *to)
{
	size_t n = strcspn(l->text, "\r\n");

	(void)fprintf(to, "%c%.*s\n", " +-"[l->state], (int)n, l->text);
	if (!strchr(l->text, '\n'))
		(void)fprintf(to, "\\ No newline at end of file\n");
}

/* From line `at` on, whose numbers are old and new. Returns where it ends. */
static size_t print_hunk(const struct confedit *c, size_t at, size_t old,
			 size_t new, FILE *to)
{
	size_t end = at, nold = 0, nnew = 0;

	for (; end < c->n && near_change(c, end); end++) {
		nold += c->lines[end].state != LINE_ADDED;
		nnew += c->lines[end].state != LINE_REMOVED;
	}
	(void)fprintf(to, "@@ -%zu,%zu +%zu,%zu @@\n", nold ? old : old - 1, nold,
		      nnew ? new : new - 1, nnew);
	for (; at < end; at++)
		print_line(&c->lines[at], to);
	return end;
}

void confedit_diff(const struct confedit *c, FILE *to)
{
	size_t old = 1, new = 1;

	if (!confedit_changed(c))
		return;
	(void)fprintf(to, "--- %s\n+++ %s\n", c->path, c->path);
	for (size_t i = 0; i < c->n;) {
		size_t end = near_change(c, i) ? print_hunk(c, i, old, new, to)
					       : i + 1;

		for (; i < end; i++) {
			old += c->lines[i].state != LINE_ADDED;
			new += c->lines[i].state != LINE_REMOVED;
		}
	}
}
