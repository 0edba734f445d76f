/* utils itl reset remotekey: fetch, open, prove, import, reset. */
#include "itlctl/commands.h"
#include "itlctl/keyfile.h"
#include "itlctl/recover.h"
#include "itlctl/reset.h"
#include "itl/itl.h"

struct remote {
	struct passwords passwords;
	struct ask_vault access;
	struct keyfile file;
	struct reset_plan plan;
	struct recovery_file *open; /* owned, as all of them are */
};

static void remote_clear_at(struct remote *r)
{
	passwords_clear(&r->passwords);
	ask_vault_clear(&r->access);
	reset_plan_clear(&r->plan);
	recovery_file_free(r->open);
}

/* That it is a key of ours in this token, before it replaces another. */
static enum rc prove(struct ctl *c, const struct remote *r, struct err *e)
{
	const struct keyd_passwords pw = {.admin = r->passwords.admin};
	char label[LABEL_MAX], route[KEYD_ROUTE_MAX];

	if (keyd_prove(c->keyd, &pw, &r->open->p12->key, r->open->p12->cert,
		       r->open->digest, label, route, e) != RC_OK)
		return err_within(e, r->file.name);
	return RC_OK;
}

static enum rc dry_run(struct ctl *c, const struct remote *r, struct err *e)
{
	const X509 *cert = r->open->p12->cert;
	char signer[ITL_MAX_NAME];
	size_t n;

	if (itl_name(X509_get_subject_name(cert), signer, &n, e) != RC_OK)
		return e->rc;
	return reset_dry_run(c, &r->plan, NULL, signer, e);
}

static enum rc import_and_reset(struct ctl *c, struct remote *r, struct err *e)
{
	json_auto_t *result = NULL;
	struct imported key;
	json_t *imported;

	if (recover_import(c, &r->passwords, r->open, true, &key, e) != RC_OK)
		return e->rc;
	if (reset_plan(c, KEYD_REMOTEKEY, &r->plan, e) != RC_OK ||
	    reset_run(c, &r->plan, r->passwords.admin, &result, e) != RC_OK) {
		(void)fprintf(c->session->err,
			      "itlctl: the recovery key is imported, as %s, but the reset failed; the same command can be given again\n",
			      key.label);
		return e->rc;
	}
	if (!c->json) {
		(void)fprintf(c->out, "Recovery key: %s, %s\n", key.label,
			      key.present ? "which was in the token already"
					  : "imported");
		return RC_OK;
	}
	imported = recover_imported_json(&key);
	if (!imported || json_object_set_new(result, "imported", imported) != 0)
		return err_set(e, RC_ERROR, "print", "out of memory", NULL,
			       "the result as JSON");
	return ctl_result(c, json_incref(result), e);
}

/* The first plan is for what stands in the way of a reset at all: that is told
 * before anything is fetched. */
enum rc reset_remotekey(struct ctl *c, struct err *e)
{
	struct remote CLEANUP(remote_clear) r = {.access = ctl_vault(c)};

	if (!ctl_on_publisher(c))
		return ctl_not_publisher(c, "utils itl reset", e);
	if (keyfile_of_words(c, c->args[0], c->args[1], c->args[2], &r.file, e) != RC_OK ||
	    passwords_ask(c, &r.passwords, e) != RC_OK ||
	    ask_vault_password(&r.access, ASK_SFTP, e) != RC_OK ||
	    reset_plan(c, KEYD_REMOTEKEY, &r.plan, e) != RC_OK ||
	    keyfile_open(c, &r.file, &r.access, r.passwords.security, &r.open, e) != RC_OK ||
	    prove(c, &r, e) != RC_OK)
		return e->rc;
	if (c->opt.value[OPT_DRY_RUN])
		return dry_run(c, &r, e);
	return import_and_reset(c, &r, e);
}
