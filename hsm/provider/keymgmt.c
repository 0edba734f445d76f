/* Key management: holds the public half, and never exports a private one. */
#include "internal.h"
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

static void *key_new(void *provider)
{
	(void)provider;
	return calloc(1, sizeof(struct key));
}

static void key_free(void *key)
{
	struct key *k = key;

	if (!k)
		return;
	BN_free(k->n);
	BN_free(k->e);
	free(k);
}

static int key_has(const void *key, int selection)
{
	const struct key *k = key;

	if (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY && !(k->n && k->e))
		return 0;
	return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || k->at.ops;
}

static int key_match(const void *a, const void *b, int selection)
{
	const struct key *x = a, *y = b;

	if (!(selection & OSSL_KEYMGMT_SELECT_KEYPAIR))
		return 1;
	return x->n && x->e && y->n && y->e && BN_cmp(x->n, y->n) == 0 &&
	       BN_cmp(x->e, y->e) == 0;
}

static int key_import(void *key, int selection, const OSSL_PARAM params[])
{
	struct key *k = key, got = {0};
	const OSSL_PARAM *n, *e, *at;

	n = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_N);
	e = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_E);
	at = OSSL_PARAM_locate_const(params, PARAM_REFERENCE);
	if (k->n || !n || !e)
		return 0;
	if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) {
		/* Real private keys belong to the default provider. */
		if (!at || at->data_type != OSSL_PARAM_OCTET_STRING ||
		    at->data_size != sizeof got.at)
			return 0;
		memcpy(&got.at, at->data, sizeof got.at);
	}
	if (!OSSL_PARAM_get_BN(n, &got.n) || !OSSL_PARAM_get_BN(e, &got.e)) {
		BN_free(got.n);
		BN_free(got.e);
		return 0;
	}
	*k = got;
	return 1;
}

static const OSSL_PARAM *import_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_octet_string(PARAM_REFERENCE, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

static const OSSL_PARAM *export_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_END,
	};

	return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? NULL : types;
}

/* Refusing the private half is also what makes OpenSSL come to this provider:
 * else it would take the key over into the default one. */
static int key_export(void *key, int selection, OSSL_CALLBACK *give, void *arg)
{
	const struct key *k = key;
	OSSL_PARAM_BLD *build;
	OSSL_PARAM *params = NULL;
	int ok;

	if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY || !k->n || !k->e)
		return 0;
	build = OSSL_PARAM_BLD_new();
	ok = build &&
	     OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, k->n) &&
	     OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, k->e) &&
	     (params = OSSL_PARAM_BLD_to_param(build)) && give(params, arg);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	return ok;
}

static int set_int(OSSL_PARAM params[], const char *name, int v)
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

	return !p || OSSL_PARAM_set_int(p, v);
}

static int set_bn(OSSL_PARAM params[], const char *name, const BIGNUM *v)
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

	return !p || OSSL_PARAM_set_BN(p, v);
}

static int key_get(void *key, OSSL_PARAM params[])
{
	const struct key *k = key;
	OSSL_PARAM *md;

	if (!k->n || !k->e)
		return 0;
	md = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST);
	return set_int(params, OSSL_PKEY_PARAM_BITS, BN_num_bits(k->n)) &&
	       set_int(params, OSSL_PKEY_PARAM_SECURITY_BITS,
		       BN_security_bits(BN_num_bits(k->n), -1)) &&
	       set_int(params, OSSL_PKEY_PARAM_MAX_SIZE, BN_num_bytes(k->n)) &&
	       set_bn(params, OSSL_PKEY_PARAM_RSA_N, k->n) &&
	       set_bn(params, OSSL_PKEY_PARAM_RSA_E, k->e) &&
	       (!md || OSSL_PARAM_set_utf8_string(md, "SHA256"));
}

static const OSSL_PARAM *gettable(void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)provider;
	return types;
}

const OSSL_DISPATCH provider_keymgmt[] = {
	DISPATCH(OSSL_FUNC_KEYMGMT_NEW, key_new),
	DISPATCH(OSSL_FUNC_KEYMGMT_FREE, key_free),
	DISPATCH(OSSL_FUNC_KEYMGMT_HAS, key_has),
	DISPATCH(OSSL_FUNC_KEYMGMT_MATCH, key_match),
	DISPATCH(OSSL_FUNC_KEYMGMT_IMPORT, key_import),
	DISPATCH(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, import_types),
	DISPATCH(OSSL_FUNC_KEYMGMT_EXPORT, key_export),
	DISPATCH(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, export_types),
	DISPATCH(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get),
	DISPATCH(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, gettable),
	DISPATCH_END,
};
