/* itlphone where lists do not hold the signer: it asks TVS. Real TLS on loopback. */
#include "support/support.h"
#include "support/run.h"
#include "support/tvs.h"
#include "base/num.h"
#include "lists.h"
#include "phones.h"
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SGN PHONE ".cnf.xml.sgn"

/* The cluster that the phones know, and another one. */
static struct keys old_keys, new_keys;
static struct bytes first, next, foreign, damaged;

static int setup(void **state)
{
	uint8_t *copy;

	(void)state;
	keys_new(&old_keys, "test10pub");
	keys_new(&new_keys, "test10new");
	first = list_itl(&old_keys, 1000);
	next = list_itl(&old_keys, 2000);
	foreign = list_itl(&new_keys, 3000);
	copy = malloc(foreign.n);
	memcpy(copy, foreign.p, foreign.n);
	copy[foreign.n - 1] ^= 1;
	damaged = bytes_of(copy, foreign.n);
	phones_setup();
	return 0;
}

static int teardown(void **state)
{
	struct bytes *all[] = {&first, &next, &foreign, &damaged};

	(void)state;
	phones_teardown();
	for (size_t i = 0; i < COUNT_OF(all); i++)
		free((void *)all[i]->p);
	keys_free(&old_keys);
	keys_free(&new_keys);
	return 0;
}

/* ---- the phones' side ---- */

/* Roles of the new cluster's CallManager, as a TVS says them; -1: it is unknown. */
struct says {
	int roles[4];
	size_t n;
};
#define SAYS(...)                                                              \
	{                                                                      \
		{__VA_ARGS__}, COUNT_OF(((int[]){__VA_ARGS__}))                \
	}
static const struct says as_a_cluster = SAYS(0, 2);

static struct tvs_fake tvs_of(const struct keys *k, const struct says *says,
			      enum tvs_fault fault)
{
	struct tvs_known known = {.cert = new_keys.callmanager.cert};
	struct tvs_plan plan = {.cert = k->tvs.cert, .key = k->tvs.key,
				.known = &known, .nknown = says != NULL, .fault = fault};

	for (size_t i = 0; says && i < says->n; i++)
		known.roles[known.nroles++] = (uint8_t)says->roles[i];
	return tvs_fake_start(&plan);
}

/* ITLFile.tlv is this one; the phone asks at these ports. */
static json_t *reset_to(struct bytes list, const char *more, int *code,
			const unsigned *ports, size_t n)
{
	char words[400];
	size_t at;

	serve("ITLFile.tlv", list);
	at = (size_t)snprintf(words, sizeof words, "--tftp-port %u %s", tftp.port, more);
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(words + at, sizeof words - at,
				       " --tvs 127.0.0.1:%u", ports[i]);
	return reset_with(words, code);
}

static void install_first(void)
{
	int code;

	json_decref(reset_to(first, "", &code, NULL, 0));
	assert_int_equal(code, 0);
}

static size_t notes(const json_t *report)
{
	return json_array_size(json_object_get(report, "tvs"));
}

/* Of the i-th TVS that was to be asked. */
static const char *note(const json_t *report, size_t i, const char *key)
{
	return text(json_array_get(json_object_get(report, "tvs"), i), key);
}

/* ---- lists ---- */

