#include "hsm/start.h"
#include "pool.h"
#include "softhsm.h"
#include <string.h>
#include <time.h>

#define TRIES 6 /* the first one, and 5 more */

/* One whole way: a login belongs to its C_Initialize. */
static enum rc once(const struct hsm_place *p, const struct secret *pin,
		    struct hsm_module **module, struct hsm_token **token,
		    struct err *e)
{
	struct hsm_module CLEANUP(hsm_module_free) *m = NULL;
	struct hsm_token CLEANUP(hsm_token_free) *t = NULL;

	if (hsm_module_open(p->module, &m, e) != RC_OK ||
	    hsm_token_open(m, p->uri, p->sessions, &t, e) != RC_OK ||
	    hsm_token_login(t, pin, e) != RC_OK)
		return e->rc;
	t->unverified = p->unverified;
	*module = m;
	*token = t;
	m = NULL;
	t = NULL;
	return RC_OK;
}

static enum rc guarded(struct softhsm *s, const struct hsm_place *p,
		       const struct secret *pin, struct hsm_module **module,
		       struct hsm_token **token, struct err *e)
{
	struct hsm_module CLEANUP(hsm_module_free) *m = NULL;
	struct hsm_token CLEANUP(hsm_token_free) *t = NULL;

	if (softhsm_before(s, e) != RC_OK)
		return e->rc;
	if (once(p, pin, &m, &t, e) != RC_OK)
		return e->rc == RC_PIN && softhsm_put_back(s)
			       ? err_hint(e, "the copy of token.object that was put back is from before a change of the PIN: set the PIN anew with the security officer's (softhsm2-util, pkcs11-tool --init-pin)")
			       : e->rc;
	if (softhsm_after(s, &t->folder, e) != RC_OK)
		return e->rc;
	*module = m;
	*token = t;
	m = NULL;
	t = NULL;
	return RC_OK;
}

/* A SoftHSM that did not look like one before it was loaded. */
static void tell_unguarded(const struct hsm_place *p, const struct hsm_token *t)
{
	struct err e;

	if (!p->say || strncmp(hsm_token_info(t)->manufacturer, "SoftHSM", 7) != 0)
		return;
	(void)err_set(&e, RC_TOKEN, "token",
		      "is SoftHSM under a name that does not tell: its token is not guarded",
		      "name the module by its own path", "module %s", p->module);
	p->say(p->arg, "token-unguarded", &e);
}

enum rc hsm_start(const struct hsm_place *p, const struct secret *pin,
		  struct hsm_module **module, struct hsm_token **token,
		  struct err *e)
{
	static const struct timespec pause = {.tv_nsec = 20000000};
	struct softhsm CLEANUP(softhsm_free) *s = NULL;
	enum rc rc;

	if (softhsm_open(p, &s, e) != RC_OK)
		return e->rc;
	if (!s) {
		rc = once(p, pin, module, token, e);
		if (rc == RC_OK)
			tell_unguarded(p, *token);
		return rc;
	}
	for (unsigned i = 1;; i++) {
		rc = guarded(s, p, pin, module, token, e);
		softhsm_unlock(s);
		if (rc == RC_OK || i == TRIES || !softhsm_raced(e))
			break;
		(void)nanosleep(&pause, NULL);
	}
	if (rc != RC_OK && e->code == CKR_TOKEN_NOT_PRESENT && softhsm_torn(s))
		return err_hint(e, "a token.object is torn, and there is no copy: put it back from a backup of its folder; do not initialise: that would end the keys");
	return rc;
}
