/* Requests for an authority's certificates, and which of those are taken. */
#include "make.h"
#include "base/num.h"
#include "support/ca.h"
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

static const struct x509_subject subject = {"n1.example", "tac", "cisco", "rtp", "nc", "US"};

static struct world {
	EVP_PKEY *key, *other;
	X509_REQ *req;
	struct ca root, middle, stranger;
} w;

static X509_REQ *request(enum x509_profile profile)
{
	X509_REQ *r = NULL;
	struct err e;

	assert_ok(x509_request(profile, &subject, w.key, w.key, NULL, &r, &e), &e);
	return r;
}

static int setup(void **state)
{
	(void)state;
	w.key = EVP_RSA_gen(1024);
	w.other = EVP_RSA_gen(1024);
	w.req = request(X509_CALLMANAGER);
	w.root = ca_new("Root of tests", NULL);
	w.middle = ca_new("Middle of tests", &w.root);
	w.stranger = ca_new("Root of tests", NULL); /* the same name */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(w.key);
	EVP_PKEY_free(w.other);
	X509_REQ_free(w.req);
	ca_clear(&w.root);
	ca_clear(&w.middle);
	ca_clear(&w.stranger);
	return 0;
}

static bool same_extension(X509 *x, STACK_OF(X509_EXTENSION) *asked, int nid)
{
	int a = X509_get_ext_by_NID(x, nid, -1), b = X509v3_get_ext_by_NID(asked, nid, -1);

	if (a < 0 || b < 0)
		return a < 0 && b < 0;
	return ASN1_STRING_cmp(X509_EXTENSION_get_data(X509_get_ext(x, a)),
			       X509_EXTENSION_get_data(X509v3_get_ext(asked, b))) == 0;
}

/* What the self-signed certificate would have, each profile. */
static void requests(void **state)
{
	(void)state;
	for (enum x509_profile p = X509_CALLMANAGER; p <= X509_AUDIT; p++) {
		X509_REQ *r = request(p);
		STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(r);
		X509 *x = NULL;
		struct err e;

		assert_ok(x509_self_sign(p, &subject, w.key, w.key, NULL, "SHA1", MADE, 5,
					 &x, &e), &e);
		assert_int_equal(X509_REQ_verify(r, w.key), 1);
		assert_int_equal(X509_REQ_get_version(r), X509_REQ_VERSION_1);
		assert_int_equal(X509_REQ_get_signature_nid(r), NID_sha256WithRSAEncryption);
		assert_int_equal(X509_NAME_cmp(X509_REQ_get_subject_name(r),
					       X509_get_subject_name(x)), 0);
		assert_true(same_extension(x, asked, NID_key_usage));
		assert_true(same_extension(x, asked, NID_ext_key_usage));
		assert_int_equal(sk_X509_EXTENSION_num(asked), p == X509_AUDIT ? 1 : 2);
		sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
		X509_free(x);
		X509_REQ_free(r);
	}
}

static void requests_that_fail(void **state)
{
	struct x509_subject long_one = subject;
	X509_REQ *r = NULL;
	char cn[80];
	struct err e;

	(void)state;
	memset(cn, 'a', sizeof cn);
	cn[sizeof cn - 1] = '\0';
	long_one.cn = cn;
	assert_int_equal(x509_request(X509_TVS, &long_one, w.key, w.key, NULL, &r, &e),
			 RC_ERROR);
	assert_non_null(strstr(e.hint, "at most 64"));
	assert_int_equal(x509_request(X509_TVS, &subject, w.key, w.other, NULL, &r, &e),
			 RC_VERIFY);
	assert_null(r);
}

/* ---- chains ---- */

static enum rc check(X509 *const *certs, size_t n, enum x509_profile profile,
		     int64_t now, struct err *e)
{
	struct x509_chain c = {.n = 0};
	struct bytes der = ca_chain(certs, n);
	enum rc rc = x509_chain_read(der, &c, e);

	if (rc == RC_OK)
		rc = x509_chain_check(&c, profile, w.key, now, e);
	x509_chain_clear(&c);
	bytes_free(der);
	if (rc != RC_OK)
		print_message("  %s: %s; %s\n", e->what, e->why, e->hint);
	return rc;
}

