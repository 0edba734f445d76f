/*
 * From a module's name to a token that is logged in: C_Initialize, the token, its
 * sessions, one C_Login; and around them, for SoftHSM alone, what keeps its token
 * alive (spec: pkcs11, "Concurrency and crashes").
 *
 * Every C_Login on SoftHSM empties the token's file token.object and writes it anew,
 * without fsync. A kill or a full disk in between leaves it empty, and then the whole
 * token is gone for everybody. So, for a SoftHSM with the file backend:
 *
 * - The token folders' parent is locked (flock) from before C_Initialize until after
 *   the login, so that programs of ours do not meet there; and what SoftHSM answers
 *   when it met another's program is tried again, 5 times, 20 ms apart. A refused PIN
 *   is never tried again.
 * - Before C_Initialize, a whole token.object of the token that the URI names is
 *   copied to `keep` ("seen") unless the copy there has the same PINs; after a good
 *   login it is made durable, and becomes the copy ("proved").
 * - Before C_Initialize, a token.object that is empty, missing or torn, twice within
 *   100 ms, is replaced by the newest copy: what was seen last, else proved last. One
 *   that is whole is never replaced, whatever it holds: an old copy would bring an old
 *   PIN back. Nothing is made where the token's folder itself is missing.
 * - A torn token.object after the login (no room) is put back at once, or it is an
 *   error that says so.
 *
 * A copy holds what token.object holds: the token's master key under both PINs. It is
 * as secret as the token's folder: mode 0600, in a folder of 0700.
 *
 * Not done: for the database backend, and for a SoftHSM whose file name and link do
 * not have "softhsm" in them; both are said. A copy does not protect object files,
 * which SoftHSM never rewrites while it signs.
 */
#ifndef HSM_START_H
#define HSM_START_H

#include "hsm/token.h"

struct hsm_place {
	const char *module; /* as hsm_module_open() takes it */
	const char *uri;    /* as hsm_token_open() does */
	unsigned sessions;
	/* Signatures are returned as the token made them, not verified in software: for
	 * measurements alone. */
	bool unverified;
	/* A folder of this user's for the copies, made if it is missing; NULL: none
	 * are made, and none are put back. */
	const char *keep;
	/* What happened that an operator should know, for a log; NULL is fine. `event`
	 * is one word ("token-put-back"); e->rc is RC_OK if nothing is wrong. */
	void (*say)(void *arg, const char *event, const struct err *e);
	void *arg;
};

/*
 * Errors as of hsm_module_open(), hsm_token_open(), hsm_token_login(). On success the
 * caller frees *token, then *module. One start per process at a time.
 */
enum rc hsm_start(const struct hsm_place *place, const struct secret *pin,
		  struct hsm_module **module, struct hsm_token **token,
		  struct err *e) MUST_CHECK;

#endif
