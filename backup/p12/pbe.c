/* Password-based encryption: PBES2 (RFC 8018), and what PKCS#12 had before it
 * (RFC 7292, appendix C). */
#include "base/num.h"
#include "internal.h"
#include <openssl/provider.h>

/* An AlgorithmIdentifier's OID, or, in PBES2, its cipher's. */
struct pbe_scheme {
	int nid;
	bool pbes2;
	bool legacy;        /* of OpenSSL's legacy provider */
	uint8_t key, iv;    /* bytes */
	const char *cipher; /* OpenSSL's name */
	const char *name;
};

static const struct pbe_scheme schemes[] = {
	{NID_aes_256_cbc, true, false, 32, 16, "AES-256-CBC", "PBES2 AES-256-CBC"},
	{NID_aes_192_cbc, true, false, 24, 16, "AES-192-CBC", "PBES2 AES-192-CBC"},
	{NID_aes_128_cbc, true, false, 16, 16, "AES-128-CBC", "PBES2 AES-128-CBC"},
	{NID_des_ede3_cbc, true, false, 24, 8, "DES-EDE3-CBC", "PBES2 3DES-CBC"},
	{NID_pbe_WithSHA1And3_Key_TripleDES_CBC, false, false, 24, 8, "DES-EDE3-CBC",
	 "PBE-SHA1-3DES"},
	{NID_pbe_WithSHA1And2_Key_TripleDES_CBC, false, false, 16, 8, "DES-EDE-CBC",
	 "PBE-SHA1-2DES"},
	{NID_pbe_WithSHA1And128BitRC2_CBC, false, true, 16, 8, "RC2-CBC",
	 "PBE-SHA1-RC2-128"},
	{NID_pbe_WithSHA1And40BitRC2_CBC, false, true, 5, 8, "RC2-40-CBC",
	 "PBE-SHA1-RC2-40"},
};

static const struct {
	int nid;
	const char *hash;
} prfs[] = {
	{NID_hmacWithSHA1, "SHA1"},
	{NID_hmacWithSHA224, "SHA224"},
	{NID_hmacWithSHA256, "SHA256"},
	{NID_hmacWithSHA384, "SHA384"},
	{NID_hmacWithSHA512, "SHA512"},
};

CLEANUP_DEFINE(PBEPARAM *, PBEPARAM_free);
CLEANUP_DEFINE(PBE2PARAM *, PBE2PARAM_free);
CLEANUP_DEFINE(PBKDF2PARAM *, PBKDF2PARAM_free);

static const struct pbe_scheme *find_scheme(int nid, bool pbes2)
{
	for (size_t i = 0; i < COUNT_OF(schemes); i++)
		if (schemes[i].nid == nid && schemes[i].pbes2 == pbes2)
			return &schemes[i];
	return NULL;
}

static const char *find_prf(const X509_ALGOR *a)
{
	int nid = a ? OBJ_obj2nid(a->algorithm) : NID_hmacWithSHA1; /* the default */

	for (size_t i = 0; i < COUNT_OF(prfs); i++)
		if (prfs[i].nid == nid)
			return prfs[i].hash;
	return NULL;
}

static enum rc unknown(struct err *e, const char *why)
{
	return p12_bad(e, RC_REFUSED, why,
		       "export the key again: openssl pkcs12 -keypbe AES-256-CBC "
		       "-certpbe AES-256-CBC");
}

static enum rc damaged(struct err *e)
{
	return p12_bad(e, RC_USAGE, "damaged: parameters of its encryption",
		       P12_AGAIN);
}

static enum rc keep(struct pbe *p, const ASN1_STRING *salt, const ASN1_INTEGER *n,
		    unsigned iterations_max, struct err *e)
{
	struct bytes b;

	if (p12_salt(salt, &b, e) != RC_OK ||
	    p12_iterations(n, iterations_max, "its encryption", &p->iterations,
			   e) != RC_OK)
		return e->rc;
	memcpy(p->salt, b.p, b.n);
	p->salt_n = b.n;
	return RC_OK;
}

static enum rc read_pbkdf2(const PBE2PARAM *param, unsigned iterations_max,
			   struct pbe *p, struct err *e)
{
	const X509_ALGOR *kdf = param->keyfunc;
	PBKDF2PARAM CLEANUP(PBKDF2PARAM_free) *k = NULL;
	int64_t length = p->scheme->key;

	if (OBJ_obj2nid(kdf->algorithm) != NID_id_pbkdf2)
		return unknown(e, "its key derivation is not PBKDF2");
	k = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), kdf->parameter);
	if (!k || k->salt->type != V_ASN1_OCTET_STRING)
		return damaged(e);
	if (!(p->prf = find_prf(k->prf)))
		return unknown(e, "its PBKDF2 has a hash that is not supported");
	if (k->keylength && (ASN1_INTEGER_get_int64(&length, k->keylength) != 1 ||
			     length != p->scheme->key))
		return damaged(e);
	return keep(p, k->salt->value.octet_string, k->iter, iterations_max, e);
}

static enum rc read_pbes2(const X509_ALGOR *alg, unsigned iterations_max,
			  struct pbe *p, struct err *e)
{
	PBE2PARAM CLEANUP(PBE2PARAM_free) *param =
		ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), alg->parameter);
	const ASN1_TYPE *iv;

	if (!param)
		return damaged(e);
	p->scheme = find_scheme(OBJ_obj2nid(param->encryption->algorithm), true);
	if (!p->scheme)
		return unknown(e, "its cipher is not supported");
	iv = param->encryption->parameter;
	if (!iv || iv->type != V_ASN1_OCTET_STRING ||
	    ASN1_STRING_length(iv->value.octet_string) != p->scheme->iv)
		return damaged(e);
	memcpy(p->iv, ASN1_STRING_get0_data(iv->value.octet_string), p->scheme->iv);
	return read_pbkdf2(param, iterations_max, p, e);
}

