#include "mock-wrap.h"
#include "base/num.h"
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

__attribute__((visibility("default"))) struct mock mock_state;

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST functions;

/* Count a call; the answer it shall give, or CKR_OK to pass it on. */
static CK_RV fault(enum mock_call call)
{
	__atomic_fetch_add(&mock_state.count[call], 1, __ATOMIC_RELAXED);
	if (!mock_state.fault[call].times)
		return CKR_OK;
	if (mock_state.fault[call].after) {
		mock_state.fault[call].after--;
		return CKR_OK;
	}
	mock_state.fault[call].times--;
	return mock_state.fault[call].rv;
}

static CK_RV initialize(void *args)
{
	CK_RV rv = fault(MOCK_INITIALIZE);

	if (args)
		mock_state.initialize_flags = ((CK_C_INITIALIZE_ARGS *)args)->flags;
	return rv != CKR_OK ? rv : real->C_Initialize(args);
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
	CK_RV rv = fault(MOCK_GET_SLOT_LIST);

	return rv != CKR_OK ? rv : real->C_GetSlotList(present, slots, n);
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv = real->C_GetTokenInfo(slot, info);

	info->flags |= mock_state.token_flags;
	return rv;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app,
			  CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
	CK_RV rv = fault(MOCK_OPEN_SESSION);

	return rv != CKR_OK ? rv
			    : real->C_OpenSession(slot, flags, app, notify,
						  session);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user,
		   CK_BYTE *pin, CK_ULONG n)
{
	CK_RV rv = fault(MOCK_LOGIN);

	return rv != CKR_OK ? rv : real->C_Login(session, user, pin, n);
}

#define MAX_ROWS 32

/* A template as the token hears it. */
static bool hear(CK_ATTRIBUTE heard[MAX_ROWS], const CK_ATTRIBUTE *said,
		 CK_ULONG n)
{
	static CK_BBOOL yes = CK_TRUE;

	if (n > MAX_ROWS)
		return false;
	memcpy(heard, said, n * sizeof *said);
	for (CK_ULONG i = 0; mock_state.deaf_to_templates && i < n; i++)
		if (heard[i].type == CKA_EXTRACTABLE)
			heard[i].pValue = &yes;
	return true;
}

static bool is_unknown(const CK_ATTRIBUTE *said, CK_ULONG n)
{
	for (CK_ULONG i = 0; mock_state.knows_no_trusted && i < n; i++)
		if (said[i].type == CKA_WRAP_WITH_TRUSTED)
			return true;
	return false;
}

static CK_RV generate(CK_SESSION_HANDLE session, CK_MECHANISM *m,
		      CK_ATTRIBUTE *public, CK_ULONG npublic,
		      CK_ATTRIBUTE *private, CK_ULONG nprivate,
		      CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv)
{
	CK_ATTRIBUTE changed[MAX_ROWS];
	CK_RV rv = fault(MOCK_GENERATE);

	if (is_unknown(private, nprivate))
		return CKR_ATTRIBUTE_TYPE_INVALID; /* counted above */
	if (!hear(changed, private, nprivate))
		return CKR_ARGUMENTS_BAD;
	/* A token that fills up stores one half and then fails. */
	CK_RV made = real->C_GenerateKeyPair(session, m, public, npublic,
					     changed, nprivate, pub, priv);
	if (rv != CKR_OK && made == CKR_OK)
		(void)real->C_DestroyObject(session, *priv);
	return rv != CKR_OK ? rv : made;
}

static CK_RV create(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
		    CK_ULONG n, CK_OBJECT_HANDLE *object)
{
	CK_RV rv = fault(MOCK_CREATE);

	if (rv == CKR_OK)
		rv = real->C_CreateObject(session, template, n, object);
	if (rv == CKR_OK)
		mock_wrap_note(*object, template, n);
	return rv;
}

static CK_RV get_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			   CK_ATTRIBUTE *template, CK_ULONG n)
{
	CK_RV rv = fault(MOCK_GET_ATTRIBUTE);

	if (is_unknown(template, n))
		return CKR_ATTRIBUTE_TYPE_INVALID;
	return rv != CKR_OK ? rv
			    : real->C_GetAttributeValue(session, object,
							template, n);
}

