/* A key's way into a token: to prove it, and to stay. */
#include "fixture.h"
#include "wrap-fixture.h"
#include "base/num.h"
#include <string.h>

/* ---- proof ---- */

/* On SoftHSM by a conversion, and on a token that does it all. */
static const struct {
	int does_cbc_pad;
	enum hsm_route route;
} tokens[] = {{0, HSM_ROUTE_CONVERT}, {1, HSM_ROUTE_CBC_PAD}};

static void test_prove(void **state)
{
	static const unsigned sizes[] = {1024, 2048, 4096};
	struct fixture *f = *state;
	struct mock *m = mock_of(state);
	size_t before = objects_in(f->session);

	for (size_t t = 0; t < COUNT_OF(tokens); t++)
		for (size_t i = 0; i < COUNT_OF(sizes); i++) {
			struct wrapped_key CLEANUP(wrapped_key_clear) w;
			EVP_PKEY *soft = software_key(sizes[i],
						      sizes[i] == 2048 ? 1 : -1);
			X509 *cert = software_cert(soft);
			enum hsm_route route = HSM_ROUTE_COUNT;
			struct err e;

			m->does_cbc_pad = tokens[t].does_cbc_pad;
			wrap_software(&w, soft);
			assert_ok(hsm_wrapped_prove(f->session, &w, cert, &route,
						    &e), &e);
			assert_int_equal(route, tokens[t].route);
			assert_int_equal(objects_in(f->session), before);
			X509_free(cert);
			EVP_PKEY_free(soft);
		}
	*m = (struct mock){0};
}

/* Must not open, or not match; and nothing stays. */
static void assert_proves_not(struct fixture *f, const struct wrapped_key *w,
			      X509 *cert, enum rc rc, const char *why)
{
	size_t before = objects_in(f->session);
	enum hsm_route route = HSM_ROUTE_COUNT;
	struct err e;

	assert_int_equal(hsm_wrapped_prove(f->session, w, cert, &route, &e), rc);
	if (!strstr(e.why, why))
		fail_msg("%s", fixture_text(&e));
	assert_int_equal(route, HSM_ROUTE_COUNT);
	assert_int_equal(objects_in(f->session), before);
}

static void test_damaged(void **state)
{
	struct fixture *f = *state;
	struct mock *m = mock_of(state);
	EVP_PKEY *soft = software_key(1024, -1);
	X509 *cert = software_cert(soft);
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	size_t n;

	wrap_software(&w, soft);
	n = w.n;
	for (size_t t = 0; t < COUNT_OF(tokens); t++) {
		m->does_cbc_pad = tokens[t].does_cbc_pad;
		/* every truncation */
		for (w.n = 0; w.n < n; w.n++)
			assert_proves_not(f, &w, cert, RC_VERIFY, "does not open");
		w.n = n;
		/* a bit of every block before the secret numbers, and of the last:
		 * it does not open, or it is another key */
		for (size_t at = 5; at < n; at += 16) {
			if (at > 160 && at < n - 16)
				continue;
			w.bytes[at] ^= 0x20;
			assert_proves_not(f, &w, cert, RC_VERIFY, "");
			w.bytes[at] ^= 0x20;
		}
		w.iv[0] ^= 1;
		assert_proves_not(f, &w, cert, RC_VERIFY, "does not open");
		w.iv[0] ^= 1;
		/* the host sees that at once, and asks no token */
		w.kek->p[31] ^= 1;
		m->count[MOCK_UNWRAP] = 0;
		assert_proves_not(f, &w, cert, RC_VERIFY, "does not open");
		assert_int_equal(m->count[MOCK_UNWRAP], 0);
		w.kek->p[31] ^= 1;
		/* a block more than there is */
		w.n = n + 16;
		assert_proves_not(f, &w, cert, RC_VERIFY, "does not open");
		w.n = n;
	}
	*m = (struct mock){0};
	X509_free(cert);
	EVP_PKEY_free(soft);
}

