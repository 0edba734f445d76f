#include "fixture.h"
#include "provider/provider.h"
#include <dlfcn.h>
#include <openssl/x509.h>
#include <string.h>

const char *mock_module(void)
{
	return MOCK_MODULE;
}

static void open_token(struct fixture *f, unsigned sessions)
{
	struct secret CLEANUP(secret_free) *pin = softhsm_secret(SOFTHSM_PIN);
	struct err e;

	assert_ok(hsm_module_open(MOCK_MODULE, &f->module, &e), &e);
	assert_ok(hsm_token_open(f->module, TOKEN_URI, sessions, &f->token, &e),
		  &e);
	assert_ok(hsm_token_login(f->token, pin, &e), &e);
	f->session = hsm_session_take(f->token);
}

static void close_token(struct fixture *f)
{
	hsm_token_free(f->token);
	hsm_module_free(f->module);
	f->token = NULL;
	f->module = NULL;
	f->session = NULL;
}

void fixture_open(struct fixture *f, unsigned sessions)
{
	*f = (struct fixture){0};
	softhsm_start(&f->softhsm, TOKEN_LABEL);
	f->library = dlopen(MOCK_MODULE, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(f->library);
	f->mock = dlsym(f->library, "mock_state");
	assert_non_null(f->mock);
	*f->mock = (struct mock){0};
	open_token(f, sessions);
}

void fixture_reopen(struct fixture *f)
{
	close_token(f);
	open_token(f, 1);
}

void fixture_close(struct fixture *f)
{
	close_token(f);
	(void)dlclose(f->library);
	softhsm_stop(&f->softhsm);
}

struct hsm_key *fixture_pair(struct fixture *f, const char *label,
			     unsigned bits, unsigned usage)
{
	uint8_t id[HSM_ID_LEN];
	struct hsm_key *key = NULL;
	struct err e;

	hsm_id_new(id);
	assert_ok(hsm_key_generate(f->session, id, label, bits, usage, &key, &e),
		  &e);
	return key;
}

struct hsm_key *fixture_key(struct fixture *f, const char *label,
			    unsigned bits, unsigned usage)
{
	struct hsm_key *key = fixture_pair(f, label, bits, usage);
	X509 *cert = fixture_cert(f->session, key);
	struct err e;

	assert_ok(hsm_key_commit(f->session, key, cert, &e), &e);
	X509_free(cert);
	return key;
}

struct signer {
	struct hsm_session *session;
	struct hsm_key *key;
};

static int sign(void *arg, const char *md, int pss, const unsigned char *tbs,
		size_t n, unsigned char *sig, size_t *siglen)
{
	struct signer *s = arg;
	struct bytes message = bytes_of(tbs, n);
	struct err e;

	return hsm_sign(s->session, s->key, md, pss ? HSM_PSS : HSM_PKCS1,
			&message, 1, sig, *siglen, &e) == RC_OK
		       ? 0
		       : -1;
}

X509 *fixture_cert(struct hsm_session *s, struct hsm_key *key)
{
	static const struct provider_ops ops = {sign, NULL};
	struct signer signer = {s, key};
	OSSL_LIB_CTX *ctx = NULL;
	EVP_PKEY *pkey = NULL;
	X509 *cert;
	X509_NAME *name;
	struct err e;

	assert_ok(provider_context(&ctx, &e), &e);
	assert_ok(provider_key(ctx, key->public_key, &ops, &signer, &pkey, &e),
		  &e);
	cert = X509_new();
	assert_non_null(cert);
	name = X509_get_subject_name(cert);
	assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 77), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(
				 name, "CN", MBSTRING_ASC,
				 (const unsigned char *)key->label, -1, -1, 0),
			 1);
	assert_int_equal(X509_set_issuer_name(cert, name), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 86400));
	assert_int_equal(X509_set_pubkey(cert, key->public_key), 1);
	assert_true(X509_sign(cert, pkey, EVP_sha256()) > 0);
	assert_int_equal(X509_verify(cert, key->public_key), 1);
	EVP_PKEY_free(pkey);
	provider_context_free(ctx);
	return cert;
}

const char *fixture_text(const struct err *e)
{
	static char text[1200];

	return err_text(e, text, sizeof text);
}

int fixture_setup(void **state)
{
	static struct fixture f;

	fixture_open(&f, 4);
	*state = &f;
	return 0;
}

int fixture_teardown(void **state)
{
	fixture_close(*state);
	return 0;
}

struct mock *mock_of(void **state)
{
	struct mock *m = ((struct fixture *)*state)->mock;

	*m = (struct mock){0};
	return m;
}

CK_OBJECT_HANDLE object_of(struct fixture *f, const struct hsm_key *key,
			   CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE t[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_ID, (void *)(uintptr_t)key->id, HSM_ID_LEN},
	};
	CK_FUNCTION_LIST *p11 = hsm_session_functions(f->session);
	CK_SESSION_HANDLE s = hsm_session_handle(f->session);
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;

	assert_int_equal(p11->C_FindObjectsInit(s, t, 2), CKR_OK);
	assert_int_equal(p11->C_FindObjects(s, found, 2, &n), CKR_OK);
	assert_int_equal(p11->C_FindObjectsFinal(s), CKR_OK);
	assert_int_equal(n, 1);
	return found[0];
}
