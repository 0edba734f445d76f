/* What phones are told, and about which certificates. */
#include "support/support.h"
#include "answer.h"
#include "base/num.h"
#include "itl/trust.h"
#include "x509/x509.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CALLMANAGER, RECOVERY, TWIN, LEADING, OTHER, CERTS };

static EVP_PKEY *key;
static X509 *certs[CERTS];

/* With a serial of our choice: a high bit that DER keeps a zero byte before, or one
 * that others have too. */
static X509 *with_serial(const char *cn, const char *hex)
{
	struct x509_subject subject = {.cn = cn, .o = "cisco", .c = "US"};
	X509 *x = NULL;
	BIGNUM *n = NULL;
	struct err e;

	assert_ok(x509_self_sign(X509_CALLMANAGER, &subject, key, key, NULL, "SHA256",
				 time(NULL), 5, &x, &e), &e);
	assert_true(BN_hex2bn(&n, hex) > 0);
	assert_non_null(BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)));
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	BN_free(n);
	return x;
}

static int setup(void **state)
{
	(void)state;
	key = EVP_RSA_gen(1024);
	certs[CALLMANAGER] = with_serial("test10pub", "400A3B");
	certs[RECOVERY] = with_serial("ITLRECOVERY_test10pub", "400A3C");
	certs[TWIN] = with_serial("test10sub", "400A3B");
	certs[LEADING] = with_serial("leading", "80000000000000000000000000000001");
	certs[OTHER] = with_serial("elsewhere", "77");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < CERTS; i++)
		X509_free(certs[i]);
	EVP_PKEY_free(key);
	return 0;
}

/* Of all but OTHER. */
static struct truststore *a_store(void)
{
	struct truststore *v = NULL;
	struct err e;

	assert_ok(truststore_new(&v, &e), &e);
	assert_ok(truststore_add(v, certs[CALLMANAGER], trust_roles_of_unit("CallManager"), 86400, &e),
		  &e);
	assert_ok(truststore_add(v, certs[RECOVERY], trust_roles_of_unit("ITLRecovery"), 86400, &e), &e);
	assert_ok(truststore_add(v, certs[TWIN], TRUST_ROLE(ITL_TVS), 60, &e), &e);
	assert_ok(truststore_add(v, certs[LEADING], UINT32_MAX, 3600, &e), &e);
	/* Of the trust file, what is the token's own already: that stays. */
	assert_ok(truststore_add(v, certs[CALLMANAGER], TRUST_ROLE(ITL_CAPF), 60, &e), &e);
	assert_ok(truststore_sort(v, &e), &e);
	assert_int_equal(truststore_count(v), 4);
	return v;
}

static struct bytes der_of(X509 *x)
{
	uint8_t *der = NULL;
	int n = i2d_X509(x, &der);

	assert_true(n > 0);
	return bytes_of(der, (size_t)n);
}

static enum rc say(const struct truststore *v, const struct tvs_message *question,
		   struct tvs_message *answer, enum answer_kind *kind)
{
	static uint8_t frame[TVS_FRAME_MAX], out[ANSWER_MAX];
	struct writer q = writer_of(frame, sizeof frame), w = writer_of(out, sizeof out);
	struct err e;
	enum rc rc;

	tvs_write(&q, question);
	assert_false(q.bad);
	rc = answer_request(v, writer_bytes(&q), &w, kind, &e);
	if (rc == RC_OK)
		assert_ok(tvs_read(writer_bytes(&w), answer, &e), &e);
	else
		assert_int_equal(w.n, 0);
	return rc;
}

static const struct row {
	int cert;
	bool known;
	size_t nroles;
	uint8_t roles[TVS_ROLES_MAX];
	uint32_t ttl;
} rows[] = {
	{CALLMANAGER, true, 2, {0, 2}, 86400},
	{RECOVERY, true, 1, {0}, 86400},
	{TWIN, true, 1, {21}, 60},
	{LEADING, true, 7, {0, 1, 2, 3, 4, 7, 21}, 3600},
	{OTHER, false, 0, {0}, 0},
};

