/* A phone's questions to a TVS, to one that answers and to those that misbehave. */
#include "support/support.h"
#include "base/num.h"
#include "base/proc.h"
#include "support/server.h"
#include "support/tvs.h"
#include "tvs/ask.h"
#include "x509/x509.h"
#include <openssl/sha.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SOON 0.5   /* seconds that a mute server gets */
#define ENOUGH 60.0 /* that a good one gets: the machine may be busy */

static EVP_PKEY *key;
static X509 *tvs_cert, *signer;
static struct tvs_known known;

static X509 *make(enum x509_profile profile, const char *cn)
{
	struct x509_subject subject = {.cn = cn, .o = "test", .c = "US"};
	X509 *cert = NULL;
	struct err e;

	assert_ok(x509_self_sign(profile, &subject, key, key, NULL, "SHA256", time(NULL),
				 5, &cert, &e),
		  &e);
	return cert;
}

static int setup(void **state)
{
	(void)state;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	tvs_cert = make(X509_TVS, "test10pub");
	signer = make(X509_CALLMANAGER, "test10pub");
	known = (struct tvs_known){signer, {0, 2}, 2};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	X509_free(tvs_cert);
	X509_free(signer);
	EVP_PKEY_free(key);
	return 0;
}

static struct tvs_plan good_plan(void)
{
	return (struct tvs_plan){.cert = tvs_cert, .key = key, .known = &known,
				 .nknown = 1};
}

static struct tvs_server at(unsigned port)
{
	return (struct tvs_server){.host = "127.0.0.1", .port = port, .timeout = ENOUGH};
}

/* What the certificate must be; counts how often it was asked. */
struct want {
	X509 *cert;
	unsigned asked;
};

static bool trusts(void *arg, struct bytes cert, const uint8_t sha1[SHA1_LEN])
{
	struct want *w = arg;
	uint8_t want[SHA1_LEN], of_cert[SHA1_LEN];

	w->asked++;
	assert_non_null(SHA1(cert.p, cert.n, of_cert));
	assert_memory_equal(of_cert, sha1, SHA1_LEN);
	assert_int_equal(X509_digest(w->cert, EVP_sha1(), want, NULL), 1);
	return !memcmp(want, sha1, SHA1_LEN);
}

static struct tvs_message query_for(X509 *cert)
{
	const ASN1_INTEGER *s = X509_get0_serialNumber(cert);

	return (struct tvs_message){
		.kind = TVS_QUERY,
		.device = bytes_of_text("SEP001122330000"),
		.subject = bytes_of_text("CN=test10pub;O=test;C=US"),
		.issuer = bytes_of_text("CN=test10pub;O=test;C=US"),
		.serial = bytes_of(ASN1_STRING_get0_data(s),
				   (size_t)ASN1_STRING_length(s)),
	};
}

static struct bytes der_of(X509 *cert)
{
	uint8_t *der = NULL;
	int n = i2d_X509(cert, &der);

	assert_true(n > 0);
	return bytes_of(der, (size_t)n);
}

static struct tvs_ask *open_ok(const struct tvs_server *s)
{
	struct want w = {.cert = tvs_cert};
	struct tvs_ask *a = NULL;
	struct err e;

	assert_ok(tvs_ask_open(s, trusts, &w, &a, &e), &e);
	assert_int_equal(w.asked, 1);
	return a;
}

static void test_questions(void **state)
{
	const enum tvs_fault faults[] = {TVS_GOOD, TVS_SLOW_BYTES};
	struct bytes der = der_of(signer), foreign = der_of(tvs_cert);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		struct tvs_plan plan = good_plan();
		struct tvs_message q = query_for(signer), m;
		struct tvs_fake t;
		struct tvs_server s;
		struct tvs_ask *a;
		struct err e;

		plan.fault = faults[i];
		t = tvs_fake_start(&plan);
		s = at(t.port);
		a = open_ok(&s);
		/* Several on one connection. */
		assert_ok(tvs_ask_question(a, &q, &m, &e), &e);
		assert_int_equal(m.kind, TVS_FOUND);
		assert_int_equal(m.status, TVS_VALID);
		assert_true(bytes_equal(m.cert, der));
		assert_true(bytes_equal(m.roles, bytes_of("\0\2", 2)));
		assert_int_equal(m.ttl, TVS_TTL);
		q = query_for(tvs_cert);
		assert_ok(tvs_ask_question(a, &q, &m, &e), &e);
		assert_int_equal(m.status, TVS_INVALID);
		q = (struct tvs_message){.kind = TVS_VERIFY, .cert = der};
		assert_ok(tvs_ask_question(a, &q, &m, &e), &e);
		assert_int_equal(m.kind, TVS_VERIFIED);
		assert_int_equal(m.status, TVS_VALID);
		q.cert = foreign;
		assert_ok(tvs_ask_question(a, &q, &m, &e), &e);
		assert_int_equal(m.status, TVS_INVALID);
		tvs_ask_free(a);
		assert_int_equal(t.asked->connections, 1);
		assert_int_equal(t.asked->verify, 2);
		assert_int_equal(t.asked->query, 2);
		tvs_fake_stop(&t);
	}
	free((void *)der.p);
	free((void *)foreign.p);
}

