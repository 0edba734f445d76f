#include "base/num.h"
#include "internal.h"
#include <openssl/sha.h>
#include <sodium.h>

enum rc p12_begin(const struct secret *password, unsigned iterations,
		  struct p12_kdf *kdf, struct wrapped_key *w, struct err *e)
{
	EVP_MD CLEANUP(EVP_MD_free) *md = EVP_MD_fetch(NULL, "SHA256", NULL);
	struct secret CLEANUP(secret_free) *kek = NULL;
	struct p12_kdf k = {.iterations = iterations};

	if (!md)
		return p12_failed(e, "EVP_MD_fetch");
	if (iterations < 1 || iterations > P12_ITERATIONS_MAX)
		return err_set(e, RC_REFUSED, "make",
			       "a count of iterations out of range", NULL,
			       "a PKCS#12 file: %u (1 to %u)", iterations,
			       P12_ITERATIONS_MAX);
	randombytes_buf(k.salt, sizeof k.salt);
	if (p12_pbkdf2(password, md, bytes_of(k.salt, sizeof k.salt), iterations,
		       WRAPPED_KEK_LEN, &kek, e) != RC_OK)
		return e->rc;
	wrapped_key_clear(w);
	randombytes_buf(w->iv, sizeof w->iv);
	w->kek = kek;
	kek = NULL;
	*kdf = k;
	return RC_OK;
}

/* EncryptedPrivateKeyInfo: what was wrapped, and how to get its key. */
static X509_SIG *encrypted_key(const struct p12_kdf *kdf, const struct wrapped_key *w)
{
	uint8_t salt[P12_SALT_LEN], iv[WRAPPED_IV_LEN]; /* OpenSSL's are not const */
	X509_SIG CLEANUP(X509_SIG_free) *sig = X509_SIG_new();
	X509_ALGOR CLEANUP(X509_ALGOR_free) *pbes2 = NULL;
	X509_ALGOR *algorithm;
	ASN1_OCTET_STRING *encrypted;
	X509_SIG *out;

	memcpy(salt, kdf->salt, sizeof salt);
	memcpy(iv, w->iv, sizeof iv);
	pbes2 = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), num_int(kdf->iterations), salt,
				  sizeof salt, iv, NID_hmacWithSHA256);
	if (!sig || !pbes2)
		return NULL;
	X509_SIG_getm(sig, &algorithm, &encrypted);
	if (!X509_ALGOR_copy(algorithm, pbes2) ||
	    !ASN1_OCTET_STRING_set(encrypted, w->bytes, num_int(w->n)))
		return NULL;
	out = sig;
	sig = NULL;
	return out;
}

/* The attributes by which readers pair a key and its certificate. */
static bool name_bag(PKCS12_SAFEBAG *bag, uint8_t id[SHA_DIGEST_LENGTH],
		     const char *friendly_name)
{
	return PKCS12_add_localkeyid(bag, id, SHA_DIGEST_LENGTH) &&
	       PKCS12_add_friendlyname_utf8(bag, friendly_name, -1);
}

/* Takes the bag in any case. */
static bool push(STACK_OF(PKCS12_SAFEBAG) *bags, PKCS12_SAFEBAG *bag)
{
	if (bag && bags && sk_PKCS12_SAFEBAG_push(bags, bag) > 0)
		return true;
	PKCS12_SAFEBAG_free(bag);
	return false;
}

static PKCS12_SAFEBAG *key_bag(const struct p12_kdf *kdf, const struct wrapped_key *w)
{
	X509_SIG *sig = encrypted_key(kdf, w);
	PKCS12_SAFEBAG *bag = sig ? PKCS12_SAFEBAG_create0_pkcs8(sig) : NULL;

	if (!bag)
		X509_SIG_free(sig); /* else the bag's */
	return bag;
}

/* SafeContents in the clear: the certificate, then the key. */
static PKCS7 *make_safe(const struct p12_kdf *kdf, const struct wrapped_key *w,
			X509 *cert, const char *friendly_name)
{
	STACK_OF(PKCS12_SAFEBAG) CLEANUP(bags_free) *bags = sk_PKCS12_SAFEBAG_new_null();
	uint8_t id[SHA_DIGEST_LENGTH];

	if (X509_digest(cert, EVP_sha1(), id, NULL) != 1 ||
	    !push(bags, PKCS12_SAFEBAG_create_cert(cert)) ||
	    !push(bags, key_bag(kdf, w)))
		return NULL;
	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++)
		if (!name_bag(sk_PKCS12_SAFEBAG_value(bags, i), id, friendly_name))
			return NULL;
	return PKCS12_pack_p7data(bags);
}

enum rc p12_build(const struct secret *password, const struct p12_kdf *kdf,
		  const struct wrapped_key *w, X509 *cert, const char *friendly_name,
		  uint8_t **out, size_t *n, struct err *e)
{
	STACK_OF(PKCS7) CLEANUP(safes_free) *safes = sk_PKCS7_new_null();
	PKCS7 *safe = make_safe(kdf, w, cert, friendly_name);
	uint8_t CLEANUP(openssl_free) *content = NULL;
	int content_n;

	assert(w->n > 0 && w->n <= sizeof w->bytes);
	if (!safe || !safes || sk_PKCS7_push(safes, safe) <= 0) {
		PKCS7_free(safe);
		return p12_failed(e, "make PKCS#12");
	}
	content_n = ASN1_item_i2d((ASN1_VALUE *)safes, &content,
				  ASN1_ITEM_rptr(PKCS12_AUTHSAFES));
	if (content_n <= 0)
		return p12_failed(e, "encode AuthenticatedSafe");
	return pfx_write(bytes_of(content, (size_t)content_n), password,
			 kdf->iterations, out, n, e);
}
