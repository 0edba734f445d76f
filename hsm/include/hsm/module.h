/* A PKCS#11 module, loaded alone (spec: pkcs11, "libp11, OpenSSL, p11-kit"). */
#ifndef HSM_MODULE_H
#define HSM_MODULE_H

#include "base/err.h"
#include <limits.h>
#include <p11-kit/pkcs11.h>

struct hsm_module;

/* Which file it is: a path as it is, or by the name of its p11-kit configuration. */
enum rc hsm_module_path(const char *name_or_path, char to[PATH_MAX],
			struct err *e) MUST_CHECK;

/*
 * Load and initialise one module: a path ("/usr/lib/softhsm/libsofthsm2.so"),
 * or the name of its p11-kit configuration ("softhsm2"). No other module of
 * the system is loaded. C_Initialize gets CKF_OS_LOCKING_OK; a module that
 * cannot lock is refused. One open module per process: PKCS#11 initialises per
 * process. The process must not fork afterwards.
 */
enum rc hsm_module_open(const char *name_or_path, struct hsm_module **out,
			struct err *e) MUST_CHECK;
void hsm_module_free(struct hsm_module *m); /* C_Finalize; NULL is fine */
CLEANUP_DEFINE(struct hsm_module *, hsm_module_free);

/* For the boxes of hsm: the function list, valid as long as the module. */
CK_FUNCTION_LIST *hsm_module_functions(const struct hsm_module *m);

/* "CKR_PIN_INCORRECT", or "CKR_0x80000001" for a vendor's. Thread-local text. */
const char *hsm_ckr_name(CK_RV rv);

/*
 * Fill *e from a token's answer: operation, object, CKR_* name, and the next
 * step for it. The category follows from rv: RC_STALE for handles and sessions
 * that are gone, RC_PIN for refused PINs, RC_TOKEN for the rest.
 */
enum rc hsm_err(struct err *e, const char *op, CK_RV rv, const char *what, ...)
	__attribute__((format(printf, 4, 5)));

#endif
