#include "mock.h"
#include "base/num.h"
#include <dlfcn.h>
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

static CK_RV generate(CK_SESSION_HANDLE session, CK_MECHANISM *m,
		      CK_ATTRIBUTE *public, CK_ULONG npublic,
		      CK_ATTRIBUTE *private, CK_ULONG nprivate,
		      CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv)
{
	static CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE changed[32];
	CK_RV rv = fault(MOCK_GENERATE);

	if (nprivate > COUNT_OF(changed))
		return CKR_ARGUMENTS_BAD;
	memcpy(changed, private, nprivate * sizeof *private);
	for (CK_ULONG i = 0; mock_state.deaf_to_templates && i < nprivate; i++)
		if (changed[i].type == CKA_EXTRACTABLE)
			changed[i].pValue = &yes;
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

	return rv != CKR_OK
		       ? rv
		       : real->C_CreateObject(session, template, n, object);
}

static CK_RV get_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			   CK_ATTRIBUTE *template, CK_ULONG n)
{
	CK_RV rv = fault(MOCK_GET_ATTRIBUTE);

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
	*out = &functions;
	return CKR_OK;
}
