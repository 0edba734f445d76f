#include "itlctl/recover.h"

struct recovery recover_with(const struct ctl *c, const struct passwords *pw)
{
	return (struct recovery){.keyd = c->keyd,
				 .front = c->front,
				 .cluster = c->cluster,
				 .conf_dir = ctl_config(c),
				 .pw = {pw->admin, pw->security}};
}

enum rc recover_import(struct ctl *c, const struct passwords *pw,
		       const struct recovery_file *f, bool replace,
		       struct imported *out, struct err *e)
{
	const struct recovery with = recover_with(c, pw);
	struct keyd_key key = {0};

	if (recovery_import(&with, f, replace, &key, &out->present, out->route,
			    e) != RC_OK)
		return e->rc;
	label_text(&key.label, out->label);
	X509_free(key.cert);
	return RC_OK;
}

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
