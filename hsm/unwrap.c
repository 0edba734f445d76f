/*
 * Into the token: in the token alone if it has CKM_AES_CBC_PAD, else opened here
 * in locked memory and wrapped again for it (spec: pkcs11, "Wrapping an RSA
 * private key"). Whatever is wrong with what came, the answer is one: it does not
 * open.
 */
#include "hsm/wrap.h"
#include "base/num.h"
#include "hsm/sign.h"
#include "agree.h"
#include "kek.h"
#include "template.h"
#include "wrapped/aes.h"
#include "wrapped/pkcs8.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <string.h>

static const char test_text[] = "itlkeeper: proof of a backup";

static const CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY,
			     public_class = CKO_PUBLIC_KEY;
static const CK_KEY_TYPE rsa_type = CKK_RSA;

/* ---- C_UnwrapKey ---- */

static enum rc does_not_open(struct err *e)
{
	return err_set(e, RC_VERIFY, "unwrap",
		       "does not open: another password, or it was changed",
		       "give the password of the time when it was made",
		       "the wrapped key");
}

static enum rc not_its_key(struct err *e)
{
	return err_set(e, RC_VERIFY, "unwrap",
		       "is not the private key of the certificate beside it",
		       "the file was put together wrongly: take another backup",
		       "the wrapped key");
}

/* The first block tells a wrong key, and the length that the rest must have. */
static bool looks_right(const struct wrapped_key *w)
{
	uint8_t head[PKCS8_HEAD];
	size_t der = 0;

	if (w->kek->n != WRAPPED_KEK_LEN || w->n < 2 * AES_BLOCK || w->n > sizeof w->bytes ||
	    w->n % AES_BLOCK != 0 ||
	    !aes_cbc_raw(false, w->kek->p, w->iv,
			 bytes_of(w->bytes, sizeof head), head))
		return false;
	der = pkcs8_length(head);
	return der && aes_padded(der) == w->n;
}

/* What it holds, in locked memory. */
static enum rc open_here(const struct wrapped_key *w, struct secret **out,
			 size_t *n, struct err *e)
{
	struct secret CLEANUP(secret_free) *clear = NULL;
	struct bytes numbers[PKCS8_NUMBERS];

	if (secret_new(WRAPPED_MAX + AES_BLOCK, &clear, e) != RC_OK)
		return e->rc;
	if (!aes_cbc_pad(false, w->kek->p, w->iv, wrapped_bytes(w), clear->p,
			 n) ||
	    pkcs8_read_numbers(bytes_of(clear->p, *n), numbers) != PKCS8_RSA)
		return does_not_open(e);
	/* A token may sign with some of them alone; here they are at hand. */
	if (!numbers_agree(numbers))
		return not_its_key(e);
	*out = clear;
	clear = NULL;
	return RC_OK;
}

static enum rc unwrap_with(struct hsm_session *s, const struct secret *kek,
			   CK_MECHANISM *m, struct bytes wrapped,
			   struct template *t, CK_OBJECT_HANDLE *out, CK_RV *rv,
			   struct err *e)
{
	struct temporary CLEANUP(temporary_clear) unwrapper = {NULL, 0};

	if (kek_new(s, kek, KEK_UNWRAPS, &unwrapper, e) != RC_OK)
		return e->rc;
	*rv = hsm_session_functions(s)->C_UnwrapKey(
		hsm_session_handle(s), m, unwrapper.object,
		(CK_BYTE_PTR)(uintptr_t)wrapped.p, wrapped.n, t->rows, t->n,
		out);
	return RC_OK;
}

/* The token does not know the mechanism: another one may do. */
static bool about_mechanism(CK_RV rv)
{
	return rv == CKR_MECHANISM_INVALID ||
	       rv == CKR_MECHANISM_PARAM_INVALID ||
	       rv == CKR_FUNCTION_NOT_SUPPORTED ||
	       rv == CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT ||
	       rv == CKR_UNWRAPPING_KEY_SIZE_RANGE;
}

