/* The table of commands: parser, help, completion and manual come from it. */
#ifndef ITLCTL_COMMAND_H
#define ITLCTL_COMMAND_H

#include "itlctl/ctl.h"

struct command {
	const char *words; /* "show cert own" */
	const char *args;  /* "UNIT"; "FILE [CERT|LIST]"; "": none */
	enum rc (*run)(struct ctl *c, struct err *e);
	unsigned needs;    /* enum need */
	option_set options; /* OPT_BIT()s; beside --config, --help, --version */
	const char *help;  /* one line */
};

extern const struct command commands[]; /* ended by a row without words */

/*
 * The row that the words begin with, the longest one; *nwords gets how many of
 * them name it, the rest are arguments. RC_USAGE with the nearest commands if
 * there is none, or with its usage if the arguments are too few or too many.
 */
enum rc command_find(const char *const *words, size_t n,
		     const struct command **out, size_t *nwords,
		     struct err *e) MUST_CHECK;

/* How many arguments a row's `args` wants: "[X]" is optional, "[X...]" any
 * number. */
void command_args(const char *args, size_t *min, size_t *max);

/* The rows nearest to what was typed, best first; at most cap. */
size_t command_nearest(const char *const *words, size_t n,
		       const struct command **out, size_t cap);

/* The words that may follow `words` and begin with `prefix`, each once, in the
 * table's order; they point into the table and have the given length. */
struct completion {
	const char *word;
	size_t n;
};
size_t command_complete(const char *const *words, size_t n, const char *prefix,
			struct completion *out, size_t cap);

/* Whether row's words begin with these. */
bool command_begins(const struct command *row, const char *const *words,
		    size_t n);

/* Usage: of all commands that begin with the words, and of the options. */
void command_help(FILE *out, const char *const *words, size_t n);

#endif