static enum rc read_old(const X509_ALGOR *alg, unsigned iterations_max, struct pbe *p,
			struct err *e)
{
	PBEPARAM CLEANUP(PBEPARAM_free) *param = NULL;

	p->scheme = find_scheme(OBJ_obj2nid(alg->algorithm), false);
	if (!p->scheme)
		return unknown(e, "its encryption is not supported");
	param = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), alg->parameter);
	if (!param)
		return damaged(e);
	return keep(p, param->salt, param->iter, iterations_max, e);
}

enum rc pbe_read(const X509_ALGOR *alg, unsigned iterations_max, struct pbe *out,
		 struct err *e)
{
	struct pbe p = {0};
	bool pbes2 = OBJ_obj2nid(alg->algorithm) == NID_pbes2;

	if ((pbes2 ? read_pbes2 : read_old)(alg, iterations_max, &p, e) != RC_OK)
		return e->rc;
	*out = p;
	return RC_OK;
}

const char *pbe_name(const struct pbe *p)
{
	return p->scheme->name;
}

bool pbe_is_ours(const struct pbe *p)
{
	return p->scheme == &schemes[0];
}

/* ---- decryption ---- */

static enum rc derive_pbes2(const struct pbe *p, const struct secret *password,
			    struct secret **key, struct err *e)
{
	EVP_MD CLEANUP(EVP_MD_free) *md = EVP_MD_fetch(NULL, p->prf, NULL);

	if (!md)
		return p12_failed(e, "EVP_MD_fetch");
	return p12_pbkdf2(password, md, bytes_of(p->salt, p->salt_n), p->iterations,
			  p->scheme->key, key, e);
}

static enum rc derive_old(struct pbe *p, const struct secret *password,
			  struct secret **out, struct err *e)
{
	EVP_MD CLEANUP(EVP_MD_free) *sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	struct secret CLEANUP(secret_free) *key = NULL;
	struct bytes salt = bytes_of(p->salt, p->salt_n);

	if (!sha1)
		return p12_failed(e, "EVP_MD_fetch");
	if (secret_new(p->scheme->key, &key, e) != RC_OK ||
	    p12_derive(password, P12_USE_KEY, sha1, salt, p->iterations, key->p, key->n,
		       e) != RC_OK ||
	    p12_derive(password, P12_USE_IV, sha1, salt, p->iterations, p->iv,
		       p->scheme->iv, e) != RC_OK)
		return e->rc;
	*out = key;
	key = NULL;
	return RC_OK;
}

enum rc pbe_key(struct pbe *p, const struct secret *password, struct secret **out,
		struct err *e)
{
	return p->scheme->pbes2 ? derive_pbes2(p, password, out, e)
				: derive_old(p, password, out, e);
}

/* Where ciphers come from: OpenSSL's default context, or one of our own with the
 * legacy provider, so that no other code of the process gets its ciphers. */
struct source {
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *legacy;
};

static void source_clear_at(struct source *s)
{
	if (s->legacy)
		(void)OSSL_PROVIDER_unload(s->legacy);
	OSSL_LIB_CTX_free(s->ctx);
}

static enum rc source_legacy(struct source *s, struct err *e)
{
	if (!(s->ctx = OSSL_LIB_CTX_new()))
		return p12_failed(e, "OSSL_LIB_CTX_new");
	if ((s->legacy = OSSL_PROVIDER_load(s->ctx, "legacy")))
		return RC_OK;
	return p12_bad(e, RC_ERROR,
		       "it is encrypted with RC2, and OpenSSL's legacy provider does not load",
		       "convert it elsewhere: openssl pkcs12 -legacy, then -export");
}

static enum rc decrypt(EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv,
		       struct bytes from, struct secret *to, struct err *e)
{
	EVP_CIPHER_CTX CLEANUP(EVP_CIPHER_CTX_free) *ctx = EVP_CIPHER_CTX_new();
	int n = 0, last = 0;

	if (!ctx || EVP_DecryptInit_ex2(ctx, cipher, key, iv, NULL) != 1)
		return p12_failed(e, "EVP_DecryptInit");
	if (EVP_DecryptUpdate(ctx, to->p, &n, from.p, num_int(from.n)) != 1 ||
	    EVP_DecryptFinal_ex(ctx, to->p + n, &last) != 1 || n + last <= 0)
		return p12_closed(e);
	to->n = (size_t)(n + last);
	return RC_OK;
}

enum rc pbe_decrypt(struct pbe *p, const struct secret *password, struct bytes from,
		    struct secret **out, struct err *e)
{
	struct source CLEANUP(source_clear) source = {0};
	EVP_CIPHER CLEANUP(EVP_CIPHER_free) *cipher = NULL;
	struct secret CLEANUP(secret_free) *key = NULL, CLEANUP(secret_free) *to = NULL;

	if (p->scheme->legacy && source_legacy(&source, e) != RC_OK)
		return e->rc;
	if (!(cipher = EVP_CIPHER_fetch(source.ctx, p->scheme->cipher, NULL)))
		return p12_failed(e, "EVP_CIPHER_fetch");
	if (pbe_key(p, password, &key, e) != RC_OK ||
	    secret_new(from.n + EVP_MAX_BLOCK_LENGTH, &to, e) != RC_OK ||
	    decrypt(cipher, key->p, p->iv, from, to, e) != RC_OK)
		return e->rc;
	*out = to;
	to = NULL;
	return RC_OK;
}
