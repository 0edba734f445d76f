/* carry's question to a TVS: one that answers as it must, and all others. */
#include "support/support.h"

#include "base/hex.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/run.h"
#include "itl/itl.h"
#include "support/server.h"
#include "support/tvs.h"
#include "x509/x509.h"
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static char program[PATH_MAX];
static EVP_PKEY *key;
static X509 *tls, *other_tls, *callmanager, *recovery;

static X509 *make(enum x509_profile profile, const char *cn)
{
	struct x509_subject subject = {.cn = cn, .o = "test", .c = "US"};
	X509 *cert = NULL;
	struct err e;

	assert_ok(x509_self_sign(profile, &subject, key, key, NULL, "SHA256", time(NULL),
				 5, &cert, &e), &e);
	return cert;
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	assert_ok(proc_sibling("carry", program, sizeof program, &e), &e);
	key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	tls = make(X509_TVS, "test10pub");
	other_tls = make(X509_TVS, "test10pub");
	callmanager = make(X509_CALLMANAGER, "test10pub");
	recovery = make(X509_RECOVERY, "ITLRECOVERY_test10");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	X509_free(tls);
	X509_free(other_tls);
	X509_free(callmanager);
	X509_free(recovery);
	EVP_PKEY_free(key);
	return 0;
}

static size_t add(const X509 *cert, uint8_t *to)
{
	return (size_t)i2d_X509(cert, &to);
}

/* The whole job; both certificates, and `more` bytes of rubbish. */
static enum rc ask_of(const char *address, unsigned port, const X509 *shown, int seconds,
		      size_t more, struct err *e)
{
	uint8_t sha1[SHA1_LEN], content[8192] = {0};
	size_t n = add(callmanager, content);
	char hex[SHA1_HEX];
	struct carry_job j = CARRY_JOB(.program = program, .seconds = 60);

	n += add(recovery, content + n) + more;
	assert_int_equal(X509_digest(shown, EVP_sha1(), sha1, NULL), 1);
	j.content = bytes_of(content, n);
	j.job = json_pack("{s:s, s:s, s:i, s:s, s:i}", "do", "tvs", "address", address,
			  "port", (int)port, "sha1", hex_of(bytes_of(sha1, sizeof sha1),
							    hex, sizeof hex),
			  "seconds", seconds);
	return carry_run(&j, NULL, NULL, e);
}

static enum rc ask(unsigned port, int seconds, struct err *e)
{
	return ask_of("127.0.0.1", port, tls, seconds, 0, e);
}

/* ---- what it says ---- */

enum knows { BOTH, ONE, NOBODY, NO_SAST, ANOTHER };

/* A certificate of the same serial, which is another one. */
static X509 *twin(X509 *of)
{
	X509 *t = X509_dup(of);

	assert_int_equal(X509_set_serialNumber(t, X509_get_serialNumber(of)), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(t), 3600));
	assert_true(X509_sign(t, key, EVP_sha256()) > 0);
	return t;
}

static void test_words(void **state)
{
	static const struct {
		enum knows knows;
		const char *why; /* NULL: it is well */
	} rows[] = {
		{BOTH, NULL},
		{ONE, "does not vouch for a certificate of this cluster"},
		{NOBODY, "does not vouch for a certificate of this cluster"},
		{NO_SAST, "does not say of a certificate that signs lists that it may"},
		{ANOTHER, "vouches for another certificate than was asked about"},
	};
	X509 *false_one = twin(recovery);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tvs_known known[] = {
			{callmanager, {ITL_SAST, ITL_CCM_TFTP}, 2},
			{rows[i].knows == ANOTHER ? false_one : recovery,
			 {rows[i].knows == NO_SAST ? ITL_CAPF : ITL_SAST}, 1}};
		struct tvs_plan plan = {.cert = tls, .key = key, .known = known,
					.nknown = rows[i].knows == NOBODY ? 0
						  : rows[i].knows == ONE  ? 1 : 2};
		struct tvs_fake t = tvs_fake_start(&plan);
		struct err e = {0};
		enum rc rc = ask(t.port, 30, &e);
		char text[1200];

		print_message("%s\n", rc ? err_text(&e, text, sizeof text) : "well");
		assert_int_equal(rc, rows[i].why ? RC_VERIFY : RC_OK);
		assert_true(t.asked->query >= (rows[i].knows == NOBODY ? 1 : 2));
		if (rows[i].why) {
			assert_non_null(strstr(e.why, rows[i].why));
			assert_non_null(strstr(e.what, "CN="));
			assert_non_null(strstr(e.hint, "itlkeeper-tvs"));
		}
		tvs_fake_stop(&t);
	}
	X509_free(false_one);
}

/* The phones' lists name one certificate. */
static void test_certificate(void **state)
{
	struct tvs_plan plan = {.cert = other_tls, .key = key};
	struct tvs_fake t = tvs_fake_start(&plan);
	struct err e;

	(void)state;
	assert_int_equal(ask(t.port, 30, &e), RC_VERIFY);
	assert_non_null(strstr(e.why, "another certificate than the node's current one"));
	assert_int_equal(t.asked->query, 0);
	tvs_fake_stop(&t);
}

/* ---- one that is broken, or not there ---- */

static void test_faults(void **state)
{
	static const enum tvs_fault faults[] = {
		TVS_MUTE, TVS_NO_TLS, TVS_MUTE_AFTER, TVS_HANGS_UP, TVS_CUT, TVS_ENDLESS,
		TVS_NO_FRAME, TVS_OTHER_SESSION, TVS_ASKS_BACK, TVS_NO_CERT};
	struct tvs_known known[] = {{callmanager, {ITL_SAST}, 1}, {recovery, {ITL_SAST}, 1}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		struct tvs_plan plan = {.cert = tls, .key = key, .known = known,
					.nknown = 2, .fault = faults[i]};
		struct tvs_fake t = tvs_fake_start(&plan);
		struct err e = {0};
		char text[1200];

		assert_int_not_equal(ask(t.port, 1, &e), RC_OK);
		print_message("%s\n", err_text(&e, text, sizeof text));
		assert_true(e.hint[0]);
		/* It gave up by itself, and says what it met. */
		assert_null(strstr(e.why, "did not end"));
		tvs_fake_stop(&t);
	}
}

static void test_nobody(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(ask(port_unused(SOCK_STREAM), 10, &e), RC_STALE);
	assert_non_null(strstr(e.hint, "systemctl restart itlkeeper-tvs"));
}

static void test_jobs(void **state)
{
	struct tvs_known known[] = {{callmanager, {ITL_SAST}, 1}, {recovery, {ITL_SAST}, 1}};
	struct tvs_plan plan = {.cert = tls, .key = key, .known = known, .nknown = 2};
	struct tvs_fake t = tvs_fake_start(&plan);
	struct err e;

	(void)state;
	assert_int_equal(ask(0, 1, &e), RC_USAGE);
	assert_int_equal(ask(65536, 1, &e), RC_USAGE);
	assert_int_equal(ask(t.port, 0, &e), RC_USAGE);
	/* What is no certificate is nothing that was vouched for. */
	assert_int_equal(ask_of("127.0.0.1", t.port, tls, 30, 1, &e), RC_USAGE);
	assert_non_null(strstr(e.why, "is no certificate"));
	tvs_fake_stop(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_jobs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
