/* Lists, and what each node shall serve and serves. */
#include "store_sql.h"
#include "base/num.h"
#include <string.h>
#include <time.h>

static const char *const kind_names[] = {"itl", "reset", "other"};

const char *list_kind_name(enum list_kind k)
{
	return kind_names[k];
}

void list_clear(struct list *l)
{
	free(l->bytes);
	*l = (struct list){0};
}

enum rc store_list(struct store *s, const char *sha1, struct list *out,
		   struct err *e)
{
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	struct list l = {0};
	char kind[8];

	LOCKED(s);
	if (sql_prepare(s, &st, e,
			"SELECT sha1, kind, node, signer, made, bytes FROM list"
			" WHERE sha1 = ?",
			"t", sha1) != RC_OK)
		return e->rc;
	if (!sql_row(s, st, e))
		return e->rc != RC_OK
			       ? e->rc
			       : err_set(e, RC_NOTFOUND, "read state",
					 "no such list", NULL, "list %s", sha1);
	sql_text(st, 0, l.sha1, sizeof l.sha1);
	sql_text(st, 1, kind, sizeof kind);
	for (size_t i = 0; i < COUNT_OF(kind_names); i++)
		if (!strcmp(kind_names[i], kind))
			l.kind = (enum list_kind)i;
	sql_text(st, 2, l.node, sizeof l.node);
	sql_text(st, 3, l.signer, sizeof l.signer);
	l.made = sqlite3_column_int64(st, 4);
	l.n = num_size(sqlite3_column_bytes(st, 5));
	l.bytes = malloc(l.n + 1);
	if (!l.bytes)
		return err_errno(e, RC_ERROR, "malloc", NULL, "list %s", sha1);
	if (l.n)
		memcpy(l.bytes, sqlite3_column_blob(st, 5), l.n);
	*out = l;
	return RC_OK;
}

/* The trigger guards what is known; only "other" may learn more. */
static enum rc insert_list(struct store *s, const struct list *l, struct err *e)
{
	return sql_run(s, e,
		       "INSERT INTO list (sha1, kind, node, signer, bytes, made)"
		       " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (sha1) DO UPDATE SET"
		       " kind = excluded.kind, node = excluded.node,"
		       " signer = excluded.signer WHERE list.kind = 'other'",
		       "ttttbi", l->sha1, list_kind_name(l->kind), l->node, l->signer,
		       bytes_of(l->bytes, l->n), l->made);
}

/* A hostile server could send another file each time. */
static enum rc forget_others(struct store *s, struct err *e)
{
	return sql_run(s, e,
		       "DELETE FROM list WHERE kind = 'other' AND NOT EXISTS"
		       " (SELECT 1 FROM target WHERE list.sha1 IN (want, prev, have))",
		       "");
}

/* ---- targets ---- */

enum rc store_target(struct store *s, const char *node, struct target *out,
		     struct err *e)
{
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	struct target t = {0};

	LOCKED(s);
	if (sql_prepare(s, &st, e,
			"SELECT want, prev, have, have_since, bounce, next_try, error"
			" FROM target WHERE node = ?",
			"t", node) != RC_OK)
		return e->rc;
	if (sql_row(s, st, e)) {
		sql_text(st, 0, t.want, sizeof t.want);
		sql_text(st, 1, t.prev, sizeof t.prev);
		sql_text(st, 2, t.have, sizeof t.have);
		t.have_since = sqlite3_column_int64(st, 3);
		t.bounce = sqlite3_column_int64(st, 4);
		t.next_try = sqlite3_column_int64(st, 5);
		sql_err(st, 6, &t.error);
	}
	if (e->rc == RC_OK)
		*out = t;
	return e->rc;
}

bool target_pending(const struct target *t)
{
	return t->bounce != 0 || (t->want[0] && strcmp(t->want, t->have) != 0);
}

static enum rc make_target(struct store *s, const char *node, struct err *e)
{
	return sql_run(s, e, "INSERT INTO target (node) VALUES (?) ON CONFLICT DO NOTHING",
		       "t", node);
}

static enum rc want(struct store *s, const struct list *list, const char *node,
		    int64_t op, struct err *e)
{
	if (make_target(s, node, e) != RC_OK)
		return e->rc;
	if (list &&
	    sql_run(s, e,
		    "UPDATE target SET want = ?1,"
		    " prev = CASE WHEN want IS ?1 THEN prev ELSE want END"
		    " WHERE node = ?2",
		    "tt", list->sha1, node) != RC_OK)
		return e->rc;
	return sql_run(s, e, "UPDATE target SET bounce = ?, next_try = 0 WHERE node = ?",
		       "it", op, node);
}

enum rc store_want(struct store *s, const struct list *list,
		   const char *const *nodes, size_t nnodes, int64_t op,
		   struct err *e)
{
	enum rc rc;

	LOCKED(s);
	if (sql_begin(s, e) != RC_OK)
		return e->rc;
	rc = list ? insert_list(s, list, e) : RC_OK;
	for (size_t i = 0; i < nnodes && rc == RC_OK; i++)
		rc = want(s, list, nodes[i], op, e);
	return sql_finish(s, rc, e);
}

enum rc store_have(struct store *s, const char *node, const struct list *list,
		   struct err *e)
{
	const char *sha1 = list ? list->sha1 : "";
	enum rc rc;

	LOCKED(s);
	if (sql_begin(s, e) != RC_OK)
		return e->rc;
	rc = make_target(s, node, e);
	if (rc == RC_OK && list)
		rc = insert_list(s, list, e);
	if (rc == RC_OK)
		rc = sql_run(s, e,
			     "UPDATE target SET have = ?1, have_since ="
			     " CASE WHEN have IS ?1 THEN have_since ELSE ?2 END"
			     " WHERE node = ?3",
			     "Tit", sha1, (int64_t)time(NULL), node);
	if (rc == RC_OK && list && list->kind != LIST_OTHER)
		rc = sql_run(s, e,
			     "UPDATE target SET want = ? WHERE node = ? AND want IS NULL",
			     "tt", sha1, node);
	if (rc == RC_OK)
		rc = forget_others(s, e);
	return sql_finish(s, rc, e);
}

enum rc store_attempt(struct store *s, const char *node, int64_t bounce,
		      const struct err *error, int64_t next_try, struct err *e)
{
	enum rc rc;

	LOCKED(s);
	if (sql_begin(s, e) != RC_OK)
		return e->rc;
	rc = make_target(s, node, e);
	if (rc == RC_OK)
		rc = sql_run(s, e,
			     "UPDATE target SET error = ?, next_try = ? WHERE node = ?",
			     "Eit", error, next_try, node);
	/* Not one that a later operation asked for meanwhile. */
	if (rc == RC_OK && !error)
		rc = sql_run(s, e,
			     "UPDATE target SET bounce = 0 WHERE node = ? AND bounce = ?",
			     "ti", node, bounce);
	return sql_finish(s, rc, e);
}

