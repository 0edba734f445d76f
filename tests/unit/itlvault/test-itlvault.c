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
		{"--token pkcs11:token=t backup", 2, "backup --token: this verb does not take this option"},
		{"--replace list", 2, "list --replace"},
		{"--keep 3 backup", 2, "backup --keep"},
		{"--security-password-file s list", 2, "list --security-password-file"},
		{"--plain restore", 2, "restore --plain"},
		{"--plain seal", 2, "seal --plain"},
		{"--p12-password-file p verify", 2, "is no backup of this cluster"},
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

/* ---- vaults ---- */

static void put(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fprintf(f, text, dir, dir);
	assert_int_equal(fclose(f), 0);
}

/* A configuration whose service does not run. */
static int setup(void **state)
{
	char *dir = support_tmpdir();

	put(dir, "cluster.conf",
	    "[cluster]\nname = test10\npublisher = n1\ndomain = joemar2.lab\n"
	    "run = %s/run\nstate-dir = %s/state\n"
	    "[node n1]\nhost = test10pub\naddress = 127.0.0.1\n"
	    "folder = /srv/tftp\nrestart = true\n");
	put(dir, "vault.conf",
	    "[vault gone]\ntarget = /nowhere/gone\n[vault here]\ntarget = %s\n");
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	support_tmpdir_remove(*state);
	return 0;
}

static void vaults_are_named(void **state)
{
	static const struct {
		const char *words;
		int code;
		const char *says;
	} rows[] = {
		{"list here", 0, ": 0 objects"},
		{"list her", 2, "name a vault of vault.conf"},
		{"list /nowhere/at/all", 1, "/nowhere/at/all"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int code;
		char *out = run(&code, ITLVAULT " --config %s %s 2>&1 </dev/null",
				(char *)*state, rows[i].words);

		if (code != rows[i].code || !strstr(out, rows[i].says))
			fail_msg("%s: exit %d: %s", rows[i].words, code, out);
		free(out);
	}
}

/* All are tried; the first error is told last, as what came of it. */
static void one_that_fails_keeps_no_other_waiting(void **state)
{
	const char *gone, *here, *result;
	int code;
	char *out = run(&code, ITLVAULT " --config %s --json list her gone here 2>/dev/null </dev/null",
			(char *)*state);

	assert_int_equal(code, 2); /* "her" */
	gone = strstr(out, "{\"error\":");
	assert_ptr_equal(gone, out);
	assert_non_null(strstr(gone, "/nowhere/gone"));
	here = strstr(out, "\n{\"result\":");
	assert_non_null(here);
	assert_true(strstr(out, "/nowhere/gone") < here);
	result = strstr(here, "\n{\"error\":{\"rc\":\"usage\"");
	assert_non_null(result);
	assert_string_equal(strchr(result + 1, '\n'), "\n");
	free(out);
	/* without words: those of vault.conf */
	out = run(&code, ITLVAULT " --config %s list 2>&1 </dev/null", (char *)*state);
	assert_int_equal(code, 1);
	assert_non_null(strstr(out, ": 0 objects"));
	assert_non_null(strstr(out, "on /nowhere/gone: "));
	free(out);
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
		cmocka_unit_test_setup_teardown(vaults_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_fails_keeps_no_other_waiting,
						setup, teardown),
		cmocka_unit_test(the_page_has_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