enum { LEAF, ROOT, MIDDLE, STRANGER, NONE };

static void chains(void **state)
{
	static const struct {
		const char *name;
		int order[5];
		enum rc rc;
		const char *why;
	} rows[] = {
		{"good", {LEAF, MIDDLE, ROOT, NONE}, RC_OK, NULL},
		{"the root before the middle", {LEAF, ROOT, MIDDLE, NONE}, RC_OK, NULL},
		{"another's root beside it", {LEAF, STRANGER, MIDDLE, ROOT, NONE}, RC_OK, NULL},
		{"alone", {LEAF, NONE}, RC_VERIFY, "\"CN=Middle of tests\""},
		{"no middle", {LEAF, ROOT, NONE}, RC_VERIFY, "\"CN=Middle of tests\""},
		{"no root", {LEAF, MIDDLE, NONE}, RC_VERIFY, "\"CN=Root of tests\""},
		{"a root of the same name", {LEAF, MIDDLE, STRANGER, NONE}, RC_VERIFY, ""},
		{"wrong order", {MIDDLE, LEAF, ROOT, NONE}, RC_USAGE, "not the first"},
		{"no leaf", {MIDDLE, ROOT, NONE}, RC_REFUSED, "another key's"},
	};
	const struct ca_whim none = {0};
	X509 *leaf = ca_issue(&w.middle, w.req, NULL, &none);
	X509 *const all[] = {leaf, w.root.cert, w.middle.cert, w.stranger.cert};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		X509 *certs[5];
		struct err e = {0};
		size_t n = 0;

		print_message("%s\n", rows[i].name);
		for (; rows[i].order[n] != NONE; n++)
			certs[n] = all[rows[i].order[n]];
		assert_int_equal(check(certs, n, X509_CALLMANAGER, time(NULL), &e),
				 rows[i].rc);
		if (rows[i].why)
			assert_non_null(strstr(e.why, rows[i].why));
	}
	X509_free(leaf);
}

static void leaves(void **state)
{
	static const struct {
		const char *name;
		struct ca_whim whim;
		bool other;
		enum x509_profile profile;
		int64_t later;
		enum rc rc;
		const char *why;
	} rows[] = {
		{"long serial", {.serial_len = 20}, false, X509_CALLMANAGER, 0, RC_OK, NULL},
		{"another subject", {.cn = "x"}, false, X509_CALLMANAGER, 0, RC_OK, NULL},
		{"no usages at all", {.usage = "", .extended = ""}, false, X509_CAPF, 0, RC_OK, NULL},
		{"any usage", {.extended = "anyExtendedKeyUsage"}, false, X509_CALLMANAGER, 0, RC_OK, NULL},
		{"another key", {0}, true, X509_CALLMANAGER, 0, RC_REFUSED, "another key's"},
		{"expired", {.from = -100, .to = -10}, false, X509_CALLMANAGER, 0, RC_VERIFY, "has expired"},
		{"not yet", {.from = 100, .to = 1000}, false, X509_CALLMANAGER, 0, RC_VERIFY, "not valid yet"},
		{"its authority expired", {.from = -1, .to = 800L * 24 * 3600}, false, X509_CALLMANAGER,
		 500L * 24 * 3600, RC_VERIFY, "has expired"},
		{"no server", {.extended = "clientAuth"}, false, X509_CALLMANAGER, 0, RC_REFUSED, "serverAuth"},
		{"no client", {.extended = "serverAuth"}, false, X509_CALLMANAGER, 0, RC_REFUSED, "clientAuth"},
		{"no client", {.extended = "serverAuth"}, false, X509_TVS, 0, RC_OK, NULL},
		{"signs nothing", {.usage = "keyEncipherment"}, false, X509_TVS, 0, RC_REFUSED, "digitalSignature"},
		{"no CAPF's", {.usage = "digitalSignature"}, false, X509_CAPF, 0, RC_REFUSED, "keyCertSign"},
		{"too long", {.pad = 4000}, false, X509_CALLMANAGER, 0, RC_REFUSED, "over 4096 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		X509 *certs[] = {ca_issue(&w.root, w.req, rows[i].other ? w.other : NULL,
					  &rows[i].whim), w.root.cert};
		struct err e = {0};

		print_message("%s\n", rows[i].name);
		assert_int_equal(check(certs, 2, rows[i].profile,
				       time(NULL) + rows[i].later, &e), rows[i].rc);
		if (rows[i].why)
			assert_non_null(strstr(e.why, rows[i].why));
		X509_free(certs[0]);
	}
}

