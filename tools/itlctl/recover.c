#include "itlctl/recover.h"
#include "base/errjson.h"
#include <string.h>

enum rc recover_ask(const struct ctl *c, struct recover *out, struct err *e)
{
	if (ctl_password(c, &out->admin, e) != RC_OK)
		return e->rc;
	return ctl_security_password(c, &out->security, e);
}

void recover_clear(struct recover *r)
{
	secret_free(r->admin);
	secret_free(r->security);
	*r = (struct recover){0};
}

struct recovery recover_with(const struct ctl *c, const struct recover *r)
{
	return (struct recovery){.keyd = c->keyd,
				 .front = c->front,
				 .cluster = c->cluster,
				 .conf_dir = ctl_config(c),
				 .pw = {r->admin, r->security}};
}

FILE *recover_words(const struct ctl *c)
{
	return c->json ? c->session->err : c->out;
}

struct ask_vault recover_access(const struct ctl *c)
{
	return (struct ask_vault){
		.out = recover_words(c),
		.yes = c->opt.value[OPT_YES] != NULL,
		.password_file = c->opt.value[OPT_SFTP_PASSWORD_FILE],
		.identity = c->opt.value[OPT_IDENTITY],
		.known_hosts = c->opt.value[OPT_KNOWN_HOSTS]};
}

enum rc recover_sftp_password(const char *prompt, struct ask_vault *a,
			      struct err *e)
{
	enum rc rc;

	if (a->identity && !a->password_file)
		return RC_OK;
	rc = ask_secret(prompt, a->password_file, "--sftp-password-file FILE",
			&a->password, e);
	return rc == RC_USAGE && getenv("SSH_AUTH_SOCK") ? RC_OK : rc;
}

/* ---- import ---- */

enum rc recover_import(struct ctl *c, const struct recover *r,
		       const struct recovery_file *f, bool replace,
		       struct imported *out, struct err *e)
{
	const struct recovery with = recover_with(c, r);
	struct keyd_key key = {0};

	if (recovery_import(&with, f, replace, &key, &out->present, out->route,
			    e) != RC_OK)
		return e->rc;
	label_text(&key.label, out->label);
	X509_free(key.cert);
	return RC_OK;
}

/* ---- words ---- */

json_t *recover_imported_json(const struct imported *i)
{
	return json_pack("{s:s, s:s, s:b}", "key", i->label, "route", i->route,
			 "present", i->present);
}

void recover_tell_made(const struct ctl *c, const struct recovery_made *m)
{
	struct err why = m->record;

	(void)fprintf(c->out,
		      "The backup was fetched back, opened and proved: %s in %s.\n",
		      m->name, m->vault);
	if (m->recorded) {
		(void)fprintf(c->out, "It is recorded, and the alert is off.\n");
		return;
	}
	(void)err_hint(&why, "the alert goes on until the backup is recorded: itlvault verify");
	(void)fprintf(c->out, "It is not recorded.\n");
	(void)ctl_error(c->session, false, &why);
}
