/*
 * Out of the token (spec: pkcs11, "Wrapping an RSA private key"). A route is
 * found by taking it, and what came of it is looked at: its first block, opened
 * on the host, is pure ASN.1, and shows the length of the exact DER and that the
 * token honoured the IV.
 */
#include "hsm/wrap.h"
#include "base/num.h"
#include "kek.h"
#include "template.h"
#include "wrapped/aes.h"
#include "wrapped/pkcs8.h"
#include <sodium.h>
#include <string.h>

struct wrapping {
	struct hsm_session *s;
	const struct hsm_key *key;
	const struct secret *kek;
	const uint8_t *iv;
	uint8_t out[WRAPPED_MAX];
	CK_ULONG n;
	bool other_length; /* CKM_AES_CBC failed as it does for a wrong length */
	bool by_length;
	struct answers answers;
};

/* What a route says when it is not to be had: the next one may be. */
#define NO_ROUTE RC_NOTFOUND

/* C_WrapKey into x->out. Never a size query: some are too small. */
static enum rc wrap_with(struct wrapping *x, const struct secret *kek,
			 CK_MECHANISM *m, CK_RV *rv, struct err *e)
{
	struct temporary CLEANUP(temporary_clear) wrapper = {NULL, 0};

	if (kek_new(x->s, kek, KEK_WRAPS, &wrapper, e) != RC_OK)
		return e->rc;
	x->n = sizeof x->out;
	*rv = hsm_session_functions(x->s)->C_WrapKey(
		hsm_session_handle(x->s), m, wrapper.object,
		__atomic_load_n(&x->key->private_handle, __ATOMIC_RELAXED),
		x->out, &x->n);
	if (*rv == CKR_OK && x->n > sizeof x->out)
		*rv = CKR_GENERAL_ERROR;
	if (*rv != CKR_OK &&
	    hsm_err(e, "C_WrapKey", *rv, ON_KEY(x->s, x->key->label)) == RC_STALE)
		return e->rc;
	return RC_OK;
}

/* CKM_AES_CBC or CKM_AES_CBC_PAD under the caller's key; *der: the exact length
 * of what is inside, 0 if that is not what the host can open. */
static enum rc wrap_cbc(struct wrapping *x, CK_MECHANISM_TYPE type, size_t *der,
			CK_RV *rv, struct err *e)
{
	uint8_t iv[WRAPPED_IV_LEN], head[PKCS8_HEAD];
	CK_MECHANISM m = {type, iv, sizeof iv};

	memcpy(iv, x->iv, sizeof iv);
	*der = 0;
	if (wrap_with(x, x->kek, &m, rv, e) != RC_OK)
		return e->rc;
	if (*rv == CKR_OK && x->n > sizeof head &&
	    aes_cbc_raw(false, x->kek->p, x->iv, bytes_of(x->out, sizeof head),
			head))
		*der = pkcs8_length(head);
	return RC_OK;
}

static enum rc by_cbc_pad(struct wrapping *x, struct err *e)
{
	size_t der = 0;
	CK_RV rv = CKR_GENERAL_ERROR;

	if (wrap_cbc(x, CKM_AES_CBC_PAD, &der, &rv, e) != RC_OK)
		return e->rc;
	if (der && x->n == aes_padded(der))
		return RC_OK;
	answers_add(&x->answers, "CKM_AES_CBC_PAD", rv, "made something else");
	return NO_ROUTE;
}

/* Exactly whole blocks: then the padding is a block of its own, which needs no
 * token. Its IV is the block before it. */
static bool add_padding(struct wrapping *x)
{
	uint8_t pad[AES_BLOCK];

	if (x->n + AES_BLOCK > sizeof x->out)
		return false;
	memset(pad, AES_BLOCK, sizeof pad);
	if (!aes_cbc_raw(true, x->kek->p, x->out + x->n - AES_BLOCK,
			 bytes_of(pad, sizeof pad), x->out + x->n))
		return false;
	x->n += AES_BLOCK;
	return true;
}

static enum rc by_cbc(struct wrapping *x, struct err *e)
{
	size_t der = 0;
	CK_RV rv = CKR_GENERAL_ERROR;

	if (wrap_cbc(x, CKM_AES_CBC, &der, &rv, e) != RC_OK)
		return e->rc;
	if (der && x->n == der && add_padding(x))
		return RC_OK;
	/* GENERAL_ERROR is SoftHSM's; or it is done, with zeros behind the DER. */
	x->other_length = (der && x->n > der) || rv == CKR_GENERAL_ERROR ||
			  rv == CKR_DATA_LEN_RANGE || rv == CKR_KEY_SIZE_RANGE;
	answers_add(&x->answers, "CKM_AES_CBC", rv, "made something else");
	return NO_ROUTE;
}

/* RFC 5649 of a DER with up to 7 zeros behind it, in x->out, becomes what was
 * asked for: for this moment the key lies in locked memory here. */
static enum rc convert(struct wrapping *x, const struct secret *session_key,
		       struct err *e)
{
	struct secret CLEANUP(secret_free) *clear = NULL;
	size_t n, der = 0, zeros, out;

	if (secret_new(WRAPPED_MAX + AES_BLOCK, &clear, e) != RC_OK)
		return e->rc;
	if (aes_wrap_pad(false, session_key->p, bytes_of(x->out, x->n), clear->p,
			 &n) && n > PKCS8_HEAD)
		der = pkcs8_length(clear->p);
	zeros = der <= n ? n - der : SIZE_MAX;
	if (!der || zeros > 7 || aes_padded(der) > sizeof x->out ||
	    !sodium_is_zero(clear->p + der, zeros) ||
	    !pkcs8_is_rsa(bytes_of(clear->p, der)) ||
	    !aes_cbc_pad(true, x->kek->p, x->iv, bytes_of(clear->p, der), x->out,
			 &out))
		return NO_ROUTE;
	x->n = out;
	x->by_length = x->other_length && der % AES_BLOCK != 0;
	return RC_OK;
}

