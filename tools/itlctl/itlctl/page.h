/* Pages of text for people. */
#ifndef ITLCTL_PAGE_H
#define ITLCTL_PAGE_H

#include <stdio.h>

#define PAGE_WIDTH 100 /* columns */

/* A long text on lines of its own, below the row that it is about: behind the
 * label, broken at blanks. */
void page_wrapped(FILE *out, const char *label, const char *text);

#endif
