#include "owner.h"
#include <openssl/core_names.h>
#include <openssl/prov_ssl.h>
#include <openssl/rsa.h>
#include <string.h>

struct owner owner;
OSSL_LIB_CTX *libctx;
EVP_PKEY *far;

static int owner_sign(void *arg, const char *md, int pss,
		      const unsigned char *tbs, size_t n, unsigned char *sig,
		      size_t *siglen)
{
	struct owner *o = arg;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	int ok;

	o->signs++;
	assert_true(strlen(md) < sizeof o->md);
	strcpy(o->md, md);
	o->pss = pss;
	o->n = n < sizeof o->message ? n : sizeof o->message;
	memcpy(o->message, tbs, o->n);
	ok = !o->fails &&
	     EVP_DigestSignInit_ex(ctx, &pctx, md, NULL, NULL, o->key, NULL) ==
		     1 &&
	     (!pss || (EVP_PKEY_CTX_set_rsa_padding(
			       pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(
			       pctx, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
	     EVP_DigestSign(ctx, sig, siglen, tbs, n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -1;
}

static int owner_decrypt(void *arg, unsigned client_version,
			 unsigned negotiated_version, const unsigned char *in,
			 size_t n, unsigned char out[48])
{
	struct owner *o = arg;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(o->key, NULL);
	OSSL_PARAM params[] = {
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION,
				&client_version),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION,
				&negotiated_version),
		OSSL_PARAM_END,
	};
	size_t len = 48;
	int ok;

	o->decrypts++;
	o->client_version = client_version;
	o->negotiated_version = negotiated_version;
	ok = !o->fails && EVP_PKEY_decrypt_init(ctx) == 1 &&
	     EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_WITH_TLS_PADDING) ==
		     1 &&
	     EVP_PKEY_CTX_set_params(ctx, params) == 1 &&
	     EVP_PKEY_decrypt(ctx, out, &len, in, n) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok ? 0 : -1;
}

const struct provider_ops ops = {owner_sign, owner_decrypt};

int owner_start(void **state)
{
	struct err e;

	(void)state;
	owner.key = EVP_RSA_gen(2048);
	assert_non_null(owner.key);
	assert_ok(provider_context(&libctx, &e), &e);
	assert_ok(provider_key(libctx, owner.key, &ops, &owner, &far, &e), &e);
	return 0;
}

int owner_stop(void **state)
{
	(void)state;
	EVP_PKEY_free(far);
	EVP_PKEY_free(owner.key);
	provider_context_free(libctx);
	provider_context_free(NULL);
	return 0;
}

void forget(void)
{
	EVP_PKEY *key = owner.key;

	owner = (struct owner){.key = key};
}

X509 *self_signed(void)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	forget();
	assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(
				 name, "CN", MBSTRING_ASC,
				 (const unsigned char *)"tvs", -1, -1, 0),
			 1);
	assert_int_equal(X509_set_issuer_name(cert, name), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -60));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 86400));
	assert_int_equal(X509_set_pubkey(cert, far), 1);
	assert_true(X509_sign(cert, far, EVP_sha256()) > 0);
	return cert;
}
