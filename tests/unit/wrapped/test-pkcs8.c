/* The shape of what is wrapped, byte by byte. */
#include "support/support.h"
#include "base/num.h"
#include "wrapped/pkcs8.h"
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/x509.h>
#include <string.h>

static uint8_t der[4096];
static size_t n;

static int make(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *p = der;

	(void)state;
	n = num_size(i2d_PKCS8_PRIV_KEY_INFO(info, &p));
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
	return 0;
}

static void the_head_tells_the_length(void **state)
{
	uint8_t head[PKCS8_HEAD];

	(void)state;
	assert_int_equal(pkcs8_length(der), n);
	for (size_t i = 0; i < PKCS8_HEAD; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			size_t other;

			memcpy(head, der, sizeof head);
			head[i] ^= (uint8_t)(1u << bit);
			other = pkcs8_length(head);
			/* only the length itself may be another */
			assert_true(other == 0 || i == 2 || i == 3);
			assert_int_not_equal(other, n);
		}
}

static struct bytes number(EVP_PKEY *key, const char *name, uint8_t to[256])
{
	BIGNUM *b = NULL;
	int len;

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &b), 1);
	len = BN_bn2bin(b, to);
	BN_free(b);
	return bytes_of(to, num_size(len));
}

static void its_public_half(void **state)
{
	const unsigned char *p = der;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)n);
	struct pkcs8_public public = {{NULL, 0}, {NULL, 0}};
	uint8_t buf[256];

	(void)state;
	assert_non_null(key);
	assert_int_equal(pkcs8_read(bytes_of(der, n), &public), PKCS8_RSA);
	/* in place; a modulus of 1024 bits has its sign in front */
	assert_true(public.n.p > der && public.n.p < der + n);
	assert_int_equal(public.n.p[0], 0);
	assert_true(bytes_equal(bytes_of(public.n.p + 1, public.n.n - 1),
				number(key, OSSL_PKEY_PARAM_RSA_N, buf)));
	assert_true(bytes_equal(public.e, number(key, OSSL_PKEY_PARAM_RSA_E, buf)));
	public.n.n = 7;
	assert_int_equal(pkcs8_read(bytes_of(der, n - 1), &public), PKCS8_NONE);
	assert_int_equal(public.n.n, 7);
	EVP_PKEY_free(key);
}

/* Well-formed, and nobody's business here. */
static void keys_of_other_kinds(void **state)
{
	EVP_PKEY *keys[] = {EVP_EC_gen("P-256"),
			    EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(keys[i]);
		uint8_t *other = NULL;
		size_t len = num_size(i2d_PKCS8_PRIV_KEY_INFO(info, &other));

		assert_true(len > 0);
		assert_int_equal(pkcs8_read(bytes_of(other, len), NULL), PKCS8_OTHER);
		assert_false(pkcs8_is_rsa(bytes_of(other, len)));
		for (size_t less = 0; less < len; less++)
			assert_int_equal(pkcs8_read(bytes_of(other, less), NULL),
					 PKCS8_NONE);
		OPENSSL_free(other);
		PKCS8_PRIV_KEY_INFO_free(info);
		EVP_PKEY_free(keys[i]);
	}
}

static void exactly_one_key(void **state)
{
	(void)state;
	assert_true(pkcs8_is_rsa(bytes_of(der, n)));
	for (size_t less = 0; less < n; less++)
		assert_false(pkcs8_is_rsa(bytes_of(der, less)));
	assert_false(pkcs8_is_rsa(bytes_of(der, n + 1)));
}

/* The ASN.1 around the numbers: offsets of tags, lengths and fixed values. */
static void every_byte_of_the_frame(void **state)
{
	static const size_t frame[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
				       14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
				       25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(frame); i++) {
		der[frame[i]] ^= 1;
		if (pkcs8_is_rsa(bytes_of(der, n)))
			fail_msg("byte %zu may be another", frame[i]);
		der[frame[i]] ^= 1;
	}
}

/* Attributes behind the key, and an algorithm without its NULL, are PKCS#8. */
static void other_forms(void **state)
{
	static const uint8_t attributes[] = {0xa0, 0};
	uint8_t other[sizeof der];

	(void)state;
	memcpy(other, der, n);
	memcpy(other + n, attributes, sizeof attributes);
	other[3] = (uint8_t)(other[3] + 2);
	assert_true(pkcs8_is_rsa(bytes_of(other, n + 2)));
	other[n] = 0xa1;
	assert_false(pkcs8_is_rsa(bytes_of(other, n + 2)));

	/* an algorithm that is none is not another kind of key */
	memcpy(other, der, n);
	other[9] ^= 1;
	assert_int_equal(pkcs8_read(bytes_of(other, n), NULL), PKCS8_NONE);

	/* 30 0d 06 09 OID 05 00: bytes 7 to 21 */
	memcpy(other, der, 20);
	memcpy(other + 20, der + 22, n - 22);
	other[3] = (uint8_t)(other[3] - 2);
	other[8] = 11;
	assert_true(pkcs8_is_rsa(bytes_of(other, n - 2)));
	assert_int_equal(pkcs8_length(other), n - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_tells_the_length),
		cmocka_unit_test(its_public_half),
		cmocka_unit_test(keys_of_other_kinds),
		cmocka_unit_test(exactly_one_key),
		cmocka_unit_test(every_byte_of_the_frame),
		cmocka_unit_test(other_forms),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
