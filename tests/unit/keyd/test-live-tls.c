/* What tvs may ask a real keyd for: handshakes, and nothing else. */
#include "peer.h"
#include "base/num.h"
#include "base/proc.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

/* A connection, and this process is seen as tvs until it is closed. */
static struct keyd *tvs(void)
{
	struct keyd *k = client();

	live_be(&live, LIVE_TVS);
	return k;
}

static void no_more(struct keyd *k)
{
	keyd_free(k);
	live_be(&live, LIVE_ROOT);
}

static EVP_PKEY *public_key(struct keyd *k, const char *node)
{
	struct keyd_key *keys;
	const struct keyd_key *key;
	EVP_PKEY *public;
	struct err e;
	size_t n;

	assert_ok(keyd_keys(k, &keys, &n, &e), &e);
	key = keyd_key_current(keys, n, UNIT_TVS, node);
	assert_non_null(key);
	public = X509_get_pubkey(key->cert);
	keyd_keys_free(keys, n);
	return public;
}

/* The messages that servers sign: X25519's parameters, TLS 1.3's verification. */
static struct bytes ecdhe(uint8_t to[100])
{
	memset(to, 0xa5, 100);
	memcpy(to + 64, "\3\0\35\40", 4);
	return bytes_of(to, 100);
}

static struct bytes verify13(uint8_t to[130])
{
	static const char context[] = "TLS 1.3, server CertificateVerify";

	memset(to, ' ', 64);
	memcpy(to + 64, context, sizeof context);
	memset(to + 64 + sizeof context, 0x5a, 32);
	return bytes_of(to, 130);
}

