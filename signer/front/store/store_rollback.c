/* What became of operations: the way back from a reset, and the last one that
 * ended. */
#include "store_sql.h"
#include <string.h>

static enum rc put_back(struct store *s, const struct store_place *p, int64_t op,
			struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE served SET prev = want, want = ?1"
		    " WHERE node = ?2 AND file = 'itl' AND before = ?1",
		    "tt", p->sha1, p->node) != RC_OK)
		return e->rc;
	if (sqlite3_changes(s->db) != 1)
		return err_set(e, RC_ERROR, "rollback",
			       "it is not the list of before the reset",
			       "give the command again", "node %s: %s", p->node,
			       p->sha1);
	return sql_run(s, e, "UPDATE target SET bounce = ?, next_try = 0 WHERE node = ?",
		       "it", op, p->node);
}

enum rc store_rollback(struct store *s, const struct store_place *places, size_t n,
		       int64_t op, struct err *e)
{
	enum rc rc = RC_OK;

	LOCKED(s);
	if (sql_begin(s, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = put_back(s, &places[i], op, e);
	if (rc == RC_OK)
		rc = sql_run(s, e, "UPDATE served SET before = NULL WHERE file = 'itl'",
			     "");
	if (rc == RC_OK)
		rc = sql_run(s, e, "UPDATE op SET wanted = 1 WHERE id = ?", "i", op);
	return sql_finish(s, rc, e);
}

enum rc store_op_last(struct store *s, struct op_ended *out, struct err *e)
{
	LOCKED(s);
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	struct op_ended o = {0};
	char state[16];

	if (sql_prepare(s, &st, e,
			"SELECT id, kind, who, params, started, wanted, ended, state,"
			" error FROM op WHERE state <> 'running'"
			" ORDER BY id DESC LIMIT 1",
			"") != RC_OK)
		return e->rc;
	if (!sql_row(s, st, e))
		return e->rc != RC_OK ? e->rc
				      : err_set(e, RC_NOTFOUND, "read state",
						"no operation has ended", NULL,
						"%s", "op");
	sql_op(st, &o.op);
	o.ended = sqlite3_column_int64(st, 6);
	sql_text(st, 7, state, sizeof state);
	o.well = !strcmp(state, "done");
	sql_text(st, 8, o.note, sizeof o.note);
	*out = o;
	return RC_OK;
}
