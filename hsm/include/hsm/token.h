/* A token chosen by URI, its login, and its pool of sessions. */
#ifndef HSM_TOKEN_H
#define HSM_TOKEN_H

#include "base/secret.h"
#include "hsm/module.h"
#include <stdbool.h>

#define HSM_MAX_SESSIONS 256

struct hsm_token;

/* Of CK_TOKEN_INFO, without the padding blanks. */
struct hsm_token_info {
	char label[33], manufacturer[33], model[17], serial[17];
	CK_FLAGS flags;
};

/*
 * Find the one initialised token that an RFC 7512 URI names, and open
 * `sessions` read/write sessions on it (1 to HSM_MAX_SESSIONS). Refused with
 * RC_USAGE: unknown or doubled attributes, slot-id without token, object
 * attributes, and pin-value or pin-source, whatever their value (the message
 * never repeats it). RC_TOKEN if no token or more than one matches; the message
 * lists the tokens that there are.
 */
enum rc hsm_token_open(struct hsm_module *m, const char *uri, unsigned sessions,
		       struct hsm_token **out, struct err *e) MUST_CHECK;
void hsm_token_free(struct hsm_token *t); /* logs out, closes; NULL is fine */
CLEANUP_DEFINE(struct hsm_token *, hsm_token_free);

const struct hsm_token_info *hsm_token_info(const struct hsm_token *t);

/* Check a URI without a module; what hsm_token_open() would refuse. */
enum rc hsm_uri_check(const char *uri, struct err *e) MUST_CHECK;

/*
 * Log the user in, once. RC_PIN if the token refuses the PIN (incorrect,
 * expired, locked, wrong length): it must never be sent again. No PIN is sent,
 * and RC_PIN returned, when the token flags that the next failure locks it
 * (CKF_USER_PIN_FINAL_TRY) or that it is locked. "Already logged in" is fine.
 */
enum rc hsm_token_login(struct hsm_token *t, const struct secret *pin,
			struct err *e) MUST_CHECK;

/* ---- sessions: one per worker ---- */
struct hsm_session;

/* Borrow a session; blocks while all are lent. Thread-safe. */
struct hsm_session *hsm_session_take(struct hsm_token *t);
void hsm_session_give(struct hsm_session *s);

/* Close and open it again, for a session that the token lost. RC_STALE or
 * RC_TOKEN if it does not open. */
enum rc hsm_session_reopen(struct hsm_session *s, struct err *e) MUST_CHECK;

struct hsm_token *hsm_session_token(const struct hsm_session *s);
/* For the boxes of hsm. */
CK_SESSION_HANDLE hsm_session_handle(const struct hsm_session *s);
CK_FUNCTION_LIST *hsm_session_functions(const struct hsm_session *s);

#endif