/* What came is not a key; TEMPLATE_INCOMPLETE is NSS's word for numbers that are
 * none. */
static bool about_file(CK_RV rv)
{
	return rv == CKR_WRAPPED_KEY_INVALID ||
	       rv == CKR_WRAPPED_KEY_LEN_RANGE ||
	       rv == CKR_ENCRYPTED_DATA_INVALID ||
	       rv == CKR_ENCRYPTED_DATA_LEN_RANGE ||
	       rv == CKR_TEMPLATE_INCOMPLETE;
}

/* Wrapped again under a random key, as the token can have it. */
static enum rc convert(struct hsm_session *s, struct bytes clear,
		       struct template *t, const char *label,
		       CK_OBJECT_HANDLE *out, struct answers *answers,
		       struct err *e)
{
	struct secret CLEANUP(secret_free) *key = NULL;
	uint8_t again[WRAPPED_MAX + 2 * AES_BLOCK];
	CK_RV rv = CKR_GENERAL_ERROR;
	size_t n = 0;

	if (wrapped_kek_new(&key, e) != RC_OK)
		return e->rc;
	if (!aes_wrap_pad(true, key->p, clear, again, &n))
		return err_set(e, RC_ERROR, "unwrap", "OpenSSL cannot wrap it",
			       NULL, ON_KEY(s, label));
	for (size_t i = 0; i < KEK_MECHANISMS; i++) {
		CK_MECHANISM m = {kek_mechanisms[i].type, NULL, 0};

		if (unwrap_with(s, key, &m, bytes_of(again, n), t, out, &rv,
				e) != RC_OK)
			return e->rc;
		if (rv == CKR_OK)
			return RC_OK;
		if (about_file(rv))
			return does_not_open(e);
		if (!about_mechanism(rv))
			return hsm_err(e, "C_UnwrapKey", rv, ON_KEY(s, label));
		answers_add(answers, kek_mechanisms[i].name, rv, "");
	}
	return answers_err(answers, s, "unwrap", label, e);
}

static enum rc unwrap(struct hsm_session *s, const struct wrapped_key *w,
		      struct template *t, const char *label,
		      CK_OBJECT_HANDLE *out, enum hsm_route *route,
		      struct err *e)
{
	struct secret CLEANUP(secret_free) *clear = NULL;
	uint8_t iv[WRAPPED_IV_LEN];
	CK_MECHANISM m = {CKM_AES_CBC_PAD, iv, sizeof iv};
	struct answers answers = {0};
	size_t n = 0;
	CK_RV rv = CKR_GENERAL_ERROR;

	template_add(t, ATTRIBUTE(CKA_CLASS, &private_class,
				  sizeof private_class));
	template_add(t, ATTRIBUTE(CKA_KEY_TYPE, &rsa_type, sizeof rsa_type));
	if (!looks_right(w))
		return does_not_open(e);
	memcpy(iv, w->iv, sizeof iv);
	if (unwrap_with(s, w->kek, &m, wrapped_bytes(w), t, out, &rv, e) !=
	    RC_OK)
		return e->rc;
	*route = rv == CKR_OK ? HSM_ROUTE_CBC_PAD : HSM_ROUTE_CONVERT;
	if (rv == CKR_OK)
		return RC_OK;
	if (about_file(rv))
		return does_not_open(e);
	/* Tokens say many other things of a file that is damaged: it is looked at
	 * here before the token is blamed. */
	if (hsm_err(e, "C_UnwrapKey", rv, ON_KEY(s, label)) == RC_STALE)
		return e->rc;
	struct err said = *e;

	if (open_here(w, &clear, &n, e) != RC_OK)
		return e->rc;
	if (!about_mechanism(rv)) {
		*e = said;
		return e->rc;
	}
	answers_add(&answers, "CKM_AES_CBC_PAD", rv, "");
	return convert(s, bytes_of(clear->p, n), t, label, out, &answers, e);
}

