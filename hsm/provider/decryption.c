/* Decryption of TLS premaster secrets, and of nothing else: a general one would
 * be an oracle. Unpadding is the key owner's, in constant time. */
#include "internal.h"
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define PREMASTER_LEN 48 /* RFC 5246 7.4.7.1 */

struct decryption {
	const struct key *key;
	int padding;
	unsigned client_version, negotiated_version;
};

static void *decryption_new(void *provider)
{
	(void)provider;
	return calloc(1, sizeof(struct decryption));
}

static void decryption_free(void *ctx)
{
	free(ctx);
}

static void *decryption_dup(void *ctx)
{
	struct decryption *copy = malloc(sizeof *copy);

	if (copy)
		memcpy(copy, ctx, sizeof *copy);
	return copy;
}

static int decryption_set(void *ctx, const OSSL_PARAM params[])
{
	struct decryption *d = ctx;
	const OSSL_PARAM *p;

	if (!params)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
	if (p && (!OSSL_PARAM_get_int(p, &d->padding) ||
		  d->padding != RSA_PKCS1_WITH_TLS_PADDING)) {
		d->padding = 0;
		return 0;
	}
	p = OSSL_PARAM_locate_const(params,
				    OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION);
	if (p && !OSSL_PARAM_get_uint(p, &d->client_version))
		return 0;
	p = OSSL_PARAM_locate_const(
		params, OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION);
	return !p || OSSL_PARAM_get_uint(p, &d->negotiated_version);
}

static const OSSL_PARAM *decryption_settable(void *ctx, void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_int(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION,
				NULL),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION,
				NULL),
		OSSL_PARAM_END,
	};

	(void)ctx, (void)provider;
	return types;
}

static int decryption_init(void *ctx, void *key, const OSSL_PARAM params[])
{
	struct decryption *d = ctx;

	*d = (struct decryption){.key = key};
	return d->key && d->key->at.ops && d->key->at.ops->tls_decrypt &&
	       decryption_set(d, params);
}

static int decrypt(void *ctx, unsigned char *out, size_t *outlen, size_t room,
		   const unsigned char *in, size_t n)
{
	const struct decryption *d = ctx;

	if (d->padding != RSA_PKCS1_WITH_TLS_PADDING)
		return 0;
	if (!out) {
		*outlen = PREMASTER_LEN;
		return 1;
	}
	if (room < PREMASTER_LEN || n != key_size(d->key) ||
	    d->key->at.ops->tls_decrypt(d->key->at.arg, d->client_version,
					d->negotiated_version, in, n,
					out) != 0)
		return 0;
	*outlen = PREMASTER_LEN;
	return 1;
}

const OSSL_DISPATCH provider_decryption[] = {
	DISPATCH(OSSL_FUNC_ASYM_CIPHER_NEWCTX, decryption_new),
	DISPATCH(OSSL_FUNC_ASYM_CIPHER_FREECTX, decryption_free),
	DISPATCH(OSSL_FUNC_ASYM_CIPHER_DUPCTX, decryption_dup),
	DISPATCH(OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, decryption_init),
	DISPATCH(OSSL_FUNC_ASYM_CIPHER_DECRYPT, decrypt),
	DISPATCH(OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, decryption_set),
	DISPATCH(OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, decryption_settable),
	DISPATCH_END,
};
