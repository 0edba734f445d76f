/* Signatures, one-shot over the message: the key's owner sees what it signs. A
 * digest alone cannot be handed over, since there is no SIGN_INIT here. */
#include "internal.h"
#include "base/num.h"
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The digests that are served; names[0] is what the key's owner is told. */
static const struct digest {
	const char *names[3];
	int length;
	int algorithm; /* of a PKCS#1 signature with it, in certificates */
} digests[] = {
	{{"SHA1", "SHA-1", "SSL3-SHA1"}, 20, NID_sha1WithRSAEncryption},
	{{"SHA256", "SHA2-256", "SHA-256"}, 32, NID_sha256WithRSAEncryption},
	{{"SHA384", "SHA2-384", "SHA-384"}, 48, NID_sha384WithRSAEncryption},
	{{"SHA512", "SHA2-512", "SHA-512"}, 64, NID_sha512WithRSAEncryption},
	{{"MD5-SHA1", "MD5-SHA1", "MD5-SHA1"}, 36, NID_undef}, /* TLS 1.0, 1.1 */
};

static const struct digest *find_digest(const char *name)
{
	for (size_t i = 0; name && i < COUNT_OF(digests); i++)
		for (size_t k = 0; k < COUNT_OF(digests[i].names); k++)
			if (!strcasecmp(digests[i].names[k], name))
				return &digests[i];
	return NULL;
}

struct signing {
	const struct key *key;
	const struct digest *digest;
	bool pss;
};

static void *signing_new(void *provider, const char *query)
{
	(void)provider, (void)query;
	return calloc(1, sizeof(struct signing));
}

static void signing_free(void *ctx)
{
	free(ctx);
}

static void *signing_dup(void *ctx)
{
	struct signing *copy = malloc(sizeof *copy);

	if (copy)
		memcpy(copy, ctx, sizeof *copy);
	return copy;
}

/* Integers and words name the same things, as OpenSSL's callers like it. */
static bool set_padding(struct signing *s, const OSSL_PARAM *p)
{
	int mode = 0;
	bool pss, pkcs1;

	if (p->data_type == OSSL_PARAM_UTF8_STRING) {
		pss = !strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS);
		pkcs1 = !strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
	} else {
		if (!OSSL_PARAM_get_int(p, &mode))
			return false;
		pss = mode == RSA_PKCS1_PSS_PADDING;
		pkcs1 = mode == RSA_PKCS1_PADDING;
	}
	if (!pss && !pkcs1)
		return false;
	s->pss = pss;
	return true;
}

/* Only a salt of the digest's length is served. */
static bool check_salt(const struct signing *s, const OSSL_PARAM *p)
{
	int length = 0;

	if (p->data_type == OSSL_PARAM_UTF8_STRING) {
		if (!strcmp(p->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST))
			return true;
		length = atoi(p->data);
	} else if (!OSSL_PARAM_get_int(p, &length)) {
		return false;
	}
	return length == RSA_PSS_SALTLEN_DIGEST ||
	       (s->digest && length == s->digest->length);
}

/* The digest is chosen at the beginning; another one, or another for the mask,
 * is refused rather than ignored. */
static bool check_digest(const struct signing *s, const OSSL_PARAM *p)
{
	return p->data_type == OSSL_PARAM_UTF8_STRING && s->digest &&
	       find_digest(p->data) == s->digest;
}

static int signing_set(void *ctx, const OSSL_PARAM params[])
{
	struct signing *s = ctx;
	const OSSL_PARAM *p;

	if (!params)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
	if (p && !check_digest(s, p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
	if (p && !check_digest(s, p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	if (p && !check_salt(s, p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	return !p || set_padding(s, p);
}

static const OSSL_PARAM *signing_settable(void *ctx, void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL,
				       0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL,
				       0),
		OSSL_PARAM_END,
	};

	(void)ctx, (void)provider;
	return types;
}

static int signing_init(void *ctx, const char *md, void *key,
			const OSSL_PARAM params[])
{
	struct signing *s = ctx;

	/* A context may be begun again without a key: it keeps its own. */
	*s = (struct signing){.key = key ? key : s->key,
			      .digest = find_digest(md)};
	return s->key && s->key->at.ops && s->digest &&
	       signing_set(s, params);
}

static int sign(void *ctx, unsigned char *sig, size_t *siglen, size_t room,
		const unsigned char *message, size_t n)
{
	const struct signing *s = ctx;
	size_t need = key_size(s->key), got = need;

	if (!sig) {
		*siglen = need;
		return 1;
	}
	if (room < need ||
	    s->key->at.ops->sign(s->key->at.arg, s->digest->names[0], s->pss,
				 message, n, sig, &got) != 0 ||
	    got != need)
		return 0;
	*siglen = got;
	return 1;
}

/* X509_sign() asks for the AlgorithmIdentifier, as DER. */
static int signing_get(void *ctx, OSSL_PARAM params[])
{
	const struct signing *s = ctx;
	OSSL_PARAM *p;
	X509_ALGOR *a;
	unsigned char *der = NULL;
	int n, ok;

	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
	if (!p)
		return 1;
	if (!s->digest || s->digest->algorithm == NID_undef || s->pss)
		return 0;
	a = X509_ALGOR_new();
	ok = a && X509_ALGOR_set0(a, OBJ_nid2obj(s->digest->algorithm),
				  V_ASN1_NULL, NULL);
	n = ok ? i2d_X509_ALGOR(a, &der) : 0;
	ok = n > 0 && OSSL_PARAM_set_octet_string(p, der, (size_t)n);
	OPENSSL_free(der);
	X509_ALGOR_free(a);
	return ok;
}

static const OSSL_PARAM *signing_gettable(void *ctx, void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL,
					0),
		OSSL_PARAM_END,
	};

	(void)ctx, (void)provider;
	return types;
}

const OSSL_DISPATCH provider_signature[] = {
	DISPATCH(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
	DISPATCH(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
	DISPATCH(OSSL_FUNC_SIGNATURE_DUPCTX, signing_dup),
	DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_init),
	DISPATCH(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),
	DISPATCH(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set),
	DISPATCH(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable),
	DISPATCH(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, signing_get),
	DISPATCH(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, signing_gettable),
	DISPATCH_END,
};
