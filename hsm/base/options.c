#include "base/options.h"
#include "base/num.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* NULL, or what is wrong with the value. */
static const char *set_value(const struct option_row *row, void *base,
			     char *value)
{
	void *at = (char *)base + row->at;
	char *end = value;
	double v;

	if (row->type == OPTION_FLAG) {
		*(bool *)at = true;
		return NULL;
	}
	if (row->type == OPTION_TEXT) {
		*(const char **)at = value;
		return *value ? NULL : "must not be empty";
	}
	if (row->type == OPTION_TEXTS) {
		const char **next = at;

		while (next < (const char **)at + row->max && *next)
			next++;
		if (next == (const char **)at + row->max)
			return "is given too often";
		*next = value;
		return *value ? NULL : "must not be empty";
	}
	errno = 0;
	v = row->type == OPTION_UINT ? (double)strtoul(value, &end, 10)
				     : strtod(value, &end);
	if (!*value || *end || errno || value[0] == '-')
		return "is not a number";
	if (!(v >= row->min && v <= row->max))
		return "the number is out of range";
	if (row->type == OPTION_UINT)
		*(unsigned *)at = (unsigned)v;
	else
		*(double *)at = v;
	return NULL;
}

enum rc options_read(int argc, char **argv, const struct option_row *rows,
		     void *base, int *words, struct err *e)
{
	struct option known[OPTIONS_MAX + 1] = {{0}};
	char letters[2 * OPTIONS_MAX + 2] = ":";
	int got, index, n = 0;

	for (; rows[n].name; n++) {
		assert(n < OPTIONS_MAX && !(rows[n].letter && rows[n].arg));
		known[n].name = rows[n].name;
		known[n].has_arg =
			rows[n].arg ? required_argument : no_argument;
		if (rows[n].letter)
			strncat(letters, &rows[n].letter, 1);
	}
	opterr = 0;
	optind = 0; /* getopt begins anew, whatever it was given before */
	while ((got = getopt_long(argc, argv, letters, known, &index)) != -1) {
		const char *wrong;

		/* A letter's row; 0: index has been set. */
		for (int i = 0; got && i < n; i++)
			if (rows[i].letter == got) {
				index = i;
				got = 0;
			}
		if (got != 0)
			return err_set(e, RC_USAGE, "options",
				       got == ':' ? "needs a value"
						  : "is not known, or takes no value",
				       "see --help", "%s", argv[optind - 1]);
		wrong = set_value(&rows[index], base, optarg);
		if (wrong)
			return err_set(e, RC_USAGE, "options", wrong,
				       "see --help", "--%s %s",
				       rows[index].name, optarg);
	}
	if (!words && optind < argc)
		return err_set(e, RC_USAGE, "options", "is one word too many",
			       "see --help", "%s", argv[optind]);
	if (words)
		*words = optind;
	return RC_OK;
}

void options_help(FILE *to, const struct option_row *rows)
{
	for (; rows->name; rows++) {
		char left[40];

		if (rows->letter)
			(void)snprintf(left, sizeof left, "-%c, --%s",
				       rows->letter, rows->name);
		else
			(void)snprintf(left, sizeof left, "--%s %s", rows->name,
				       rows->arg ? rows->arg : "");
		(void)fprintf(to, "  %-30s %s\n", left, rows->help);
	}
}