static CK_RV find(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
	CK_RV rv = fault(MOCK_FIND);

	return rv != CKR_OK ? rv : real->C_FindObjectsInit(session, template, n);
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *m,
		       CK_OBJECT_HANDLE key)
{
	CK_RV rv = fault(MOCK_SIGN_INIT);

	return rv != CKR_OK ? rv : real->C_SignInit(session, m, key);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG n,
		  CK_BYTE *sig, CK_ULONG *siglen)
{
	CK_RV rv = fault(MOCK_SIGN), done;

	done = real->C_Sign(session, data, n, sig, siglen);
	if (done == CKR_OK && mock_state.spoil_signature)
		sig[*siglen / 2] ^= 1;
	return rv != CKR_OK ? rv : done;
}

static CK_RV decrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *m,
			  CK_OBJECT_HANDLE key)
{
	CK_RV rv = fault(MOCK_DECRYPT_INIT);

	return rv != CKR_OK ? rv : real->C_DecryptInit(session, m, key);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG n,
		     CK_BYTE *out, CK_ULONG *outlen)
{
	CK_RV rv = real->C_Decrypt(session, in, n, out, outlen);

	while (mock_state.strips_zeros && rv == CKR_OK && *outlen && !out[0])
		memmove(out, out + 1, --*outlen);
	return rv;
}

static CK_RV set_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			   CK_ATTRIBUTE *template, CK_ULONG n)
{
	CK_RV rv = fault(MOCK_SET_ATTRIBUTE);

	if (mock_state.deaf_to_seals)
		return rv;
	return rv != CKR_OK ? rv
			    : real->C_SetAttributeValue(session, object,
							template, n);
}

static CK_RV wrap(CK_SESSION_HANDLE session, CK_MECHANISM *m,
		  CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, CK_BYTE *out,
		  CK_ULONG *n)
{
	CK_RV rv = fault(MOCK_WRAP);

	return rv != CKR_OK ? rv
			    : mock_wrap(real, session, m, kek, key, out, n);
}

static CK_RV unwrap(CK_SESSION_HANDLE session, CK_MECHANISM *m,
		    CK_OBJECT_HANDLE kek, CK_BYTE *in, CK_ULONG n,
		    CK_ATTRIBUTE *template, CK_ULONG rows, CK_OBJECT_HANDLE *out)
{
	CK_ATTRIBUTE changed[MAX_ROWS];
	CK_RV rv = fault(MOCK_UNWRAP);

	if (!hear(changed, template, rows))
		return CKR_ARGUMENTS_BAD;
	return rv != CKR_OK ? rv
			    : mock_unwrap(real, session, m, kek, in, n, changed,
					  rows, out);
}

__attribute__((visibility("default"))) CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **out)
{
	void *softhsm = dlopen(SOFTHSM_MODULE, RTLD_NOW | RTLD_LOCAL);
	CK_RV (*get)(CK_FUNCTION_LIST **);

	if (!softhsm)
		return CKR_GENERAL_ERROR;
	*(void **)&get = dlsym(softhsm, "C_GetFunctionList");
	if (!get || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	functions = *real;
	functions.C_Initialize = initialize;
	functions.C_GetSlotList = get_slot_list;
	functions.C_GetTokenInfo = get_token_info;
	functions.C_OpenSession = open_session;
	functions.C_Login = login;
	functions.C_GenerateKeyPair = generate;
	functions.C_CreateObject = create;
	functions.C_GetAttributeValue = get_attribute;
	functions.C_FindObjectsInit = find;
	functions.C_SignInit = sign_init;
	functions.C_Sign = sign;
	functions.C_DecryptInit = decrypt_init;
	functions.C_Decrypt = decrypt;
	functions.C_SetAttributeValue = set_attribute;
	functions.C_WrapKey = wrap;
	functions.C_UnwrapKey = unwrap;
	*out = &functions;
	return CKR_OK;
}
