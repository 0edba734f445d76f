#include "itlvault.h"

/* What the service knows of it, in a word. */
static const char *state_of(const json_t *known)
{
	if (!known)
		return "not proved";
	return json_is_true(json_object_get(known, "counts")) ? "proved, counts"
							       : "proved before";
}

static enum rc list(struct itlvault *a, struct place *p, struct err *e)
{
	struct vault_object CLEANUP_FREE *all = NULL;
	json_auto_t *backups = front_backups(a);
	json_t *objects;
	char time[24];
	size_t n = 0;

	if (vault_list(p->vault, &all, &n, e) != RC_OK)
		return e->rc;
	if (!a->o.json)
		(void)printf("%s: %zu object%s\n", p->text, n, n == 1 ? "" : "s");
	objects = json_array();
	for (size_t i = 0; i < n; i++) {
		const json_t *known = front_backup_of(backups, p->text, all[i].name);
		const char *state = state_of(known);

		if (a->o.json)
			(void)json_array_append_new(
				objects,
				json_pack("{s:s, s:I, s:s, s:I, s:b, s:s}", "name",
					  all[i].name, "bytes",
					  (json_int_t)all[i].size, "serial",
					  all[i].is.serial, "time",
					  (json_int_t)all[i].is.time, "plain",
					  all[i].is.plain, "state", state));
		else
			(void)printf("  %-16s %8llu  %-14s %s\n",
				     report_time(all[i].is.time, time),
				     (unsigned long long)all[i].size, state,
				     all[i].name);
	}
	if (a->o.json)
		return report_json(json_pack("{s:s, s:o}", "vault", p->text,
					     "objects", objects), e);
	json_decref(objects);
	return RC_OK;
}

enum rc verb_list(struct itlvault *a, struct err *e)
{
	return places_each(a, list, e);
}