static void what_signs_itself(void **state)
{
	struct ca own = {.key = w.key};
	X509 *selfsigned = NULL, *certs[2];
	const struct ca_whim issuer = {.issuer = X509_REQ_get_subject_name(w.req)};
	struct err e;

	(void)state;
	assert_ok(x509_self_sign(X509_CALLMANAGER, &subject, w.key, w.key, NULL, "SHA1",
				 time(NULL), 5, &selfsigned, &e), &e);
	certs[0] = selfsigned;
	certs[1] = w.root.cert;
	assert_int_equal(check(certs, 1, X509_CALLMANAGER, time(NULL), &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "names itself"));
	X509_free(selfsigned);
	/* or says so */
	certs[0] = ca_issue(&w.root, w.req, NULL, &issuer);
	assert_int_equal(check(certs, 2, X509_CALLMANAGER, time(NULL), &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "names itself"));
	X509_free(certs[0]);
	/* an "authority" that is none */
	own.cert = ca_issue(&w.root, w.req, w.other, &(struct ca_whim){.cn = "no authority"});
	own.key = w.other;
	certs[0] = ca_issue(&own, w.req, NULL, &(struct ca_whim){0});
	X509 *const chain[] = {certs[0], own.cert, w.root.cert};

	assert_int_equal(check(chain, 3, X509_CALLMANAGER, time(NULL), &e), RC_VERIFY);
	assert_non_null(strstr(e.what, "no authority"));
	X509_free(certs[0]);
	X509_free(own.cert);
}

/* Every byte counts: changed, it is refused, whatever it is. */
static void damaged(void **state)
{
	const struct ca_whim none = {0};
	X509 *certs[] = {ca_issue(&w.root, w.req, NULL, &none), w.root.cert};
	struct bytes der = ca_chain(certs, 2);
	size_t first = num_size(i2d_X509(certs[0], NULL)), reads = 0;

	(void)state;
	for (size_t i = 0; i < first; i++) {
		uint8_t *at = (uint8_t *)(uintptr_t)der.p + i;
		struct x509_chain c = {.n = 0};
		struct err e;

		*at ^= 1;
		if (x509_chain_read(der, &c, &e) == RC_OK) {
			reads++;
			if (x509_chain_check(&c, X509_CALLMANAGER, w.key, time(NULL), &e) ==
			    RC_OK)
				fail_msg("byte %zu of %zu", i, first);
		}
		x509_chain_clear(&c);
		*at ^= 1;
	}
	assert_true(reads > first / 2);
	bytes_free(der);
	X509_free(certs[0]);
}

static void what_is_no_chain(void **state)
{
	X509 *many[X509_CHAIN_MAX + 1];
	struct x509_chain c = {.n = 0};
	struct bytes der;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = w.root.cert;
	for (size_t n = X509_CHAIN_MAX; n <= X509_CHAIN_MAX + 1; n++) {
		der = ca_chain(many, n);
		assert_int_equal(x509_chain_read(der, &c, &e),
				 n == X509_CHAIN_MAX ? RC_OK : RC_USAGE);
		x509_chain_clear(&c);
		bytes_free(der);
	}
	der = ca_chain(many, 2);
	for (size_t cut = 1; cut < der.n; cut += 7)
		if (der.n - cut != der.n / 2)
			assert_int_equal(x509_chain_read(bytes_of(der.p, der.n - cut), &c,
							 &e), RC_USAGE);
	bytes_free(der);
	assert_int_equal(x509_chain_read(bytes_of("", 0), &c, &e), RC_USAGE);
	assert_int_equal(x509_chain_read(bytes_of_text("no certificate"), &c, &e),
			 RC_USAGE);
	assert_int_equal(c.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(requests_that_fail),
		cmocka_unit_test(chains),
		cmocka_unit_test(leaves),
		cmocka_unit_test(what_signs_itself),
		cmocka_unit_test(damaged),
		cmocka_unit_test(what_is_no_chain),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