static void test_other_certificates(void **state)
{
	struct fixture *f = *state;
	struct mock *m = mock_of(state);
	EVP_PKEY *soft = software_key(2048, 0);
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	const struct {
		const char *name;
		EVP_PKEY *key;
		enum rc rc;
		const char *why;
	} rows[] = {
		{"another key", software_key(2048, 1), RC_VERIFY, "is not the private key"},
		{"a smaller one", software_key(1024, -1), RC_VERIFY, "is not the private key"},
		{"a larger one", software_key(4096, -1), RC_VERIFY, "is not the private key"},
		{"of 3072 bits", software_key(3072, -1), RC_VERIFY, "is not the private key"},
		{"of 1536 bits", software_key(1536, -1), RC_REFUSED, "no size that phones know"},
		{"an EC key", EVP_EC_gen("P-256"), RC_REFUSED, "no size that phones know"},
	};

	wrap_software(&w, soft);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		X509 *cert = software_cert(rows[i].key);

		print_message("  %s\n", rows[i].name);
		for (size_t t = 0; t < COUNT_OF(tokens); t++) {
			m->does_cbc_pad = tokens[t].does_cbc_pad;
			assert_proves_not(f, &w, cert, rows[i].rc, rows[i].why);
		}
		X509_free(cert);
		EVP_PKEY_free(rows[i].key);
	}
	*m = (struct mock){0};
	EVP_PKEY_free(soft);
}

/* The right modulus in a key of nonsense: what its file holds is well formed. */
static void test_nonsense(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *soft = software_key(1024, -1);
	X509 *cert = software_cert(soft);
	struct wrapped_key CLEANUP(wrapped_key_clear) w;

	mock_of(state);
	wrap_software_spoilt(&w, soft);
	assert_proves_not(f, &w, cert, RC_VERIFY, "is not the private key");
	X509_free(cert);
	EVP_PKEY_free(soft);
}

/* Each number by itself: OpenSSL, and with it SoftHSM, signs with those that are
 * left. */
static void test_numbers_that_disagree(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *soft = software_key(1024, -1);
	X509 *cert = software_cert(soft);

	mock_of(state);
	for (enum pkcs8_number i = PKCS8_N; i < PKCS8_NUMBERS; i++)
		for (int zero = 0; zero < 2; zero++) {
			struct wrapped_key CLEANUP(wrapped_key_clear) w;

			print_message("  number %d, %s\n", i, zero ? "zero" : "a bit");
			wrap_software_changed(&w, soft, i, zero);
			assert_proves_not(f, &w, cert, RC_VERIFY,
					  "is not the private key");
		}
	X509_free(cert);
	EVP_PKEY_free(soft);
}

/* ---- in, to stay ---- */

static bool all(const char *label)
{
	return strchr(label, '/') != NULL;
}

/* Out of one token, into another: the triple counts, signs, and can leave again
 * or not, as it was asked. */
