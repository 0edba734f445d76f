/* itlphone against a real in.tftpd (and an HTTP server) on loopback. */
#include "support/support.h"
#include "support/manual.h"
#include "support/run.h"
#include "base/file.h"
#include "base/num.h"
#include "lists.h"
#include "phones.h"
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* What a server may offer. */
enum offer {
	NONE, FIRST, SECOND, TRUNCATED, DAMAGED, OVERSIZE, EMPTY, FOREIGN, RESET,
	NEXT, OFFERS
};

static struct keys old_keys, new_keys;
static struct bytes offers[OFFERS];

static struct bytes copy(struct bytes b, size_t n)
{
	uint8_t *p = calloc(1, n + 1);

	assert_non_null(p);
	if (b.n)
		memcpy(p, b.p, n < b.n ? n : b.n);
	return bytes_of(p, n);
}

static int setup(void **state)
{
	(void)state;
	keys_new(&old_keys, "test10pub");
	keys_new(&new_keys, "test10pub");
	EVP_PKEY_free(new_keys.recovery.key);
	X509_free(new_keys.recovery.cert);
	new_keys.recovery = old_keys.recovery; /* it outlives the accident */
	offers[FIRST] = list_itl(&old_keys, 1000);
	offers[SECOND] = list_itl(&old_keys, 2000);
	offers[TRUNCATED] = copy(offers[FIRST], offers[FIRST].n - 7);
	offers[DAMAGED] = copy(offers[FIRST], offers[FIRST].n);
	((uint8_t *)offers[DAMAGED].p)[offers[DAMAGED].n - 1] ^= 1;
	offers[OVERSIZE] = copy(offers[FIRST], 200000);
	offers[EMPTY] = copy(bytes_of(NULL, 0), 0);
	offers[FOREIGN] = list_itl(&new_keys, 3000);
	offers[RESET] = list_reset(&old_keys, offers[FOREIGN], 4000);
	offers[NEXT] = list_itl(&new_keys, 5000);

	phones_setup();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	phones_teardown();
	for (int i = 0; i < OFFERS; i++)
		free((void *)offers[i].p);
	new_keys.recovery = (struct signing){0};
	keys_free(&old_keys);
	keys_free(&new_keys);
	return 0;
}

static void test_decisions(void **state)
{
	/* One phone's life: what it has after a row, the next row meets. */
	static const struct {
		const char *name;
		enum offer offer, installed;
		int code;
		const char *verdict, *status;
	} rows[] = {
		{"nothing anywhere", NONE, NONE, 1, "absent",
		 "No Trust List Installed"},
		{"truncated, none installed", TRUNCATED, NONE, 5, "bad-form",
		 "Trust List Update Failed"},
		{"oversize, none installed", OVERSIZE, NONE, 5, "bad-form",
		 "Trust List Update Failed"},
		{"first", FIRST, FIRST, 0, "first", "ITL installed"},
		{"the same", FIRST, FIRST, 0, "same", "ITL installed"},
		{"update by SAST", SECOND, SECOND, 0, "by-itl",
		 "Trust List Updated"},
		{"truncated", TRUNCATED, SECOND, 5, "bad-form",
		 "Trust List Update Failed"},
		{"oversize", OVERSIZE, SECOND, 5, "bad-form",
		 "Trust List Update Failed"},
		{"empty", EMPTY, SECOND, 5, "bad-form",
		 "Trust List Update Failed"},
		{"damaged", DAMAGED, SECOND, 5, "bad-signature",
		 "Trust List Update Failed"},
		{"gone from the server", NONE, SECOND, 1, "absent",
		 "ITL installed"},
		{"unknown signer", FOREIGN, SECOND, 5, "unknown-signer",
		 "Trust List Update Failed"},
		{"reset list", RESET, RESET, 0, "by-itl", "Trust List Updated"},
		{"its own list again", NEXT, NEXT, 0, "by-itl",
		 "Trust List Updated"},
	};
	char before[SHA1_HEX] = "(null)";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int code;
		json_t *r;

		print_message("  %s\n", rows[i].name);
		serve("ITLFile.tlv", offers[rows[i].offer]);
		r = reset(&code);
		assert_string_equal(text(r, "verdict"), rows[i].verdict);
		assert_int_equal(code, rows[i].code);
		assert_string_equal(last_status(r), rows[i].status);
		assert_int_equal(json_is_true(json_object_get(r, "accepted")),
				 rows[i].code == 0);
		assert_true(text(r, "why")[0]);
		assert_string_equal(text(r, "before"), before);
		if (offers[rows[i].installed].n)
			itl_sha1_hex(offers[rows[i].installed], before);
		assert_string_equal(text(r, "after"), before);
		check_installed(offers[rows[i].installed]);
		json_decref(r);
	}
}

