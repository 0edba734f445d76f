/* Nodes whose TVS was seen to answer, once: since then somebody counts on it. */
#include "store_sql.h"

enum rc store_tvs_put(struct store *s, const struct tvs_seen *t, struct err *e)
{
	LOCKED(s);
	return sql_run(s, e,
		       "INSERT OR REPLACE INTO tvs (node, since, error) VALUES (?, ?, ?)",
		       "tiE", t->node, t->since, &t->error);
}

static void read_tvs(sqlite3_stmt *st, void *row)
{
	struct tvs_seen *t = row;

	sql_text(st, 0, t->node, sizeof t->node);
	t->since = sqlite3_column_int64(st, 1);
	sql_err(st, 2, &t->error);
}

enum rc store_tvs(struct store *s, struct tvs_seen **out, size_t *n, struct err *e)
{
	LOCKED(s);
	*out = sql_rows(s, read_tvs, sizeof **out, n, e,
			"SELECT node, since, error FROM tvs ORDER BY node", "");
	return e->rc;
}
