#include "vault_look.h"
#include <sodium.h>
#include <string.h>

/* A backup that the vault would list. */
struct record {
	const struct backup *b;
	struct vault_name is;
	bool known; /* what has become of it: */
	struct err error;
};

struct look {
	struct vault *vault;
	const struct backup_state *st;
	struct vault_object *objects; /* newest first, and so are: */
	struct record *records;
	size_t nobjects, n;
	unsigned fetches; /* that are left */
};

static void look_clear_at(struct look *l)
{
	free(l->objects);
	free(l->records);
}

void vault_finding_clear(struct vault_finding *f)
{
	free(f->backups);
	*f = (struct vault_finding){0};
}

/* ---- one backup ---- */

static void is_changed(struct record *r)
{
	r->known = true;
	err_set(&r->error, RC_VERIFY, "vault check",
		"it is not what was proved: it has changed",
		"make a new one with `itlvault backup`, and find out who wrote there",
		"%s", r->b->name);
}

static void is_gone(struct record *r)
{
	r->known = true;
	err_set(&r->error, RC_NOTFOUND, "vault check",
		"the backup that was proved is gone",
		"make a new one with `itlvault backup`", "%s", r->b->name);
}

static void hold_against_list(struct look *l, struct record *r)
{
	size_t i = 0;

	while (i < l->nobjects && strcmp(l->objects[i].name, r->b->name) != 0)
		i++;
	if (i == l->nobjects)
		is_gone(r);
	else if (l->objects[i].size != r->b->bytes)
		is_changed(r);
}

/* That it is gone, or has changed, is no failure. */
static enum rc fetch(struct look *l, struct record *r, struct err *e)
{
	uint8_t CLEANUP_FREE *bytes = NULL;
	uint8_t digest[sizeof r->b->digest];
	size_t n = 0;

	l->fetches--;
	if (vault_get(l->vault, r->b->name, VAULT_OBJECT_MAX, &bytes, &n, e) !=
	    RC_OK) {
		if (e->rc != RC_NOTFOUND)
			return e->rc;
		is_gone(r);
		return RC_OK;
	}
	crypto_generichash(digest, sizeof digest, bytes, n, NULL, 0);
	if (memcmp(digest, r->b->digest, sizeof digest) != 0)
		is_changed(r);
	r->known = true;
	return RC_OK;
}

/* ---- all of them ---- */

/* In the order of vault_list(). */
static int newest_first(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->is.time != y->is.time)
		return x->is.time > y->is.time ? -1 : 1;
	return strcmp(y->b->name, x->b->name);
}

static enum rc find_records(struct look *l, const char *vault, struct err *e)
{
	l->records = calloc(l->st->nbackups + 1, sizeof *l->records);
	if (!l->records)
		return err_errno(e, RC_ERROR, "calloc", NULL, "vault check");
	for (size_t i = 0; i < l->st->nbackups; i++) {
		struct record *r = &l->records[l->n];

		r->b = &l->st->backups[i];
		if (!strcmp(r->b->vault, vault) &&
		    vault_name_read(r->b->name, &r->is))
			l->n++;
	}
	qsort(l->records, l->n, sizeof *l->records, newest_first);
	return RC_OK;
}

static enum rc fetch_newest(struct look *l, struct err *e)
{
	bool good = false;

	for (size_t i = 0; i < l->n && l->fetches && !good; i++) {
		struct record *r = &l->records[i];
		bool opens = backup_opens(l->st, r->b);

		if (r->known || (i > 0 && (!opens || r->b->error.rc)))
			continue;
		if (fetch(l, r, e) != RC_OK)
			return e->rc;
		good = opens && r->error.rc == RC_OK;
	}
	return RC_OK;
}

/* Of those that were bad, the one that has waited longest. */
static struct record *bad_before(struct look *l)
{
	struct record *found = NULL;

	for (size_t i = 0; i < l->n; i++) {
		struct record *r = &l->records[i];

		if (!r->known && r->b->error.rc &&
		    (!found || r->b->checked < found->b->checked))
			found = r;
	}
	return found;
}

static enum rc fetch_all(struct look *l, struct err *e)
{
	struct record *r;

	if (fetch_newest(l, e) != RC_OK)
		return e->rc;
	while (l->fetches && (r = bad_before(l)))
		if (fetch(l, r, e) != RC_OK)
			return e->rc;
	for (size_t i = 0; i < l->n; i++)
		if (!l->records[i].b->error.rc)
			l->records[i].known = true;
	return RC_OK;
}

/* ---- what it comes to ---- */

static enum rc judge(const struct look *l, struct err *e)
{
	const struct record *newest = l->n ? &l->records[0] : NULL;

	if (newest && newest->error.rc) {
		*e = newest->error;
		return e->rc;
	}
	if (l->nobjects &&
	    (!newest || strcmp(l->objects[0].name, newest->b->name) != 0))
		return err_set(e, RC_VERIFY, "vault check",
			       "its newest object was never proved",
			       "prove it with `itlvault verify`, or remove it",
			       "%s", l->objects[0].name);
	if (!newest && l->st->has_key) /* which misses it */
		return err_set(e, RC_NOTFOUND, "vault check",
			       "it holds no backup",
			       "make one with `itlvault backup`", "the vault");
	return RC_OK;
}

static enum rc report(const struct look *l, struct vault_finding *f,
		      struct err *e)
{
	if (l->nobjects)
		(void)snprintf(f->seen.name, sizeof f->seen.name, "%s",
			       l->objects[0].name);
	f->backups = calloc(l->n + 1, sizeof *f->backups);
	if (!f->backups)
		return err_errno(e, RC_ERROR, "calloc", NULL, "vault check");
	for (size_t i = 0; i < l->n; i++)
		if (l->records[i].known)
			f->backups[f->n++] = (struct backup_check){
				l->records[i].b->id, l->records[i].error};
	return RC_OK;
}

enum rc vault_look(struct vault *v, const char *vault,
		   const struct backup_state *st, struct vault_finding *f,
		   struct err *e)
{
	struct look CLEANUP(look_clear) l = {.vault = v, .st = st,
					     .fetches = LOOK_FETCHES};
	enum rc rc;

	if (vault_list(v, &l.objects, &l.nobjects, e) != RC_OK ||
	    find_records(&l, vault, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < l.n; i++)
		hold_against_list(&l, &l.records[i]);
	rc = fetch_all(&l, e);
	if (report(&l, f, e) != RC_OK || rc != RC_OK)
		return e->rc;
	return judge(&l, e);
}