static void check(const struct row *r, const struct tvs_message *a, enum answer_kind kind)
{
	assert_int_equal(a->session, 77);
	assert_int_equal(kind, r->known ? ANSWER_VALID : ANSWER_UNKNOWN);
	assert_int_equal(a->status, r->known ? TVS_VALID : TVS_INVALID);
	assert_int_equal(a->roles.n, r->nroles);
	if (r->nroles)
		assert_memory_equal(a->roles.p, r->roles, r->nroles);
	assert_int_equal(a->ttl, r->ttl);
}

static void verify(void **state)
{
	struct truststore *v = a_store();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bytes der = der_of(certs[rows[i].cert]);
		struct tvs_message q = {.kind = TVS_VERIFY, .session = 77, .cert = der}, a;
		enum answer_kind kind;

		assert_int_equal(say(v, &q, &a, &kind), RC_OK);
		assert_int_equal(a.kind, TVS_VERIFIED);
		check(&rows[i], &a, kind);
		OPENSSL_free((void *)(uintptr_t)der.p);
	}
	truststore_free(v);
}

/* All but the very certificate: a byte changed, one more, cut; and what is none. */
static void verify_others(void **state)
{
	struct truststore *v = a_store();
	struct bytes der = der_of(certs[CALLMANAGER]);
	uint8_t copy[4096];
	struct tvs_message a;
	enum answer_kind kind;

	(void)state;
	assert_true(der.n < sizeof copy);
	for (size_t i = 0; i < der.n; i++) {
		struct tvs_message q = {.kind = TVS_VERIFY, .cert = {copy, der.n}};

		memcpy(copy, der.p, der.n);
		copy[i] ^= 1;
		assert_int_equal(say(v, &q, &a, &kind), RC_OK);
		assert_int_equal(a.status, TVS_INVALID);
	}
	memcpy(copy, der.p, der.n);
	copy[der.n] = 0;
	for (size_t n = 1; n <= der.n + 1; n++) {
		struct tvs_message q = {.kind = TVS_VERIFY, .cert = {copy, n}};

		assert_int_equal(say(v, &q, &a, &kind), RC_OK);
		assert_int_equal(a.status, n == der.n ? TVS_VALID : TVS_INVALID);
	}
	OPENSSL_free((void *)(uintptr_t)der.p);
	truststore_free(v);
}

static void query(void **state)
{
	struct truststore *v = a_store();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (int zeros = 0; zeros < 2; zeros++) {
			X509 *x = certs[rows[i].cert];
			struct bytes der = der_of(x), s;
			uint8_t serial[1 + ITL_MAX_SERIAL] = {0};
			char issuer[ITL_MAX_NAME];
			enum answer_kind kind;
			struct err e;
			size_t n;

			assert_ok(itl_name(X509_get_issuer_name(x), issuer, &n, &e), &e);
			assert_true(itl_serial(x, serial + 1, &s));
			memmove(serial + 1, s.p, s.n);
			struct tvs_message a, q = {
				.kind = TVS_QUERY,
				.session = 77,
				.issuer = bytes_of(issuer, n - 1),
				.serial = bytes_of(serial + !zeros, s.n + (size_t)zeros),
			};

			assert_int_equal(say(v, &q, &a, &kind), RC_OK);
			assert_int_equal(a.kind, TVS_FOUND);
			check(&rows[i], &a, kind);
			if (rows[i].known)
				assert_true(bytes_equal(a.cert, der));
			OPENSSL_free((void *)(uintptr_t)der.p);
		}
	truststore_free(v);
}

