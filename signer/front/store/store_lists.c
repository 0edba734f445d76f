/* Lists, and what each node shall serve and serves. */
#include "store_sql.h"
#include "base/num.h"
#include <string.h>
#include <time.h>

static const char *const kind_names[] = {"itl", "reset", "ctl", "other"};
static const char *const file_names[] = {"itl", "ctl"};

const char *list_kind_name(enum list_kind k)
{
	return kind_names[k];
}

const char *served_file_name(enum served_file f)
{
	return file_names[f];
}

enum served_file list_kind_file(enum list_kind k)
{
	return k == LIST_CTL ? FILE_CTL : FILE_ITL;
}

void list_clear(struct list *l)
{
	free(l->bytes);
	*l = (struct list){0};
}

enum rc store_list(struct store *s, const char *sha1, struct list *out,
		   struct err *e)
{
	LOCKED(s);
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	struct list l = {0};
	char kind[8];

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
	if (sql_run(s, e,
		    "DELETE FROM history WHERE sha1 IN (SELECT sha1 FROM list"
		    " WHERE kind = 'other') AND NOT EXISTS (SELECT 1 FROM served"
		    " WHERE history.sha1 IN (want, prev, before, have))",
		    "") != RC_OK)
		return e->rc;
	return sql_run(s, e,
		       "DELETE FROM list WHERE kind = 'other' AND NOT EXISTS"
		       " (SELECT 1 FROM served WHERE list.sha1 IN"
		       " (want, prev, before, have))",
		       "");
}

/* ---- targets ---- */

static enum rc read_served(struct store *s, const char *node,
			   enum served_file file, struct served *out,
			   struct err *e)
{
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;

	if (sql_prepare(s, &st, e,
			"SELECT want, prev, before, have, since FROM served"
			" WHERE node = ? AND file = ?",
			"tt", node, file_names[file]) != RC_OK)
		return e->rc;
	if (sql_row(s, st, e)) {
		out->known = true;
		sql_text(st, 0, out->want, sizeof out->want);
		sql_text(st, 1, out->prev, sizeof out->prev);
		sql_text(st, 2, out->before, sizeof out->before);
		sql_text(st, 3, out->have, sizeof out->have);
		out->since = sqlite3_column_int64(st, 4);
	}
	return e->rc;
}

enum rc store_target(struct store *s, const char *node, struct target *out,
		     struct err *e)
{
	LOCKED(s);
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	struct target t = {0};

	if (read_served(s, node, FILE_ITL, &t.itl, e) != RC_OK ||
	    read_served(s, node, FILE_CTL, &t.ctl, e) != RC_OK ||
	    sql_prepare(s, &st, e,
			"SELECT bounce, next_try, error FROM target WHERE node = ?",
			"t", node) != RC_OK)
		return e->rc;
	if (sql_row(s, st, e)) {
		t.bounce = sqlite3_column_int64(st, 0);
		t.next_try = sqlite3_column_int64(st, 1);
		sql_err(st, 2, &t.error);
	}
	if (e->rc == RC_OK)
		*out = t;
	return e->rc;
}

bool served_pending(const struct served *f)
{
	return f->want[0] && strcmp(f->want, f->have) != 0;
}

bool target_pending(const struct target *t)
{
	return t->bounce != 0 || served_pending(&t->itl) ||
	       served_pending(&t->ctl);
}

static enum rc make_target(struct store *s, const char *node, struct err *e)
{
	return sql_run(s, e, "INSERT INTO target (node) VALUES (?) ON CONFLICT DO NOTHING",
		       "t", node);
}

static enum rc make_served(struct store *s, const char *node,
			   enum served_file file, struct err *e)
{
	return sql_run(s, e,
		       "INSERT INTO served (node, file) VALUES (?, ?)"
		       " ON CONFLICT DO NOTHING",
		       "tt", node, file_names[file]);
}

static enum rc want_list(struct store *s, const struct list *list,
			 const char *node, struct err *e)
{
	enum served_file file = list_kind_file(list->kind);

	if (make_served(s, node, file, e) != RC_OK)
		return e->rc;
	if (list->kind == LIST_RESET &&
	    sql_run(s, e,
		    "UPDATE served SET before = want"
		    " WHERE node = ? AND file = ? AND want IS NOT ?",
		    "ttt", node, file_names[file], list->sha1) != RC_OK)
		return e->rc;
	return sql_run(s, e,
		       "UPDATE served SET want = ?1,"
		       " prev = CASE WHEN want IS ?1 THEN prev ELSE want END"
		       " WHERE node = ?2 AND file = ?3",
		       "ttt", list->sha1, node, file_names[file]);
}

static enum rc want(struct store *s, const struct list *list, const char *node,
		    int64_t op, struct err *e)
{
	if (make_target(s, node, e) != RC_OK ||
	    (list && want_list(s, list, node, e) != RC_OK))
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
	if (rc == RC_OK)
		rc = sql_run(s, e, "UPDATE op SET wanted = 1 WHERE id = ?", "i", op);
	return sql_finish(s, rc, e);
}

static enum rc have(struct store *s, const char *node, const char *file,
		    const struct list *list, struct err *e)
{
	const char *sha1 = list ? list->sha1 : "";
	int64_t now = (int64_t)time(NULL);

	if (sql_run(s, e,
		    "UPDATE served SET have = ?1, since ="
		    " CASE WHEN have IS ?1 THEN since ELSE ?2 END"
		    " WHERE node = ?3 AND file = ?4",
		    "Titt", sha1, now, node, file) != RC_OK)
		return e->rc;
	if (!list)
		return RC_OK;
	if (list->kind != LIST_OTHER &&
	    sql_run(s, e,
		    "UPDATE served SET want = ?"
		    " WHERE node = ? AND file = ? AND want IS NULL",
		    "ttt", sha1, node, file) != RC_OK)
		return e->rc;
	return sql_run(s, e,
		       "INSERT INTO history VALUES (?1, ?2, ?3, ?4, ?4)"
		       " ON CONFLICT DO UPDATE SET last = excluded.last",
		       "ttti", node, file, sha1, now);
}

enum rc store_have(struct store *s, const char *node, enum served_file file,
		   const struct list *list, struct err *e)
{
	enum rc rc;

	LOCKED(s);
	if (sql_begin(s, e) != RC_OK)
		return e->rc;
	rc = make_target(s, node, e);
	if (rc == RC_OK)
		rc = make_served(s, node, file, e);
	if (rc == RC_OK && list)
		rc = insert_list(s, list, e);
	if (rc == RC_OK)
		rc = have(s, node, file_names[file], list, e);
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

