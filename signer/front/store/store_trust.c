/* The trust file's bytes: the set and its signature in one. */
#include "store_sql.h"
#include "base/num.h"

enum rc store_trust(struct store *s, uint8_t **out, size_t *n, struct err *e)
{
	LOCKED(s);
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	uint8_t *copy;
	size_t len;

	if (sql_prepare(s, &st, e, "SELECT bytes FROM trust", "") != RC_OK)
		return e->rc;
	if (!sql_row(s, st, e))
		return e->rc != RC_OK ? e->rc
				      : err_set(e, RC_NOTFOUND, "trust",
						"no certificates were ever added",
						"itlctl trust add", "the trust store");
	len = num_size(sqlite3_column_bytes(st, 0));
	copy = bytes_copy(bytes_of(sqlite3_column_blob(st, 0), len));
	if (!copy)
		return err_errno(e, RC_ERROR, "malloc", NULL, "the trust store");
	*out = copy;
	*n = len;
	return RC_OK;
}

enum rc store_trust_set(struct store *s, struct bytes file, struct err *e)
{
	LOCKED(s);
	return sql_run(s, e,
		       "INSERT INTO trust (id, bytes) VALUES (1, ?)"
		       " ON CONFLICT DO UPDATE SET bytes = excluded.bytes",
		       "b", file);
}