static void test_second_token(void **state)
{
	struct secret CLEANUP(secret_free) *pin = softhsm_secret(SOFTHSM_PIN);
	struct hsm_token *second = NULL;
	struct fixture f;
	struct err e;

	(void)state;
	fixture_open(&f, 1);
	softhsm_add_token("second", SOFTHSM_SO_PIN, SOFTHSM_PIN);
	fixture_reopen(&f);
	assert_ok(hsm_token_open(f.module, "pkcs11:token=second", 1, &second, &e),
		  &e);
	assert_ok(hsm_token_login(second, pin, &e), &e);
	struct hsm_session *s = hsm_session_take(second);

	for (unsigned extractable = 0; extractable < 2; extractable++) {
		struct hsm_key *key = fixture_key(&f, "ITLRecovery/c/1", 1024,
						  EXPORTED);
		struct hsm_key *copy = NULL, **loaded = NULL;
		struct wrapped_key CLEANUP(wrapped_key_clear) w;
		enum hsm_route route;
		bool can;
		size_t n;

		wrapping_start(&w);
		assert_ok(hsm_key_wrap(f.session, key, &w, &route, NULL, &e), &e);
		assert_ok(hsm_key_import(s, key->id, "ITLRecovery/d/1", &w, key->cert,
					 HSM_SIGN | (extractable ? HSM_EXTRACTABLE : 0),
					 &copy, &route, &e), &e);
		assert_int_equal(objects_in(s), 3);
		assert_ok(hsm_keys_load(s, all, NULL, NULL, &loaded, &n, &e), &e);
		assert_int_equal(n, 1);
		assert_string_equal(loaded[0]->label, "ITLRecovery/d/1");
		assert_int_equal(X509_cmp(loaded[0]->cert, key->cert), 0);
		assert_signs(s, loaded[0]);
		assert_signs(s, copy);
		assert_ok(hsm_key_extractable(s, copy, &can, &e), &e);
		assert_int_equal(can, extractable);
		/* the id is taken */
		assert_int_equal(hsm_key_import(s, key->id, "ITLRecovery/d/2", &w,
						key->cert, HSM_SIGN, &copy, &route,
						&e), RC_REFUSED);
		hsm_keys_free(loaded, n);
		wrap_drop(s, copy);
		assert_int_equal(objects_in(s), 0);
		wrap_drop(f.session, key);
	}
	hsm_session_give(s);
	hsm_token_free(second);
	fixture_close(&f);
}

static const struct {
	CK_ATTRIBUTE_TYPE type;
	CK_BBOOL want;
} imported[] = {
	{CKA_TOKEN, CK_TRUE},	     {CKA_PRIVATE, CK_TRUE},
	{CKA_SENSITIVE, CK_TRUE},    {CKA_EXTRACTABLE, CK_TRUE},
	{CKA_MODIFIABLE, CK_TRUE},   {CKA_SIGN, CK_TRUE},
	{CKA_DECRYPT, CK_FALSE},     {CKA_SIGN_RECOVER, CK_FALSE},
	{CKA_UNWRAP, CK_FALSE},	     {CKA_DERIVE, CK_FALSE},
	{CKA_LOCAL, CK_FALSE},
};

static void test_rights(void **state)
{
	struct fixture *f = *state;
	struct mock *m = mock_of(state);
	EVP_PKEY *soft = software_key(1024, -1);
	X509 *cert = software_cert(soft);
	struct hsm_key *key = wrap_import(f->session, soft, EXPORTED), *none = NULL;
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	uint8_t id[HSM_ID_LEN];
	enum hsm_route route;
	size_t before;
	struct err e;

	for (size_t i = 0; i < COUNT_OF(imported); i++) {
		CK_BBOOL have = 0xee;
		CK_ATTRIBUTE a = {imported[i].type, &have, sizeof have};

		assert_int_equal(hsm_session_functions(f->session)
					 ->C_GetAttributeValue(
						 hsm_session_handle(f->session),
						 key->private_handle, &a, 1),
				 CKR_OK);
		if (have != imported[i].want)
			fail_msg("attribute 0x%lx: %u", imported[i].type, have);
	}
	wrap_drop(f->session, key);
	/* a token that gives other rights than asked */
	before = objects_in(f->session);
	wrap_software(&w, soft);
	hsm_id_new(id);
	m->deaf_to_templates = 1;
	assert_int_equal(hsm_key_import(f->session, id, "ITLRecovery/c/1", &w, cert,
					HSM_SIGN, &none, &route, &e), RC_TOKEN);
	assert_non_null(strstr(e.why, "other rights"));
	*m = (struct mock){0};
	assert_int_equal(objects_in(f->session), before);
	X509_free(cert);
	EVP_PKEY_free(soft);
}

/* A token that is full, or fails, at each of its calls in turn: a clear error,
 * and not an object more than before. */
