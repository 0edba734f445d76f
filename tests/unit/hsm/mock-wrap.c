#include "mock-wrap.h"
#include "base/num.h"
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define KEY_LEN 32
#define MAX_KEY 4096

/* Of the last keys that were created. */
static struct {
	CK_OBJECT_HANDLE object;
	uint8_t value[KEY_LEN];
} known[8];
static size_t next;

static const uint8_t inner_key[KEY_LEN] = "a key between the mock and SoftH";

void mock_wrap_note(CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *template,
		    CK_ULONG n)
{
	for (CK_ULONG i = 0; i < n; i++) {
		if (template[i].type != CKA_VALUE ||
		    template[i].ulValueLen != KEY_LEN)
			continue;
		known[next].object = object;
		memcpy(known[next].value, template[i].pValue, KEY_LEN);
		next = (next + 1) % COUNT_OF(known);
	}
}

static const uint8_t *value_of(CK_OBJECT_HANDLE object)
{
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (known[i].object == object)
			return known[i].value;
	return NULL;
}

static bool run(const char *cipher, int encrypt, const uint8_t *key,
		const uint8_t *iv, int pad, const uint8_t *in, size_t n,
		uint8_t *out, size_t *out_n)
{
	EVP_CIPHER *c = EVP_CIPHER_fetch(NULL, cipher, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int first = 0, last = 0;
	bool good;

	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	good = EVP_CipherInit_ex2(ctx, c, key, iv, encrypt, NULL) &&
	       EVP_CIPHER_CTX_set_padding(ctx, pad) &&
	       EVP_CipherUpdate(ctx, out, &first, in, num_int(n)) &&
	       EVP_CipherFinal_ex(ctx, out + first, &last);
	*out_n = num_size(first) + num_size(last);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(c);
	return good;
}

/* The key that SoftHSM and the mock share, as a session object. */
static CK_RV inner(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		   CK_OBJECT_HANDLE *out)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE t[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_KEY_TYPE, &type, sizeof type},
		{CKA_VALUE, (void *)(uintptr_t)inner_key, KEY_LEN},
		{CKA_TOKEN, &no, sizeof no},
		{CKA_WRAP, &yes, sizeof yes},
		{CKA_UNWRAP, &yes, sizeof yes},
	};

	return real->C_CreateObject(session, t, COUNT_OF(t), out);
}

/* The last one that was taken, for a token that does not keep to a seal. */
static struct {
	uint8_t der[MAX_KEY];
	size_t n;
} last;

/* The key's exact DER, by way of SoftHSM's RFC 5649. */
static CK_RV take_der(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		      CK_OBJECT_HANDLE key, uint8_t der[MAX_KEY], size_t *n)
{
	CK_MECHANISM m = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
	uint8_t wrapped[MAX_KEY];
	CK_ULONG len = sizeof wrapped;
	CK_OBJECT_HANDLE kek;
	CK_RV rv = inner(real, session, &kek);

	if (rv != CKR_OK)
		return rv;
	rv = real->C_WrapKey(session, &m, kek, key, wrapped, &len);
	(void)real->C_DestroyObject(session, kek);
	if (rv == CKR_KEY_UNEXTRACTABLE && mock_state.lets_out && last.n) {
		memcpy(der, last.der, last.n);
		*n = last.n;
		return CKR_OK;
	}
	if (rv != CKR_OK)
		return rv;
	if (!run("AES-256-WRAP-PAD", 0, inner_key, NULL, 0, wrapped, len, der, n))
		return CKR_GENERAL_ERROR;
	*n = 4u + ((size_t)der[2] << 8 | der[3]);
	memcpy(last.der, der, *n);
	last.n = *n;
	return CKR_OK;
}

CK_RV mock_wrap(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key,
		CK_BYTE *out, CK_ULONG *n)
{
	static const uint8_t no_iv[16];
	bool pad = m->mechanism == CKM_AES_CBC_PAD && mock_state.does_cbc_pad;
	bool zeros = m->mechanism == CKM_AES_CBC && mock_state.pads_with_zeros;
	uint8_t der[MAX_KEY] = {0}, result[MAX_KEY];
	size_t len, made;
	CK_RV rv;

	if (mock_state.no_key_wrap && m->mechanism != CKM_AES_CBC_PAD &&
	    m->mechanism != CKM_AES_CBC)
		return CKR_MECHANISM_INVALID;
	if (!pad && !zeros)
		return real->C_WrapKey(session, m, kek, key, out, n);
	rv = take_der(real, session, key, der, &len);
	if (rv != CKR_OK)
		return rv;
	memset(der + len, 0, sizeof der - len);
	if (zeros)
		len = (len + 15) / 16 * 16;
	if (!run("AES-256-CBC", 1, value_of(kek),
		 mock_state.ignores_iv ? no_iv : m->pParameter, pad, der, len,
		 result, &made) || made > *n)
		return CKR_GENERAL_ERROR;
	memcpy(out, result, made);
	*n = made;
	return CKR_OK;
}

CK_RV mock_unwrap(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		  CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_BYTE *in, CK_ULONG n,
		  CK_ATTRIBUTE *template, CK_ULONG rows, CK_OBJECT_HANDLE *out)
{
	CK_MECHANISM rfc5649 = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
	uint8_t der[MAX_KEY + 16], wrapped[MAX_KEY + 32];
	CK_OBJECT_HANDLE own;
	size_t len, made;
	CK_RV rv;

	if (mock_state.no_key_wrap && m->mechanism != CKM_AES_CBC_PAD)
		return CKR_MECHANISM_INVALID;
	if (m->mechanism != CKM_AES_CBC_PAD || !mock_state.does_cbc_pad)
		return real->C_UnwrapKey(session, m, kek, in, n, template, rows,
					 out);
	if (n > MAX_KEY || !run("AES-256-CBC", 0, value_of(kek), m->pParameter, 1,
				in, n, der, &len))
		return CKR_WRAPPED_KEY_INVALID;
	if (!run("AES-256-WRAP-PAD", 1, inner_key, NULL, 0, der, len, wrapped,
		 &made))
		return CKR_WRAPPED_KEY_INVALID;
	rv = inner(real, session, &own);
	if (rv != CKR_OK)
		return rv;
	rv = real->C_UnwrapKey(session, &rfc5649, own, wrapped, made, template,
			       rows, out);
	(void)real->C_DestroyObject(session, own);
	return rv;
}