static void test_lists(void **state)
{
	static const struct says sast = SAYS(0), tftp_alone = SAYS(2, 3), all = SAYS(21, 4, 0);
	/* Its certificate stands in the list, but in a record of another role. */
	const struct keys capf = {.tvs = old_keys.capf}, signer = {.tvs = old_keys.callmanager};
	const struct {
		const char *name;
		const struct keys *tls;
		const struct says *says;
		enum tvs_fault fault;
		const struct bytes *offered;
		const char *verdict, *answer;
		unsigned handshakes;
	} rows[] = {
		{"as a cluster's", &old_keys, &as_a_cluster, TVS_GOOD, &foreign, "by-tvs",
		 "valid", 1},
		{"SAST alone", &old_keys, &sast, TVS_GOOD, &foreign, "by-tvs", "valid", 1},
		{"SAST behind others", &old_keys, &all, TVS_SLOW_BYTES, &foreign, "by-tvs",
		 "valid", 1},
		{"no SAST", &old_keys, &tftp_alone, TVS_GOOD, &foreign, "unknown-signer",
		 "valid", 1},
		{"unknown to it", &old_keys, NULL, TVS_GOOD, &foreign, "unknown-signer",
		 "invalid", 1},
		{"signed wrongly", &old_keys, &as_a_cluster, TVS_GOOD, &damaged,
		 "bad-signature", "valid", 1},
		{"no certificate", &old_keys, &as_a_cluster, TVS_NO_CERT, &foreign,
		 "unknown-signer", "valid", 1},
		{"a stranger's TVS", &new_keys, &as_a_cluster, TVS_GOOD, &foreign,
		 "unknown-signer", "untrusted", 0},
		{"with CAPF's certificate", &capf, &as_a_cluster, TVS_GOOD, &foreign,
		 "unknown-signer", "untrusted", 0},
		{"with the signer's", &signer, &as_a_cluster, TVS_GOOD, &foreign,
		 "unknown-signer", "untrusted", 0},
		{"hangs up", &old_keys, &as_a_cluster, TVS_HANGS_UP, &foreign,
		 "unknown-signer", "no-answer", 1},
		{"answers another", &old_keys, &as_a_cluster, TVS_OTHER_SESSION, &foreign,
		 "unknown-signer", "error", 1},
		{"no frame", &old_keys, &as_a_cluster, TVS_NO_FRAME, &foreign,
		 "unknown-signer", "error", 1},
		{"its own signer: nobody is asked", &old_keys, &as_a_cluster, TVS_GOOD,
		 &next, "by-itl", NULL, 0},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tvs_fake t = tvs_of(rows[i].tls, rows[i].says, rows[i].fault);
		const bool accepted = strstr(rows[i].verdict, "by-") != NULL;
		json_t *r;
		int code;

		print_message("  %s\n", rows[i].name);
		(void)fresh(state);
		install_first();
		r = reset_to(*rows[i].offered, "", &code, &t.port, 1);
		assert_string_equal(text(r, "verdict"), rows[i].verdict);
		assert_int_equal(code, accepted ? 0 : 5);
		assert_string_equal(last_status(r), accepted ? "Trust List Updated"
							     : "Trust List Update Failed");
		check_installed(accepted ? *rows[i].offered : first);
		assert_int_equal(t.asked->handshakes, rows[i].handshakes);
		assert_int_equal(notes(r), rows[i].answer ? 1 : 0);
		if (rows[i].answer) {
			assert_string_equal(note(r, 0, "answer"), rows[i].answer);
			assert_string_equal(note(r, 0, "question"), "query");
			assert_string_equal(note(r, 0, "about"), "ITLFile.tlv");
		}
		json_decref(r);
		tvs_fake_stop(&t);
	}
}

/* The reasons that a person at night reads. */
static void test_why(void **state)
{
	struct tvs_fake t = tvs_of(&new_keys, &as_a_cluster, TVS_GOOD);
	json_t *r;
	int code;

	(void)state;
	install_first();
	r = reset_to(foreign, "", &code, &t.port, 1);
	assert_non_null(strstr(text(r, "why"), "nor does TVS vouch for it (TVS 127.0.0.1:"));
	assert_non_null(strstr(text(r, "why"),
			       "its certificate is in no TVS record of the installed ITL)"));
	json_decref(r);
	tvs_fake_stop(&t);
	r = reset_to(foreign, "", &code, NULL, 0);
	assert_null(strstr(text(r, "why"), "TVS"));
	assert_int_equal(notes(r), 0);
	json_decref(r);
}

/* The next one is asked if one cannot be, and only then. */
static void test_order(void **state)
{
	struct tvs_fake knows = tvs_of(&old_keys, &as_a_cluster, TVS_GOOD),
			ignorant = tvs_of(&old_keys, NULL, TVS_GOOD),
			stranger = tvs_of(&new_keys, &as_a_cluster, TVS_GOOD);
	const unsigned nobody = port_unused(SOCK_STREAM);
	const struct {
		unsigned ports[3];
		const char *verdict, *answers[3];
	} rows[] = {
		{{nobody, stranger.port, knows.port}, "by-tvs",
		 {"no-answer", "untrusted", "valid"}},
		{{ignorant.port, knows.port}, "unknown-signer", {"invalid"}},
		{{knows.port, nobody, ignorant.port}, "by-tvs", {"valid"}},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t n = 0;
		json_t *r;
		int code;

		(void)fresh(state);
		install_first();
		while (n < 3 && rows[i].ports[n])
			n++;
		r = reset_to(foreign, "", &code, rows[i].ports, n);
		assert_string_equal(text(r, "verdict"), rows[i].verdict);
		for (n = 0; n < 3 && rows[i].answers[n]; n++)
			assert_string_equal(note(r, n, "answer"), rows[i].answers[n]);
		assert_int_equal(notes(r), n);
		json_decref(r);
	}
	tvs_fake_stop(&knows);
	tvs_fake_stop(&ignorant);
	tvs_fake_stop(&stranger);
}

