#include "fixture.h"
#include "base/num.h"
#include "object.h"
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const struct bytes parts[] = {
	{(const uint8_t *)"the whole file ", 15},
	{NULL, 0},
	{(const uint8_t *)"without its signature", 21},
};
static const char whole[] = "the whole file without its signature";

/* By OpenSSL alone, over the whole message. */
static bool openssl_verifies(EVP_PKEY *key, const char *md, int padding,
			     const uint8_t *sig, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	bool ok = EVP_DigestVerifyInit_ex(ctx, &pctx, md, NULL, NULL, key,
					  NULL) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(pctx, padding) == 1 &&
		  (padding != RSA_PKCS1_PSS_PADDING ||
		   EVP_PKEY_CTX_set_rsa_pss_saltlen(
			   pctx, RSA_PSS_SALTLEN_DIGEST) == 1) &&
		  EVP_DigestVerify(ctx, sig, n, (const uint8_t *)whole,
				   strlen(whole)) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static enum rc sign(struct fixture *f, struct hsm_key *k, const char *digest,
		    enum hsm_padding padding, uint8_t *sig, struct err *e)
{
	return hsm_sign(f->session, k, digest, padding, parts, COUNT_OF(parts),
			sig, k->bits / 8, e);
}

static void test_signatures(void **state)
{
	static const struct {
		const char *digest;
		enum hsm_padding padding;
	} rows[] = {
		{"SHA1", HSM_PKCS1},   {"SHA256", HSM_PKCS1},
		{"SHA384", HSM_PKCS1}, {"SHA512", HSM_PKCS1},
		{"SHA1", HSM_PSS},     {"SHA256", HSM_PSS},
		{"SHA384", HSM_PSS},   {"SHA2-256", HSM_PSS},
		{"sha256", HSM_PKCS1}, {"MD5-SHA1", HSM_PKCS1},
		{"SHA512", HSM_PSS},
	};
	static const unsigned sizes[] = {1024, 2048, 3072, 4096};
	struct fixture *f = *state;

	for (size_t s = 0; s < COUNT_OF(sizes); s++) {
		struct hsm_key CLEANUP(hsm_key_free) *k =
			fixture_key(f, "CallManager/n1/1", sizes[s], HSM_SIGN);

		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			uint8_t sig[HSM_SIGNATURE_MAX];
			struct err e;

			/* 1024 bits have no room for two SHA-512 in PSS. */
			if (sizes[s] == 1024 && rows[i].padding == HSM_PSS &&
			    !strcmp(rows[i].digest, "SHA512"))
				continue;
			assert_ok(sign(f, k, rows[i].digest, rows[i].padding,
				       sig, &e),
				  &e);
			assert_true(openssl_verifies(
				k->public_key, rows[i].digest,
				rows[i].padding == HSM_PSS
					? RSA_PKCS1_PSS_PADDING
					: RSA_PKCS1_PADDING,
				sig, k->bits / 8));
		}
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *digest;
		enum hsm_padding padding;
		size_t length;
		enum rc rc;
	} rows[] = {
		{"MD5", HSM_PKCS1, 128, RC_USAGE},
		{"SHA224", HSM_PKCS1, 128, RC_USAGE},
		{"SHA3-256", HSM_PKCS1, 128, RC_USAGE},
		{"", HSM_PKCS1, 128, RC_USAGE},
		{"MD5-SHA1", HSM_PSS, 128, RC_USAGE},
		{"SHA256", HSM_PKCS1, 127, RC_ERROR},
		{"SHA256", HSM_PKCS1, 256, RC_ERROR},
	};
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_pair(f, "CallManager/n2/1", 1024, HSM_SIGN);

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t sig[HSM_SIGNATURE_MAX] = {0x5a, 0x5a};
		struct err e;

		assert_int_equal(hsm_sign(f->session, k, rows[i].digest,
					  rows[i].padding, parts, 1, sig,
					  rows[i].length, &e),
				 rows[i].rc);
		assert_int_equal(sig[0], 0x5a);
	}
}

/* ---- when the token does not do it ---- */

