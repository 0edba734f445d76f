/*
 * Options of a program's command line, from a table: the parser, --help and
 * the check of the man page use the same rows.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/err.h"
#include <stdbool.h>
#include <stdio.h>

#define OPTIONS_MAX 24 /* rows of a table */

enum option_type {
	OPTION_TEXT,    /* const char *: points into argv */
	OPTION_TEXTS,   /* const char *[max]: the same, up to max times, in order */
	OPTION_UINT,    /* unsigned, min..max */
	OPTION_SECONDS, /* double, min..max; 0.5 is fine */
	OPTION_FLAG,    /* bool */
};

struct option_row {
	const char *name; /* "server", typed as --server */
	char letter;      /* of a flag: 'n', typed as -n too; 0: none */
	const char *arg;  /* "HOST"; NULL for a flag */
	enum option_type type;
	size_t at; /* offsetof in the options' struct */
	unsigned min, max;
	const char *help; /* one line */
};

/*
 * Read argv against rows (ended by one without name) into *base, which holds
 * the defaults. Options may stand before and behind the words; the words are
 * moved to the end, *words is the index of the first; words == NULL: there may
 * be none. RC_USAGE names what is unknown or out of range.
 */
enum rc options_read(int argc, char **argv, const struct option_row *rows,
		     void *base, int *words, struct err *e) MUST_CHECK;

/* A line per row, as --help prints them. */
void options_help(FILE *to, const struct option_row *rows);

#endif
