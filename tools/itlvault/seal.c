#include "itlvault.h"

static enum rc check_backup(struct itlvault *a, struct err *e)
{
	json_auto_t *backups = front_backups(a);

	if (a->o.force || json_is_true(json_object_get(backups, "good")))
		return RC_OK;
	return err_set(e, RC_REFUSED, "seal",
		       "no proved backup counts: sealed now, the key dies with its token",
		       "make one first: itlvault backup; or use --force",
		       "the recovery key");
}

enum rc verb_seal(struct itlvault *a, struct err *e)
{
	static const char *const questions[] = {
		"Seal the recovery key: no backup can be made of it any more, also after a change of the\n"
		"cluster security password. Continue (yes/no)?",
		"This cannot be undone by anybody. Really seal it (yes/no)?",
	};
	bool yes = false;

	if (check_backup(a, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < 2; i++) {
		if (ask_yes(questions[i], a->o.yes, &yes, e) != RC_OK)
			return e->rc;
		if (!yes)
			return err_set(e, RC_REFUSED, "seal", "was not wanted",
				       "nothing was changed",
				       "the recovery key");
	}
	if (keyd_seal(a->keyd, &a->r.pw, e) != RC_OK)
		return e->rc;
	if (a->o.json)
		return report_json(json_pack("{s:b}", "sealed", 1), e);
	(void)printf("The recovery key is sealed: it never leaves its token again.\n");
	return RC_OK;
}
