#include "itlvault.h"

#define KEEP 10 /* where nobody says */

/* What a vault holds, newest first, and what the service knows of each. */
struct pruning {
	struct vault_object *all;
	size_t n;
	const json_t **known; /* one for each; NULL: never proved */
	bool *stays;
	size_t good; /* the newest envelope (or else p12) that is still what was
			proved; n: none */
};

static void pruning_clear_at(struct pruning *x)
{
	free(x->all);
	free(x->known);
	free(x->stays);
}

/* An envelope before a bare p12: a dead publisher is rebuilt from it. */
static size_t find_good(struct place *p, const struct pruning *x, bool envelope)
{
	struct err wrong;
	size_t i;

	for (i = 0; i < x->n; i++)
		if (x->all[i].is.plain != envelope && front_counts(x->known[i]) &&
		    front_backup_is_there(p, x->known[i], &wrong) == RC_OK)
			break;
	return i;
}

static enum rc look(struct place *p, const json_t *backups, struct pruning *x,
		    struct err *e)
{
	if (vault_list(p->vault, &x->all, &x->n, e) != RC_OK)
		return e->rc;
	x->known = calloc(x->n + 1, sizeof *x->known);
	x->stays = calloc(x->n + 1, sizeof *x->stays);
	if (!x->known || !x->stays)
		return err_errno(e, RC_ERROR, "calloc", NULL, "%s", p->text);
	for (size_t i = 0; i < x->n; i++)
		x->known[i] = front_backup_of(backups, p->text, x->all[i].name);
	x->good = find_good(p, x, true);
	if (x->good == x->n)
		x->good = find_good(p, x, false);
	return RC_OK;
}

/*
 * So many of the newest that were proved stay, and the good one. What was never
 * proved counts for nothing: newer than those it stays too, for somebody may be
 * about to prove it; older, it goes.
 */
static size_t choose(struct pruning *x, size_t keep)
{
	size_t kept = 0, going = 0;

	for (size_t i = 0; i < x->n; i++) {
		x->stays[i] = kept < keep || i == x->good;
		kept += x->known[i] != NULL;
		going += !x->stays[i];
	}
	return going;
}

static enum rc remove_old(struct itlvault *a, struct place *p,
			  const struct pruning *x, json_t *removed, struct err *e)
{
	for (size_t i = 0; i < x->n; i++) {
		if (x->stays[i])
			continue;
		if (recovery_remove(&a->r, p->vault, p->text, x->all[i].name, e) !=
		    RC_OK)
			return e->rc;
		(void)json_array_append_new(removed, json_string(x->all[i].name));
		if (!a->o.json)
			(void)printf("  removed %s\n", x->all[i].name);
	}
	return RC_OK;
}

static enum rc prune(struct itlvault *a, struct place *p, struct err *e)
{
	struct pruning CLEANUP(pruning_clear) x = {0};
	json_auto_t *backups = NULL;
	json_auto_t *removed = json_array();
	size_t keep = p->entry ? p->entry->keep : KEEP, stay;

	if (a->o.keep)
		keep = a->o.keep;
	if (front_backups(a, &backups, e) != RC_OK ||
	    look(p, backups, &x, e) != RC_OK)
		return e->rc;
	if (choose(&x, keep) && x.good == x.n)
		return err_set(e, RC_REFUSED, "prune",
			       "none of its objects is a proved backup that counts",
			       "make one first: itlvault backup", "%zu objects",
			       x.n);
	if (remove_old(a, p, &x, removed, e) != RC_OK)
		return e->rc;
	stay = x.n - json_array_size(removed);
	if (a->o.json)
		return report_json(json_pack("{s:s, s:I, s:O}", "vault", p->text,
					     "kept", (json_int_t)stay, "removed",
					     removed), e);
	(void)printf("%s: %zu removed, %zu kept\n", p->text,
		     json_array_size(removed), stay);
	return RC_OK;
}

enum rc verb_prune(struct itlvault *a, struct err *e)
{
	return places_each(a, prune, e);
}
