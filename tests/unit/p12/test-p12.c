#include "make.h"
#include "base/num.h"
#include "internal.h"
#include <openssl/kdf.h>
#include <string.h>

static struct party party;

static int setup(void **state)
{
	(void)state;
	party = party_make(2048);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	party_clear(&party);
	return 0;
}

/* ---- round trips ---- */

static void comes_back_still_wrapped(void **state)
{
	struct secret CLEANUP(secret_free) *s = softhsm_secret(PASSWORD);
	struct wrapped_key CLEANUP(wrapped_key_clear) w = {0};
	struct p12 CLEANUP(p12_free) *p = NULL;
	uint8_t CLEANUP_FREE *file = NULL;
	struct p12_kdf kdf;
	size_t n = 0;
	struct err e;

	(void)state;
	assert_ok(p12_begin(s, 3, &kdf, &w, &e), &e);
	assert_int_equal(kdf.iterations, 3);
	assert_int_equal(w.n, 0);
	party_wrap(&party, &w);
	assert_ok(p12_build(s, &kdf, &w, party.cert, FRIENDLY, &file, &n, &e), &e);
	assert_ok(p12_open(bytes_of(file, n), s, &p, &e), &e);
	assert_int_equal(X509_cmp(p->cert, party.cert), 0);
	assert_string_equal(p->encryption, "PBES2 AES-256-CBC");
	assert_false(p->converted);
	assert_memory_equal(p->key.iv, w.iv, sizeof w.iv);
	assert_memory_equal(p->key.kek->p, w.kek->p, WRAPPED_KEK_LEN);
	assert_true(bytes_equal(wrapped_bytes(&p->key), wrapped_bytes(&w)));
	assert_true(party_is_wrapped(&party, &p->key));
}

/* Salt, IV and MAC are drawn anew each time. */
static void never_twice_the_same(void **state)
{
	struct secret CLEANUP(secret_free) *s = softhsm_secret(PASSWORD);
	struct wrapped_key CLEANUP(wrapped_key_clear) a = {0};
	struct wrapped_key CLEANUP(wrapped_key_clear) b = {0};
	struct p12_kdf ka, kb;
	struct err e;

	(void)state;
	assert_ok(p12_begin(s, 1, &ka, &a, &e), &e);
	assert_ok(p12_begin(s, 1, &kb, &b, &e), &e);
	assert_memory_not_equal(ka.salt, kb.salt, sizeof ka.salt);
	assert_memory_not_equal(a.iv, b.iv, sizeof a.iv);
	assert_memory_not_equal(a.kek->p, b.kek->p, WRAPPED_KEK_LEN);
}

static void sizes(void **state)
{
	static const unsigned bits[] = {1024, 3072, 4096};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bits); i++) {
		struct party other = party_make(bits[i]);
		struct bytes file = party_file(&other, PASSWORD, 1, FRIENDLY);
		struct p12 *p = must_open(file, PASSWORD);

		assert_true(party_is_wrapped(&other, &p->key));
		p12_free(p);
		free((void *)(uintptr_t)file.p);
		party_clear(&other);
	}
}

static void passwords(void **state)
{
	static char longest[SECRET_MAX];
	static const char *const others[] = {
		"x",
		"P\xc3\xa4ssw\xc3\xb6rd-\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87-\xe2\x82\xac",
		"\xf0\x9d\x84\x9e beyond the BMP",
		"P\xe4sswort in Latin-1",
		longest,
	};

	(void)state;
	memset(longest, 'p', sizeof longest - 1);
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		struct bytes file = party_file(&party, others[i], 2, FRIENDLY);
		struct p12 *p = must_open(file, others[i]);
		struct err e;

		assert_true(party_is_wrapped(&party, &p->key));
		assert_int_equal(open_rc(file, WRONG, &e), RC_VERIFY);
		assert_string_equal(e.why, "does not open: the password is wrong, or the "
					   "file was changed");
		p12_free(p);
		free((void *)(uintptr_t)file.p);
	}
}

/* ---- limits of what we make ---- */

static void iterations_to_begin_with(void **state)
{
	static const unsigned out_of_range[] = {0, P12_ITERATIONS_MAX + 1, UINT_MAX};
	struct secret CLEANUP(secret_free) *s = softhsm_secret(PASSWORD);
	struct wrapped_key w = {0};
	struct p12_kdf kdf;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(out_of_range); i++)
		assert_int_equal(p12_begin(s, out_of_range[i], &kdf, &w, &e), RC_REFUSED);
	assert_null(w.kek);
}

/* ---- the derivation, against OpenSSL's ---- */

static void openssl_derive(const char *bmp, size_t bmp_n, int id, const char *hash,
			   struct bytes salt, unsigned iterations, uint8_t *out, size_t n)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "PKCS12KDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", (char *)(uintptr_t)hash, 0),
		OSSL_PARAM_construct_octet_string("pass", (void *)(uintptr_t)bmp, bmp_n),
		OSSL_PARAM_construct_octet_string("salt", (void *)(uintptr_t)salt.p,
						  salt.n),
		OSSL_PARAM_construct_int("id", &id),
		OSSL_PARAM_construct_uint("iter", &iterations),
		OSSL_PARAM_construct_end(),
	};

	assert_int_equal(EVP_KDF_derive(ctx, out, n, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void derives_as_openssl_does(void **state)
{
	static const char *const hashes[] = {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512"};
	static const char bmp[] = "\0k\0e\0y\x20\xac\0"; /* with its terminator */
	struct secret CLEANUP(secret_free) *s = softhsm_secret("key\xe2\x82\xac");
	uint8_t salt[MAX_SALT], want[200], have[200];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof salt; i++)
		salt[i] = (uint8_t)(255 - i);
	for (size_t h = 0; h < COUNT_OF(hashes); h++) {
		EVP_MD *md = EVP_MD_fetch(NULL, hashes[h], NULL);

		/* Up to several blocks of output, so that its carries are seen. */
		for (size_t n = 1; n <= sizeof want; n += 33) {
			struct bytes part = bytes_of(salt, 1 + n % sizeof salt);

			openssl_derive(bmp, sizeof bmp, (int)(1 + n % 3), hashes[h], part,
				       1 + (unsigned)n % 5, want, n);
			assert_ok(p12_derive(s, 1 + n % 3, md, part, 1 + (unsigned)n % 5,
					     have, n, &e),
				  &e);
			assert_memory_equal(have, want, n);
		}
		EVP_MD_free(md);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_still_wrapped),
		cmocka_unit_test(never_twice_the_same),
		cmocka_unit_test(sizes),
		cmocka_unit_test(passwords),
		cmocka_unit_test(iterations_to_begin_with),
		cmocka_unit_test(derives_as_openssl_does),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
