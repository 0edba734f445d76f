/* Which cluster.conf state was made with, and what goes with nodes that are gone. */
#include "store_sql.h"
#include "base/num.h"
#include <string.h>
#include <time.h>

/* The operations themselves say it: "config=HASH before=HASH". */
enum rc store_config(struct store *s, char sha256[CLUSTER_HASH], struct err *e)
{
	LOCKED(s);
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	char params[192];

	sha256[0] = '\0';
	if (sql_prepare(s, &st, e,
			"SELECT params FROM op WHERE kind = '" STORE_CONFIG_OP
			"' AND state = 'done' ORDER BY id DESC LIMIT 1",
			"") != RC_OK)
		return e->rc;
	if (!sql_row(s, st, e))
		return e->rc;
	sql_text(st, 0, params, sizeof params);
	if (!strncmp(params, "config=", 7))
		(void)snprintf(sha256, CLUSTER_HASH, "%.64s", params + 7);
	return RC_OK;
}

enum rc store_config_done(struct store *s, const char *params, struct err *e)
{
	int64_t now = (int64_t)time(NULL);

	LOCKED(s);
	return sql_run(s, e,
		       "INSERT INTO op (kind, who, params, state, started, ended)"
		       " VALUES ('" STORE_CONFIG_OP "', 'front', ?, 'done', ?, ?)",
		       "tii", params, now, now);
}

/* One that is none any more; "" in id: there is none such. */
static enum rc find_gone(struct store *s, const struct cluster *c,
			 char id[CLUSTER_ID_MAX + 1], struct err *e)
{
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;

	if (sql_prepare(s, &st, e,
			"SELECT node FROM target UNION SELECT node FROM served"
			" UNION SELECT node FROM phones UNION SELECT node FROM signed"
			" UNION SELECT node FROM tvs UNION"
			/* Of units of nodes; the others' are the cluster's. */
			" SELECT node FROM hold WHERE unit IN (?, ?)",
			"ii", (int64_t)UNIT_CALLMANAGER, (int64_t)UNIT_TVS) != RC_OK)
		return e->rc;
	id[0] = '\0';
	while (sql_row(s, st, e)) {
		sql_text(st, 0, id, CLUSTER_ID_MAX + 1);
		if (!cluster_node_by_id(c, id))
			return RC_OK;
		id[0] = '\0';
	}
	return e->rc;
}

/* Its history stays: its phones may be off, and hold what it served. */
static enum rc forget(struct store *s, const char *id, struct err *e)
{
	static const char *const deletes[] = {
		"DELETE FROM served WHERE node = ?",
		"DELETE FROM target WHERE node = ?",
		"DELETE FROM phones WHERE node = ?",
		"DELETE FROM tvs WHERE node = ?",
		"DELETE FROM signed WHERE node = ?",
		"DELETE FROM hold WHERE node = ?",
	};

	for (size_t i = 0; i < COUNT_OF(deletes); i++)
		if (sql_run(s, e, deletes[i], "t", id) != RC_OK)
			return e->rc;
	return RC_OK;
}

enum rc store_keep_nodes(struct store *s, const struct cluster *c, size_t *gone,
			 struct err *e)
{
	char id[CLUSTER_ID_MAX + 1];
	size_t n = 0;
	enum rc rc;

	LOCKED(s);
	if (sql_begin(s, e) != RC_OK)
		return e->rc;
	while ((rc = find_gone(s, c, id, e)) == RC_OK && id[0] &&
	       (rc = forget(s, id, e)) == RC_OK)
		n++;
	rc = sql_finish(s, rc, e);
	if (rc == RC_OK)
		*gone = n;
	return rc;
}