static void test_fetches_in_a_phones_order(void **state)
{
	static const char *const names[] = {
		"CTL" PHONE ".tlv", "ITL" PHONE ".tlv", "ITLFile.tlv",
		PHONE ".cnf.xml.sgn",
	};
	const json_t *fetched, *status;
	json_t *r;
	int code;

	(void)state;
	serve("ITLFile.tlv", offers[FIRST]);
	r = reset(&code);
	fetched = json_object_get(r, "fetched");
	status = json_object_get(r, "status");
	assert_int_equal(json_array_size(fetched), COUNT_OF(names));
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const json_t *f = json_array_get(fetched, i);

		assert_string_equal(text(f, "name"), names[i]);
		assert_string_equal(text(f, "over"), "tftp");
		assert_int_equal(json_is_true(json_object_get(f, "ok")), i == 2);
		assert_int_equal(json_integer_value(json_object_get(f, "bytes")),
				 i == 2 ? offers[FIRST].n : 0);
	}
	assert_int_equal(json_array_size(status), 2);
	assert_string_equal(json_string_value(json_array_get(status, 0)),
			    "File Not Found <CTLFile.tlv>");
	json_decref(r);
}

static void test_own_list_and_ctl_come_first(void **state)
{
	struct bytes ctl = list_ctl(&old_keys, 1000);
	json_t *r;
	int code;

	(void)state;
	serve("CTL" PHONE ".tlv", ctl);
	serve("ITL" PHONE ".tlv", offers[SECOND]);
	serve("ITLFile.tlv", offers[FOREIGN]);
	r = reset(&code);
	assert_int_equal(code, 0);
	assert_string_equal(text(r, "verdict"), "by-ctl");
	assert_string_equal(last_status(r), "CTL and ITL installed");
	check_installed(offers[SECOND]);
	json_decref(r);

	/* A CTL that is rejected counts, whatever becomes of the ITL. */
	((uint8_t *)ctl.p)[ctl.n - 1] ^= 1;
	serve("CTL" PHONE ".tlv", ctl);
	r = reset(&code);
	assert_int_equal(code, 5);
	assert_string_equal(last_status(r), "Trust List Update Failed");
	json_decref(r);
	free((void *)ctl.p);
}

/* ---- CTLs ---- */

static void check_ctl(const json_t *r, struct bytes want)
{
	char sha1[SHA1_HEX];

	assert_string_equal(text(r, "ctl"),
			    want.n ? itl_sha1_hex(want, sha1) : "(null)");
}

