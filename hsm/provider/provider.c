#include "provider/provider.h"
#include "base/num.h"
#include "internal.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/provider.h>

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keymgmt[] = {
		{RSA_NAMES, PROVIDER_QUERY, provider_keymgmt, ""},
		{NULL, NULL, NULL, NULL}};
	static const OSSL_ALGORITHM signature[] = {
		{RSA_NAMES, PROVIDER_QUERY, provider_signature, ""},
		{NULL, NULL, NULL, NULL}};
	static const OSSL_ALGORITHM decryption[] = {
		{RSA_NAMES, PROVIDER_QUERY, provider_decryption, ""},
		{NULL, NULL, NULL, NULL}};

	(void)provider;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return keymgmt;
	case OSSL_OP_SIGNATURE:
		return signature;
	case OSSL_OP_ASYM_CIPHER:
		return decryption;
	}
	return NULL;
}

static int provider_init(const OSSL_CORE_HANDLE *handle,
			 const OSSL_DISPATCH *from_core,
			 const OSSL_DISPATCH **out, void **ctx)
{
	static const OSSL_DISPATCH functions[] = {
		DISPATCH(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
		DISPATCH_END,
	};

	(void)from_core;
	*out = functions;
	*ctx = (void *)(uintptr_t)handle; /* there is no state */
	return 1;
}

static enum rc openssl_err(struct err *e, const char *op, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *why = ERR_reason_error_string(code);

	err_set(e, RC_ERROR, op, why ? why : "OpenSSL failed", NULL, "%s",
		what);
	e->code = code;
	ERR_clear_error();
	return e->rc;
}

enum rc provider_context(OSSL_LIB_CTX **out, struct err *e)
{
	OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();

	/* Default first: a provider that is loaded by name switches the
	 * automatic default off. And preferred, so that an unqualified fetch of
	 * RSA never finds ours. */
	if (!ctx || !OSSL_PROVIDER_load(ctx, "default") ||
	    !OSSL_PROVIDER_add_builtin(ctx, PROVIDER_NAME, provider_init) ||
	    !OSSL_PROVIDER_load(ctx, PROVIDER_NAME) ||
	    !EVP_set_default_properties(ctx, "?provider=default")) {
		openssl_err(e, "OSSL_PROVIDER_load", PROVIDER_NAME);
		provider_context_free(ctx);
		return e->rc;
	}
	*out = ctx;
	return RC_OK;
}

struct loaded {
	OSSL_PROVIDER *p[2];
	size_t n;
};

static int collect(OSSL_PROVIDER *p, void *arg)
{
	struct loaded *l = arg;

	if (l->n < COUNT_OF(l->p))
		l->p[l->n++] = p;
	return 1;
}

void provider_context_free(OSSL_LIB_CTX *ctx)
{
	struct loaded l = {{NULL}, 0};

	if (!ctx)
		return; /* NULL would mean OpenSSL's default context */
	(void)OSSL_PROVIDER_do_all(ctx, collect, &l);
	while (l.n)
		(void)OSSL_PROVIDER_unload(l.p[--l.n]);
	OSSL_LIB_CTX_free(ctx);
}

/* n, e and the reference, as parameters; NULL if OpenSSL cannot. */
static OSSL_PARAM *key_params(const EVP_PKEY *public_key,
			      const struct reference *at)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = NULL, *e = NULL;
	OSSL_PARAM *params = NULL;

	if (build &&
	    EVP_PKEY_get_bn_param(public_key, OSSL_PKEY_PARAM_RSA_N, &n) &&
	    EVP_PKEY_get_bn_param(public_key, OSSL_PKEY_PARAM_RSA_E, &e) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) &&
	    OSSL_PARAM_BLD_push_octet_string(build, PARAM_REFERENCE, at,
					     sizeof *at))
		params = OSSL_PARAM_BLD_to_param(build);
	BN_free(n);
	BN_free(e);
	OSSL_PARAM_BLD_free(build);
	return params;
}

enum rc provider_key(OSSL_LIB_CTX *ctx, EVP_PKEY *public_key,
		     const struct provider_ops *ops, void *arg, EVP_PKEY **out,
		     struct err *e)
{
	const struct reference at = {ops, arg};
	OSSL_PARAM *params = key_params(public_key, &at);
	EVP_PKEY_CTX *make =
		EVP_PKEY_CTX_new_from_name(ctx, "RSA", PROVIDER_QUERY);
	EVP_PKEY *key = NULL;

	if (params && make && EVP_PKEY_fromdata_init(make) > 0)
		(void)EVP_PKEY_fromdata(make, &key, EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(make);
	if (!key)
		return openssl_err(e, "EVP_PKEY_fromdata",
				   "a key of the provider");
	*out = key;
	return RC_OK;
}
