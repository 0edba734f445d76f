/* itlbench runs, and says what it can do. Nothing is timed. */
#include "support/support.h"
#include "support/manual.h"
#include "support/run.h"
#include "base/num.h"
#include <stdio.h>
#include <string.h>

static void test_parse(void **state)
{
	static const char *const lines[] = {
		"parse the structure of 7166 bytes", "verify one RSA-2048 signature",
		"ratio", "goal 10",
	};
	int code;
	char *out = run(&code, ITLBENCH " --seconds 0.05 parse %s 2>&1", SAMPLE);

	(void)state;
	assert_int_equal(code, 0);
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		if (!strstr(out, lines[i]))
			fail_msg("no \"%s\" in: %s", lines[i], out);
	free(out);
}

static void test_failures(void **state)
{
	static const struct {
		const char *words;
		int code;
		const char *says;
	} rows[] = {
		{"", 2, "no such command"},
		{"frobnicate", 2, "frobnicate"},
		{"token", 2, "--uri"},
		{"list", 2, "--pin-file"},
		{"signatures", 2, "--pin-file"},
		{"latency", 2, "--pin-file"},
		{"files /tmp", 2, "--pin-file"},
		{"files", 2, "says not where"},
		{"--config /nowhere memory", 1, "/nowhere"},
		{"--config /nowhere first", 1, "/nowhere"},
		{"--pin-file /nowhere/pin --config /nowhere signatures", 1, "/nowhere"},
		{"--pin-file /nowhere/pin --config /nowhere files /tmp", 1, "/nowhere"},
		{"--pin-file /nowhere/pin --config /nowhere latency", 1, "/nowhere"},
		{"--token-us 0 signatures", 2, "--token-us 0"},
		{"--count 9 memory", 2, "--count 9"},
		{"token more", 2, "more"},
		{"parse /nowhere/list", 1, "/nowhere/list"},
		{"parse /etc/passwd", 5, "offset"},
		{"--uri pkcs11:token=t --pin-file /nowhere/pin token", 1,
		 "/nowhere/pin"},
		{"--pin-file /nowhere/pin --config /nowhere list", 1, "/nowhere"},
		{"--threads 0 token", 2, "--threads 0"},
		{"--seconds x parse", 2, "--seconds x"},
		{"--seconds nan parse", 2, "--seconds nan"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int code;
		char *out = run(&code, ITLBENCH " %s 2>&1", rows[i].words);

		if (code != rows[i].code || !strstr(out, rows[i].says))
			fail_msg("%s: exit %d: %s", rows[i].words, code, out);
		free(out);
	}
}

static void test_man_page(void **state)
{
	(void)state;
	manual_has_options(ITLBENCH, ITLBENCH_PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_man_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
