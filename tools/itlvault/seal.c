#include "itlvault.h"

/* Of those that count, one must lie in its vault, now, as it was proved. */
static enum rc check_backup(struct itlvault *a, struct err *e)
{
	json_auto_t *backups = NULL;
	struct err last = {0};
	const json_t *b;
	size_t i;

	if (a->o.force)
		return RC_OK;
	if (front_backups(a, &backups, e) != RC_OK)
		return e->rc;
	json_array_foreach(json_object_get(backups, "backups"), i, b) {
		struct place CLEANUP(place_clear) p = {0};
		const char *vault = json_string_value(json_object_get(b, "vault"));

		if (!front_counts(b) || !vault)
			continue;
		if (place_open(a, vault, &p, &last) == RC_OK &&
		    front_backup_is_there(&p, b, &last) == RC_OK)
			return RC_OK;
	}
	if (last.rc != RC_OK)
		report_error(&last, a->o.json);
	return err_set(e, RC_REFUSED, "seal",
		       "no proved backup lies in a vault now: sealed, the key dies with its token",
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
