#include "itlvault.h"

/* For people; programs get the two apart. */
static const char *state_text(bool proved, bool counts)
{
	return counts ? "proved, counts" : proved ? "proved before" : "not proved";
}

static json_t *object_json(const struct vault_object *o, bool proved, bool counts)
{
	return json_pack("{s:s, s:I, s:s, s:I, s:b, s:b, s:b}", "name", o->name,
			 "bytes", (json_int_t)o->size, "serial", o->is.serial,
			 "made", (json_int_t)o->is.time, "plain", o->is.plain,
			 "proved", proved, "counts", counts);
}

static enum rc list(struct itlvault *a, struct place *p, struct err *e)
{
	struct vault_object CLEANUP_FREE *all = NULL;
	json_auto_t *backups = NULL;
	struct err away;
	json_t *objects;
	char time[24];
	size_t n = 0;

	if (front_backups(a, &backups, &away) != RC_OK && !a->o.json)
		report_error(&away, false); /* the list goes on, with less in it */
	if (vault_list(p->vault, &all, &n, e) != RC_OK)
		return e->rc;
	if (!a->o.json)
		(void)printf("%s: %zu object%s\n", p->text, n, n == 1 ? "" : "s");
	objects = json_array();
	for (size_t i = 0; i < n; i++) {
		const json_t *known = front_backup_of(backups, p->text, all[i].name);
		bool counts = front_counts(known);

		if (a->o.json)
			(void)json_array_append_new(
				objects, object_json(&all[i], known, counts));
		else
			(void)printf("  %-16s %8llu  %-14s %s\n",
				     report_time(all[i].is.time, time),
				     (unsigned long long)all[i].size,
				     state_text(known, counts), all[i].name);
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
