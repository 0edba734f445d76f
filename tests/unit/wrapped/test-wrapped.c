/* Under a random key and IV: what OpenSSL's own decryption makes of it. */
#include "support/support.h"
#include "base/num.h"
#include "wrapped/aes.h"
#include "wrapped/wrapped.h"
#include <openssl/evp.h>

static size_t decrypt(const struct wrapped_key *w, uint8_t *to)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, last = 0;

	assert_int_equal(EVP_DecryptInit_ex2(ctx, EVP_aes_256_cbc(), w->kek->p, w->iv,
					     NULL), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, to, &n, w->bytes, num_int(w->n)), 1);
	assert_int_equal(EVP_DecryptFinal_ex(ctx, to + n, &last), 1);
	EVP_CIPHER_CTX_free(ctx);
	return num_size(n) + num_size(last);
}

static void sealed(void **state)
{
	static const struct {
		size_t n;
		enum rc rc;
	} rows[] = {
		{1, RC_OK},		  {15, RC_OK},
		{16, RC_OK},		  {17, RC_OK},
		{WRAPPED_MAX - 1, RC_OK}, {WRAPPED_MAX, RC_REFUSED},
		{SIZE_MAX, RC_REFUSED},
	};
	static uint8_t der[WRAPPED_MAX], back[WRAPPED_MAX + AES_BLOCK];

	(void)state;
	for (size_t i = 0; i < sizeof der; i++)
		der[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct wrapped_key CLEANUP(wrapped_key_clear) w = {.n = 3};
		struct err e;

		assert_int_equal(wrapped_key_seal(bytes_of(der, rows[i].n), &w, &e),
				 rows[i].rc);
		if (rows[i].rc != RC_OK) {
			assert_string_equal(e.why, "is too long");
			assert_int_equal(w.n, 3);
			assert_null(w.kek);
			continue;
		}
		assert_int_equal(w.n, aes_padded(rows[i].n));
		assert_int_equal(decrypt(&w, back), rows[i].n);
		assert_memory_equal(back, der, rows[i].n);
	}
}

/* Key and IV are drawn anew each time, and what was there is gone. */
static void never_twice_the_same(void **state)
{
	struct wrapped_key CLEANUP(wrapped_key_clear) a = {0};
	struct wrapped_key CLEANUP(wrapped_key_clear) b = {0};
	const struct bytes der = bytes_of_text("a key");
	uint8_t key[WRAPPED_KEK_LEN], iv[WRAPPED_IV_LEN];
	struct err e;

	(void)state;
	assert_ok(wrapped_key_seal(der, &a, &e), &e);
	assert_ok(wrapped_key_seal(der, &b, &e), &e);
	assert_memory_not_equal(a.kek->p, b.kek->p, WRAPPED_KEK_LEN);
	assert_memory_not_equal(a.iv, b.iv, WRAPPED_IV_LEN);
	memcpy(key, a.kek->p, sizeof key);
	memcpy(iv, a.iv, sizeof iv);
	assert_ok(wrapped_key_begin(&a, &e), &e);
	assert_int_equal(a.n, 0);
	assert_memory_not_equal(a.kek->p, key, sizeof key);
	assert_memory_not_equal(a.iv, iv, sizeof iv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed),
		cmocka_unit_test(never_twice_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