/* It is the installed list that says which TVS may be asked. */
static void test_installed_list_counts(void **state)
{
	struct tvs_fake t = tvs_of(&old_keys, &as_a_cluster, TVS_GOOD);
	struct tvs_known known = {old_keys.callmanager.cert, {0}, 1};
	struct tvs_plan plan = {.cert = new_keys.tvs.cert, .key = new_keys.tvs.key,
				.known = &known, .nknown = 1};
	struct tvs_fake back = tvs_fake_start(&plan);
	const unsigned both[] = {t.port, back.port};
	json_t *r;
	int code;

	(void)state;
	/* A phone without a list asks nobody. */
	r = reset_to(first, "", &code, both, 2);
	assert_string_equal(text(r, "verdict"), "first");
	assert_int_equal(notes(r), 0);
	json_decref(r);
	json_decref(reset_to(foreign, "", &code, both, 2));
	assert_int_equal(code, 0);
	check_installed(foreign);
	r = reset_to(next, "", &code, both, 2);
	assert_int_equal(code, 0);
	assert_string_equal(note(r, 0, "answer"), "untrusted");
	assert_string_equal(note(r, 1, "answer"), "valid");
	check_installed(next);
	json_decref(r);
	tvs_fake_stop(&t);
	tvs_fake_stop(&back);
}

/* A mute TVS costs phones their time, all at once, and none after them. */
static void test_mute(void **state)
{
	static const struct {
		const char *options;
		unsigned connections;
	} rows[] = {
		{"--timeout 1 --parallel 1", 1},
		{"--timeout 4 --parallel 3", 3},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tvs_fake t = tvs_of(&old_keys, &as_a_cluster, TVS_MUTE);
		char *out;
		int code;

		(void)fresh(state);
		serve("ITLFile.tlv", first);
		free(run(&code, ITLPHONE " --state %s/state --count 3 --server 127.0.0.1 "
					 "--tftp-port %u reset 2>&1", dir, tftp.port));
		assert_int_equal(code, 0);
		serve("ITLFile.tlv", foreign);
		out = run(&code, ITLPHONE " --state %s/state --count 3 --server 127.0.0.1 "
					  "--tftp-port %u --tvs 127.0.0.1:%u %s --json "
					  "reset 2>&1", dir, tftp.port, t.port,
			  rows[i].options);
		assert_int_equal(code, 5);
		assert_int_equal(t.asked->connections, rows[i].connections);
		assert_non_null(strstr(out, "3 rejected a list"));
		free(out);
		tvs_fake_stop(&t);
	}
}

/* Many at once. */
static void test_many(void **state)
{
	const size_t count = support_rounds(500);
	struct tvs_fake t = tvs_of(&old_keys, &as_a_cluster, TVS_GOOD);
	char *out, name[32];
	int code;

	(void)state;
	for (int i = 0; i < 2; i++) {
		serve("ITLFile.tlv", i ? foreign : first);
		out = run(&code, ITLPHONE " --state %s/state --count %zu --server 127.0.0.1 "
					  "--tftp-port %u --tvs 127.0.0.1:%u reset 2>&1",
			  dir, count, tftp.port, t.port);
		assert_int_equal(code, 0);
		(void)snprintf(name, sizeof name, "%zu accepted a list", count);
		assert_non_null(strstr(out, name));
		free(out);
	}
	assert_int_equal(t.asked->query, count);
	tvs_fake_stop(&t);
}

