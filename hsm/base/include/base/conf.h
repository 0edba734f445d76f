/*
 * Configuration: INI files read against tables.
 *
 * A row gives a key's place in a struct, its range, its default and its help;
 * `-n`, the man pages and the default files are checked against the same rows.
 * Unknown sections and keys, doubled keys and values out of range are errors
 * that name file and line. `;` after white space begins a comment (inih), a line
 * has at most CONF_LINE_MAX bytes, and no file a NUL.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define CONF_LINE_MAX 198 /* inih's buffer, less the line end and the NUL */
#define CONF_FILE_MAX (1u << 20) /* bytes */

enum conf_type {
	CONF_TEXT, /* char *, malloc()ed */
	CONF_PATH, /* char *, malloc()ed; absolute */
	CONF_UINT, /* unsigned, min..max */
	CONF_BOOL, /* bool: yes | no */
	CONF_ENUM, /* unsigned: the index in names */
};

struct conf_row {
	const char *key;
	enum conf_type type;
	size_t at;                 /* offsetof in the section's struct */
	const char *def;           /* NULL: required; "": stays NULL or 0, also if the
				      file gives a text without a value */
	unsigned min, max;         /* CONF_UINT */
	const char *const *names;  /* CONF_ENUM, NULL-terminated */
	const char *help;          /* one line, for man page and default file */
};

struct conf_section {
	const char *name;            /* "cluster"; or "node" for "[node ID]" */
	const struct conf_row *rows; /* ended by a row without key */
	/* Give the struct for a section: `id` is "" or the ID. Called once for
	 * each section of the file; NULL with *e filled refuses it. A section
	 * without this function takes no ID, and its struct is `arg`. */
	void *(*open)(void *arg, const char *id, struct err *e);
};

/*
 * Read a regular file of at most CONF_FILE_MAX bytes; RC_NOTFOUND if there is none,
 * RC_ERROR if it cannot be read to its end. `sections` is ended by one without a
 * name. Defaults are set when a section opens; a section that the file does not have
 * is not opened. Missing required keys are found at the end. On failure the structs
 * may be half filled: free them as usual.
 */
enum rc conf_read(const char *path, const struct conf_section *sections,
		  void *arg, struct err *e) MUST_CHECK;

/* The same of bytes that were read from `path`: for whoever must know that he
 * parses just what he hashed. */
enum rc conf_parse(const char *path, struct bytes content,
		   const struct conf_section *sections, void *arg,
		   struct err *e) MUST_CHECK;

/* Set the rows' defaults in *base: for a section that the file may not have,
 * before conf_read(). */
enum rc conf_defaults(const struct conf_row *rows, void *base,
		      struct err *e) MUST_CHECK;

/*
 * The line of a key in a file that was read: for checks of the whole, so that
 * they name it too. Of the section's first key if this one is not there (a
 * default was taken); 0 if neither is.
 */
int conf_line(const char *path, const char *section, const char *key);

/* free() every text that the rows own in *base and set it to NULL. */
void conf_clear(const struct conf_row *rows, void *base);

#endif
