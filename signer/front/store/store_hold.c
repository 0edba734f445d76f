/* When certificates were made, and whose lists phones shall be reset for. */
#include "store_sql.h"
#include <string.h>

/* ---- holds ---- */

enum rc store_hold_put(struct store *s, const struct hold *h, struct err *e)
{
	LOCKED(s);
	return sql_run(s, e,
		       "INSERT OR REPLACE INTO hold (unit, node, wall, boot, mono)"
		       " VALUES (?, ?, ?, ?, ?)",
		       "ititd", (int64_t)h->unit, h->node, h->set.at.wall,
		       h->set.boot, h->set.at.mono);
}

enum rc store_hold_end(struct store *s, enum unit unit, const char *node,
		       struct err *e)
{
	LOCKED(s);
	return sql_run(s, e, "DELETE FROM hold WHERE unit = ? AND node = ?", "it",
		       (int64_t)unit, node);
}

static void read_hold(sqlite3_stmt *st, void *row)
{
	struct hold *h = row;

	h->unit = (enum unit)sqlite3_column_int(st, 0);
	sql_text(st, 1, h->node, sizeof h->node);
	h->set.at.wall = sqlite3_column_int64(st, 2);
	sql_text(st, 3, h->set.boot, sizeof h->set.boot);
	h->set.at.mono = sqlite3_column_double(st, 4);
}

enum rc store_holds(struct store *s, struct hold **out, size_t *n, struct err *e)
{
	LOCKED(s);
	*out = sql_rows(s, read_hold, sizeof **out, n, e,
			"SELECT unit, node, wall, boot, mono FROM hold"
			" WHERE unit BETWEEN 0 AND ? ORDER BY node, unit",
			"i", (int64_t)UNIT_COUNT - 1);
	return e->rc;
}

/* ---- phones ---- */

enum rc store_phones_put(struct store *s, const char *node, const char *sha1,
			 const char *units, struct err *e)
{
	LOCKED(s);
	return sql_run(s, e,
		       "INSERT OR REPLACE INTO phones (node, sha1, units)"
		       " VALUES (?, ?, ?)",
		       "ttt", node, sha1, units);
}

static void read_due(sqlite3_stmt *st, void *row)
{
	struct phones_due *d = row;

	sql_text(st, 0, d->node, sizeof d->node);
	sql_text(st, 1, d->units, sizeof d->units);
}

enum rc store_phones_due(struct store *s, struct phones_due **out, size_t *n,
			 struct err *e)
{
	LOCKED(s);
	*out = sql_rows(s, read_due, sizeof **out, n, e,
			"SELECT node, units FROM phones JOIN served USING (node)"
			" JOIN target USING (node) WHERE file = 'itl' AND bounce = 0"
			" AND want = phones.sha1 AND have = phones.sha1 ORDER BY node",
			"");
	return e->rc;
}

enum rc store_phones_end(struct store *s, const char *node, struct err *e)
{
	LOCKED(s);
	return sql_run(s, e, "DELETE FROM phones WHERE node = ?", "t", node);
}