/* ---- is it the certificate's? ---- */

static enum rc check_cert(X509 *cert, unsigned *bits, struct err *e)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	int size = key && EVP_PKEY_is_a(key, "RSA") ? EVP_PKEY_get_bits(key) : 0;

	if (size != 1024 && size != 2048 && size != 3072 && size != 4096)
		return err_set(e, RC_REFUSED, "certificate",
			       "its key is of no size that phones know",
			       "a key is RSA of 1024, 2048 or 4096 bits; of TVS and CAPF also 3072",
			       "%d bits of RSA", size);
	*bits = (unsigned)size;
	return RC_OK;
}

static enum rc check_modulus(struct hsm_session *s, const struct hsm_key *k,
			     struct err *e)
{
	uint8_t CLEANUP_FREE *n = NULL;
	BIGNUM *mine = NULL, *theirs = NULL;
	size_t len;
	bool same;

	if (object_read(s, k->private_handle, CKA_MODULUS, &n, &len, e) != RC_OK)
		return e->rc;
	mine = BN_bin2bn(n, num_int(len), NULL);
	same = mine &&
	       EVP_PKEY_get_bn_param(k->public_key, OSSL_PKEY_PARAM_RSA_N,
				     &theirs) &&
	       BN_cmp(mine, theirs) == 0;
	BN_free(mine);
	BN_free(theirs);
	return same ? RC_OK : not_its_key(e);
}

/* Its modulus alone could stand in a key of nonsense: it must sign. */
static enum rc check_signs(struct hsm_session *s, struct hsm_key *k,
			   struct err *e)
{
	const struct bytes text = bytes_of_text(test_text);
	uint8_t signature[HSM_SIGNATURE_MAX];
	enum rc rc;

	if (check_modulus(s, k, e) != RC_OK)
		return e->rc;
	rc = hsm_sign(s, k, "SHA256", HSM_PKCS1, &text, 1, signature,
		      k->bits / 8, e);
	if (rc == RC_VERIFY ||
	    (rc == RC_TOKEN &&
	     (e->code == CKR_OK || e->code == CKR_GENERAL_ERROR ||
	      e->code == CKR_FUNCTION_FAILED || e->code == CKR_DATA_INVALID)))
		return not_its_key(e);
	return rc;
}

/* ---- a backup's proof ---- */

/* As a session object; it can sign, and nothing else. */
static struct template template_of_proof(const uint8_t id[HSM_ID_LEN],
					 const char *label)
{
	struct template t = template_private(id, label, HSM_SIGN);

	for (CK_ULONG i = 0; i < t.n; i++)
		if (t.rows[i].type == CKA_TOKEN)
			t.rows[i] = FLAG(CKA_TOKEN, false);
	return t;
}

enum rc hsm_wrapped_prove(struct hsm_session *s, const struct wrapped_key *w,
			  X509 *cert, enum hsm_route *route, struct err *e)
{
	struct temporary CLEANUP(temporary_clear) object = {NULL, 0};
	struct hsm_key k = {.label = "a backup",
			    .public_key = X509_get0_pubkey(cert)};
	struct template t = template_of_proof(k.id, k.label);
	enum hsm_route way;

	hsm_id_new(k.id);
	if (check_cert(cert, &k.bits, e) != RC_OK ||
	    unwrap(s, w, &t, k.label, &k.private_handle, &way, e) != RC_OK)
		return e->rc;
	object = (struct temporary){s, k.private_handle};
	if (check_signs(s, &k, e) != RC_OK)
		return e->rc;
	*route = way;
	return RC_OK;
}

/* ---- import ---- */

