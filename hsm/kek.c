#include "kek.h"
#include "base/num.h"
#include "template.h"
#include <string.h>

/* KWP is RFC 5649 and nothing else. PAD is an older name for it, but in PKCS#11
 * 2.40 some took it for PKCS#7 padding and RFC 3394. */
const struct kek_mechanism kek_mechanisms[KEK_MECHANISMS] = {
	{CKM_AES_KEY_WRAP_KWP, "CKM_AES_KEY_WRAP_KWP"},
	{CKM_AES_KEY_WRAP_PAD, "CKM_AES_KEY_WRAP_PAD"},
};

enum rc kek_new(struct hsm_session *s, const struct secret *key,
		enum kek_use use, struct temporary *out, struct err *e)
{
	const CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	const CK_KEY_TYPE type = CKK_AES;
	CK_ATTRIBUTE template[] = {
		ATTRIBUTE(CKA_CLASS, &class, sizeof class),
		ATTRIBUTE(CKA_KEY_TYPE, &type, sizeof type),
		ATTRIBUTE(CKA_VALUE, key->p, key->n),
		FLAG(CKA_TOKEN, false),
		FLAG(CKA_PRIVATE, true),
		FLAG(CKA_SENSITIVE, true),
		FLAG(CKA_EXTRACTABLE, false),
		FLAG(CKA_WRAP, use == KEK_WRAPS),
		FLAG(CKA_UNWRAP, use == KEK_UNWRAPS),
		FLAG(CKA_ENCRYPT, false),
		FLAG(CKA_DECRYPT, false),
		FLAG(CKA_SIGN, false),
		FLAG(CKA_VERIFY, false),
		FLAG(CKA_DERIVE, false),
	};
	CK_OBJECT_HANDLE object;
	CK_RV rv;

	if (key->n != WRAPPED_KEK_LEN)
		return err_set(e, RC_ERROR, "wrap",
			       "the key-encryption key has not 32 bytes", NULL,
			       ON_TOKEN(s));
	rv = hsm_session_functions(s)->C_CreateObject(
		hsm_session_handle(s), template, COUNT_OF(template), &object);
	if (rv != CKR_OK)
		return hsm_err(e, "C_CreateObject", rv,
			       "token \"%s\", a key-encryption key",
			       hsm_token_info(hsm_session_token(s))->label);
	*out = (struct temporary){s, object};
	return RC_OK;
}

void answers_add(struct answers *a, const char *mechanism, CK_RV rv,
		 const char *why)
{
	size_t used = strlen(a->text);

	a->differ |= a->n > 0 && rv != a->last;
	a->last = rv;
	a->n++;
	(void)snprintf(a->text + used, sizeof a->text - used, "%s%s: %s",
		       used ? ", " : "", mechanism,
		       rv == CKR_OK ? why : hsm_ckr_name(rv));
}

enum rc answers_err(const struct answers *a, struct hsm_session *s,
		    const char *op, const char *label, struct err *e)
{
	char why[sizeof e->why];

	(void)snprintf(why, sizeof why, "the token did not do it (%s)", a->text);
	err_set(e, RC_TOKEN, op, why,
		"choose a token that can wrap keys: without it there is no backup of this key",
		ON_KEY(s, label));
	if (!a->differ && a->last != CKR_OK) {
		e->code = a->last;
		(void)snprintf(e->name, sizeof e->name, "%s",
			       hsm_ckr_name(a->last));
	}
	return e->rc;
}