/* One phone's life in a cluster that gets a CTL. */
static void test_ctl(void **state)
{
	enum { NO_CTL, OLD, OLD_AGAIN, NEW, CTLS };
	struct bytes ctls[CTLS] = {
		[OLD] = list_ctl(&old_keys, 1000),
		[OLD_AGAIN] = list_ctl(&old_keys, 2000),
		[NEW] = list_ctl(&new_keys, 3000),
	};
	const struct {
		const char *name;
		int ctl, installed; /* what is offered, and what it has then */
		enum offer itl;
		int code;
		const char *verdict, *status;
	} rows[] = {
		{"no CTL", NO_CTL, NO_CTL, FIRST, 0, "first", "ITL installed"},
		{"its first CTL, by the ITL", OLD, OLD, FIRST, 0, "by-itl",
		 "Trust List Updated"},
		{"both the same", OLD, OLD, FIRST, 0, "same", "CTL and ITL installed"},
		{"an update", OLD_AGAIN, OLD_AGAIN, FIRST, 0, "by-ctl",
		 "Trust List Updated"},
		{"by a stranger", NEW, OLD_AGAIN, FIRST, 5, "unknown-signer",
		 "Trust List Update Failed"},
		{"a CTL that is rejected keeps no ITL away", NEW, OLD_AGAIN, SECOND, 5,
		 "unknown-signer", "Trust List Update Failed"},
		{"gone from the server", NO_CTL, OLD_AGAIN, SECOND, 0, "same",
		 "CTL and ITL installed"},
		{"the reset list, by the CTL's recovery record", NO_CTL, OLD_AGAIN,
		 RESET, 0, "by-ctl", "Trust List Updated"},
		{"the CTL that the reset ITL names the signer of", NEW, NEW, RESET, 0,
		 "by-itl", "Trust List Updated"},
		{"its own list", NEW, NEW, NEXT, 0, "by-ctl", "Trust List Updated"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int code;
		json_t *r;

		print_message("  %s\n", rows[i].name);
		serve("CTL" PHONE ".tlv", ctls[rows[i].ctl]);
		serve("ITLFile.tlv", offers[rows[i].itl]);
		r = reset(&code);
		assert_string_equal(text(r, "verdict"), rows[i].verdict);
		assert_int_equal(code, rows[i].code);
		assert_string_equal(last_status(r), rows[i].status);
		check_ctl(r, ctls[rows[i].installed]);
		check_installed(offers[rows[i].itl]);
		json_decref(r);
	}
	for (int i = 0; i < CTLS; i++)
		free((void *)ctls[i].p);
}

/* A phone without lists takes the CTL as it is; then the ITL is no first list. */
static void test_ctl_first(void **state)
{
	struct bytes ctl = list_ctl(&new_keys, 1000);
	json_t *r;
	int code;

	(void)state;
	serve("CTL" PHONE ".tlv", ctl);
	r = reset(&code);
	assert_int_equal(code, 1);
	assert_string_equal(text(r, "verdict"), "absent");
	assert_string_equal(last_status(r), "CTL installed");
	check_ctl(r, ctl);
	json_decref(r);
	serve("ITLFile.tlv", offers[FIRST]);
	r = reset(&code);
	assert_int_equal(code, 5);
	assert_string_equal(text(r, "verdict"), "unknown-signer");
	check_installed(offers[NONE]);
	json_decref(r);
	serve("ITLFile.tlv", offers[NEXT]);
	r = reset(&code);
	assert_int_equal(code, 0);
	assert_string_equal(text(r, "verdict"), "by-ctl");
	check_installed(offers[NEXT]);
	json_decref(r);
	free((void *)ctl.p);
}

/* The name that a phone asks for, by packaging's map and by a link. */
static void test_ctl_by_map_and_link(void **state)
{
	struct bytes ctl = list_ctl(&old_keys, 1000), next = list_ctl(&old_keys, 2000);
	struct server mapped = server_tftp_map(root, TFTPD_MAP);
	char more[96];
	json_t *r;
	int code;

	(void)state;
	serve("CTLFile.tlv", ctl);
	serve("ITLFile.tlv", offers[FIRST]);
	(void)snprintf(more, sizeof more, "--tftp-port %u", mapped.port);
	r = reset_with(more, &code);
	assert_int_equal(code, 0);
	assert_string_equal(last_status(r), "CTL and ITL installed");
	check_ctl(r, ctl);
	json_decref(r);
	server_stop(&mapped);

	/* Without the map nobody finds it; by a link the new one too. */
	serve("CTLFile.tlv", next);
	r = reset(&code);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(r, "status"), 0)),
			    "File Not Found <CTLFile.tlv>");
	check_ctl(r, ctl);
	json_decref(r);
	free(run(&code, "ln -s CTLFile.tlv %s/CTL" PHONE ".tlv", root));
	r = reset(&code);
	assert_int_equal(code, 0);
	check_ctl(r, next);
	json_decref(r);
	free((void *)ctl.p);
	free((void *)next.p);
}

