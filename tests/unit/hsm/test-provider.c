#include "support/support.h"
#include "base/num.h"
#include "provider/provider.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/prov_ssl.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

/* A key "elsewhere": in this process, and it tells what it was asked. */
struct owner {
	EVP_PKEY *key;
	unsigned signs, decrypts;
	bool fails;
	char md[20];
	int pss;
	unsigned char message[512];
	size_t n;
	unsigned client_version, negotiated_version;
};

static struct owner owner;
static OSSL_LIB_CTX *libctx;
static EVP_PKEY *far; /* the provider's key */

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

static const struct provider_ops ops = {owner_sign, owner_decrypt};

static int setup(void **state)
{
	struct err e;

	(void)state;
	owner.key = EVP_RSA_gen(2048);
	assert_non_null(owner.key);
	assert_ok(provider_context(&libctx, &e), &e);
	assert_ok(provider_key(libctx, owner.key, &ops, &owner, &far, &e), &e);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(far);
	EVP_PKEY_free(owner.key);
	provider_context_free(libctx);
	provider_context_free(NULL);
	return 0;
}

static void forget(void)
{
	EVP_PKEY *key = owner.key;

	owner = (struct owner){.key = key};
}

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

static X509 *self_signed(void)
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

/* ---- TLS ---- */

struct tls {
	const char *name;
	int version;
	const char *ciphers; /* up to TLS 1.2 */
	const char *suites;  /* TLS 1.3 */
	const char *sigalgs, *groups;
	const char *md; /* of the one signature; NULL: none, but decryption */
	int pss;
	size_t signed_len; /* what a key's owner may check; 0: not given */
};

static const struct tls handshakes[] = {
	{"TLS 1.0, RSA", TLS1_VERSION, "AES128-SHA", NULL, NULL, NULL, NULL, 0,
	 0},
	{"TLS 1.0, ECDHE", TLS1_VERSION, "ECDHE-RSA-AES128-SHA", NULL, NULL,
	 "P-256", "MD5-SHA1", 0, 133},
	{"TLS 1.2, RSA", TLS1_2_VERSION, "AES256-SHA", NULL, NULL, NULL, NULL, 0,
	 0},
	{"TLS 1.2, ECDHE, PSS", TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384",
	 NULL, "RSA-PSS+SHA256", "X25519", "SHA256", 1, 100},
	{"TLS 1.2, ECDHE, PKCS#1", TLS1_2_VERSION,
	 "ECDHE-RSA-AES128-GCM-SHA256", NULL, "RSA+SHA512", "P-256", "SHA512", 0,
	 133},
	{"TLS 1.3, SHA-256", TLS1_3_VERSION, NULL, "TLS_AES_128_GCM_SHA256",
	 "RSA-PSS+SHA256", NULL, "SHA256", 1, 130},
	{"TLS 1.3, SHA-384", TLS1_3_VERSION, NULL, "TLS_AES_256_GCM_SHA384",
	 "RSA-PSS+SHA384", NULL, "SHA384", 1, 146},
};

static void limit(SSL_CTX *ctx, const struct tls *t)
{
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, t->version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, t->version), 1);
	/* TLS 1.0 signs with SHA-1: not at OpenSSL's usual level. */
	SSL_CTX_set_security_level(ctx, t->version == TLS1_VERSION ? 0 : 1);
	if (t->ciphers)
		assert_int_equal(SSL_CTX_set_cipher_list(ctx, t->ciphers), 1);
	if (t->suites)
		assert_int_equal(SSL_CTX_set_ciphersuites(ctx, t->suites), 1);
	if (t->sigalgs)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, t->sigalgs), 1);
	if (t->groups)
		assert_int_equal(SSL_CTX_set1_groups_list(ctx, t->groups), 1);
}

static SSL_CTX *server_of(const struct tls *t, X509 *cert)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, far), 1);
	assert_int_equal(SSL_CTX_check_private_key(ctx), 1);
	limit(ctx, t);
	return ctx;
}

