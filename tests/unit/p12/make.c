#include "make.h"
#include "base/num.h"
#include "x509/x509.h"
#include <openssl/rsa.h>
#include <string.h>

struct party party_make(unsigned bits)
{
	const struct x509_subject subject = {.cn = FRIENDLY, .o = "Example"};
	struct party p = {.key = EVP_RSA_gen(bits)};
	PKCS8_PRIV_KEY_INFO *info;
	struct err e;
	int n;

	assert_non_null(p.key);
	assert_ok(x509_self_sign(X509_RECOVERY, &subject, p.key, p.key, NULL, "SHA256",
				 1700000000, 20, &p.cert, &e),
		  &e);
	info = EVP_PKEY2PKCS8(p.key);
	assert_non_null(info);
	n = i2d_PKCS8_PRIV_KEY_INFO(info, &p.pkcs8);
	assert_true(n > 0);
	p.pkcs8_n = (size_t)n;
	PKCS8_PRIV_KEY_INFO_free(info);
	return p;
}

void party_clear(struct party *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
	OPENSSL_clear_free(p->pkcs8, p->pkcs8_n);
	*p = (struct party){0};
}

void party_wrap(const struct party *p, struct wrapped_key *w)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, last = 0;

	assert_int_equal(EVP_EncryptInit_ex2(ctx, EVP_aes_256_cbc(), w->kek->p, w->iv, NULL),
			 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, w->bytes, &n, p->pkcs8, num_int(p->pkcs8_n)),
			 1);
	assert_int_equal(EVP_EncryptFinal_ex(ctx, w->bytes + n, &last), 1);
	w->n = (size_t)(n + last);
	EVP_CIPHER_CTX_free(ctx);
}

struct bytes party_file(const struct party *p, const char *password, unsigned iterations,
			const char *friendly_name)
{
	struct secret CLEANUP(secret_free) *s = softhsm_secret(password);
	struct wrapped_key CLEANUP(wrapped_key_clear) w = {0};
	struct p12_kdf kdf;
	uint8_t *out = NULL;
	size_t n = 0;
	struct err e;

	assert_ok(p12_begin(s, iterations, &kdf, &w, &e), &e);
	party_wrap(p, &w);
	assert_ok(p12_build(s, &kdf, &w, p->cert, friendly_name, &out, &n, &e), &e);
	return bytes_of(out, n);
}

bool party_is_key(const struct party *p, EVP_PKEY *key)
{
	unsigned char *a = NULL, *b = NULL;
	int n = i2d_PrivateKey(p->key, &a), m = key ? i2d_PrivateKey(key, &b) : 0;
	bool same = n > 0 && n == m && memcmp(a, b, (size_t)n) == 0;

	OPENSSL_free(a);
	OPENSSL_free(b);
	return same;
}

bool party_is_wrapped(const struct party *p, const struct wrapped_key *w)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t der[WRAPPED_MAX + 16];
	const uint8_t *at = der;
	EVP_PKEY *key = NULL;
	int n = 0, last = 0;
	bool same;

	assert_int_equal(w->kek->n, WRAPPED_KEK_LEN);
	assert_int_equal(EVP_DecryptInit_ex2(ctx, EVP_aes_256_cbc(), w->kek->p, w->iv, NULL),
			 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, der, &n, w->bytes, num_int(w->n)), 1);
	if (EVP_DecryptFinal_ex(ctx, der + n, &last) == 1)
		key = d2i_AutoPrivateKey(NULL, &at, n + last);
	same = key && at == der + n + last && party_is_key(p, key);
	EVP_PKEY_free(key);
	EVP_CIPHER_CTX_free(ctx);
	return same;
}

struct p12 *must_open(struct bytes file, const char *password)
{
	struct secret CLEANUP(secret_free) *s = softhsm_secret(password);
	struct p12 *p = NULL;
	struct err e;

	assert_ok(p12_open(file, s, &p, &e), &e);
	return p;
}

enum rc open_rc(struct bytes file, const char *password, struct err *e)
{
	struct secret CLEANUP(secret_free) *s = softhsm_secret(password);
	struct p12 *p = NULL;
	enum rc rc = p12_open(file, s, &p, e);

	assert_true((rc == RC_OK) == (p != NULL));
	p12_free(p);
	return rc;
}
