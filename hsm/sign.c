#include "hsm/sign.h"
#include "base/num.h"
#include "object.h"
#include "pool.h"
#include <openssl/crypto.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>

/* DigestInfo without the digest: RFC 8017 9.2, note 1. */
static const uint8_t sha1_prefix[] = {0x30, 0x21, 0x30, 0x09, 0x06,
				      0x05, 0x2b, 0x0e, 0x03, 0x02,
				      0x1a, 0x05, 0x00, 0x04, 0x14};
#define SHA2_PREFIX(whole, last, length)                                       \
	{                                                                      \
		0x30, whole, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,   \
			0x65, 0x03, 0x04, 0x02, last, 0x05, 0x00, 0x04, length \
	}
static const uint8_t sha256_prefix[] = SHA2_PREFIX(0x31, 0x01, 0x20);
static const uint8_t sha384_prefix[] = SHA2_PREFIX(0x41, 0x02, 0x30);
static const uint8_t sha512_prefix[] = SHA2_PREFIX(0x51, 0x03, 0x40);

#define MAX_DIGEST_INFO (sizeof sha512_prefix + EVP_MAX_MD_SIZE)

static struct digest {
	const char *name;
	const uint8_t *prefix;
	size_t prefix_len;
	CK_MECHANISM_TYPE hash; /* for PSS; 0: none */
	CK_RSA_PKCS_MGF_TYPE mgf;
	EVP_MD *md; /* fetched once: a fetch costs as much as a hash */
} digests[] = {
	{"SHA1", sha1_prefix, sizeof sha1_prefix, CKM_SHA_1, CKG_MGF1_SHA1, NULL},
	{"SHA256", sha256_prefix, sizeof sha256_prefix, CKM_SHA256,
	 CKG_MGF1_SHA256, NULL},
	{"SHA384", sha384_prefix, sizeof sha384_prefix, CKM_SHA384,
	 CKG_MGF1_SHA384, NULL},
	{"SHA512", sha512_prefix, sizeof sha512_prefix, CKM_SHA512,
	 CKG_MGF1_SHA512, NULL},
	{"MD5-SHA1", NULL, 0, 0, 0, NULL},
};

static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void fetch_digests(void)
{
	for (size_t i = 0; i < COUNT_OF(digests); i++)
		digests[i].md = EVP_MD_fetch(NULL, digests[i].name, NULL);
}

static const struct digest *find_digest(const char *name)
{
	(void)pthread_once(&fetched, fetch_digests);
	for (size_t i = 0; i < COUNT_OF(digests); i++)
		if (digests[i].md && EVP_MD_is_a(digests[i].md, name))
			return &digests[i];
	return NULL;
}

CLEANUP_DEFINE(EVP_MD_CTX *, EVP_MD_CTX_free);

/* What is to be signed, in both forms. */
struct hashed {
	const struct digest *digest;
	enum hsm_padding padding;
	uint8_t info[MAX_DIGEST_INFO]; /* prefix and digest */
	size_t info_len;
};

static bool hash(struct hashed *h, const struct bytes *parts, size_t nparts)
{
	EVP_MD_CTX CLEANUP(EVP_MD_CTX_free) *ctx = EVP_MD_CTX_new();
	const struct digest *d = h->digest;
	unsigned n;

	if (!ctx || !EVP_DigestInit_ex2(ctx, d->md, NULL))
		return false;
	for (size_t i = 0; i < nparts; i++)
		if (parts[i].n &&
		    !EVP_DigestUpdate(ctx, parts[i].p, parts[i].n))
			return false;
	if (d->prefix_len)
		memcpy(h->info, d->prefix, d->prefix_len);
	if (!EVP_DigestFinal_ex(ctx, h->info + d->prefix_len, &n))
		return false;
	h->info_len = d->prefix_len + n;
	return true;
}

static struct bytes bare_digest(const struct hashed *h)
{
	return bytes_of(h->info + h->digest->prefix_len,
			h->info_len - h->digest->prefix_len);
}

