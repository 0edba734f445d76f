#include "template.h"
#include <assert.h>
#include <string.h>

#define ROOM (sizeof((struct template *)0)->rows / sizeof(CK_ATTRIBUTE))

const CK_BBOOL template_yes = CK_TRUE, template_no = CK_FALSE;

struct template template_private(const uint8_t id[HSM_ID_LEN],
				 const char *label, unsigned usage)
{
	return (struct template){
		.n = 14,
		.rows = {
			ATTRIBUTE(CKA_ID, id, HSM_ID_LEN),
			ATTRIBUTE(CKA_LABEL, label, strlen(label)),
			FLAG(CKA_TOKEN, true),
			FLAG(CKA_PRIVATE, true),
			FLAG(CKA_SENSITIVE, true),
			FLAG(CKA_EXTRACTABLE, usage & HSM_EXTRACTABLE),
			FLAG(CKA_SIGN, usage & HSM_SIGN),
			FLAG(CKA_DECRYPT, usage & HSM_DECRYPT),
			FLAG(CKA_SIGN_RECOVER, false),
			FLAG(CKA_UNWRAP, false),
			FLAG(CKA_DERIVE, false),
			FLAG(CKA_ALWAYS_AUTHENTICATE, false),
			FLAG(CKA_WRAP_WITH_TRUSTED, false),
			/* It may be made unextractable, once a backup is proved. */
			FLAG(CKA_MODIFIABLE, usage & HSM_EXTRACTABLE),
		},
	};
}

struct template template_public(const uint8_t id[HSM_ID_LEN],
				const char *label, unsigned usage)
{
	return (struct template){
		.n = 10,
		.rows = {
			ATTRIBUTE(CKA_ID, id, HSM_ID_LEN),
			ATTRIBUTE(CKA_LABEL, label, strlen(label)),
			FLAG(CKA_TOKEN, true),
			FLAG(CKA_PRIVATE, false),
			FLAG(CKA_MODIFIABLE, false),
			FLAG(CKA_VERIFY, usage & HSM_SIGN),
			FLAG(CKA_ENCRYPT, usage & HSM_DECRYPT),
			FLAG(CKA_VERIFY_RECOVER, false),
			FLAG(CKA_WRAP, false),
			FLAG(CKA_DERIVE, false),
		},
	};
}

void template_add(struct template *t, CK_ATTRIBUTE row)
{
	assert(t->n < ROOM);
	memmove(t->rows + 1, t->rows, t->n * sizeof *t->rows);
	t->rows[0] = row;
	t->n++;
}

bool template_yield(struct template *t)
{
	for (CK_ULONG i = 0; i < t->n; i++) {
		if (t->rows[i].type != CKA_WRAP_WITH_TRUSTED)
			continue;
		memmove(t->rows + i, t->rows + i + 1, (--t->n - i) * sizeof *t->rows);
		return true;
	}
	return false;
}

/* A CK_BBOOL that was asked for. */
static bool is_flag(const CK_ATTRIBUTE *row)
{
	return row->pValue == &template_yes || row->pValue == &template_no;
}

static enum rc read_flag(struct hsm_session *s, CK_OBJECT_HANDLE object,
			 const char *label, CK_ATTRIBUTE_TYPE type,
			 CK_BBOOL *out, struct err *e)
{
	CK_ATTRIBUTE a = {type, out, sizeof *out};
	CK_RV rv = hsm_session_functions(s)->C_GetAttributeValue(
		hsm_session_handle(s), object, &a, 1);

	return rv == CKR_OK ? RC_OK
			    : hsm_err(e, "C_GetAttributeValue", rv,
				      ON_KEY(s, label));
}

enum rc template_check(struct hsm_session *s, CK_OBJECT_HANDLE object,
		       const char *label, const struct template *t, struct err *e)
{
	for (CK_ULONG i = 0; i < t->n; i++) {
		const CK_ATTRIBUTE *asked = &t->rows[i];
		CK_BBOOL have = 0xff;

		if (!is_flag(asked))
			continue;
		if (read_flag(s, object, label, asked->type, &have, e) != RC_OK)
			return e->rc;
		if (have != *(const CK_BBOOL *)asked->pValue)
			return err_set(e, RC_TOKEN, "make key",
				       "the token made the key with other rights than asked",
				       "choose another token: this one does not keep to templates",
				       "token \"%s\", key \"%s\", attribute 0x%lx",
				       hsm_token_info(hsm_session_token(s))->label,
				       label, asked->type);
	}
	return RC_OK;
}

enum rc template_enforce(struct hsm_session *s, CK_OBJECT_HANDLE object,
			 const char *label, const struct template *t,
			 struct err *e)
{
	for (CK_ULONG i = 0; i < t->n; i++) {
		CK_ATTRIBUTE asked = t->rows[i];
		CK_BBOOL have = 0xff;

		if (!is_flag(&asked))
			continue;
		if (read_flag(s, object, label, asked.type, &have, e) != RC_OK)
			return e->rc;
		/* What came of it is read below. */
		if (have != *(const CK_BBOOL *)asked.pValue)
			(void)hsm_session_functions(s)->C_SetAttributeValue(
				hsm_session_handle(s), object, &asked, 1);
	}
	return template_check(s, object, label, t, e);
}
