/* set password user. */
#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/recover.h"
#include <unistd.h>

enum rc set_password_admin(struct ctl *c, struct err *e)
{
	struct secret CLEANUP(secret_free) *old = NULL;
	struct secret CLEANUP(secret_free) *new_password = NULL;
	/* root may set it anew when it was lost */
	bool lost = geteuid() == 0 && !c->opt.value[OPT_PASSWORD_FILE];

	if ((!lost && ctl_password(c, &old, e) != RC_OK) ||
	    ctl_new_password(c, NULL, &new_password, e) != RC_OK ||
	    keyd_password_set(c->keyd, old, new_password, e) != RC_OK)
		return e->rc;
	(void)fprintf(c->out, "Password updated successfully.\n");
	return RC_OK;
}

/* ---- the cluster security password ---- */

struct change {
	struct ctl *c;
	bool first; /* there was none before */
	struct secret *old_security; /* owned; NULL: none, or lost */
	struct passwords now;          /* owned: with the new one */
	json_t *backups;             /* owned: what was made */
};

static void change_clear_at(struct change *x)
{
	secret_free(x->old_security);
	passwords_clear(&x->now);
	json_decref(x->backups);
}

/* The old one is asked for if there is one, unless root says that it is lost. */
static enum rc ask_old(struct change *x, struct err *e)
{
	const struct ctl *c = x->c;
	bool lost = geteuid() == 0 && c->opt.value[OPT_FORCE];
	struct keyd_status status;

	if (keyd_status(c->keyd, &status, e) != RC_OK)
		return e->rc;
	x->first = status.security == 0;
	if (x->first || lost)
		return RC_OK;
	return ask_secret("Please enter the old password:",
			  c->opt.value[OPT_SECURITY_PASSWORD_FILE],
			  "--security-password-file FILE", &x->old_security, e);
}

static enum rc ask_all(struct change *x, struct err *e)
{
	const struct ctl *c = x->c;

	if (ctl_password(c, &x->now.admin, e) != RC_OK || ask_old(x, e) != RC_OK)
		return e->rc;
	return ask_new_secret("Please enter the new password:",
			      "Reenter new password to confirm:",
			      c->opt.value[OPT_NEW_PASSWORD_FILE],
			      "--new-password-file FILE", &x->now.security, e);
}

/* The alert starts at once. That it cannot be told to front takes nothing back. */
static void start_alert(struct ctl *c)
{
	json_auto_t *alerts = NULL;
	struct err e;

	if (ctl_call(c, json_pack("{s:s}", "do", "alerts-check"), NULL, NULL,
		     &alerts, &e) != RC_OK)
		(void)ctl_error(c->session, false, &e);
}

/* ---- and a new backup ---- */

/* A vault of vault.conf, as the service opens it, where we may. */
static enum rc back_up_to(struct change *x, const struct vault_entry *entry,
			  struct err *e)
{
	struct ask_vault CLEANUP(ask_vault_clear) how = ctl_vault(x->c);
	const struct recovery r = recover_with(x->c, &x->now);
	struct vault CLEANUP(vault_free) *vault = NULL;
	struct recovery_made m = {0};
	char where[VAULT_TEXT_MAX];

	how.entry = entry;
	vault_target_text(&entry->target, where);
	(void)fprintf(ctl_words(x->c), "Backup to %s ...\n", where);
	(void)fflush(ctl_words(x->c));
	if (ask_vault_open(&how, &entry->target, &vault, e) != RC_OK ||
	    recovery_backup(&r, vault, where, RECOVERY_ENVELOPE, &m, e) != RC_OK)
		return err_within(e, entry->name);
	(void)json_array_append_new(x->backups, recovery_made_json(&m));
	if (!x->c->json)
		recover_tell_made(x->c, &m);
	return RC_OK;
}

/* One vault that fails must not keep the others waiting. */
static enum rc back_up(struct change *x, const struct vault_conf *conf,
		       struct err *e)
{
	struct err first = {0}, failed;

	for (size_t i = 0; i < conf->n; i++)
		if (back_up_to(x, &conf->entries[i], &failed) != RC_OK)
			ctl_error_among(x->c, &first, &failed);
	return ctl_error_first(&first, e);
}

/* Whether there is a recovery key that can leave its token. Where that is not
 * known, the export will say. */
static bool can_back_up(struct ctl *c)
{
	json_auto_t *answer = NULL;
	const json_t *key;
	struct err none;

	if (ctl_call(c, json_pack("{s:s}", "do", "backups"), NULL, NULL, &answer,
		     &none) != RC_OK || answer_has(answer, "error"))
		return true;
	key = json_object_get(answer, "key");
	return json_is_object(key) && !answer_true(key, "sealed");
}

static enum rc offer_backup(struct change *x, struct err *e)
{
	FILE *out = ctl_words(x->c);
	struct ctl *c = x->c;
	bool yes = c->opt.value[OPT_YES] != NULL;
	struct err none;

	if (!can_back_up(c))
		return RC_OK;
	(void)fprintf(out, "\n%s\n",
		      x->first ? "Backups of the recovery key open with it from now on."
			       : "Every backup of the recovery key that was saved before is useless now.");
	(void)fflush(out);
	if (ctl_open(c, NEED_VAULTS, e) != RC_OK)
		return e->rc;
	if (c->vaults->n && !c->json && !yes &&
	    ask_yes("Would you like to make a new backup of the recovery key now [y/n]?",
		    false, &yes, &none) != RC_OK)
		yes = false;
	if (c->vaults->n && yes)
		return back_up(x, c->vaults, e);
	(void)fprintf(out, "Make a new backup: file get tftp " P12_NAME ", or itlvault backup VAULT.\n"
			   "Until then an alert is raised every day.\n");
	return RC_OK;
}

enum rc set_password_security(struct ctl *c, struct err *e)
{
	struct change CLEANUP(change_clear) x = {.c = c, .backups = json_array()};
	struct keyd_passwords pw;
	enum rc rc;

	if (ask_all(&x, e) != RC_OK)
		return e->rc;
	pw = (struct keyd_passwords){x.now.admin, x.old_security};
	if (keyd_security_set(c->keyd, &pw, x.now.security, e) != RC_OK)
		return e->rc;
	start_alert(c);
	(void)fprintf(ctl_words(c), "Password updated successfully.\n");
	rc = offer_backup(&x, e);
	if (rc != RC_OK || !c->json)
		return rc;
	return ctl_result(c, json_pack("{s:b, s:O}", "updated", 1, "backups",
				       x.backups), e);
}