static void test_old_phones(void **state)
{
	struct tvs_known known = {new_keys.callmanager.cert, {0}, 1};
	struct tvs_plan plan = {.cert = old_keys.tvs.cert, .key = old_keys.tvs.key,
				.known = &known, .nknown = 1, .tls_min = TLS1_VERSION,
				.tls_max = TLS1_VERSION, .ciphers = "AES128-SHA"};
	struct tvs_fake t = tvs_fake_start(&plan);
	json_t *r;
	int code;

	(void)state;
	install_first();
	r = reset_to(foreign, "", &code, &t.port, 1);
	assert_int_equal(code, 5);
	assert_string_equal(note(r, 0, "answer"), "error");
	json_decref(r);
	r = reset_to(foreign, "--tls-max 1.0", &code, &t.port, 1);
	assert_int_equal(code, 0);
	assert_string_equal(text(r, "verdict"), "by-tvs");
	json_decref(r);
	tvs_fake_stop(&t);
}

/* ---- signed configuration files ---- */

static void test_configuration(void **state)
{
	static const struct says sast = SAYS(0), tftp_alone = SAYS(3);
	struct bytes good = list_sgn(&new_keys, SGN, "<device/>"),
		     own = list_sgn(&old_keys, SGN, "<device/>"),
		     wrong = list_sgn(&new_keys, SGN, "<device/>"),
		     other = list_sgn(&new_keys, "SEP001122330001.cnf.xml.sgn", "<device/>");
	const struct {
		const struct says *says;
		struct bytes file;
		const char *want, *why;
		size_t asked;
	} rows[] = {
		{&as_a_cluster, good, "accepted", "TVS vouches", 1},
		{&tftp_alone, good, "accepted", "TVS vouches", 1},
		{&sast, good, "rejected", "nor does TVS", 1},
		{NULL, good, "rejected", "nor does TVS", 1},
		{&as_a_cluster, wrong, "rejected", "nor does TVS", 1},
		{&as_a_cluster, other, "rejected", "another name", 0},
		{&as_a_cluster, own, "accepted", "the installed list", 0},
	};
	json_t *r;
	int code;

	(void)state;
	((uint8_t *)wrong.p)[wrong.n - 1] ^= 1;
	install_first();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tvs_fake t = tvs_of(&old_keys, rows[i].says, TVS_GOOD);

		print_message("  row %zu\n", i);
		serve(SGN, rows[i].file);
		r = reset_to(first, "", &code, &t.port, 1);
		assert_int_equal(code, 0);
		assert_string_equal(text(r, "configuration"), rows[i].want);
		assert_non_null(strstr(text(r, "configuration_why"), rows[i].why));
		assert_int_equal(t.asked->query, rows[i].asked);
		assert_int_equal(notes(r), rows[i].asked);
		if (rows[i].asked)
			assert_string_equal(note(r, 0, "about"), SGN);
		json_decref(r);
		tvs_fake_stop(&t);
	}
	serve(SGN, good);
	r = reset_to(first, "", &code, NULL, 0);
	assert_string_equal(text(r, "configuration"), "rejected");
	json_decref(r);
	free((void *)good.p);
	free((void *)own.p);
	free((void *)wrong.p);
	free((void *)other.p);
}

/* ---- HTTPS ---- */

