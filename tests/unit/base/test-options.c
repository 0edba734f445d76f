#include "support/support.h"
#include "base/num.h"
#include "base/options.h"
#include <stdio.h>
#include <string.h>

struct thing {
	const char *text, *texts[2];
	unsigned number;
	double seconds;
	bool flag;
};

#define AT(member) offsetof(struct thing, member)

static const struct option_row rows[] = {
	{.name = "text", .arg = "T", .type = OPTION_TEXT, .at = AT(text), .help = "a text"},
	{.name = "texts", .arg = "T", .type = OPTION_TEXTS, .at = AT(texts), .max = 2,
	 .help = "up to two texts"},
	{.name = "number", .arg = "N", .type = OPTION_UINT, .at = AT(number),
	 .min = 1, .max = 9, .help = "a number"},
	{.name = "seconds", .arg = "S", .type = OPTION_SECONDS, .at = AT(seconds),
	 .max = 5, .help = "seconds"},
	{.name = "flag", .letter = 'f', .type = OPTION_FLAG, .at = AT(flag),
	 .help = "a flag"},
	{0},
};

/* `line` is split at blanks; a lone ' is an empty argument. */
static enum rc read_line(const char *line, struct thing *t, int *words, struct err *e)
{
	static char copy[200], program[] = "program", empty[] = "";
	char *argv[20] = {program}, *save = NULL;
	int argc = 1;

	(void)snprintf(copy, sizeof copy, "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(w, "'") ? w : empty;
	*t = (struct thing){.text = "default", .number = 3};
	return options_read(argc, argv, rows, t, words, e);
}

static void test_values(void **state)
{
	struct thing t;
	struct err e;
	int words;

	(void)state;
	assert_ok(read_line("", &t, &words, &e), &e);
	assert_int_equal(words, 1);
	assert_string_equal(t.text, "default");
	assert_int_equal(t.number, 3);
	assert_ok(read_line("--text a word --number=9 --seconds 0.5 -f more", &t,
			    &words, &e),
		  &e);
	assert_int_equal(words, 7); /* they were moved to the end */
	assert_string_equal(t.text, "a");
	assert_int_equal(t.number, 9);
	assert_true(t.seconds > 0.4 && t.seconds < 0.6);
	assert_true(t.flag);
	assert_null(t.texts[0]);
	assert_ok(read_line("--texts one --texts=two", &t, NULL, &e), &e);
	assert_string_equal(t.texts[0], "one");
	assert_string_equal(t.texts[1], "two");
	assert_int_equal(t.number, 3);
	assert_ok(read_line("--flag", &t, NULL, &e), &e);
	assert_true(t.flag);
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *what, *why;
	} lines[] = {
		{"--unknown", "--unknown", "is not known"},
		{"-x", "-x", "is not known"},
		{"--flag=1", "--flag=1", "takes no value"},
		{"--number", "--number", "needs a value"},
		{"--number 0", "--number 0", "out of range"},
		{"--number 10", "--number 10", "out of range"},
		{"--number -1", "--number -1", "not a number"},
		{"--number 1x", "--number 1x", "not a number"},
		{"--seconds 5.1", "--seconds 5.1", "out of range"},
		{"--seconds nan", "--seconds nan", "out of range"},
		{"--text '", "--text ", "must not be empty"},
		{"--texts '", "--texts ", "must not be empty"},
		{"--texts 1 --texts 2 --texts 3", "--texts 3", "too often"},
		{"-f word", "word", "one word too many"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct err e = {0};
		struct thing t;

		if (read_line(lines[i].line, &t, NULL, &e) != RC_USAGE ||
		    strcmp(e.what, lines[i].what) != 0 ||
		    !strstr(e.why, lines[i].why))
			fail_msg("%s: %s: %s", lines[i].line, e.what, e.why);
	}
}

static void test_help(void **state)
{
	char text[400] = "";
	FILE *f = fmemopen(text, sizeof text, "w");

	(void)state;
	options_help(f, rows);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "  --text T                       a text\n"));
	assert_non_null(strstr(text, "  -f, --flag                     a flag\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