/* One try; sig has room for `length` bytes. */
static enum rc sign_once(struct hsm_session *s, const struct hsm_key *key,
			 const struct hashed *h, uint8_t *sig, CK_ULONG length,
			 struct err *e)
{
	CK_FUNCTION_LIST *f = hsm_session_functions(s);
	CK_SESSION_HANDLE session = hsm_session_handle(s);
	struct bytes in = h->padding == HSM_PSS ? bare_digest(h)
						: bytes_of(h->info, h->info_len);
	CK_RSA_PKCS_PSS_PARAMS pss = {h->digest->hash, h->digest->mgf,
				      bare_digest(h).n};
	CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
	CK_ULONG n = length;
	CK_RV rv;

	if (h->padding == HSM_PSS)
		m = (CK_MECHANISM){CKM_RSA_PKCS_PSS, &pss, sizeof pss};
	rv = f->C_SignInit(session, &m,
			   __atomic_load_n(&key->private_handle,
					   __ATOMIC_RELAXED));
	if (rv != CKR_OK)
		return hsm_err(e, "C_SignInit", rv, ON_KEY(s, key->label));
	rv = f->C_Sign(session, (CK_BYTE_PTR)(uintptr_t)in.p, in.n, sig, &n);
	if (rv != CKR_OK)
		return hsm_err(e, "C_Sign", rv, ON_KEY(s, key->label));
	if (n != length)
		return err_set(e, RC_TOKEN, "C_Sign",
			       "the signature has not the key's length", NULL,
			       ON_KEY(s, key->label));
	return RC_OK;
}

static EVP_PKEY_CTX *new_verifier(const struct hsm_key *key,
				  const struct hashed *h, int padding)
{
	EVP_PKEY_CTX *ctx =
		EVP_PKEY_CTX_new_from_pkey(NULL, key->public_key, NULL);

	if (ctx && EVP_PKEY_verify_init(ctx) > 0 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, padding) > 0 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, h->digest->md) > 0 &&
	    (h->padding != HSM_PSS ||
	     EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0))
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

/* A session has one user at a time, and so has its verifier; an EVP_PKEY may be
 * shared by threads, a context may not. */
static bool verifies(struct hsm_session *s, const struct hsm_key *key,
		     const struct hashed *h, struct bytes sig)
{
	struct bytes d = bare_digest(h);
	int padding = h->padding == HSM_PSS ? RSA_PKCS1_PSS_PADDING
					    : RSA_PKCS1_PADDING;
	bool same = s->verifier.ctx && s->verifier.digest == h->digest &&
		    s->verifier.padding == padding &&
		    EVP_PKEY_CTX_get0_pkey(s->verifier.ctx) == key->public_key;

	if (!same) {
		EVP_PKEY_CTX_free(s->verifier.ctx);
		s->verifier.ctx = new_verifier(key, h, padding);
		s->verifier.digest = h->digest;
		s->verifier.padding = padding;
	}
	return s->verifier.ctx &&
	       EVP_PKEY_verify(s->verifier.ctx, sig.p, sig.n, d.p, d.n) == 1;
}

static enum rc check_asked(struct hsm_session *s, const struct hsm_key *key,
			   const char *name, enum hsm_padding padding,
			   size_t length, const struct digest **out,
			   struct err *e)
{
	const struct digest *d = find_digest(name);

	if (!d || (padding == HSM_PSS && !d->hash))
		return err_set(e, RC_USAGE, "sign",
			       "no signature is made with this digest",
			       "SHA1, SHA256, SHA384 or SHA512",
			       "key \"%s\", digest \"%.20s\"", key->label,
			       name);
	/* RFC 8017 9.1.1: digest, as long a salt, and two bytes. */
	if (padding == HSM_PSS &&
	    2 * (size_t)EVP_MD_get_size(d->md) + 2 > key->bits / 8)
		return err_set(e, RC_USAGE, "sign",
			       "the digest is too long for the key under PSS",
			       NULL, "key \"%s\", digest \"%.20s\"",
			       key->label, name);
	if (length != key->bits / 8 || length > HSM_SIGNATURE_MAX)
		return err_set(e, RC_ERROR, "sign",
			       "the buffer has not the key's length", NULL,
			       ON_KEY(s, key->label));
	*out = d;
	return RC_OK;
}