static enum rc by_conversion(struct wrapping *x, struct err *e)
{
	struct secret CLEANUP(secret_free) *key = NULL;
	enum rc rc;

	if (wrapped_kek_new(&key, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < KEK_MECHANISMS; i++) {
		CK_MECHANISM m = {kek_mechanisms[i].type, NULL, 0};
		CK_RV rv = CKR_GENERAL_ERROR;

		if (wrap_with(x, key, &m, &rv, e) != RC_OK)
			return e->rc;
		rc = rv == CKR_OK ? convert(x, key, e) : NO_ROUTE;
		if (rc != NO_ROUTE)
			return rc;
		answers_add(&x->answers, kek_mechanisms[i].name, rv,
			    "made something else");
	}
	return NO_ROUTE;
}

static const struct {
	const char *name;
	enum rc (*take)(struct wrapping *x, struct err *e);
} routes[HSM_ROUTE_COUNT] = {
	[HSM_ROUTE_CBC_PAD] = {"token-cbc-pad", by_cbc_pad},
	[HSM_ROUTE_CBC] = {"token-cbc", by_cbc},
	[HSM_ROUTE_CONVERT] = {"converted", by_conversion},
};

const char *hsm_route_name(enum hsm_route r)
{
	return r < HSM_ROUTE_COUNT ? routes[r].name : NULL;
}

/* The first route that there is. */
static enum rc take_a_route(struct wrapping *x, enum hsm_route *route,
			    struct err *e)
{
	for (unsigned r = 0; r < HSM_ROUTE_COUNT; r++) {
		enum rc rc = routes[r].take(x, e);

		if (rc == NO_ROUTE)
			continue;
		if (rc == RC_OK)
			*route = (enum hsm_route)r;
		return rc;
	}
	return NO_ROUTE;
}

enum rc hsm_key_wrap(struct hsm_session *s, struct hsm_key *key,
		     struct wrapped_key *w, enum hsm_route *route,
		     bool *by_length, struct err *e)
{
	struct wrapping x = {.s = s, .key = key, .kek = w->kek, .iv = w->iv};
	bool extractable;
	enum rc rc;

	if (hsm_key_extractable(s, key, &extractable, e) != RC_OK)
		return e->rc;
	if (!extractable)
		return err_set(e, RC_REFUSED, "wrap",
			       "the key cannot leave its token: it was sealed, or made so",
			       "a backup that was made before is the way to another token",
			       ON_KEY(s, key->label));
	rc = take_a_route(&x, route, e);
	if (rc == NO_ROUTE)
		return answers_err(&x.answers, s, "wrap", key->label, e);
	if (rc != RC_OK)
		return rc;
	memcpy(w->bytes, x.out, x.n);
	w->n = x.n;
	if (by_length)
		*by_length = x.by_length;
	return RC_OK;
}

/* ---- whether it can leave ---- */

static enum rc read_extractable(struct hsm_session *s, const struct hsm_key *key,
				bool *out, struct err *e)
{
	CK_BBOOL have = CK_FALSE;
	CK_ATTRIBUTE a = {CKA_EXTRACTABLE, &have, sizeof have};
	CK_RV rv = hsm_session_functions(s)->C_GetAttributeValue(
		hsm_session_handle(s),
		__atomic_load_n(&key->private_handle, __ATOMIC_RELAXED), &a, 1);

	if (rv != CKR_OK)
		return hsm_err(e, "C_GetAttributeValue", rv,
			       ON_KEY(s, key->label));
	*out = have;
	return RC_OK;
}

enum rc hsm_key_extractable(struct hsm_session *s, struct hsm_key *key,
			    bool *out, struct err *e)
{
	enum rc rc = read_extractable(s, key, out, e);

	if (rc == RC_STALE && key_find_again(s, key, e) == RC_OK)
		rc = read_extractable(s, key, out, e);
	return rc;
}

static enum rc make_unextractable(struct hsm_session *s, struct hsm_key *key,
				  struct err *e)
{
	CK_ATTRIBUTE a = FLAG(CKA_EXTRACTABLE, false);
	CK_RV rv = hsm_session_functions(s)->C_SetAttributeValue(
		hsm_session_handle(s), key->private_handle, &a, 1);

	if (rv != CKR_OK)
		return hsm_err(e, "C_SetAttributeValue", rv,
			       ON_KEY(s, key->label));
	return hsm_key_refind(s, key, e);
}

enum rc hsm_key_seal(struct hsm_session *s, struct hsm_key *key, struct err *e)
{
	static const uint8_t iv[WRAPPED_IV_LEN];
	struct secret CLEANUP(secret_free) *kek = NULL;
	struct wrapping x = {.s = s, .key = key, .iv = iv};
	enum hsm_route ignored;
	bool extractable;
	enum rc rc;

	if (wrapped_kek_new(&kek, e) != RC_OK ||
	    hsm_key_extractable(s, key, &extractable, e) != RC_OK ||
	    (extractable && make_unextractable(s, key, e) != RC_OK) ||
	    hsm_key_extractable(s, key, &extractable, e) != RC_OK)
		return e->rc;
	x.kek = kek;
	rc = extractable ? RC_OK : take_a_route(&x, &ignored, e);
	if (rc == NO_ROUTE)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	return err_set(e, RC_TOKEN, "seal",
		       "the token lets the key out all the same",
		       "this token cannot keep a key in; guard its PIN",
		       ON_KEY(s, key->label));
}
