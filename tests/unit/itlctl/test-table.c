/* Lines, the table of commands, and the manual that must say the same. */
#include "support/support.h"
#include "base/file.h"
#include "base/num.h"
#include "itlctl/command.h"
#include "itlctl/line.h"
#include <ctype.h>
#include <string.h>

/* Split at blanks, into at most 16 words. */
static int split(char *text, const char **argv)
{
	int n = 0;

	for (char *rest, *w = strtok_r(text, " ", &rest); w && n < 20;
	     w = strtok_r(NULL, " ", &rest))
		argv[n++] = w;
	return n;
}

static const struct {
	const char *line;
	enum rc rc;
	const char *words; /* or what the error names */
	option_set given;
} lines[] = {
	{"", RC_OK, "", 0},
	{"show itl", RC_OK, "show itl", 0},
	{"--json show itl", RC_OK, "show itl", OPT_BIT(OPT_JSON)},
	{"show --json itl", RC_OK, "show itl", OPT_BIT(OPT_JSON)},
	{"show itl --node n2", RC_OK, "show itl", OPT_BIT(OPT_NODE)},
	{"show itl --node=n2 --json", RC_OK, "show itl",
	 OPT_BIT(OPT_NODE) | OPT_BIT(OPT_JSON)},
	{"file show -- --json", RC_OK, "file show --json", 0},
	{"file show -", RC_OK, "file show -", 0},
	{"show --jso itl", RC_USAGE, "--jso", 0},
	{"show -j itl", RC_USAGE, "-j", 0},
	{"show --json=yes itl", RC_USAGE, "--json", 0},
	{"show --node", RC_USAGE, "--node NAME", 0},
	{"show --node= itl", RC_USAGE, "--node NAME", 0},
	{"--node a --node b", RC_USAGE, "--node", 0},
};

static void lines_are_sorted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		const char *argv[20];
		char text[200], words[200] = "";
		struct line l;
		struct err e;
		int argc;

		strcpy(text, lines[i].line);
		argc = split(text, argv);
		print_message("  %s\n", lines[i].line);
		assert_int_equal(line_parse(argc, argv, &l, &e), lines[i].rc);
		if (lines[i].rc != RC_OK) {
			assert_string_equal(e.what, lines[i].words);
			continue;
		}
		for (size_t k = 0; k < l.nwords; k++) {
			if (k)
				strcat(words, " ");
			strcat(words, l.words[k]);
		}
		assert_string_equal(words, lines[i].words);
		assert_int_equal(options_given(&l.opt), lines[i].given);
		if (lines[i].given & OPT_BIT(OPT_NODE))
			assert_string_equal(l.opt.value[OPT_NODE], "n2");
	}
}

/* A shell's pattern may name many files, but not any number. */
static void too_many_words(void **state)
{
	static const char *argv[LINE_MAX_WORDS + 1];
	struct line l;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(argv); i++)
		argv[i] = i == LINE_MAX_WORDS ? "last" : "word";
	assert_ok(line_parse(LINE_MAX_WORDS, argv, &l, &e), &e);
	assert_int_equal(l.nwords, LINE_MAX_WORDS);
	assert_int_equal(line_parse(LINE_MAX_WORDS + 1, argv, &l, &e), RC_USAGE);
	assert_string_equal(e.what, "last");
}

static const struct {
	const char *typed;
	enum rc rc;
	const char *found; /* the row's words; or a part of the error's text */
} finds[] = {
	{"show itl", RC_OK, "show itl"},
	{"show itl n2", RC_OK, "show itl"},
	{"show itl n2 n3", RC_USAGE, "show itl [NODE|FILE]: too many arguments"},
	{"show cert own", RC_USAGE, "show cert own UNIT: an argument is missing"},
	{"show cert own TVS", RC_OK, "show cert own"},
	{"show cert list own", RC_OK, "show cert list own"},
	{"utils service restart Cisco Tftp", RC_OK, "utils service restart Cisco Tftp"},
	{"file verify a", RC_OK, "file verify"},
	{"file verify a b", RC_OK, "file verify"},
	{"node n2", RC_OK, "node"},
	{"node list", RC_OK, "node list"},
	{"node add n4", RC_OK, "node add"},
	{"node add", RC_USAGE, "node add ID [KEY=VALUE...]: an argument is missing"},
	{"node set n2 tftp=no", RC_OK, "node set"},
	{"node n2 n3", RC_USAGE, "node NAME: too many arguments"},
	{"file diff a", RC_USAGE, "argument is missing"},
	{"help show cert own UNIT", RC_OK, "help"},
	{"show ilt", RC_USAGE, "the nearest: show itl"},
	{"shwo itl", RC_USAGE, "the nearest: show itl"},
	{"utils itl reset lokalkey", RC_USAGE, "the nearest: utils itl reset localkey"},
	{"show crt own TVS", RC_USAGE, "the nearest: show cert own"},
	{"set cert regn CallManager", RC_USAGE, "the nearest: set cert regen"},
	{"show", RC_USAGE, "the nearest: show itl, show ctl, show cluster, show status"},
	{"utils itl", RC_USAGE, "the nearest: utils itl reset localkey"},
	{"utils ctl update", RC_USAGE, "the nearest: utils ctl update CTLFile"},
	{"SHOW ITL", RC_USAGE, "unknown command"},
	{"frobnicate everything now", RC_USAGE, "itlctl help lists all of them"},
};