static struct server https_of(const struct signing *s)
{
	char path[4096];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/https.pem", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, s->cert), 1);
	assert_int_equal(PEM_write_PrivateKey(f, s->key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(f), 0);
	return server_https(path);
}

static json_t *open_https(const char *url, unsigned tvs, int *code)
{
	char words[64] = "", *out;
	json_t *r;

	if (tvs)
		(void)snprintf(words, sizeof words, "--tvs 127.0.0.1:%u", tvs);
	out = run(code, ITLPHONE " --state %s/state --json %s --https %s 2>&1", dir, words,
		  url);
	r = json_loads(out, 0, NULL);
	if (!r)
		fail_msg("no report: %s", out);
	free(out);
	return r;
}

static void test_https(void **state)
{
	const struct {
		const char *name;
		const struct signing *service;
		const struct keys *tls;
		const struct says *says;
		int code;
		const char *verdict, *answer;
	} rows[] = {
		{"in its list", &old_keys.callmanager, &old_keys, NULL, 0, "by-itl", NULL},
		{"in its list by hash", &old_keys.capf, NULL, NULL, 0, "by-itl", NULL},
		{"TVS knows it", &new_keys.callmanager, &old_keys, &as_a_cluster, 0,
		 "by-tvs", "valid"},
		{"TVS does not", &new_keys.capf, &old_keys, &as_a_cluster, 5, "not-trusted",
		 "invalid"},
		{"a stranger's TVS", &new_keys.callmanager, &new_keys, &as_a_cluster, 5,
		 "not-trusted", "untrusted"},
		{"no TVS", &new_keys.callmanager, NULL, NULL, 5, "not-trusted", NULL},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct server https = https_of(rows[i].service);
		struct tvs_fake t = {0};
		char url[64];
		json_t *r;
		int code;

		print_message("  %s\n", rows[i].name);
		(void)fresh(state);
		install_first();
		if (rows[i].tls)
			t = tvs_of(rows[i].tls, rows[i].says, TVS_GOOD);
		(void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", https.port);
		r = open_https(url, t.port, &code);
		assert_int_equal(code, rows[i].code);
		assert_string_equal(text(r, "verdict"), rows[i].verdict);
		assert_string_equal(text(r, "url"), url);
		assert_true(text(r, "why")[0]);
		assert_int_equal(json_is_true(json_object_get(r, "accepted")), code == 0);
		assert_int_equal(json_integer_value(json_object_get(r, "http")),
				 code == 0 ? 200 : 0);
		assert_int_equal(json_array_size(json_object_get(r, "status")), code != 0);
		if (code)
			assert_string_equal(last_status(r), "Host Not Found");
		assert_int_equal(notes(r), rows[i].answer != NULL);
		if (rows[i].answer) {
			assert_string_equal(note(r, 0, "answer"), rows[i].answer);
			assert_string_equal(note(r, 0, "question"), "verify");
		}
		json_decref(r);
		server_stop(&https);
		tvs_fake_stop(&t);
	}
}

/* Each phone for itself, in words for people, and in its log. */
static void test_https_for_people(void **state)
{
	struct server https = https_of(&new_keys.callmanager);
	struct tvs_fake t = tvs_of(&old_keys, &as_a_cluster, TVS_GOOD);
	char *out;
	int code;

	(void)state;
	install_first(); /* the first phone alone */
	out = run(&code, ITLPHONE " --state %s/state --count 2 --tvs 127.0.0.1:%u --https "
				  "https://127.0.0.1:%u/", dir, t.port, https.port);
	assert_int_equal(code, 5);
	assert_non_null(strstr(out, "SEP001122330000  opened          TVS vouches"));
	assert_non_null(strstr(out, "SEP001122330001  Host Not Found  its certificate"));
	free(out);
	free(run(&code, "grep -q 'Z Host Not Found$' %s/state/SEP001122330001/status.log",
		 dir));
	assert_int_equal(code, 0);
	server_stop(&https);
	tvs_fake_stop(&t);
}

static void test_https_not_there(void **state)
{
	char url[64];
	json_t *r;
	int code;

	(void)state;
	install_first();
	(void)snprintf(url, sizeof url, "https://127.0.0.1:%u/",
		       port_unused(SOCK_STREAM));
	r = open_https(url, 0, &code);
	assert_int_equal(code, 1);
	assert_string_equal(text(r, "verdict"), "no-answer");
	assert_string_equal(last_status(r), "Host Not Found");
	json_decref(r);
}

static void test_refused_command_lines(void **state)
{
	static const char *const rows[] = {
		"--tvs a --tvs b --tvs c --tvs d show", "--tvs a/b reset --server x",
		"--tvs a:0 --server x reset", "--tvs a:65536 --server x reset",
		"--tvs u@a --server x reset", "--tvs '' --server x reset",
		"--tls-max 1.4 --server x reset", "--tls-max 3 --https https://a/",
		"--https http://a/", "--https ftp://a/", "--https https://", "--https a b",
		"--https https://u:p@a/", "--https https://a/ show",
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

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lists),
		TEST(test_why),
		TEST(test_order),
		TEST(test_installed_list_counts),
		TEST(test_mute),
		TEST(test_many),
		TEST(test_old_phones),
		TEST(test_configuration),
		TEST(test_https),
		TEST(test_https_for_people),
		TEST(test_https_not_there),
		TEST(test_refused_command_lines),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
