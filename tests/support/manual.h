/* Man pages, checked against the tables that they describe. */
#ifndef SUPPORT_MANUAL_H
#define SUPPORT_MANUAL_H

#include "base/conf.h"

/* The "It Sy KEY" lines of a page, from one text to another (NULL: the end), are
 * the keys of the table: all of them, and no other. Fails the test if not. */
void manual_has_keys(const char *page, const char *from, const char *to,
		     const struct conf_row *rows);

/* Every option and command that `program --help` names stands in its page. */
void manual_has_options(const char *program, const char *page);

#endif