static void test_faults(void **state)
{
	static const struct {
		enum mock_call call;
		CK_RV rv;
		unsigned times;
		enum rc rc;
		const char *op;
	} rows[] = {
		{MOCK_SIGN_INIT, CKR_OBJECT_HANDLE_INVALID, 1, RC_OK, ""},
		{MOCK_SIGN_INIT, CKR_KEY_HANDLE_INVALID, 1, RC_OK, ""},
		{MOCK_SIGN_INIT, CKR_SESSION_HANDLE_INVALID, 1, RC_OK, ""},
		{MOCK_SIGN_INIT, CKR_SESSION_CLOSED, 1, RC_OK, ""},
		{MOCK_SIGN, CKR_SESSION_HANDLE_INVALID, 1, RC_OK, ""},
		/* Once in place; the second time is the caller's to end on. */
		{MOCK_SIGN_INIT, CKR_SESSION_HANDLE_INVALID, 2, RC_STALE,
		 "C_SignInit"},
		{MOCK_SIGN_INIT, CKR_OBJECT_HANDLE_INVALID, 2, RC_STALE,
		 "C_SignInit"},
		{MOCK_SIGN, CKR_DEVICE_ERROR, 1, RC_TOKEN, "C_Sign"},
		{MOCK_SIGN_INIT, CKR_USER_NOT_LOGGED_IN, 1, RC_TOKEN,
		 "C_SignInit"},
		{MOCK_SIGN_INIT, CKR_KEY_FUNCTION_NOT_PERMITTED, 1, RC_TOKEN,
		 "C_SignInit"},
		{MOCK_SIGN_INIT, CKR_MECHANISM_INVALID, 1, RC_TOKEN,
		 "C_SignInit"},
	};
	struct fixture *f = *state;
	struct mock *m = mock_of(state);
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_pair(f, "CallManager/n3/1", 1024, HSM_SIGN);

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t sig[HSM_SIGNATURE_MAX] = {0x5a, 0x5a, 0x5a, 0x5a};
		struct err e = {0};
		enum rc rc;

		*m = (struct mock){0};
		m->fault[rows[i].call].rv = rows[i].rv;
		m->fault[rows[i].call].times = rows[i].times;
		rc = sign(f, k, "SHA256", HSM_PKCS1, sig, &e);
		if (rc != rows[i].rc)
			fail_msg("row %zu: %s: %s", i, rc_name(rc),
				 fixture_text(&e));
		if (rc == RC_OK) {
			assert_true(openssl_verifies(k->public_key, "SHA256",
						     RSA_PKCS1_PADDING, sig,
						     128));
			continue;
		}
		assert_string_equal(e.op, rows[i].op);
		assert_string_equal(e.name, hsm_ckr_name(rows[i].rv));
		assert_non_null(strstr(e.what, "CallManager/n3/1"));
		assert_non_null(strstr(e.what, TOKEN_LABEL));
		assert_memory_equal(sig, "\x5a\x5a\x5a\x5a", 4);
		assert_true(m->count[MOCK_SIGN_INIT] <= 2);
	}
	m->fault[MOCK_SIGN_INIT].times = 0;
	m->fault[MOCK_SIGN].times = 0;
}

/* The handle that a token gave once is another one now. */
static void test_stale_handle(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_pair(f, "CallManager/n4/1", 1024, HSM_SIGN);
	CK_OBJECT_HANDLE right = k->private_handle;
	uint8_t sig[HSM_SIGNATURE_MAX];
	struct mock *m = mock_of(state);
	struct err e;

	k->private_handle = 0x7ffffff;
	assert_ok(sign(f, k, "SHA256", HSM_PKCS1, sig, &e), &e);
	assert_int_equal(k->private_handle, right);
	assert_int_equal(m->count[MOCK_FIND], 1);
}

static void test_key_is_gone(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_pair(f, "CallManager/n5/1", 1024, HSM_SIGN);
	uint8_t sig[HSM_SIGNATURE_MAX];
	struct err e;

	assert_ok(hsm_key_remove(f->session, k->id, &e), &e);
	assert_int_equal(sign(f, k, "SHA256", HSM_PKCS1, sig, &e), RC_STALE);
	assert_non_null(strstr(e.why, "does not have its private key"));
	assert_non_null(strstr(e.what, "CallManager/n5/1"));
}

static void test_lost_session(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_pair(f, "CallManager/n6/1", 1024, HSM_SIGN);
	CK_SESSION_HANDLE lost = hsm_session_handle(f->session);
	uint8_t sig[HSM_SIGNATURE_MAX];
	struct err e;

	assert_int_equal(hsm_session_functions(f->session)->C_CloseSession(lost),
			 CKR_OK);
	assert_ok(sign(f, k, "SHA256", HSM_PKCS1, sig, &e), &e);
	assert_int_not_equal(hsm_session_handle(f->session), lost);
}

