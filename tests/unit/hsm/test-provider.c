#include "owner.h"
#include "base/num.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

/* ---- signing ---- */

static const unsigned char message[] = "a message, and not its digest";

struct options {
	const char *md, *mgf1;
	int padding, salt; /* 0: as it is */
};

static bool sign_with(const struct options *o, unsigned char *sig, size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	bool ok = EVP_DigestSignInit_ex(ctx, &pctx, o->md, libctx, NULL, far,
					NULL) == 1 &&
		  (!o->padding || EVP_PKEY_CTX_set_rsa_padding(
					  pctx, o->padding) == 1) &&
		  (!o->salt || EVP_PKEY_CTX_set_rsa_pss_saltlen(
				       pctx, o->salt) == 1) &&
		  (!o->mgf1 || EVP_PKEY_CTX_set_rsa_mgf1_md_name(
				       pctx, o->mgf1, NULL) == 1) &&
		  EVP_DigestSign(ctx, sig, n, message, sizeof message) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

/* Verified with the plain key, as it must be. */
static bool verifies(const struct options *o, const unsigned char *sig,
		     size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	bool ok = EVP_DigestVerifyInit_ex(ctx, &pctx, o->md ? o->md : "SHA256",
					  NULL, NULL, owner.key, NULL) == 1 &&
		  (!o->padding || EVP_PKEY_CTX_set_rsa_padding(
					  pctx, o->padding) == 1) &&
		  (o->padding != RSA_PKCS1_PSS_PADDING ||
		   EVP_PKEY_CTX_set_rsa_pss_saltlen(
			   pctx, RSA_PSS_SALTLEN_DIGEST) == 1) &&
		  EVP_DigestVerify(ctx, sig, n, message, sizeof message) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

#define PSS RSA_PKCS1_PSS_PADDING

static const struct {
	struct options o;
	const char *told; /* the digest that the owner hears; NULL: refused */
} signings[] = {
	{{"SHA1", NULL, 0, 0}, "SHA1"},
	{{"SHA256", NULL, 0, 0}, "SHA256"},
	{{"SHA2-256", NULL, 0, 0}, "SHA256"},
	{{"sha-384", NULL, 0, 0}, "SHA384"},
	{{"SHA512", NULL, RSA_PKCS1_PADDING, 0}, "SHA512"},
	{{"MD5-SHA1", NULL, 0, 0}, "MD5-SHA1"},
	{{NULL, NULL, 0, 0}, "SHA256"},
	{{"SHA256", NULL, PSS, 0}, "SHA256"},
	{{"SHA256", NULL, PSS, RSA_PSS_SALTLEN_DIGEST}, "SHA256"},
	{{"SHA512", NULL, PSS, 64}, "SHA512"},
	{{"SHA256", "SHA2-256", PSS, 0}, "SHA256"},
	{{"SHA256", "SHA1", PSS, 0}, NULL},
	{{"SHA256", NULL, PSS, 20}, NULL},
	{{"SHA256", NULL, PSS, RSA_PSS_SALTLEN_MAX}, NULL},
	{{"SHA256", NULL, RSA_NO_PADDING, 0}, NULL},
	{{"SHA256", NULL, RSA_X931_PADDING, 0}, NULL},
	{{"MD5", NULL, 0, 0}, NULL},
	{{"SHA224", NULL, 0, 0}, NULL},
	{{"SHA3-256", NULL, 0, 0}, NULL},
};

static void test_sign(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(signings); i++) {
		const struct options *o = &signings[i].o;
		unsigned char sig[512];
		size_t n = sizeof sig;
		bool ok;

		forget();
		ok = sign_with(o, sig, &n);
		if (ok != (signings[i].told != NULL))
			fail_msg("row %zu", i);
		if (!ok) {
			assert_int_equal(owner.signs, 0);
			continue;
		}
		assert_int_equal(owner.signs, 1);
		assert_string_equal(owner.md, signings[i].told);
		assert_int_equal(owner.pss, o->padding == PSS);
		/* The message went over, not its digest. */
		assert_int_equal(owner.n, sizeof message);
		assert_memory_equal(owner.message, message, sizeof message);
		assert_int_equal(n, 256);
		assert_true(verifies(o, sig, n));
	}
}

static void test_sign_fails(void **state)
{
	const struct options o = {"SHA256", NULL, 0, 0};
	unsigned char sig[512];
	size_t n = sizeof sig;

	(void)state;
	forget();
	owner.fails = true;
	assert_false(sign_with(&o, sig, &n));
	assert_int_equal(owner.signs, 1);
	forget();
	n = 255; /* no room */
	assert_false(sign_with(&o, sig, &n));
	assert_int_equal(owner.signs, 0);
}

/* Neither a digest nor a message in pieces is signed. */
static void test_no_bare_digest(void **state)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, far, NULL);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char digest[32] = {1}, sig[512];
	size_t n = sizeof sig;

	(void)state;
	forget();
	assert_false(EVP_PKEY_sign_init(ctx) > 0 &&
		     EVP_PKEY_sign(ctx, sig, &n, digest, sizeof digest) > 0);
	n = sizeof sig;
	assert_false(EVP_DigestSignInit_ex(md, NULL, "SHA256", libctx, NULL,
					   far, NULL) > 0 &&
		     EVP_DigestSignUpdate(md, digest, sizeof digest) > 0 &&
		     EVP_DigestSignFinal(md, sig, &n) > 0);
	assert_int_equal(owner.signs, 0);
	EVP_MD_CTX_free(md);
	EVP_PKEY_CTX_free(ctx);
}