static void test_import_fails(void **state)
{
	static const struct {
		enum mock_call call;
		CK_RV rv;
		unsigned at_least; /* so many places to fail at */
	} rows[] = {
		{MOCK_CREATE, CKR_DEVICE_MEMORY, 4}, /* keys to unwrap with, public
							key, certificate */
		{MOCK_UNWRAP, CKR_DEVICE_MEMORY, 2},
		{MOCK_SIGN_INIT, CKR_DEVICE_ERROR, 1},
		{MOCK_SIGN, CKR_DEVICE_ERROR, 1},
		{MOCK_GET_ATTRIBUTE, CKR_DEVICE_ERROR, 10},
		{MOCK_FIND, CKR_DEVICE_ERROR, 3},
	};
	struct fixture *f = *state;
	struct mock *m = mock_of(state);
	EVP_PKEY *soft = software_key(1024, -1);
	X509 *cert = software_cert(soft);
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	size_t before = objects_in(f->session);

	wrap_software(&w, soft);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		unsigned at = 0;
		enum rc rc;

		do {
			struct hsm_key *key = NULL;
			enum hsm_route route;
			uint8_t id[HSM_ID_LEN];
			struct err e;

			*m = (struct mock){0};
			m->fault[rows[i].call].rv = rows[i].rv;
			m->fault[rows[i].call].times = 1;
			m->fault[rows[i].call].after = at;
			hsm_id_new(id);
			rc = hsm_key_import(f->session, id, "ITLRecovery/c/1", &w,
					    cert, EXPORTED, &key, &route, &e);
			*m = (struct mock){0};
			if (rc == RC_OK) {
				wrap_drop(f->session, key);
				break;
			}
			assert_int_equal(rc, RC_TOKEN);
			/* 0: what was written could not be read back */
			assert_true(e.code == rows[i].rv || e.code == 0);
			assert_null(key);
			if (objects_in(f->session) != before)
				fail_msg("call %u, the %u. time: left behind",
					 rows[i].call, at + 1);
		} while (++at < 100);
		assert_int_equal(rc, RC_OK);
		assert_true(at >= rows[i].at_least);
	}
	X509_free(cert);
	EVP_PKEY_free(soft);
}

/* What does not prove is not imported. */
static void test_import_refuses(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *soft = software_key(2048, 0);
	const struct {
		const char *name;
		EVP_PKEY *cert_of;
		bool flip, other_kek;
		enum rc rc;
	} rows[] = {
		{"another certificate", software_key(2048, 1), false, false, RC_VERIFY},
		{"another size", software_key(1024, -1), false, false, RC_VERIFY},
		{"1536", software_key(1536, -1), false, false, RC_REFUSED},
		{"a flipped bit", NULL, true, false, RC_VERIFY},
		{"another key-encryption key", NULL, false, true, RC_VERIFY},
	};
	size_t before = objects_in(f->session);

	mock_of(state);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		X509 *cert = software_cert(rows[i].cert_of ? rows[i].cert_of : soft);
		struct wrapped_key CLEANUP(wrapped_key_clear) w;
		struct hsm_key *key = NULL;
		uint8_t id[HSM_ID_LEN];
		enum hsm_route route;
		struct err e;

		print_message("  %s\n", rows[i].name);
		wrap_software(&w, soft);
		w.bytes[100] ^= rows[i].flip; /* of the modulus */
		w.kek->p[0] ^= rows[i].other_kek;
		hsm_id_new(id);
		assert_int_equal(hsm_key_import(f->session, id, "ITLRecovery/c/1", &w,
						cert, EXPORTED, &key, &route, &e),
				 rows[i].rc);
		assert_null(key);
		assert_int_equal(objects_in(f->session), before);
		X509_free(cert);
		EVP_PKEY_free(rows[i].cert_of);
	}
	EVP_PKEY_free(soft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prove),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_other_certificates),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_numbers_that_disagree),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_import_fails),
		cmocka_unit_test(test_import_refuses),
	};
	const struct CMUnitTest own[] = {
		cmocka_unit_test(test_second_token),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown) +
	       cmocka_run_group_tests(own, NULL, NULL);
}
