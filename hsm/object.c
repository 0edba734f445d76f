#include "object.h"
#include "base/num.h"
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OBJECTS 65536 /* that one search may give */
#define AT_ONCE 64

static atomic_ulong finds;

unsigned long hsm_find_count(void)
{
	return atomic_load(&finds);
}

/* An unfinished search keeps a session from beginning another. */
struct search {
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE session;
	bool begun;
};

static void search_end_at(struct search *q)
{
	if (q->begun)
		(void)q->f->C_FindObjectsFinal(q->session);
}

enum rc objects_find(struct hsm_session *s, const CK_ATTRIBUTE *template,
		     CK_ULONG n, CK_OBJECT_HANDLE **found, size_t *count,
		     struct err *e)
{
	struct search CLEANUP(search_end) q = {
		hsm_session_functions(s), hsm_session_handle(s), false};
	CK_OBJECT_HANDLE CLEANUP_FREE *all = NULL;
	size_t have = 0;
	CK_ULONG got;
	CK_RV rv;

	atomic_fetch_add(&finds, 1);
	rv = q.f->C_FindObjectsInit(q.session,
				    (CK_ATTRIBUTE *)(uintptr_t)template, n);
	if (rv != CKR_OK)
		return hsm_err(e, "C_FindObjectsInit", rv, ON_TOKEN(s));
	q.begun = true;
	do {
		void *more = have > MAX_OBJECTS
				     ? NULL
				     : reallocarray(all, have + AT_ONCE,
						    sizeof *all);

		if (!more)
			return err_set(e, RC_TOKEN, "C_FindObjects",
				       "too many objects", NULL, ON_TOKEN(s));
		all = more;
		got = 0;
		rv = q.f->C_FindObjects(q.session, all + have, AT_ONCE, &got);
		if (rv != CKR_OK)
			return hsm_err(e, "C_FindObjects", rv, ON_TOKEN(s));
		have += got < AT_ONCE ? got : AT_ONCE;
	} while (got);
	*found = all;
	*count = have;
	all = NULL;
	return RC_OK;
}

enum rc objects_with_id(struct hsm_session *s, CK_OBJECT_CLASS class,
			const uint8_t id[HSM_ID_LEN], CK_OBJECT_HANDLE **found,
			size_t *count, struct err *e)
{
	const CK_BBOOL yes = CK_TRUE;
	const CK_ATTRIBUTE template[] = {
		ATTRIBUTE(CKA_TOKEN, &yes, sizeof yes),
		ATTRIBUTE(CKA_CLASS, &class, sizeof class),
		ATTRIBUTE(CKA_ID, id, HSM_ID_LEN),
	};

	return objects_find(s, template, COUNT_OF(template), found, count, e);
}

enum rc objects_of_id(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
		      CK_OBJECT_HANDLE **found, size_t *count, struct err *e)
{
	const CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_ID, id, HSM_ID_LEN)};

	return objects_find(s, template, COUNT_OF(template), found, count, e);
}

enum rc id_check_free(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
		      const char *label, struct err *e)
{
	CK_OBJECT_HANDLE CLEANUP_FREE *found = NULL;
	size_t n;

	if (objects_of_id(s, id, &found, &n, e) != RC_OK)
		return e->rc;
	if (n)
		return err_set(e, RC_REFUSED, "make key",
			       "the token has an object with this CKA_ID", NULL,
			       ON_KEY(s, label));
	return RC_OK;
}

void temporary_clear_at(struct temporary *t)
{
	if (t->s)
		(void)hsm_session_functions(t->s)->C_DestroyObject(
			hsm_session_handle(t->s), t->object);
}

enum rc object_read(struct hsm_session *s, CK_OBJECT_HANDLE object,
		    CK_ATTRIBUTE_TYPE type, uint8_t **out, size_t *n,
		    struct err *e)
{
	CK_FUNCTION_LIST *f = hsm_session_functions(s);
	CK_SESSION_HANDLE session = hsm_session_handle(s);
	uint8_t CLEANUP_FREE *value = NULL;
	CK_ATTRIBUTE a = {type, NULL, 0};
	CK_ULONG room;
	CK_RV rv = f->C_GetAttributeValue(session, object, &a, 1);

	if (rv == CKR_OK && a.ulValueLen > MAX_ATTRIBUTE)
		rv = CKR_ATTRIBUTE_VALUE_INVALID;
	if (rv != CKR_OK)
		return hsm_err(e, "C_GetAttributeValue", rv, ON_TOKEN(s));
	room = a.ulValueLen;
	value = malloc(room + 1);
	if (!value)
		return err_errno(e, RC_ERROR, "malloc", NULL, ON_TOKEN(s));
	a.pValue = value;
	/* A length of 0 is an answer: asking for it again is not for all tokens. */
	if (a.ulValueLen)
		rv = f->C_GetAttributeValue(session, object, &a, 1);
	if (rv == CKR_OK && a.ulValueLen > room)
		rv = CKR_ATTRIBUTE_VALUE_INVALID;
	if (rv != CKR_OK)
		return hsm_err(e, "C_GetAttributeValue", rv, ON_TOKEN(s));
	value[a.ulValueLen] = '\0';
	*n = a.ulValueLen;
	*out = value;
	value = NULL;
	return RC_OK;
}

/* From big-endian modulus and exponent; NULL if OpenSSL cannot. */
static EVP_PKEY *rsa_public(struct bytes modulus, struct bytes exponent)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_bin2bn(modulus.p, num_int(modulus.n), NULL);
	BIGNUM *x = BN_bin2bn(exponent.p, num_int(exponent.n), NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (ctx && build && n && x &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, x) &&
	    (params = OSSL_PARAM_BLD_to_param(build)) &&
	    EVP_PKEY_fromdata_init(ctx) > 0)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	BN_free(x);
	BN_free(n);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

enum rc object_public_key(struct hsm_session *s, CK_OBJECT_HANDLE object,
			  EVP_PKEY **out, struct err *e)
{
	uint8_t CLEANUP_FREE *n = NULL, CLEANUP_FREE *x = NULL;
	size_t nlen, xlen;
	EVP_PKEY *key;

	if (object_read(s, object, CKA_MODULUS, &n, &nlen, e) != RC_OK ||
	    object_read(s, object, CKA_PUBLIC_EXPONENT, &x, &xlen, e) != RC_OK)
		return e->rc;
	key = rsa_public(bytes_of(n, nlen), bytes_of(x, xlen));
	if (!key)
		return err_set(e, RC_TOKEN, "read public key",
			       "its modulus and exponent make no RSA key", NULL,
			       ON_TOKEN(s));
	*out = key;
	return RC_OK;
}