static void test_wrong_signature(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_pair(f, "CallManager/n7/1", 1024, HSM_SIGN);
	uint8_t sig[HSM_SIGNATURE_MAX] = {0x5a, 0x5a};
	struct mock *m = mock_of(state);
	struct err e;

	m->spoil_signature = 1;
	assert_int_equal(sign(f, k, "SHA1", HSM_PKCS1, sig, &e), RC_VERIFY);
	assert_int_equal(sign(f, k, "SHA256", HSM_PSS, sig, &e), RC_VERIFY);
	assert_memory_equal(sig, "\x5a\x5a", 2);
	assert_non_null(strstr(e.what, "CallManager/n7/1"));
	m->spoil_signature = 0;
	assert_ok(sign(f, k, "SHA1", HSM_PKCS1, sig, &e), &e);
}

/* ---- the hot path ---- */

#define THREADS 6
#define ROUNDS 20

struct job {
	struct fixture *f;
	struct hsm_key *key;
	atomic_uint good;
};

static void *sign_many(void *arg)
{
	struct job *j = arg;
	uint8_t sig[HSM_SIGNATURE_MAX];
	struct err e;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct hsm_session *s = hsm_session_take(j->f->token);

		if (hsm_sign(s, j->key, "SHA512", HSM_PKCS1, parts,
			     COUNT_OF(parts), sig, 256, &e) == RC_OK &&
		    openssl_verifies(j->key->public_key, "SHA512",
				     RSA_PKCS1_PADDING, sig, 256))
			j->good++;
		hsm_session_give(s);
	}
	return NULL;
}

static void run_threads(struct job *j)
{
	pthread_t t[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, sign_many, j), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_int_equal(j->good, THREADS * ROUNDS);
}

static void test_threads(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_key(f, "CallManager/n8/1", 2048, HSM_SIGN);
	struct job j = {f, k, 0};
	unsigned long before = hsm_find_count();

	/* No look-up per signature. */
	run_threads(&j);
	assert_int_equal(hsm_find_count(), before);
	/* A stale handle, found again by whoever meets it. */
	j.good = 0;
	__atomic_store_n(&k->private_handle, 0x7ffffff, __ATOMIC_RELAXED);
	run_threads(&j);
	assert_true(hsm_find_count() > before);
	assert_true(hsm_find_count() <= before + THREADS);
}

/* ---- decryption ---- */

static void test_decrypt(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k = fixture_pair(
		f, "TVS/n1/1", 1024, HSM_SIGN | HSM_DECRYPT);
	uint8_t clear[128] = {0, 0, 0, 7}, in[128], out[128];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->public_key, NULL);
	size_t n = sizeof in;
	struct err e;

	clear[127] = 9;
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_encrypt(ctx, in, &n, clear, sizeof clear), 1);
	EVP_PKEY_CTX_free(ctx);
	assert_ok(hsm_decrypt_raw(f->session, k, bytes_of(in, n), out,
				  sizeof out, &e),
		  &e);
	assert_memory_equal(out, clear, sizeof clear);
	k->private_handle = 0x7ffffff;
	memset(out, 0x5a, sizeof out);
	mock_of(state)->strips_zeros = 1;
	assert_ok(hsm_decrypt_raw(f->session, k, bytes_of(in, n), out,
				  sizeof out, &e),
		  &e);
	assert_memory_equal(out, clear, sizeof clear);
	mock_of(state)->strips_zeros = 0;
	assert_int_equal(hsm_decrypt_raw(f->session, k, bytes_of(in, 127), out,
					 sizeof out, &e),
			 RC_USAGE);
	assert_int_equal(hsm_decrypt_raw(f->session, k, bytes_of(in, 128), out,
					 127, &e),
			 RC_USAGE);
}

static void test_decrypt_fails(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_pair(f, "CAPF/c/1", 1024, HSM_SIGN);
	uint8_t in[128] = {0}, out[128];
	struct mock *m = mock_of(state);
	struct err e;

	/* Its template says no. */
	assert_int_equal(hsm_decrypt_raw(f->session, k, bytes_of(in, 128), out,
					 sizeof out, &e),
			 RC_TOKEN);
	assert_string_equal(e.name, "CKR_KEY_FUNCTION_NOT_PERMITTED");
	m->fault[MOCK_DECRYPT_INIT].rv = CKR_MECHANISM_INVALID;
	m->fault[MOCK_DECRYPT_INIT].times = 1;
	assert_int_equal(hsm_decrypt_raw(f->session, k, bytes_of(in, 128), out,
					 sizeof out, &e),
			 RC_TOKEN);
	assert_string_equal(e.name, "CKR_MECHANISM_INVALID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_stale_handle),
		cmocka_unit_test(test_key_is_gone),
		cmocka_unit_test(test_lost_session),
		cmocka_unit_test(test_wrong_signature),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_decrypt),
		cmocka_unit_test(test_decrypt_fails),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
