/* Where the audit log was when each list was published. */
#include "store_sql.h"
#include <stdlib.h>
#include <string.h>

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

enum rc store_heads(struct store *s, struct audit_head **out, size_t *out_n,
		    struct err *e)
{
	LOCKED(s);
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	struct audit_head *all = NULL;
	size_t n = 0;

	if (sql_prepare(s, &st, e,
			"SELECT h.sha1, l.kind, l.node, h.entry, h.head, h.time"
			" FROM head h JOIN list l USING (sha1) ORDER BY h.entry",
			"") != RC_OK)
		return e->rc;
	while (sql_row(s, st, e)) {
		struct audit_head *more = reallocarray(all, n + 1, sizeof *more);

		if (!more) {
			err_errno(e, RC_ERROR, "realloc", NULL, "heads");
			break;
		}
		all = more;
		sql_text(st, 0, all[n].sha1, sizeof all[n].sha1);
		sql_text(st, 1, all[n].kind, sizeof all[n].kind);
		sql_text(st, 2, all[n].node, sizeof all[n].node);
		all[n].entry = (uint64_t)sqlite3_column_int64(st, 3);
		(void)sql_blob(st, 4, all[n].head, sizeof all[n].head);
		all[n].time = sqlite3_column_int64(st, 5);
		n++;
	}
	if (e->rc != RC_OK) {
		free(all);
		return e->rc;
	}
	*out = all;
	*out_n = n;
	return RC_OK;
}
