/* Of which certificate the signed files of each node are. */
#include "store_sql.h"

enum rc store_signed(struct store *s, const char *node, struct signed_files *out,
		     struct err *e)
{
	LOCKED(s);
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	struct signed_files f = {.at = 0};

	if (sql_prepare(s, &st, e,
			"SELECT cert, at, files, refused, error FROM signed WHERE node = ?",
			"t", node) != RC_OK)
		return e->rc;
	if (sql_row(s, st, e)) {
		sql_text(st, 0, f.cert, sizeof f.cert);
		f.at = sqlite3_column_int64(st, 1);
		f.files = (uint64_t)sqlite3_column_int64(st, 2);
		f.refused = (uint64_t)sqlite3_column_int64(st, 3);
		sql_err(st, 4, &f.error);
	}
	if (e->rc == RC_OK)
		*out = f;
	return e->rc;
}

enum rc store_signed_put(struct store *s, const char *node, const struct signed_files *f,
			 struct err *e)
{
	LOCKED(s);
	return sql_run(s, e,
		       "INSERT OR REPLACE INTO signed (node, cert, at, files, refused, error)"
		       " VALUES (?, ?, ?, ?, ?, ?)",
		       "ttiiiE", node, f->cert, f->at, (int64_t)f->files,
		       (int64_t)f->refused, &f->error);
}
