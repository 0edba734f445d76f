/* NSS's softoken: a token of another make, which wraps and unwraps by itself. */
#include "fixture.h"
#include "wrap-fixture.h"
#include "base/num.h"
#include <string.h>

#define EXPORTED (HSM_SIGN | HSM_EXTRACTABLE)
#define PIN "an NSS password"

struct nss {
	char *dir;
	struct hsm_module *module;
	struct hsm_token *token;
	struct hsm_session *session;
};

static int setup(void **state)
{
	static struct nss n;
	struct secret CLEANUP(secret_free) *pin = softhsm_secret(PIN);
	char path[4096], db[4096], out[1024];
	const char *const argv[] = {"certutil", "-N", "-d", db, "-f", path, NULL};
	struct err e;
	FILE *f;

	n.dir = support_tmpdir();
	assert_true(snprintf(path, sizeof path, "%s/pin", n.dir) > 0);
	assert_true(snprintf(db, sizeof db, "sql:%s", n.dir) > 0);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(PIN "\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	if (support_run(argv, out, sizeof out) != 0)
		fail_msg("certutil: %s", out);
	assert_int_equal(setenv("ITLKEEPER_TEST_NSS", n.dir, 1), 0);
	assert_ok(hsm_module_open(NSS_MODULE, &n.module, &e), &e);
	assert_ok(hsm_token_open(n.module,
				 "pkcs11:token=NSS%20Certificate%20DB", 1,
				 &n.token, &e), &e);
	assert_ok(hsm_token_login(n.token, pin, &e), &e);
	n.session = hsm_session_take(n.token);
	*state = &n;
	return 0;
}

static int teardown(void **state)
{
	struct nss *n = *state;

	hsm_session_give(n->session);
	hsm_token_free(n->token);
	hsm_module_free(n->module);
	support_tmpdir_remove(n->dir);
	return 0;
}

static struct hsm_key *generate(struct hsm_session *s, unsigned bits)
{
	struct hsm_key *key = NULL;
	uint8_t id[HSM_ID_LEN];
	struct err e;
	X509 *cert;

	hsm_id_new(id);
	assert_ok(hsm_key_generate(s, id, "ITLRecovery/c/1", bits, EXPORTED, &key,
				   &e), &e);
	cert = fixture_cert(s, key);
	assert_ok(hsm_key_commit(s, key, cert, &e), &e);
	X509_free(cert);
	return key;
}

static void out_and_back(void **state)
{
	static const unsigned sizes[] = {1024, 2048};
	struct hsm_session *s = ((struct nss *)*state)->session;

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct wrapped_key CLEANUP(wrapped_key_clear) w;
		struct hsm_key *key = generate(s, sizes[i]), *back = NULL;
		size_t before = objects_in(s);
		enum hsm_route route;
		uint8_t id[HSM_ID_LEN];
		bool by_length = true;
		struct err e;

		wrapping_start(&w);
		assert_ok(hsm_key_wrap(s, key, &w, &route, &by_length, &e), &e);
		assert_int_equal(route, HSM_ROUTE_CBC_PAD);
		assert_false(by_length);
		assert_opens(&w, key->public_key);
		assert_ok(hsm_wrapped_prove(s, &w, key->cert, &route, &e), &e);
		assert_int_equal(route, HSM_ROUTE_CBC_PAD);
		assert_int_equal(objects_in(s), before);
		assert_ok(hsm_key_remove(s, key->id, &e), &e);
		hsm_id_new(id);
		assert_ok(hsm_key_import(s, id, "ITLRecovery/c/2", &w, key->cert,
					 EXPORTED, &back, &route, &e), &e);
		assert_int_equal(route, HSM_ROUTE_CBC_PAD);
		assert_signs(s, back);
		assert_ok(hsm_key_remove(s, back->id, &e), &e);
		hsm_key_free(back);
		hsm_key_free(key);
	}
}

static void damaged(void **state)
{
	struct hsm_session *s = ((struct nss *)*state)->session;
	EVP_PKEY *soft = software_key(1024, -1);
	X509 *cert = software_cert(soft);
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	size_t before = objects_in(s), n;
	enum hsm_route route;
	struct err e;

	wrap_software(&w, soft);
	n = w.n;
	for (size_t at = 5; at < n; at += 16) {
		w.bytes[at] ^= 0x20;
		e.rc = RC_OK;
		if (hsm_wrapped_prove(s, &w, cert, &route, &e) != RC_VERIFY &&
		    (e.rc != RC_OK || at < 160))
			fail_msg("byte %zu: %s", at, fixture_text(&e));
		w.bytes[at] ^= 0x20;
	}
	for (w.n = 0; w.n < n; w.n += 8)
		assert_int_equal(hsm_wrapped_prove(s, &w, cert, &route, &e),
				 RC_VERIFY);
	w.n = n;
	w.kek->p[0] ^= 1;
	assert_int_equal(hsm_wrapped_prove(s, &w, cert, &route, &e), RC_VERIFY);
	w.kek->p[0] ^= 1;
	assert_ok(hsm_wrapped_prove(s, &w, cert, &route, &e), &e);
	assert_int_equal(objects_in(s), before);
	wrapped_key_clear(&w);
	wrap_software_spoilt(&w, soft);
	assert_int_equal(hsm_wrapped_prove(s, &w, cert, &route, &e), RC_VERIFY);
	assert_int_equal(objects_in(s), before);
	X509_free(cert);
	EVP_PKEY_free(soft);
}

/* It ignores CKA_EXTRACTABLE: that is said, and not believed. */
static void a_seal_that_does_not_hold(void **state)
{
	struct hsm_session *s = ((struct nss *)*state)->session;
	struct hsm_key *key = generate(s, 1024);
	struct err e;

	assert_int_equal(hsm_key_seal(s, key, &e), RC_TOKEN);
	print_message("  %s\n", fixture_text(&e));
	assert_ok(hsm_key_remove(s, key->id, &e), &e);
	hsm_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out_and_back),
		cmocka_unit_test(damaged),
		cmocka_unit_test(a_seal_that_does_not_hold),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