static void test_certificates(void **state)
{
	X509_REQ *req = X509_REQ_new();
	X509 *cert = self_signed();

	(void)state;
	assert_int_equal(owner.signs, 1);
	assert_int_equal(X509_verify(cert, owner.key), 1);
	assert_int_equal(X509_get_signature_nid(cert),
			 NID_sha256WithRSAEncryption);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), owner.key), 1);
	assert_int_equal(X509_check_private_key(cert, far), 1);
	assert_int_equal(X509_REQ_set_pubkey(req, far), 1);
	assert_true(X509_REQ_sign(req, far, EVP_sha1()) > 0);
	assert_int_equal(X509_REQ_verify(req, owner.key), 1);
	X509_REQ_free(req);
	X509_free(cert);
}

/* ---- what it will not do ---- */

static void test_export(void **state)
{
	OSSL_PARAM *params = NULL;
	unsigned char *der = NULL;
	BIGNUM *d = NULL, *n = NULL;
	BIO *out = BIO_new(BIO_s_mem());

	(void)state;
	assert_int_not_equal(EVP_PKEY_todata(far, EVP_PKEY_KEYPAIR, &params), 1);
	assert_null(params);
	assert_int_not_equal(
		EVP_PKEY_get_bn_param(far, OSSL_PKEY_PARAM_RSA_D, &d), 1);
	assert_true(i2d_PrivateKey(far, &der) <= 0);
	assert_int_not_equal(PEM_write_bio_PrivateKey(out, far, NULL, NULL, 0,
						      NULL, NULL),
			     1);
	/* The public half is everybody's. */
	assert_int_equal(EVP_PKEY_todata(far, EVP_PKEY_PUBLIC_KEY, &params), 1);
	assert_null(OSSL_PARAM_locate(params, "itlkeeper-reference"));
	OSSL_PARAM_free(params);
	assert_int_equal(EVP_PKEY_get_bn_param(far, OSSL_PKEY_PARAM_RSA_N, &n),
			 1);
	assert_int_equal(EVP_PKEY_get_bits(far), 2048);
	assert_int_equal(EVP_PKEY_get_size(far), 256);
	assert_int_equal(EVP_PKEY_get_security_bits(far), 112);
	BN_free(n);
	BIO_free(out);
}