static bool verifies(EVP_PKEY *key, const char *digest, bool pss, struct bytes m,
		     const uint8_t *signature, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL;
	bool ok = EVP_DigestVerifyInit_ex(ctx, &how, digest, NULL, NULL, key, NULL) == 1 &&
		  (!pss || (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
			    EVP_PKEY_CTX_set_rsa_pss_saltlen(
				    how, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
		  EVP_DigestVerify(ctx, signature, n, m.p, m.n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static void signatures(void **state)
{
	uint8_t a[100], b[130], signature[KEYD_TLS_SIGNATURE_MAX];
	const struct {
		const char *digest;
		bool pss;
		struct bytes message;
	} rows[] = {
		{"SHA256", false, ecdhe(a)}, {"SHA256", true, ecdhe(a)},
		{"SHA1", false, ecdhe(a)},   {"MD5-SHA1", false, ecdhe(a)},
		{"SHA256", true, verify13(b)},
	};
	struct keyd *k = tvs();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (int node = 1; node <= 2; node++) {
			const char *label = node == 1 ? "TVS/n1/1" : "TVS/n2/1";
			EVP_PKEY *key = public_key(k, node == 1 ? "n1" : "n2");
			size_t n = sizeof signature;
			struct err e;

			assert_ok(keyd_tls_sign(k, label, rows[i].digest, rows[i].pss,
						rows[i].message, signature, &n, &e), &e);
			assert_int_equal(n, 128);
			if (!verifies(key, rows[i].digest, rows[i].pss, rows[i].message,
				      signature, n))
				fail_msg("row %zu", i);
			EVP_PKEY_free(key);
			/* one byte too few for it */
			n = 127;
			assert_int_equal(keyd_tls_sign(k, label, rows[i].digest, rows[i].pss,
						       rows[i].message, signature, &n, &e),
					 RC_ERROR);
		}
	no_more(k);
}

/* Of a digest, of a list, of a certificate: nothing that could be one of these. */
static void shapes(void **state)
{
	static const struct {
		const char *label;
		enum rc rc;
	} others[] = {
		{"TVS/n9/1", RC_REFUSED}, {"CallManager/n1/1", RC_REFUSED}, {"n1", RC_REFUSED},
		{"", RC_REFUSED},         {"TVS/n1/2", RC_NOTFOUND},
	};
	uint8_t signature[KEYD_TLS_SIGNATURE_MAX], good[130], message[1100];
	struct keyd *k = tvs();
	struct err e;
	size_t n;

	(void)state;
	/* Every length of what is no handshake, digests' among them. */
	memset(message, 0x30, sizeof message);
	for (size_t len = 0; len <= 600; len += len < 140 ? 1 : 17) {
		n = sizeof signature;
		assert_int_equal(keyd_tls_sign(k, "TVS/n1/1", "SHA256", len % 2,
					       bytes_of(message, len), signature, &n, &e),
				 RC_REFUSED);
	}
	/* Every byte of the fixed part of a right one, wrong. */
	for (size_t at = 0; at < 98; at++) {
		struct bytes m = verify13(good);

		good[at] ^= 1;
		n = sizeof signature;
		assert_int_equal(keyd_tls_sign(k, "TVS/n1/1", "SHA256", true, m, signature, &n, &e),
				 RC_REFUSED);
	}
	/* Too long for any, here already. */
	n = sizeof signature;
	assert_int_equal(keyd_tls_sign(k, "TVS/n1/1", "SHA256", true,
				       bytes_of(message, sizeof message), signature, &n, &e),
			 RC_USAGE);
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		n = sizeof signature;
		assert_int_equal(keyd_tls_sign(k, others[i].label, "SHA256", true,
					       verify13(good), signature, &n, &e),
				 others[i].rc);
	}
	n = sizeof signature;
	assert_int_equal(keyd_tls_sign(k, "TVS/n1/1", "SHA224", true, verify13(good), signature, &n,
				       &e),
			 RC_REFUSED);
	no_more(k);
}

static void key_exchange(void **state)
{
	uint8_t premaster[48], cipher[128], got[48], first[48];
	struct keyd *k = tvs();
	EVP_PKEY *key = public_key(k, "n1");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	size_t n = sizeof cipher;
	struct err e;

	(void)state;
	memset(premaster, 7, sizeof premaster);
	premaster[0] = premaster[1] = 3;
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
	assert_int_equal(EVP_PKEY_encrypt(ctx, cipher, &n, premaster, sizeof premaster), 1);
	assert_ok(keyd_tls_decrypt(k, "TVS/n1/1", 0x0303, bytes_of(cipher, n), got, &e), &e);
	assert_memory_equal(got, premaster, sizeof got);
	/* Another version, another node's key: secrets of nobody. */
	assert_ok(keyd_tls_decrypt(k, "TVS/n1/1", 0x0301, bytes_of(cipher, n), got, &e), &e);
	assert_memory_not_equal(got, premaster, sizeof got);
	memcpy(first, got, sizeof first);
	assert_ok(keyd_tls_decrypt(k, "TVS/n1/1", 0x0301, bytes_of(cipher, n), got, &e), &e);
	assert_memory_not_equal(got, first, sizeof got);
	assert_ok(keyd_tls_decrypt(k, "TVS/n2/1", 0x0303, bytes_of(cipher, n), got, &e), &e);
	assert_memory_not_equal(got, premaster, sizeof got);
	assert_int_equal(keyd_tls_decrypt(k, "TVS/n1/1", 0x0303, bytes_of(cipher, n - 1), got, &e),
			 RC_REFUSED);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	no_more(k);
}

/* keyd goes, and comes back under the same connection's feet. */
static void comes_back(void **state)
{
	uint8_t a[100], signature[KEYD_TLS_SIGNATURE_MAX];
	struct keyd *k = tvs();
	size_t n = sizeof signature;
	struct err e;
	double before;

	(void)state;
	keyd_set_patience(k, 0.1, 500);
	assert_ok(keyd_tls_sign(k, "TVS/n1/1", "SHA256", false, ecdhe(a), signature, &n, &e), &e);
	live_be(&live, LIVE_ROOT);
	live_kill(&live);
	live_be(&live, LIVE_TVS);
	before = proc_now();
	assert_int_equal(keyd_tls_sign(k, "TVS/n1/1", "SHA256", false, ecdhe(a), signature, &n, &e),
			 RC_TOKEN);
	assert_int_equal(e.code, 0); /* not the token's own word */
	assert_true(proc_now() - before < 5);
	live_be(&live, LIVE_ROOT);
	live_keyd(&live);
	live_be(&live, LIVE_TVS);
	assert_ok(keyd_tls_sign(k, "TVS/n1/1", "SHA256", false, ecdhe(a), signature, &n, &e), &e);
	no_more(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures),
		cmocka_unit_test(shapes),
		cmocka_unit_test(key_exchange),
		cmocka_unit_test(comes_back),
	};

	return cmocka_run_group_tests(tests, peer_start, peer_stop);
}
