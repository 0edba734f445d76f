/* Backups, the vaults' checks, and alerts. */
#include "store_sql.h"
#include "base/num.h"
#include <string.h>

/* ---- backups ---- */

enum rc store_backup_put(struct store *s, const struct backup *b, struct err *e)
{
	LOCKED(s);
	return sql_run(s, e,
		       "INSERT OR REPLACE INTO backup (vault, name, digest, bytes,"
		       " plain, key, key_id, route, security, made, proved)"
		       /* One that is proved again keeps the way that it came by. */
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
		       " coalesce(nullif(?8, ''), (SELECT route FROM backup"
		       " WHERE vault = ?1 AND name = ?2 AND digest = ?3), ''),"
		       " ?9, ?10, ?11)",
		       "ttbiitbtiii", b->vault, b->name,
		       bytes_of(b->digest, sizeof b->digest), (int64_t)b->bytes,
		       (int64_t)b->plain, b->key,
		       bytes_of(b->key_id, sizeof b->key_id), b->route,
		       (int64_t)b->security, b->made, b->proved);
}

static void read_backup(sqlite3_stmt *st, void *row)
{
	struct backup *b = row;

	b->id = sqlite3_column_int64(st, 0);
	sql_text(st, 1, b->vault, sizeof b->vault);
	sql_text(st, 2, b->name, sizeof b->name);
	sql_blob(st, 3, b->digest, sizeof b->digest);
	b->bytes = (uint64_t)sqlite3_column_int64(st, 4);
	b->plain = sqlite3_column_int(st, 5) != 0;
	sql_text(st, 6, b->key, sizeof b->key);
	sql_blob(st, 7, b->key_id, sizeof b->key_id);
	sql_text(st, 8, b->route, sizeof b->route);
	b->security = (uint32_t)sqlite3_column_int64(st, 9);
	b->made = sqlite3_column_int64(st, 10);
	b->proved = sqlite3_column_int64(st, 11);
	b->checked = sqlite3_column_int64(st, 12);
	sql_err(st, 13, &b->error);
}

enum rc store_backups(struct store *s, struct backup **out, size_t *n,
		      struct err *e)
{
	LOCKED(s);
	*out = sql_rows(s, read_backup, sizeof **out, n, e,
			"SELECT id, vault, name, digest, bytes, plain, key, key_id,"
			" route, security, made, proved, checked, error FROM backup"
			" ORDER BY made DESC, id DESC",
			"");
	return e->rc;
}

enum rc store_backup_remove(struct store *s, const char *vault,
			    const char *name, struct err *e)
{
	LOCKED(s);
	if (sql_run(s, e, "DELETE FROM backup WHERE vault = ? AND name = ?", "tt",
		    vault, name) != RC_OK)
		return e->rc;
	if (sqlite3_changes(s->db) == 0)
		return err_set(e, RC_NOTFOUND, "read state", "no such backup",
			       "see `show backup`", "%.100s: %.60s", vault, name);
	return RC_OK;
}

/* ---- vaults ---- */

enum rc store_vault(struct store *s, const char *vault, struct vault_seen *out,
		    struct err *e)
{
	LOCKED(s);
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	struct vault_seen v = {0};

	if (sql_prepare(s, &st, e,
			"SELECT checked, name, error FROM vault WHERE vault = ?",
			"t", vault) != RC_OK)
		return e->rc;
	if (sql_row(s, st, e)) {
		v.checked = sqlite3_column_int64(st, 0);
		sql_text(st, 1, v.name, sizeof v.name);
		sql_err(st, 2, &v.error);
	}
	if (e->rc == RC_OK)
		*out = v;
	return e->rc;
}

enum rc store_vault_checked(struct store *s, const char *vault,
			    const struct vault_seen *v,
			    const struct backup_check *backups, size_t n,
			    struct err *e)
{
	enum rc rc;

	LOCKED(s);
	if (sql_begin(s, e) != RC_OK)
		return e->rc;
	rc = sql_run(s, e, "INSERT OR REPLACE INTO vault VALUES (?, ?, ?, ?)",
		     "titE", vault, v->checked, v->name, &v->error);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = sql_run(s, e,
			     "UPDATE backup SET checked = ?, error = ? WHERE id = ?",
			     "iEi", v->checked, &backups[i].error, backups[i].id);
	return sql_finish(s, rc, e);
}

/* ---- alerts ---- */

enum rc store_alert_put(struct store *s, const struct alert_row *r, struct err *e)
{
	LOCKED(s);
	/* What has not changed is not written: a look every minute. */
	return sql_run(s, e,
		       "INSERT INTO alert (name, severity, text, since)"
		       " VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
		       " severity = excluded.severity, text = excluded.text"
		       " WHERE severity <> excluded.severity OR text <> excluded.text",
		       "titi", r->name, (int64_t)r->severity, r->text, r->since);
}

enum rc store_alert_sent(struct store *s, const char *name, int64_t at,
			 struct err *e)
{
	LOCKED(s);
	return sql_run(s, e,
		       "UPDATE alert SET sent = ?, times = times + 1 WHERE name = ?",
		       "it", at, name);
}

enum rc store_alert_end(struct store *s, const char *name, struct err *e)
{
	LOCKED(s);
	return sql_run(s, e, "DELETE FROM alert WHERE name = ?", "t", name);
}

static void read_alert(sqlite3_stmt *st, void *row)
{
	struct alert_row *r = row;

	sql_text(st, 0, r->name, sizeof r->name);
	r->severity = sqlite3_column_int(st, 1);
	sql_text(st, 2, r->text, sizeof r->text);
	r->since = sqlite3_column_int64(st, 3);
	r->sent = sqlite3_column_int64(st, 4);
	r->times = (uint64_t)sqlite3_column_int64(st, 5);
}

enum rc store_alerts(struct store *s, struct alert_row **out, size_t *n,
		     struct err *e)
{
	LOCKED(s);
	*out = sql_rows(s, read_alert, sizeof **out, n, e,
			"SELECT name, severity, text, since, sent, times FROM alert"
			" ORDER BY severity, since, name",
			"");
	return e->rc;
}
