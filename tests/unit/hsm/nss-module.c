/* NSS's softoken, a token of another make, as hsm opens modules: it wants to be
 * told where its database is, in a field that PKCS#11 has not. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>

/* CK_C_INITIALIZE_ARGS as NSS has it. */
struct nss_args {
	void *create, *destroy, *lock, *unlock;
	CK_FLAGS flags;
	char *parameters;
	void *reserved;
};

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST functions;

static CK_RV initialize(void *args)
{
	const char *dir = getenv("ITLKEEPER_TEST_NSS");
	char text[4096];
	struct nss_args nss = {
		.flags = ((CK_C_INITIALIZE_ARGS *)args)->flags,
		.parameters = text,
	};

	(void)snprintf(text, sizeof text,
		       "configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db'",
		       dir ? dir : "");
	return real->C_Initialize(&nss);
}

__attribute__((visibility("default"))) CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **out)
{
	void *softoken = dlopen(SOFTOKEN_MODULE, RTLD_NOW | RTLD_LOCAL);
	CK_RV (*get)(CK_FUNCTION_LIST **);

	if (!softoken)
		return CKR_GENERAL_ERROR;
	*(void **)&get = dlsym(softoken, "C_GetFunctionList");
	if (!get || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	functions = *real;
	functions.C_Initialize = initialize;
	*out = &functions;
	return CKR_OK;
}