/* Names as others join them; and almost the right ones. */
static void names(void **state)
{
	static const struct {
		const char *issuer;
		struct bytes serial;
		bool found;
	} q[] = {
#define SERIAL(text) {(const uint8_t *)(text), sizeof(text) - 1}
		{"CN=test10pub;O=cisco;C=US", SERIAL("\x40\x0a\x3b"), true},
		{"C=US,O=cisco,CN=test10pub", SERIAL("\x40\x0a\x3b"), true},
		{"CN=test10pub;O=cisco;C=US", SERIAL("\0\x40\x0a\x3b"), true},
		{"CN=test10pub;O=cisco;C=US", SERIAL("\0\0\x40\x0a\x3b"), false},
		{"CN=test10pub;O=cisco;C=US", SERIAL("\x40\x0a"), false},
		{"CN=test10pub;O=cisco;C=US", SERIAL("\x40\x0a\x3b\x00"), false},
		{"CN=test10pub;O=cisco;C=US", SERIAL("\x40\x0a\x3c"), false},
		{"CN=test10pub;O=cisco", SERIAL("\x40\x0a\x3b"), false},
		{"CN=test10pu;O=cisco;C=US", SERIAL("\x40\x0a\x3b"), false},
		{"CN=Test10pub;O=cisco;C=US", SERIAL("\x40\x0a\x3b"), false},
		{"O=cisco;C=US", SERIAL("\x40\x0a\x3b"), false},
		/* each of the two that have this serial */
		{"CN=test10sub;O=cisco;C=US", SERIAL("\x40\x0a\x3b"), true},
	};
	struct truststore *v = a_store();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(q); i++) {
		const struct vouched *x =
			truststore_by_name(v, bytes_of_text(q[i].issuer), q[i].serial);

		if ((x != NULL) != q[i].found)
			fail_msg("row %zu", i + 1);
	}
	truststore_free(v);
}

static void no_requests(void **state)
{
	const struct tvs_message messages[] = {
		{.kind = TVS_VERIFIED, .status = TVS_INVALID},
		{.kind = TVS_FOUND, .status = TVS_INVALID},
	};
	struct truststore *v = a_store();
	struct tvs_message a;
	enum answer_kind kind;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(messages); i++)
		assert_int_equal(say(v, &messages[i], &a, &kind), RC_USAGE);
	truststore_free(v);
}

static void an_empty_store(void **state)
{
	struct truststore *v = NULL;
	struct err e;

	(void)state;
	assert_ok(truststore_new(&v, &e), &e);
	assert_ok(truststore_sort(v, &e), &e);
	assert_null(truststore_by_cert(v, bytes_of_text("x")));
	assert_null(truststore_by_name(v, bytes_of_text("CN=x"), bytes_of_text("1")));
	truststore_free(v);
	truststore_free(NULL);
}

/* Many, so that it is not luck: each is found, by both ways. */
static void many(void **state)
{
	struct truststore *v = NULL;
	X509 *all[60];
	struct err e;

	(void)state;
	assert_ok(truststore_new(&v, &e), &e);
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		char cn[16], hex[16];

		(void)snprintf(cn, sizeof cn, "n%zu", i);
		(void)snprintf(hex, sizeof hex, "%zx", 1000 + i * 37 % 50);
		all[i] = with_serial(cn, hex);
		assert_ok(truststore_add(v, all[i], TRUST_ROLE(ITL_SAST), (uint32_t)i + 1, &e), &e);
	}
	assert_ok(truststore_sort(v, &e), &e);
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		struct bytes der = der_of(all[i]), s;
		uint8_t serial[ITL_MAX_SERIAL];
		char issuer[ITL_MAX_NAME];
		const struct vouched *a = truststore_by_cert(v, der), *b;
		size_t n;

		assert_ok(itl_name(X509_get_issuer_name(all[i]), issuer, &n, &e), &e);
		assert_true(itl_serial(all[i], serial, &s));
		b = truststore_by_name(v, bytes_of(issuer, n), s);
		assert_non_null(a);
		assert_ptr_equal(a, b);
		assert_int_equal(a->ttl, i + 1);
		OPENSSL_free((void *)(uintptr_t)der.p);
		X509_free(all[i]);
	}
	truststore_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verify),	 cmocka_unit_test(verify_others),
		cmocka_unit_test(query),	 cmocka_unit_test(names),
		cmocka_unit_test(no_requests),	 cmocka_unit_test(an_empty_store),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
