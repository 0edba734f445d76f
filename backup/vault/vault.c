#include "vault.h"
#include "base/num.h"
#include <string.h>

enum rc vault_open(const struct vault_target *t, const struct vault_access *a,
		   struct vault **out, struct err *e)
{
	struct vault CLEANUP(vault_free) *v = calloc(1, sizeof *v);

	if (!v)
		return err_errno(e, RC_ERROR, "calloc", NULL, "a vault");
	v->kind = t->remote ? &vault_remote : &vault_folder;
	v->target = *t;
	v->access = *a;
	v->folder = -1;
	(void)vault_target_text(t, v->text);
	if (v->kind->open(v, e) != RC_OK)
		return e->rc;
	*out = v;
	v = NULL;
	return RC_OK;
}

void vault_free(struct vault *v)
{
	if (!v)
		return;
	v->kind->close(v);
	free(v);
}

enum rc vault_put(struct vault *v, const char *name, const char *aside,
		  struct bytes content, struct err *e)
{
	if (vault_name_check(name, e) != RC_OK ||
	    (aside && vault_name_check(aside, e) != RC_OK))
		return e->rc;
	if (content.n > VAULT_OBJECT_MAX)
		return err_set(e, RC_USAGE, "vault", "is too large for a vault",
			       NULL, "%s: %zu bytes", name, content.n);
	return v->kind->put(v, name, aside, content, e);
}

enum rc vault_get(struct vault *v, const char *name, size_t max, uint8_t **out,
		  size_t *n, struct err *e)
{
	if (vault_name_check(name, e) != RC_OK)
		return e->rc;
	if (max > VAULT_OBJECT_MAX)
		max = VAULT_OBJECT_MAX;
	return v->kind->get(v, name, max, out, n, e);
}

enum rc vault_found(struct vault_found *f, const char *name, uint64_t size,
		    struct err *e)
{
	struct vault_object o = {.size = size};

	if (!vault_name_read(name, &o.is))
		return RC_OK;
	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 16;
		struct vault_object *more = realloc(f->p, cap * sizeof *more);

		if (!more)
			return err_errno(e, RC_ERROR, "malloc", NULL, "%s", name);
		f->p = more;
		f->cap = cap;
	}
	strcpy(o.name, name); /* shorter than VAULT_NAME_MAX: it was read */
	f->p[f->n++] = o;
	return RC_OK;
}

static int newest_first(const void *a, const void *b)
{
	const struct vault_object *x = a, *y = b;

	if (x->is.time != y->is.time)
		return x->is.time > y->is.time ? -1 : 1;
	return strcmp(y->name, x->name);
}

enum rc vault_list(struct vault *v, struct vault_object **out, size_t *n,
		   struct err *e)
{
	struct vault_found f = {0};

	if (v->kind->list(v, &f, e) != RC_OK) {
		free(f.p);
		return e->rc;
	}
	if (f.n)
		qsort(f.p, f.n, sizeof *f.p, newest_first);
	*out = f.p;
	*n = f.n;
	return RC_OK;
}

enum rc vault_remove(struct vault *v, const char *name, struct err *e)
{
	if (vault_name_check(name, e) != RC_OK)
		return e->rc;
	return v->kind->remove(v, name, e);
}