enum rc hsm_sign(struct hsm_session *s, struct hsm_key *key, const char *digest,
		 enum hsm_padding padding, const struct bytes *parts,
		 size_t nparts, uint8_t *signature, size_t length,
		 struct err *e)
{
	struct hashed h = {.padding = padding};
	uint8_t sig[HSM_SIGNATURE_MAX];
	enum rc rc = check_asked(s, key, digest, padding, length, &h.digest, e);

	if (rc != RC_OK)
		return rc;
	if (!hash(&h, parts, nparts))
		return err_set(e, RC_ERROR, "hash", "OpenSSL cannot hash", NULL,
			       ON_KEY(s, key->label));
	rc = sign_once(s, key, &h, sig, length, e);
	if (rc == RC_STALE) {
		rc = key_find_again(s, key, e);
		if (rc == RC_OK)
			rc = sign_once(s, key, &h, sig, length, e);
	}
	if (rc != RC_OK)
		return rc;
	if (!s->token->unverified && !verifies(s, key, &h, bytes_of(sig, length)))
		return err_set(e, RC_VERIFY, "verify",
			       "the token made a signature that its certificate does not verify",
			       "restart; if it stays, the token or its key is damaged: restore it",
			       ON_KEY(s, key->label));
	memcpy(signature, sig, length);
	return RC_OK;
}

static enum rc decrypt_once(struct hsm_session *s, const struct hsm_key *key,
			    struct bytes in, uint8_t *out, CK_ULONG *n,
			    struct err *e)
{
	CK_FUNCTION_LIST *f = hsm_session_functions(s);
	CK_MECHANISM m = {CKM_RSA_X_509, NULL, 0};
	CK_RV rv = f->C_DecryptInit(hsm_session_handle(s), &m,
				    __atomic_load_n(&key->private_handle,
						    __ATOMIC_RELAXED));

	if (rv != CKR_OK)
		return hsm_err(e, "C_DecryptInit", rv, ON_KEY(s, key->label));
	*n = HSM_SIGNATURE_MAX;
	rv = f->C_Decrypt(hsm_session_handle(s),
			  (CK_BYTE_PTR)(uintptr_t)in.p, in.n, out, n);
	if (rv != CKR_OK)
		return hsm_err(e, "C_Decrypt", rv, ON_KEY(s, key->label));
	return RC_OK;
}

enum rc hsm_decrypt_raw(struct hsm_session *s, struct hsm_key *key,
			struct bytes in, uint8_t *out, size_t length,
			struct err *e)
{
	uint8_t clear[HSM_SIGNATURE_MAX];
	CK_ULONG n = 0;
	enum rc rc;

	if (length != key->bits / 8 || length > sizeof clear || in.n != length)
		return err_set(e, RC_USAGE, "decrypt",
			       "the input has not the key's length", NULL,
			       ON_KEY(s, key->label));
	rc = decrypt_once(s, key, in, clear, &n, e);
	if (rc == RC_STALE) {
		rc = key_find_again(s, key, e);
		if (rc == RC_OK)
			rc = decrypt_once(s, key, in, clear, &n, e);
	}
	if (rc == RC_OK && n > length)
		rc = err_set(e, RC_TOKEN, "C_Decrypt",
			     "the result is longer than the key", NULL,
			     ON_KEY(s, key->label));
	if (rc == RC_OK) {
		memset(out, 0, length - n);
		memcpy(out + length - n, clear, n);
	}
	OPENSSL_cleanse(clear, sizeof clear);
	return rc;
}