/* The handshake ends before the stranger is asked anything. */
static void test_stranger(void **state)
{
	struct tvs_plan plan = good_plan();
	struct tvs_fake t = tvs_fake_start(&plan);
	const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		struct tvs_server s = at(t.port);
		struct want w = {.cert = signer};
		struct tvs_ask *a = NULL;
		struct err e;

		s.tls_max = versions[i];
		assert_int_equal(tvs_ask_open(&s, trusts, &w, &a, &e), RC_REFUSED);
		assert_null(a);
		assert_int_equal(w.asked, 1);
	}
	assert_int_equal(t.asked->handshakes, 0);
	tvs_fake_stop(&t);
}

static void test_versions(void **state)
{
	static const struct {
		const char *name;
		int server_min, server_max, client_min, client_max;
		const char *ciphers;
		enum rc rc;
	} rows[] = {
		{"TLS 1.0, RSA key exchange", TLS1_VERSION, TLS1_VERSION, TLS1_VERSION,
		 TLS1_VERSION, "AES128-SHA", RC_OK},
		{"TLS 1.0, ECDHE", TLS1_VERSION, TLS1_VERSION, TLS1_VERSION, 0,
		 "ECDHE-RSA-AES128-SHA", RC_OK},
		{"TLS 1.1", TLS1_1_VERSION, TLS1_1_VERSION, TLS1_VERSION, 0, NULL, RC_OK},
		{"TLS 1.0 is not let in unasked", TLS1_VERSION, TLS1_VERSION, 0, 0, NULL,
		 RC_ERROR},
		{"TLS 1.2, RSA key exchange", TLS1_2_VERSION, TLS1_2_VERSION, 0, 0,
		 "AES256-SHA", RC_OK},
		{"TLS 1.2, ECDHE", TLS1_2_VERSION, TLS1_2_VERSION, 0, 0,
		 "ECDHE-RSA-AES256-GCM-SHA384", RC_OK},
		{"TLS 1.3", TLS1_3_VERSION, TLS1_3_VERSION, 0, 0, NULL, RC_OK},
		{"an old phone, a new server", TLS1_2_VERSION, 0, TLS1_VERSION,
		 TLS1_VERSION, NULL, RC_ERROR},
		{"no such version", TLS1_2_VERSION, 0, 7, 0, NULL, RC_USAGE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tvs_plan plan = good_plan();
		struct tvs_message q = query_for(signer), m;
		struct want w = {.cert = tvs_cert};
		struct tvs_ask *a = NULL;
		struct tvs_server s;
		struct tvs_fake t;
		struct err e = {0};
		enum rc rc;

		print_message("  %s\n", rows[i].name);
		plan.tls_min = rows[i].server_min;
		plan.tls_max = rows[i].server_max;
		plan.ciphers = rows[i].ciphers;
		t = tvs_fake_start(&plan);
		s = at(t.port);
		s.tls_min = rows[i].client_min;
		s.tls_max = rows[i].client_max;
		rc = tvs_ask_open(&s, trusts, &w, &a, &e);
		if (rc != rows[i].rc)
			fail_msg("%s: %d: %s", rows[i].name, rc, e.why);
		if (rc == RC_OK) {
			assert_ok(tvs_ask_question(a, &q, &m, &e), &e);
			assert_int_equal(m.status, TVS_VALID);
		}
		tvs_ask_free(a);
		tvs_fake_stop(&t);
	}
}

static void test_faults(void **state)
{
	static const struct {
		const char *name;
		enum tvs_fault fault;
		enum rc open, ask;
		double timeout;
		const char *why;
	} rows[] = {
		{"mute", TVS_MUTE, RC_STALE, RC_OK, SOON, "no answer in time"},
		{"no TLS", TVS_NO_TLS, RC_ERROR, RC_OK, ENOUGH, "wrong version number"},
		{"mute after the handshake", TVS_MUTE_AFTER, RC_OK, RC_STALE, 2,
		 "no answer in time"},
		{"drips", TVS_ENDLESS, RC_OK, RC_STALE, 2, "no answer in time"},
		{"tickets and no answer", TVS_TICKETS, RC_OK, RC_STALE, 2,
		 "no answer in time"},
		{"hangs up", TVS_HANGS_UP, RC_OK, RC_STALE, ENOUGH, "it hung up"},
		{"cut", TVS_CUT, RC_OK, RC_STALE, ENOUGH, "it hung up"},
		{"no frame", TVS_NO_FRAME, RC_OK, RC_VERIFY, ENOUGH, "begins as none does"},
		{"trailing", TVS_TRAILING, RC_OK, RC_VERIFY, ENOUGH,
		 "an element does not belong there"},
		{"another session", TVS_OTHER_SESSION, RC_OK, RC_VERIFY, ENOUGH,
		 "is to another session"},
		{"another kind", TVS_OTHER_KIND, RC_OK, RC_VERIFY, ENOUGH,
		 "is to another kind of question"},
		{"asks back", TVS_ASKS_BACK, RC_OK, RC_VERIFY, ENOUGH,
		 "is to another kind of question"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tvs_plan plan = good_plan();
		struct tvs_message q = query_for(signer), m;
		struct want w = {.cert = tvs_cert};
		struct tvs_ask *a = NULL;
		struct tvs_server s;
		struct tvs_fake t;
		struct err e = {0};
		enum rc rc;

		print_message("  %s\n", rows[i].name);
		plan.fault = rows[i].fault;
		t = tvs_fake_start(&plan);
		s = at(t.port);
		s.timeout = rows[i].timeout;
		rc = tvs_ask_open(&s, trusts, &w, &a, &e);
		assert_int_equal(rc, rows[i].open);
		if (rc == RC_OK)
			assert_int_equal(tvs_ask_question(a, &q, &m, &e), rows[i].ask);
		if (!strstr(e.why, rows[i].why))
			fail_msg("%s: %s", rows[i].name, e.why);
		/* And nothing more of this one. */
		if (rc == RC_OK) {
			assert_int_equal(tvs_ask_question(a, &q, &m, &e), RC_STALE);
			assert_string_equal(e.why, "the connection is over");
		}
		tvs_ask_free(a);
		tvs_fake_stop(&t);
	}
}

static void test_nobody(void **state)
{
	struct tvs_server s = at(port_unused(SOCK_STREAM));
	struct want w = {.cert = tvs_cert};
	struct tvs_ask *a = NULL;
	struct err e;

	(void)state;
	assert_int_equal(tvs_ask_open(&s, trusts, &w, &a, &e), RC_STALE);
	assert_non_null(strstr(e.what, "127.0.0.1:"));
	s.host = "no-such-host.invalid";
	assert_int_equal(tvs_ask_open(&s, trusts, &w, &a, &e), RC_ERROR);
	assert_null(a);
	assert_int_equal(w.asked, 0);
}

/* What does not fit is not sent, and the next question can be asked. */
static void test_too_long(void **state)
{
	static const uint8_t much[TVS_REQUEST_MAX];
	struct tvs_plan plan = good_plan();
	struct tvs_fake t = tvs_fake_start(&plan);
	struct tvs_server s = at(t.port);
	struct tvs_ask *a = open_ok(&s);
	struct tvs_message q = {.kind = TVS_VERIFY, .cert = bytes_of(much, sizeof much)};
	struct tvs_message m;
	struct err e;

	(void)state;
	assert_int_equal(tvs_ask_question(a, &q, &m, &e), RC_USAGE);
	q = query_for(signer);
	assert_ok(tvs_ask_question(a, &q, &m, &e), &e);
	tvs_ask_free(a);
	tvs_fake_stop(&t);
}

/* A server that is gone raises no SIGPIPE: the test would end here. */
static void test_gone(void **state)
{
	struct tvs_plan plan = good_plan();
	struct tvs_fake t = tvs_fake_start(&plan);
	struct tvs_server s = at(t.port);
	struct tvs_ask *a = open_ok(&s);
	struct tvs_message q = query_for(signer), m;
	struct err e;

	(void)state;
	tvs_fake_stop(&t);
	assert_int_equal(tvs_ask_question(a, &q, &m, &e), RC_STALE);
	tvs_ask_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_stranger),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
