/*
 * Changing an INI file that is somebody's own: comments, order, spacing and line
 * ends stay; only what is asked for becomes another line. Pure: no files.
 *
 * The file's meaning is conf_read()'s (inih's), not a second parser's: after each
 * change the whole is read again, and everything but what was asked for must say
 * what it said before. What cannot be changed safely is refused with file and
 * line, as a key that stands twice or a section that is opened twice. After a
 * failure the object may only be freed.
 */
#ifndef BASE_CONFEDIT_H
#define BASE_CONFEDIT_H

#include "base/bytes.h"
#include "base/err.h"

struct confedit;

/* `path` is only for messages. Copies the text. confedit_free() it. */
enum rc confedit_open(const char *path, struct bytes text, struct confedit **out,
		      struct err *e) MUST_CHECK;
void confedit_free(struct confedit *c);
CLEANUP_DEFINE(struct confedit *, confedit_free);

/* NULL if it is not there; valid until the next change. */
const char *confedit_get(const struct confedit *c, const char *section,
			 const char *key);
bool confedit_has_section(const struct confedit *c, const char *section);

/*
 * Let the key have this value; NULL: let it not be there. A new key comes behind
 * the section's last one. RC_USAGE for a value that no line can hold (line breaks,
 * blanks at its ends, a ';' behind a blank, too long), RC_NOTFOUND without section.
 */
enum rc confedit_set(struct confedit *c, const char *section, const char *key,
		     const char *value, struct err *e) MUST_CHECK;

/* At the end of the file, behind an empty line. */
enum rc confedit_add_section(struct confedit *c, const char *section,
			     struct err *e) MUST_CHECK;
/* With its comments: those between its keys, and those right above its header if
 * an empty line or nothing stands above them. */
enum rc confedit_remove_section(struct confedit *c, const char *section,
				struct err *e) MUST_CHECK;

/* The file as it is now, malloc()ed with a NUL behind it. */
enum rc confedit_text(const struct confedit *c, char **out, size_t *n,
		      struct err *e) MUST_CHECK;
bool confedit_changed(const struct confedit *c);
/* What changed since confedit_open(), as diff -u shows it; nothing if nothing. */
void confedit_diff(const struct confedit *c, FILE *to);

#endif