static void commands_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(finds); i++) {
		const char *words[20];
		const struct command *row = NULL;
		char typed[200], text[1200];
		struct err e;
		size_t n = 0, nwords;

		strcpy(typed, finds[i].typed);
		nwords = num_size(split(typed, words));
		print_message("  %s\n", finds[i].typed);
		assert_int_equal(command_find(words, nwords, &row, &n, &e), finds[i].rc);
		if (finds[i].rc == RC_OK)
			assert_string_equal(row->words, finds[i].found);
		else
			assert_non_null(strstr(err_text(&e, text, sizeof text),
					       finds[i].found));
	}
}

static const struct {
	const char *before, *prefix;
	const char *found;
} completions[] = {
	{"", "s", "show set sign "},
	{"", "u", "utils "},
	{"show", "", "itl ctl cluster status cert backup alerts csr "},
	{"show", "c", "ctl cluster cert csr "},
	{"show cert", "", "own list "},
	{"utils service restart", "C", "Cisco "},
	{"utils service restart Cisco", "", "Tftp "},
	{"show itl", "", ""},
	{"nothing", "", ""},
	{"", "x", ""},
};

static void words_are_completed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(completions); i++) {
		struct completion list[32];
		char before[200], text[400] = "";
		const char *words[20];
		size_t nwords, n;

		strcpy(before, completions[i].before);
		nwords = num_size(split(before, words));
		n = command_complete(words, nwords, completions[i].prefix, list,
				     COUNT_OF(list));
		for (size_t k = 0; k < n; k++) {
			strncat(text, list[k].word, list[k].n);
			strcat(text, " ");
		}
		assert_string_equal(text, completions[i].found);
	}
}

/* ---- the manual ---- */

static char *manual(void)
{
	uint8_t *text = NULL;
	struct err e;
	char *page;
	size_t n;

	assert_ok(file_read(ITLCTL_PAGE, 1 << 20, &text, &n, &e), &e);
	page = strndup((const char *)text, n);
	free(text);
	return page;
}

/* The heading of a row: ".It Ic show itl Op Ar NODE|FILE". */
static void heading(const struct command *row, char to[200])
{
	char args[80];
	bool in = false; /* within one .Ar */
	int n = snprintf(to, 200, ".It Ic %s", row->words);

	strcpy(args, row->args);
	for (char *rest, *w = strtok_r(args, " ", &rest); w;
	     w = strtok_r(NULL, " ", &rest)) {
		bool optional = *w == '[';

		w[strcspn(w, "]")] = '\0';
		n += snprintf(to + n, (size_t)(200 - n), "%s %s",
			      optional ? " Op Ar" : in ? "" : " Ar", w + optional);
		in = !optional;
	}
}

/* The part of the page between two lines, copied. */
static char *part(const char *page, const char *from, const char *to)
{
	const char *a = strstr(page, from), *b = a ? strstr(a, to) : NULL;

	assert_non_null(a);
	assert_non_null(b);
	return strndup(a, num_size(b - a));
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static option_set options_named(const char *text)
{
	option_set named = 0;

	while ((text = strstr(text, ".Fl -"))) {
		size_t n = strspn(text += 5, "abcdefghijklmnopqrstuvwxyz0123456789-");

		for (unsigned i = 0; i < OPT_COUNT; i++)
			if (strlen(options[i].name) == n && !strncmp(options[i].name, text, n))
				named |= OPT_BIT(i);
	}
	return named;
}

static void the_manual_has_every_command(void **state)
{
	char *page = manual();
	char *section = part(page, ".Sh COMMANDS", ".Sh JSON");
	size_t rows = 0;

	(void)state;
	for (const struct command *row = commands; row->words; row++, rows++) {
		char line[202];
		char *text, *end;

		heading(row, line);
		strcat(line, "\n");
		print_message("  %s", line);
		text = strstr(section, line);
		assert_non_null(text);
		text = strdup(text + strlen(line));
		end = strstr(text, "\n.It ");
		if (end)
			*end = '\0';
		/* The options stand before the first sentence's period. */
		if (!strncmp(text, "Options:", 8)) {
			end = strstr(text, " .\n");
			assert_non_null(end);
			*end = '\0';
			assert_int_equal(options_named(text), row->options);
		} else {
			assert_int_equal(row->options, 0);
		}
		free(text);
	}
	assert_int_equal(count(section, "\n.It "), rows);
	free(section);
	free(page);
}

static void the_manual_has_every_option(void **state)
{
	char *page = manual();
	char *section = part(page, ".Ss Options", ".Sh COMMANDS");

	(void)state;
	for (size_t i = 0; i < OPT_COUNT; i++) {
		char line[100];

		(void)snprintf(line, sizeof line, "\n.It Fl -%s%s%s\n",
			       options[i].name, options[i].arg ? " Ar " : "",
			       options[i].arg ? options[i].arg : "");
		print_message("  --%s\n", options[i].name);
		assert_non_null(strstr(section, line));
	}
	assert_int_equal(count(section, "\n.It "), OPT_COUNT);
	free(section);
	free(page);
}

static void every_row_is_whole(void **state)
{
	(void)state;
	for (const struct command *row = commands; row->words; row++) {
		assert_non_null(row->run);
		assert_true(strlen(row->help) > 10 && strlen(row->help) < 80);
		for (const char *p = row->words; *p; p++)
			assert_true(isalpha((unsigned char)*p) || *p == ' ');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_sorted),
		cmocka_unit_test(too_many_words),
		cmocka_unit_test(commands_are_found),
		cmocka_unit_test(words_are_completed),
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test(the_manual_has_every_command),
		cmocka_unit_test(the_manual_has_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
