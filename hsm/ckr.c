#include "base/num.h"
#include "hsm/module.h"
#include <p11-kit/p11-kit.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The next steps that several answers share. */
#define LOG_HINT "see the log of the token or its module"
#define SIZE_HINT "the token does not make keys of this size: choose another in cluster.conf"
#define MECH_HINT "this token cannot do this: choose another token, or another digest"
#define FULL_HINT "make room in the token or on its file system, then ask again"
#define AWAY_HINT "plug the token in or start what serves it, then restart"
#define AGAIN_HINT "restart; if it stays, see the log of the token"
#define PIN_HINT "write the right PIN to the PIN file; it is tried once for each version of the file"
#define SO_HINT "the security officer must reset the user PIN"
#define KEY_HINT "find the key with pkcs11-tool --list-objects: another program made or changed it"
#define RIGHT_HINT "the token's policy forbids it: check the rights of its user and of its folder"
#define BUG_HINT "please report this: the token was asked the wrong thing"

#define ROW(ckr, rc, hint)                                                     \
	{                                                                      \
		ckr, #ckr, rc, hint                                            \
	}

static const struct answer {
	CK_RV rv;
	const char *name;
	enum rc rc;
	const char *hint;
} answers[] = {
	ROW(CKR_CANCEL, RC_TOKEN, AGAIN_HINT),
	ROW(CKR_HOST_MEMORY, RC_TOKEN,
	    "another process opened the token at the same moment, or memory is short: restart"),
	ROW(CKR_SLOT_ID_INVALID, RC_TOKEN, AGAIN_HINT),
	ROW(CKR_GENERAL_ERROR, RC_TOKEN,
	    "check the rights, the free space and the log of the token"),
	ROW(CKR_FUNCTION_FAILED, RC_TOKEN, FULL_HINT),
	ROW(CKR_ARGUMENTS_BAD, RC_TOKEN, BUG_HINT),
	ROW(CKR_NO_EVENT, RC_TOKEN, BUG_HINT),
	ROW(CKR_NEED_TO_CREATE_THREADS, RC_TOKEN,
	    "this module cannot be used by several threads: choose another"),
	ROW(CKR_CANT_LOCK, RC_TOKEN,
	    "this module cannot be used by several threads: choose another"),
	ROW(CKR_ATTRIBUTE_READ_ONLY, RC_TOKEN, MECH_HINT),
	ROW(CKR_ATTRIBUTE_SENSITIVE, RC_TOKEN, KEY_HINT),
	ROW(CKR_ATTRIBUTE_TYPE_INVALID, RC_TOKEN, MECH_HINT),
	ROW(CKR_ATTRIBUTE_VALUE_INVALID, RC_TOKEN, MECH_HINT),
	ROW(CKR_ACTION_PROHIBITED, RC_TOKEN, RIGHT_HINT),
	ROW(CKR_DATA_INVALID, RC_TOKEN, BUG_HINT),
	ROW(CKR_DATA_LEN_RANGE, RC_TOKEN,
	    "the key is too small for this digest: make a larger one"),
	ROW(CKR_DEVICE_ERROR, RC_TOKEN, LOG_HINT),
	ROW(CKR_DEVICE_MEMORY, RC_TOKEN, FULL_HINT),
	ROW(CKR_DEVICE_REMOVED, RC_TOKEN, AWAY_HINT),
	ROW(CKR_ENCRYPTED_DATA_INVALID, RC_TOKEN, NULL),
	ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, RC_TOKEN, NULL),
	ROW(CKR_FUNCTION_CANCELED, RC_TOKEN, AGAIN_HINT),
	ROW(CKR_FUNCTION_NOT_PARALLEL, RC_TOKEN, BUG_HINT),
	ROW(CKR_FUNCTION_NOT_SUPPORTED, RC_TOKEN, MECH_HINT),
	ROW(CKR_KEY_HANDLE_INVALID, RC_STALE, AGAIN_HINT),
	ROW(CKR_KEY_SIZE_RANGE, RC_TOKEN, SIZE_HINT),
	ROW(CKR_KEY_TYPE_INCONSISTENT, RC_TOKEN, KEY_HINT),
	ROW(CKR_KEY_NOT_NEEDED, RC_TOKEN, BUG_HINT),
	ROW(CKR_KEY_CHANGED, RC_TOKEN, KEY_HINT),
	ROW(CKR_KEY_NEEDED, RC_TOKEN, BUG_HINT),
	ROW(CKR_KEY_INDIGESTIBLE, RC_TOKEN, KEY_HINT),
	ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, RC_TOKEN, KEY_HINT),
	ROW(CKR_KEY_NOT_WRAPPABLE, RC_TOKEN, KEY_HINT),
	ROW(CKR_KEY_UNEXTRACTABLE, RC_TOKEN, KEY_HINT),
	ROW(CKR_MECHANISM_INVALID, RC_TOKEN, MECH_HINT),
	ROW(CKR_MECHANISM_PARAM_INVALID, RC_TOKEN, MECH_HINT),
	ROW(CKR_OBJECT_HANDLE_INVALID, RC_STALE, AGAIN_HINT),
	ROW(CKR_OPERATION_ACTIVE, RC_TOKEN, AGAIN_HINT),
	ROW(CKR_OPERATION_NOT_INITIALIZED, RC_TOKEN, AGAIN_HINT),
	ROW(CKR_PIN_INCORRECT, RC_PIN, PIN_HINT),
	ROW(CKR_PIN_INVALID, RC_PIN, PIN_HINT),
	ROW(CKR_PIN_LEN_RANGE, RC_PIN, PIN_HINT),
	ROW(CKR_PIN_EXPIRED, RC_PIN,
	    "set a new user PIN in the token, then write it to the PIN file"),
	ROW(CKR_PIN_LOCKED, RC_PIN, SO_HINT),
	ROW(CKR_SESSION_CLOSED, RC_STALE, AGAIN_HINT),
	ROW(CKR_SESSION_COUNT, RC_TOKEN,
	    "the token allows fewer sessions: lower their number in the configuration"),
	ROW(CKR_SESSION_HANDLE_INVALID, RC_STALE, AGAIN_HINT),
	ROW(CKR_SESSION_PARALLEL_NOT_SUPPORTED, RC_TOKEN, BUG_HINT),
	ROW(CKR_SESSION_READ_ONLY, RC_TOKEN, RIGHT_HINT),
	ROW(CKR_SESSION_EXISTS, RC_TOKEN, AGAIN_HINT),
	ROW(CKR_SESSION_READ_ONLY_EXISTS, RC_TOKEN, AGAIN_HINT),
	ROW(CKR_SESSION_READ_WRITE_SO_EXISTS, RC_TOKEN,
	    "the security officer is logged in: wait until that session ends"),
	ROW(CKR_SIGNATURE_INVALID, RC_VERIFY, KEY_HINT),
	ROW(CKR_SIGNATURE_LEN_RANGE, RC_VERIFY, KEY_HINT),
	ROW(CKR_TEMPLATE_INCOMPLETE, RC_TOKEN, MECH_HINT),
	ROW(CKR_TEMPLATE_INCONSISTENT, RC_TOKEN, MECH_HINT),
	ROW(CKR_TOKEN_NOT_PRESENT, RC_TOKEN, AWAY_HINT),
	ROW(CKR_TOKEN_NOT_RECOGNIZED, RC_TOKEN,
	    "initialise the token (softhsm2-util --init-token, pkcs11-tool --init-token)"),
	ROW(CKR_TOKEN_WRITE_PROTECTED, RC_TOKEN, RIGHT_HINT),
	ROW(CKR_UNWRAPPING_KEY_SIZE_RANGE, RC_TOKEN, MECH_HINT),
	ROW(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, RC_TOKEN, MECH_HINT),
	ROW(CKR_USER_ALREADY_LOGGED_IN, RC_TOKEN, AGAIN_HINT),
	ROW(CKR_USER_NOT_LOGGED_IN, RC_TOKEN,
	    "restart: the token ended the login"),
	ROW(CKR_USER_PIN_NOT_INITIALIZED, RC_TOKEN,
	    "set the user PIN (softhsm2-util --init-token, pkcs11-tool --init-pin)"),
	ROW(CKR_USER_TYPE_INVALID, RC_TOKEN, BUG_HINT),
	ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, RC_TOKEN,
	    "another user is logged in: wait until that session ends"),
	ROW(CKR_USER_TOO_MANY_TYPES, RC_TOKEN, AGAIN_HINT),
	ROW(CKR_WRAPPED_KEY_INVALID, RC_TOKEN, NULL),
	ROW(CKR_WRAPPED_KEY_LEN_RANGE, RC_TOKEN, NULL),
	ROW(CKR_WRAPPING_KEY_HANDLE_INVALID, RC_STALE, AGAIN_HINT),
	ROW(CKR_WRAPPING_KEY_SIZE_RANGE, RC_TOKEN, MECH_HINT),
	ROW(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, RC_TOKEN, MECH_HINT),
	ROW(CKR_RANDOM_SEED_NOT_SUPPORTED, RC_TOKEN, MECH_HINT),
	ROW(CKR_RANDOM_NO_RNG, RC_TOKEN, MECH_HINT),
	ROW(CKR_DOMAIN_PARAMS_INVALID, RC_TOKEN, MECH_HINT),
	ROW(CKR_CURVE_NOT_SUPPORTED, RC_TOKEN, MECH_HINT),
	ROW(CKR_BUFFER_TOO_SMALL, RC_TOKEN, KEY_HINT),
	ROW(CKR_SAVED_STATE_INVALID, RC_TOKEN, BUG_HINT),
	ROW(CKR_INFORMATION_SENSITIVE, RC_TOKEN, KEY_HINT),
	ROW(CKR_STATE_UNSAVEABLE, RC_TOKEN, BUG_HINT),
	ROW(CKR_CRYPTOKI_NOT_INITIALIZED, RC_TOKEN,
	    "restart: another part of this process finalised the module"),
	ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, RC_TOKEN,
	    "another part of this process uses the module already"),
	ROW(CKR_MUTEX_BAD, RC_TOKEN, AGAIN_HINT),
	ROW(CKR_MUTEX_NOT_LOCKED, RC_TOKEN, AGAIN_HINT),
	ROW(CKR_NEW_PIN_MODE, RC_PIN,
	    "set a new user PIN in the token, then write it to the PIN file"),
	ROW(CKR_NEXT_OTP, RC_PIN, "tokens with one-time passwords cannot be used here"),
	ROW(CKR_EXCEEDED_MAX_ITERATIONS, RC_TOKEN, LOG_HINT),
	ROW(CKR_FIPS_SELF_TEST_FAILED, RC_TOKEN, LOG_HINT),
	ROW(CKR_LIBRARY_LOAD_FAILED, RC_TOKEN, "install all parts of the module"),
	ROW(CKR_PIN_TOO_WEAK, RC_PIN, SO_HINT),
	ROW(CKR_PUBLIC_KEY_INVALID, RC_TOKEN, KEY_HINT),
	ROW(CKR_FUNCTION_REJECTED, RC_TOKEN, RIGHT_HINT),
};

static const struct answer *find(CK_RV rv)
{
	for (size_t i = 0; i < COUNT_OF(answers); i++)
		if (answers[i].rv == rv)
			return &answers[i];
	return NULL;
}

const char *hsm_ckr_name(CK_RV rv)
{
	static _Thread_local char other[24];
	const struct answer *a = find(rv);

	if (rv == CKR_OK)
		return "CKR_OK";
	if (a)
		return a->name;
	(void)snprintf(other, sizeof other, "CKR_0x%08lX", rv);
	return other;
}

enum rc hsm_err(struct err *e, const char *op, CK_RV rv, const char *what, ...)
{
	const struct answer *a = find(rv);
	char object[sizeof e->what];
	va_list ap;

	va_start(ap, what);
	(void)vsnprintf(object, sizeof object, what, ap);
	va_end(ap);
	err_set(e, a ? a->rc : RC_TOKEN, op,
		a ? p11_kit_strerror(rv) : "the token failed in a way of its own",
		a ? a->hint : LOG_HINT, "%s", object);
	e->code = rv;
	(void)snprintf(e->name, sizeof e->name, "%s", hsm_ckr_name(rv));
	return e->rc;
}