static void test_configuration(void **state)
{
	static const char *const sgn = PHONE ".cnf.xml.sgn";
	/* A SAST signs lists, not configuration. */
	const struct keys sast = {.callmanager = old_keys.recovery};
	struct bytes damaged = list_sgn(&old_keys, sgn, "<device/>");
	const struct {
		struct bytes file;
		const char *want;
	} rows[] = {
		{list_sgn(&old_keys, sgn, "<device/>"), "accepted"},
		/* not the name that it asked for */
		{list_sgn(&old_keys, PHONE ".cnf.xml", "<device/>"), "rejected"},
		{list_sgn(&new_keys, sgn, "<device/>"), "rejected"},
		{list_sgn(&sast, sgn, "<device/>"), "rejected"},
		{list_sgn(&old_keys, "SEP001122330001.cnf.xml.sgn", "<device/>"),
		 "rejected"},
		{damaged, "rejected"},
		{copy(bytes_of(NULL, 0), 10), "rejected"},
		{copy(bytes_of(NULL, 0), 100000), "error"},
	};
	json_t *r;
	int code;

	(void)state;
	((uint8_t *)damaged.p)[damaged.n - 1] ^= 1;
	serve(PHONE ".cnf.xml", bytes_of_text("<device/>"));
	r = reset(&code); /* has no list: asks for the unsigned one */
	assert_string_equal(text(r, "configuration"), "unsigned");
	json_decref(r);
	serve("ITLFile.tlv", offers[FIRST]);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		serve(sgn, rows[i].file);
		r = reset(&code);
		assert_int_equal(code, 0);
		assert_string_equal(text(r, "configuration"), rows[i].want);
		json_decref(r);
		free((void *)rows[i].file.p);
	}
}

static void test_server_down(void **state)
{
	char more[96];
	json_t *r;
	int code;

	(void)state;
	serve("ITLFile.tlv", offers[FIRST]);
	json_decref(reset(&code));
	(void)snprintf(more, sizeof more, "--tftp-port %u --timeout 1 --tries 2",
		       port_unused(SOCK_DGRAM));
	r = reset_with(more, &code);
	assert_int_equal(code, 1);
	assert_string_equal(text(r, "verdict"), "no-answer");
	assert_string_equal(last_status(r), "TFTP Timeout");
	assert_int_equal(json_array_size(json_object_get(r, "fetched")), 2);
	check_installed(offers[FIRST]);
	json_decref(r);
}

static void test_http_first(void **state)
{
	char *http_root, more[96];
	struct server http;
	json_t *r;
	int code;

	(void)state;
	http_root = support_tmpdir();
	http = server_http(http_root);
	serve("ITLFile.tlv", offers[FOREIGN]); /* over TFTP: not asked */
	free(run(&code, "cp %s/ITLFile.tlv %s/", root, http_root));
	serve("ITLFile.tlv", offers[FIRST]);
	(void)snprintf(more, sizeof more, "--tftp-port %u --http-port %u",
		       tftp.port, http.port);
	r = reset_with(more, &code);
	assert_int_equal(code, 0);
	check_installed(offers[FOREIGN]);
	json_decref(r);

	/* Down: one attempt over HTTP, then TFTP for the rest. */
	server_stop(&http);
	free(run(&code, ITLPHONE " --state %s/state erase", dir));
	assert_int_equal(code, 0);
	check_installed(offers[NONE]);
	r = reset_with(more, &code);
	assert_int_equal(code, 0);
	check_installed(offers[FIRST]);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(
			text(json_array_get(json_object_get(r, "fetched"), i),
			     "over"),
			i ? "tftp" : "http");
	json_decref(r);
	support_tmpdir_remove(http_root);
}

static void test_many_phones(void **state)
{
	const size_t count = support_rounds(2000);
	char name[32], *out, *save = NULL;
	size_t n = 0;
	int code;

	(void)state;
	serve("ITLFile.tlv", offers[FIRST]);
	out = run(&code,
		  ITLPHONE " --state %s/state --json --server 127.0.0.1 "
			   "--tftp-port %u --count %zu --mac 0011223300ff reset "
			   "2>/dev/null",
		  dir, tftp.port, count);
	assert_int_equal(code, 0);
	for (char *l = strtok_r(out, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save), n++) {
		json_t *r = json_loads(l, 0, NULL);

		(void)snprintf(name, sizeof name, "SEP%012zX",
			       (size_t)0x0011223300ff + n);
		assert_string_equal(text(r, "phone"), name);
		assert_string_equal(text(r, "verdict"), "first");
		json_decref(r);
	}
	assert_int_equal(n, count);
	free(out);
}

