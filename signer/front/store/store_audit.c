/* Where the audit log was when each list was published. */
#include "store_sql.h"

enum rc store_heads_add(struct store *s, uint64_t entry, const uint8_t head[32],
			int64_t time, struct err *e)
{
	LOCKED(s);
	return sql_run(s, e,
		       "INSERT INTO head (sha1, entry, head, time)"
		       " SELECT DISTINCT want, ?, ?, ? FROM served"
		       " WHERE want IS NOT NULL AND want NOT IN (SELECT sha1 FROM head)",
		       "ibi", (int64_t)entry, bytes_of(head, 32), time);
}

static void read_head(sqlite3_stmt *st, void *row)
{
	struct audit_head *h = row;

	sql_text(st, 0, h->sha1, sizeof h->sha1);
	sql_text(st, 1, h->kind, sizeof h->kind);
	sql_text(st, 2, h->node, sizeof h->node);
	h->entry = (uint64_t)sqlite3_column_int64(st, 3);
	(void)sql_blob(st, 4, h->head, sizeof h->head);
	h->time = sqlite3_column_int64(st, 5);
}

enum rc store_heads(struct store *s, struct audit_head **out, size_t *out_n,
		    struct err *e)
{
	LOCKED(s);
	*out = sql_rows(s, read_head, sizeof **out, out_n, e,
			"SELECT h.sha1, l.kind, l.node, h.entry, h.head, h.time"
			" FROM head h JOIN list l USING (sha1) ORDER BY h.entry",
			"");
	return e->rc;
}
