#include "itlvault.h"

#define KEEP 10 /* where nobody says */

/* The newest one that the service knows as good; n if there is none. */
static size_t last_proved(const json_t *backups, const struct place *p,
			  const struct vault_object *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (json_is_true(json_object_get(
			    front_backup_of(backups, p->text, all[i].name),
			    "counts")))
			return i;
	return n;
}

static enum rc forget(struct itlvault *a, const char *vault, const char *name,
		      struct err *e)
{
	json_t *answer = NULL;
	json_t *request = json_pack("{s:s, s:s, s:s}", "do", "backup-removed",
				    "vault", vault, "name", name);
	enum rc rc = front_call(a->front, request, NULL, NULL, &answer, e);

	json_decref(request);
	json_decref(answer);
	return rc == RC_NOTFOUND ? RC_OK : rc; /* it was never proved */
}

static enum rc remove_old(struct itlvault *a, struct place *p,
			  const struct vault_object *all, size_t n, size_t keep,
			  size_t proved, json_t *removed, struct err *e)
{
	for (size_t i = keep; i < n; i++) {
		if (i == proved)
			continue;
		if (vault_remove(p->vault, all[i].name, e) != RC_OK ||
		    forget(a, p->text, all[i].name, e) != RC_OK)
			return e->rc;
		(void)json_array_append_new(removed, json_string(all[i].name));
		if (!a->o.json)
			(void)printf("  removed %s\n", all[i].name);
	}
	return RC_OK;
}

static enum rc prune(struct itlvault *a, struct place *p, struct err *e)
{
	struct vault_object CLEANUP_FREE *all = NULL;
	json_auto_t *backups = front_backups(a);
	json_auto_t *removed = json_array();
	size_t n = 0, keep = KEEP, proved;

	if (a->o.keep)
		keep = a->o.keep;
	else if (p->entry)
		keep = p->entry->keep;
	if (!backups)
		return err_set(e, RC_TOKEN, "prune",
			       "the service does not say which backups are proved",
			       "start the service: without it nothing is removed",
			       "front");
	if (vault_list(p->vault, &all, &n, e) != RC_OK)
		return e->rc;
	proved = last_proved(backups, p, all, n);
	if (n > keep && proved == n)
		return err_set(e, RC_REFUSED, "prune",
			       "none of its objects is a proved backup that counts",
			       "make one first: itlvault backup", "%zu objects", n);
	if (remove_old(a, p, all, n, keep, proved, removed, e) != RC_OK)
		return e->rc;
	if (a->o.json)
		return report_json(json_pack("{s:s, s:I, s:O}", "vault", p->text,
					     "kept",
					     (json_int_t)(n - json_array_size(removed)),
					     "removed", removed), e);
	(void)printf("%s: %zu removed, %zu kept\n", p->text,
		     json_array_size(removed), n - json_array_size(removed));
	return RC_OK;
}

enum rc verb_prune(struct itlvault *a, struct err *e)
{
	return places_each(a, prune, e);
}