static enum rc create_public(struct hsm_session *s, const struct hsm_key *k,
			     unsigned usage, struct err *e)
{
	struct template t = template_public(k->id, k->label, usage);
	uint8_t modulus[HSM_SIGNATURE_MAX], exponent[sizeof modulus];
	EVP_PKEY CLEANUP(EVP_PKEY_free) *back = NULL;
	BIGNUM *n = NULL, *x = NULL;
	CK_OBJECT_HANDLE object;
	CK_RV rv = CKR_ARGUMENTS_BAD;

	template_add(&t, ATTRIBUTE(CKA_CLASS, &public_class,
				   sizeof public_class));
	template_add(&t, ATTRIBUTE(CKA_KEY_TYPE, &rsa_type, sizeof rsa_type));
	if (EVP_PKEY_get_bn_param(k->public_key, OSSL_PKEY_PARAM_RSA_N, &n) &&
	    EVP_PKEY_get_bn_param(k->public_key, OSSL_PKEY_PARAM_RSA_E, &x) &&
	    num_size(BN_num_bytes(n)) <= sizeof modulus &&
	    num_size(BN_num_bytes(x)) <= sizeof exponent) {
		template_add(&t, ATTRIBUTE(CKA_MODULUS, modulus,
					   num_size(BN_bn2bin(n, modulus))));
		template_add(&t, ATTRIBUTE(CKA_PUBLIC_EXPONENT, exponent,
					   num_size(BN_bn2bin(x, exponent))));
		rv = hsm_session_functions(s)->C_CreateObject(
			hsm_session_handle(s), t.rows, t.n, &object);
	}
	BN_free(n);
	BN_free(x);
	if (rv != CKR_OK)
		return hsm_err(e, "C_CreateObject", rv,
			       "token \"%s\", public key of \"%s\"",
			       hsm_token_info(hsm_session_token(s))->label,
			       k->label);
	if (template_check(s, object, k->label, &t, e) != RC_OK ||
	    object_public_key(s, object, &back, e) != RC_OK)
		return e->rc;
	return EVP_PKEY_eq(back, k->public_key) == 1
		       ? RC_OK
		       : err_set(e, RC_TOKEN, "C_CreateObject",
				 "the token wrote another public key", NULL,
				 ON_KEY(s, k->label));
}

/* All of it, under an id that nothing else has. */
static enum rc make_triple(struct hsm_session *s, struct hsm_key *k,
			   const struct wrapped_key *w, X509 *cert,
			   unsigned usage, enum hsm_route *route, struct err *e)
{
	struct template t = template_private(k->id, k->label, usage);

	if (unwrap(s, w, &t, k->label, &k->private_handle, route, e) != RC_OK ||
	    template_enforce(s, k->private_handle, k->label, &t, e) != RC_OK ||
	    create_public(s, k, usage, e) != RC_OK ||
	    check_signs(s, k, e) != RC_OK)
		return e->rc;
	return hsm_key_commit(s, k, cert, e);
}

enum rc hsm_key_import(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
		       const char *label, const struct wrapped_key *w, X509 *cert,
		       unsigned usage, struct hsm_key **out,
		       enum hsm_route *route, struct err *e)
{
	struct hsm_key CLEANUP(hsm_key_free) *k = calloc(1, sizeof *k);
	enum hsm_route way;
	struct err ignored;

	if (!k)
		return err_errno(e, RC_ERROR, "calloc", NULL, ON_KEY(s, label));
	if (!label[0] || strlen(label) >= sizeof k->label)
		return err_set(e, RC_USAGE, "import key",
			       "the label is empty or too long", NULL,
			       "key \"%.64s\"", label);
	if (check_cert(cert, &k->bits, e) != RC_OK ||
	    id_check_free(s, id, label, e) != RC_OK)
		return e->rc;
	memcpy(k->id, id, HSM_ID_LEN);
	strcpy(k->label, label);
	k->public_key = X509_get_pubkey(cert);
	if (make_triple(s, k, w, cert, usage, &way, e) != RC_OK) {
		(void)!hsm_key_remove(s, id, &ignored);
		return e->rc;
	}
	*route = way;
	*out = k;
	k = NULL;
	return RC_OK;
}
