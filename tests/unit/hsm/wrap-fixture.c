#include "wrap-fixture.h"
#include "base/num.h"
#include "hsm/sign.h"
#include "x509/x509.h"
#include <openssl/evp.h>
#include <string.h>

void wrapping_start(struct wrapped_key *w)
{
	struct err e;

	*w = (struct wrapped_key){0};
	assert_ok(wrapped_key_begin(w, &e), &e);
}

static size_t der_of(EVP_PKEY *key, uint8_t to[WRAPPED_MAX])
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *p = to;
	int n;

	assert_non_null(info);
	n = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
	assert_true(n > 0 && n < WRAPPED_MAX);
	assert_int_equal(i2d_PKCS8_PRIV_KEY_INFO(info, &p), n);
	PKCS8_PRIV_KEY_INFO_free(info);
	return (size_t)n;
}

static EVP_PKEY *new_key(unsigned bits, int fits)
{
	uint8_t der[WRAPPED_MAX];

	for (;;) {
		EVP_PKEY *key = EVP_RSA_gen(bits);

		assert_non_null(key);
		if (fits < 0 || (der_of(key, der) % 16 == 0) == fits)
			return key;
		EVP_PKEY_free(key);
	}
}

EVP_PKEY *software_key(unsigned bits, int fits)
{
	static struct {
		unsigned bits;
		int fits;
		EVP_PKEY *key;
	} made[8];
	size_t i = 0;

	while (i < COUNT_OF(made) && made[i].key &&
	       (made[i].bits != bits || made[i].fits != fits))
		i++;
	assert_true(i < COUNT_OF(made));
	if (!made[i].key) {
		made[i].bits = bits;
		made[i].fits = fits;
		made[i].key = new_key(bits, fits);
	}
	assert_int_equal(EVP_PKEY_up_ref(made[i].key), 1);
	return made[i].key;
}

X509 *software_cert(EVP_PKEY *key)
{
	const struct x509_subject subject = {.cn = "ITLRECOVERY_elsewhere"};
	X509 *cert = NULL;
	struct err e;

	assert_ok(x509_self_sign(X509_RECOVERY, &subject, key, key, NULL,
				 "SHA256", 1763900000, 5, &cert, &e), &e);
	return cert;
}

static EVP_CIPHER_CTX *cbc(const struct wrapped_key *w, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	assert_int_equal(EVP_CipherInit_ex2(ctx, EVP_aes_256_cbc(), w->kek->p,
					    w->iv, encrypt, NULL), 1);
	return ctx;
}

static void wrap_der(struct wrapped_key *w, const uint8_t *der, size_t n)
{
	EVP_CIPHER_CTX *ctx;
	int first, last;

	wrapping_start(w);
	ctx = cbc(w, 1);
	assert_int_equal(EVP_CipherUpdate(ctx, w->bytes, &first, der, num_int(n)), 1);
	assert_int_equal(EVP_CipherFinal_ex(ctx, w->bytes + first, &last), 1);
	w->n = num_size(first) + num_size(last);
	EVP_CIPHER_CTX_free(ctx);
}

void wrap_software(struct wrapped_key *w, EVP_PKEY *key)
{
	uint8_t der[WRAPPED_MAX];

	wrap_der(w, der, der_of(key, der));
}

void wrap_software_spoilt(struct wrapped_key *w, EVP_PKEY *key)
{
	uint8_t der[WRAPPED_MAX];
	size_t n = der_of(key, der);

	/* OpenSSL signs with the primes, or else with d, whatever the one or the
	 * other is: spoil both (RSA-1024: the modulus is at 37, d at 173) */
	der[250] ^= 4;
	der[n - 40] ^= 4;
	wrap_der(w, der, n);
}

void wrap_software_changed(struct wrapped_key *w, EVP_PKEY *key,
			   enum pkcs8_number which, bool zero)
{
	struct bytes numbers[PKCS8_NUMBERS];
	uint8_t der[WRAPPED_MAX];
	size_t n = der_of(key, der);

	assert_int_equal(pkcs8_read_numbers(bytes_of(der, n), numbers), PKCS8_RSA);
	uint8_t *number = der + (numbers[which].p - der);

	if (zero)
		memset(number, 0, numbers[which].n);
	else
		number[numbers[which].n - 1] ^= 2;
	wrap_der(w, der, n);
}

void assert_opens(const struct wrapped_key *w, EVP_PKEY *public_key)
{
	uint8_t der[WRAPPED_MAX + 16];
	const unsigned char *p = der;
	EVP_CIPHER_CTX *ctx = cbc(w, 0);
	PKCS8_PRIV_KEY_INFO *info;
	EVP_PKEY *key;
	int first, last;

	assert_int_equal(EVP_CipherUpdate(ctx, der, &first, w->bytes, num_int(w->n)), 1);
	assert_int_equal(EVP_CipherFinal_ex(ctx, der + first, &last), 1);
	EVP_CIPHER_CTX_free(ctx);
	info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, first + last);
	assert_non_null(info);
	assert_ptr_equal(p, der + first + last);
	key = EVP_PKCS82PKEY(info);
	assert_non_null(key);
	assert_int_equal(EVP_PKEY_eq(key, public_key), 1);
	EVP_PKEY_free(key);
	PKCS8_PRIV_KEY_INFO_free(info);
}

size_t objects_in(struct hsm_session *s)
{
	CK_FUNCTION_LIST *f = hsm_session_functions(s);
	CK_OBJECT_HANDLE found[256];
	CK_ULONG n = 0;

	assert_int_equal(f->C_FindObjectsInit(hsm_session_handle(s), NULL, 0), CKR_OK);
	assert_int_equal(f->C_FindObjects(hsm_session_handle(s), found,
					  COUNT_OF(found), &n), CKR_OK);
	assert_int_equal(f->C_FindObjectsFinal(hsm_session_handle(s)), CKR_OK);
	assert_true(n < COUNT_OF(found));
	return n;
}

void assert_signs(struct hsm_session *s, struct hsm_key *key)
{
	const struct bytes text = bytes_of_text("a list");
	uint8_t signature[HSM_SIGNATURE_MAX];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct err e;

	assert_ok(hsm_sign(s, key, "SHA256", HSM_PKCS1, &text, 1, signature,
			   key->bits / 8, &e), &e);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
					      X509_get0_pubkey(key->cert)), 1);
	assert_int_equal(EVP_DigestVerify(ctx, signature, key->bits / 8, text.p,
					  text.n), 1);
	EVP_MD_CTX_free(ctx);
}

struct hsm_key *wrap_import(struct hsm_session *s, EVP_PKEY *key, unsigned usage)
{
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	X509 *cert = software_cert(key);
	struct hsm_key *out = NULL;
	uint8_t id[HSM_ID_LEN];
	enum hsm_route route;
	struct err e;

	wrap_software(&w, key);
	hsm_id_new(id);
	assert_ok(hsm_key_import(s, id, "ITLRecovery/c/1", &w, cert, usage, &out,
				 &route, &e), &e);
	X509_free(cert);
	return out;
}

void wrap_drop(struct hsm_session *s, struct hsm_key *key)
{
	struct err e;

	assert_ok(hsm_key_remove(s, key->id, &e), &e);
	hsm_key_free(key);
}