static void test_show(void **state)
{
	char sha1[SHA1_HEX], *out;
	json_t *r;
	int code;

	(void)state;
	out = run(&code, ITLPHONE " --state %s/state --json show", dir);
	assert_int_equal(code, 0);
	r = json_loads(out, 0, NULL);
	assert_true(json_is_null(json_object_get(r, "itl")));
	json_decref(r);
	free(out);

	serve("ITLFile.tlv", offers[FIRST]);
	json_decref(reset(&code));
	out = run(&code, ITLPHONE " --state %s/state --count 2 show", dir);
	assert_int_equal(code, 0);
	assert_non_null(strstr(out, itl_sha1_hex(offers[FIRST], sha1)));
	assert_non_null(strstr(out, "CN=test10pub"));
	assert_non_null(strstr(out, "ITL installed"));
	assert_non_null(strstr(out, "127.0.0.1"));
	assert_non_null(strstr(out, "SEP001122330001"));
	assert_non_null(strstr(out, "No Trust List Installed"));
	assert_null(strstr(out, "CTL"));
	free(out);
}

static void test_show_has_the_ctl(void **state)
{
	struct bytes ctl = list_ctl(&old_keys, 1000);
	char sha1[SHA1_HEX], row[128], *out;
	json_t *r;
	int code;

	(void)state;
	serve("CTL" PHONE ".tlv", ctl);
	serve("ITLFile.tlv", offers[FIRST]);
	(void)itl_sha1_hex(ctl, sha1);
	out = run(&code, ITLPHONE " --state %s/state --server 127.0.0.1 "
				  "--tftp-port %u reset 2>/dev/null", dir, tftp.port);
	(void)snprintf(row, sizeof row, "\n            CTL  -             %.12s\n", sha1);
	assert_non_null(strstr(out, row));
	free(out);
	out = run(&code, ITLPHONE " --state %s/state show", dir);
	(void)snprintf(row, sizeof row, "\n            CTL  %s  CN=test10pub\n", sha1);
	assert_non_null(strstr(out, row));
	free(out);
	out = run(&code, ITLPHONE " --state %s/state --json show", dir);
	r = json_loads(out, 0, NULL);
	assert_string_equal(text(r, "ctl"), sha1);
	assert_string_equal(text(r, "ctl_signer"), "CN=test10pub");
	json_decref(r);
	free(out);
	free((void *)ctl.p);
}

static void test_refused_command_lines(void **state)
{
	static const char *const rows[] = {
		"", "frobnicate", "reset", "show show", "--count 0 show",
		"--count -1 show", "--mac 0011 show", "--mac 00112233000g show",
		"--mac ffffffffffff --count 2 show", "--frob show",
		"--server 127.0.0.1 --tftp-port 0 reset",
		"--server 127.0.0.1 --tftp-port 65536 reset",
		"--server 'a b' reset", "--parallel 0 show", "show --json=1",
		"show --state",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int code;
		char *out = run(&code, ITLPHONE " %s 2>&1", rows[i]);

		if (code != 2 || strncmp(out, "itlphone: ", 10) != 0)
			fail_msg("%s: exit %d: %s", rows[i], code, out);
		free(out);
	}
}

static void test_man_page(void **state)
{
	(void)state;
	manual_has_options(ITLPHONE, ITLPHONE_PAGE);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_decisions),
		TEST(test_fetches_in_a_phones_order),
		TEST(test_own_list_and_ctl_come_first),
		TEST(test_ctl),
		TEST(test_ctl_first),
		TEST(test_ctl_by_map_and_link),
		TEST(test_configuration),
		TEST(test_server_down),
		TEST(test_http_first),
		TEST(test_many_phones),
		TEST(test_show),
		TEST(test_show_has_the_ctl),
		TEST(test_refused_command_lines),
		TEST(test_man_page),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