static SSL_CTX *client_of(const struct tls *t, X509 *cert)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	assert_non_null(ctx);
	assert_int_equal(
		X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert), 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	limit(ctx, t);
	return ctx;
}

/* Both ends in this thread, until both are done or one fails; then a word from
 * server to client, which in TLS 1.3 brings the ticket too. */
static bool shake(SSL_CTX *server, SSL_CTX *client, SSL_SESSION **session,
		  bool *reused)
{
	SSL *s = SSL_new(server), *c = SSL_new(client);
	BIO *near_end, *far_end;
	bool ok = false;
	char word[3] = "";

	assert_int_equal(BIO_new_bio_pair(&near_end, 0, &far_end, 0), 1);
	SSL_set_bio(s, near_end, near_end);
	SSL_set_bio(c, far_end, far_end);
	SSL_set_accept_state(s);
	SSL_set_connect_state(c);
	if (session && *session)
		assert_int_equal(SSL_set_session(c, *session), 1);
	for (int i = 0; i < 50 && !ok; i++) {
		int a = SSL_do_handshake(c), b = SSL_do_handshake(s);

		if ((a <= 0 && SSL_get_error(c, a) != SSL_ERROR_WANT_READ) ||
		    (b <= 0 && SSL_get_error(s, b) != SSL_ERROR_WANT_READ))
			break;
		ok = a == 1 && b == 1;
	}
	if (ok)
		ok = SSL_write(s, "ok", 2) == 2 && SSL_read(c, word, 2) == 2 &&
		     !strcmp(word, "ok");
	*reused = ok && SSL_session_reused(s);
	if (session && !*session)
		*session = SSL_get1_session(c);
	(void)SSL_shutdown(c);
	(void)SSL_shutdown(s);
	SSL_free(c);
	SSL_free(s);
	return ok;
}

static void check_asked(const struct tls *t)
{
	unsigned char blanks[64];

	memset(blanks, ' ', sizeof blanks);
	assert_int_equal(owner.decrypts, t->md ? 0 : 1);
	assert_int_equal(owner.signs, t->md ? 1 : 0);
	if (!t->md) {
		assert_int_equal(owner.client_version, t->version);
		return;
	}
	assert_string_equal(owner.md, t->md);
	assert_int_equal(owner.pss, t->pss);
	assert_int_equal(owner.n, t->signed_len);
	if (t->version == TLS1_3_VERSION)
		assert_memory_equal(owner.message, blanks, sizeof blanks);
}

static void test_tls(void **state)
{
	X509 *cert = self_signed();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(handshakes); i++) {
		const struct tls *t = &handshakes[i];
		SSL_CTX *server = server_of(t, cert), *client = client_of(t, cert);
		bool reused;

		forget();
		if (!shake(server, client, NULL, &reused)) {
			ERR_print_errors_fp(stderr);
			fail_msg("%s", t->name);
		}
		assert_false(reused);
		check_asked(t);
		/* The owner is away. */
		forget();
		owner.fails = true;
		assert_false(shake(server, client, NULL, &reused));
		ERR_clear_error();
		SSL_CTX_free(client);
		SSL_CTX_free(server);
	}
	X509_free(cert);
}

/* A session that is resumed costs no private operation. */
static void test_tls_resumed(void **state)
{
	X509 *cert = self_signed();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(handshakes); i++) {
		const struct tls *t = &handshakes[i];
		SSL_CTX *server = server_of(t, cert), *client = client_of(t, cert);
		SSL_SESSION *session = NULL;
		bool reused;

		assert_int_equal(
			SSL_CTX_set_session_id_context(
				server, (const unsigned char *)"tvs", 3),
			1);
		forget();
		assert_true(shake(server, client, &session, &reused));
		forget();
		assert_true(shake(server, client, &session, &reused));
		if (!reused)
			fail_msg("%s", t->name);
		assert_int_equal(owner.signs + owner.decrypts, 0);
		SSL_SESSION_free(session);
		SSL_CTX_free(client);
		SSL_CTX_free(server);
	}
	X509_free(cert);
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
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_tls_resumed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
