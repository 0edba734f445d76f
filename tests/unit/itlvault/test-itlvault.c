/* itlvault's command line. What it does is the integration tests'. */
#include "support/support.h"
#include "support/manual.h"
#include "support/run.h"
#include "base/num.h"
#include <stdio.h>
#include <string.h>

static void lines_that_cannot_be_understood(void **state)
{
	static const struct {
		const char *words;
		int code;
		const char *says;
	} rows[] = {
		{"", 2, "no such verb"},
		{"frobnicate", 2, "frobnicate"},
		{"--frobnicate list", 2, "--frobnicate"},
		{"--keep 0 prune", 2, "--keep 0"},
		{"seal now", 2, "now"},
		{"verify a b c", 2, "one word too many"},
		{"rehearse", 2, "--token"},
		{"--token pkcs11:token=t backup", 2, "backup"},
		{"--config /nowhere backup", 1, "/nowhere/cluster.conf"},
		{"--config /nowhere --token pkcs11:token=t --security-password-file /nowhere/s restore", 1,
		 "/nowhere/s"},
		{"--json frobnicate", 2, "{\"error\":{\"rc\":\"usage\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int code;
		char *out = run(&code, ITLVAULT " %s 2>&1 </dev/null", rows[i].words);

		if (code != rows[i].code || !strstr(out, rows[i].says))
			fail_msg("%s: exit %d: %s", rows[i].words, code, out);
		free(out);
	}
}

static void the_page_has_every_option(void **state)
{
	(void)state;
	manual_has_options(ITLVAULT, ITLVAULT_PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_that_cannot_be_understood),
		cmocka_unit_test(the_page_has_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
