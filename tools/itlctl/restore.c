#include "itlctl/restore.h"
#include "itlctl/reset.h"
#include "base/proc.h"
#include <string.h>

/* A cluster that is made anew has no security password: the one that opens its
 * backup is the one that it had. */
static enum rc adopt(struct ctl *c, const struct passwords *pw, bool *set,
		     struct err *e)
{
	const struct keyd_passwords old = {.admin = pw->admin};
	struct keyd_status status;

	*set = false;
	if (keyd_status(c->keyd, &status, e) != RC_OK)
		return e->rc;
	if (status.security)
		return RC_OK;
	if (keyd_security_set(c->keyd, &old, pw->security, e) != RC_OK)
		return e->rc;
	*set = true;
	if (!c->json)
		(void)fprintf(c->out, "The cluster security password is set to the one of the backup.\n");
	return RC_OK;
}

/* keyd's next step for a token with another key is itlvault's. */
static enum rc import(struct ctl *c, const struct passwords *pw,
		      const struct recovery_file *f, struct imported *out,
		      struct err *e)
{
	if (recover_import(c, pw, f, false, out, e) == RC_OK)
		return RC_OK;
	if (e->rc == RC_REFUSED && !strcmp(e->op, "import"))
		return err_hint(e, "nothing was changed; utils itl reset remotekey replaces the token's key");
	return e->rc;
}

enum rc restore_key(struct ctl *c, struct keyfile *from,
		    const struct passwords *pw, struct restored *out, struct err *e)
{
	struct recovery_file CLEANUP(recovery_file_free) *f = NULL;
	struct ask_vault CLEANUP(ask_vault_clear) access = ctl_vault(c);
	char where[VAULT_TEXT_MAX];
	double since = proc_now(), opened;

	if (keyfile_open(c, from, &access, pw->security, &f, e) != RC_OK)
		return e->rc;
	opened = proc_now();
	if (!c->json)
		(void)fprintf(c->out, "Recovery key: %s in %s, fetched and opened in %.1f s\n",
			      from->name, vault_target_text(&from->folder, where),
			      opened - since);
	if (import(c, pw, f, &out->key, e) != RC_OK)
		return e->rc;
	if (!c->json)
		(void)fprintf(c->out, "Recovery key: %s as %s, %.1f s\n",
			      out->key.present ? "in the token already" : "imported",
			      out->key.label, proc_now() - opened);
	out->trust = recovery_file_has_trust(f);
	return adopt(c, pw, &out->security_set, e);
}

enum rc restore_reset(struct ctl *c, const struct passwords *pw, json_t **result,
		      struct err *e)
{
	struct reset_plan CLEANUP(reset_plan_clear) p = {0};
	/* Under the policy itlrecovery localkey is the new CallManager's, which no
	 * phone knows; the other one is always the recovery key's. */
	enum keyd_how how = c->cluster->policy == POLICY_ITLRECOVERY
				    ? KEYD_REMOTEKEY : KEYD_LOCALKEY;

	if (reset_plan(c, how, &p, e) != RC_OK)
		return e->rc;
	return reset_run(c, &p, pw->admin, result, e);
}