static void test_equality(void **state)
{
	EVP_PKEY *other = EVP_RSA_gen(1024), *far_other = NULL;
	struct err e;

	(void)state;
	assert_ok(provider_key(libctx, other, &ops, &owner, &far_other, &e),
		  &e);
	assert_int_equal(EVP_PKEY_eq(far, owner.key), 1);
	assert_int_equal(EVP_PKEY_eq(far, far_other), 0);
	assert_int_equal(EVP_PKEY_eq(far, other), 0);
	EVP_PKEY_free(far_other);
	EVP_PKEY_free(other);
}

static void test_no_ec_key(void **state)
{
	EVP_PKEY *ec = EVP_EC_gen("P-256"), *out = NULL;
	struct err e;

	(void)state;
	assert_non_null(ec);
	assert_int_equal(provider_key(libctx, ec, &ops, &owner, &out, &e),
			 RC_ERROR);
	assert_null(out);
	EVP_PKEY_free(ec);
}

/* A real private key is none for this provider. */
static void test_import(void **state)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "RSA",
						       "provider=itlkeeper");
	OSSL_PARAM *params = NULL;
	EVP_PKEY *out = NULL;

	(void)state;
	assert_non_null(ctx);
	assert_int_equal(EVP_PKEY_todata(owner.key, EVP_PKEY_KEYPAIR, &params),
			 1);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_not_equal(
		EVP_PKEY_fromdata(ctx, &out, EVP_PKEY_KEYPAIR, params), 1);
	assert_null(out);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
}

static void test_no_general_decryption(void **state)
{
	static const int paddings[] = {0, RSA_PKCS1_PADDING, RSA_NO_PADDING,
				       RSA_PKCS1_OAEP_PADDING};

	(void)state;
	forget();
	for (size_t i = 0; i < COUNT_OF(paddings); i++) {
		EVP_PKEY_CTX *ctx =
			EVP_PKEY_CTX_new_from_pkey(libctx, far, NULL);
		unsigned char in[256] = {0}, out[256];
		size_t n = sizeof out;

		in[255] = 2;
		assert_non_null(ctx);
		assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
		if (paddings[i])
			assert_true(EVP_PKEY_CTX_set_rsa_padding(
					    ctx, paddings[i]) <= 0);
		assert_true(EVP_PKEY_decrypt(ctx, out, &n, in, sizeof in) <= 0);
		EVP_PKEY_CTX_free(ctx);
	}
	assert_int_equal(owner.decrypts, 0);
}

/* An unqualified fetch never finds ours. */
static void test_default_is_preferred(void **state)
{
	EVP_SIGNATURE *s = EVP_SIGNATURE_fetch(libctx, "RSA", NULL);
	EVP_KEYMGMT *k = EVP_KEYMGMT_fetch(libctx, "RSA", NULL);
	EVP_ASYM_CIPHER *c = EVP_ASYM_CIPHER_fetch(libctx, "RSA", NULL);
	EVP_PKEY *made = EVP_PKEY_Q_keygen(libctx, NULL, "RSA", (size_t)1024);

	(void)state;
	assert_non_null(s);
	assert_non_null(k);
	assert_non_null(c);
	assert_non_null(made);
	assert_string_equal(
		OSSL_PROVIDER_get0_name(EVP_SIGNATURE_get0_provider(s)),
		"default");
	assert_string_equal(
		OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(k)),
		"default");
	assert_string_equal(
		OSSL_PROVIDER_get0_name(EVP_ASYM_CIPHER_get0_provider(c)),
		"default");
	assert_string_equal(
		OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(made)),
		"default");
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(far)),
			    "itlkeeper");
	EVP_SIGNATURE_free(s);
	EVP_KEYMGMT_free(k);
	EVP_ASYM_CIPHER_free(c);
	EVP_PKEY_free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sign),
		cmocka_unit_test(test_sign_fails),
		cmocka_unit_test(test_no_bare_digest),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_export),
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_no_ec_key),
		cmocka_unit_test(test_import),
		cmocka_unit_test(test_no_general_decryption),
		cmocka_unit_test(test_default_is_preferred),
	};

	return cmocka_run_group_tests(tests, owner_start, owner_stop);
}
