/* Operations, and the cache of the token's keys. */
#include "store_sql.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

/* ---- operations ---- */

void sql_op(sqlite3_stmt *st, struct op *out)
{
	out->id = sqlite3_column_int64(st, 0);
	sql_text(st, 1, out->kind, sizeof out->kind);
	sql_text(st, 2, out->who, sizeof out->who);
	sql_text(st, 3, out->params, sizeof out->params);
	out->started = sqlite3_column_int64(st, 4);
	out->wanted = sqlite3_column_int(st, 5);
}

static enum rc running(struct store *s, struct op *out, struct err *e)
{
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	struct op o = {0};

	if (sql_prepare(s, &st, e,
			"SELECT id, kind, who, params, started, wanted FROM op"
			" WHERE state = 'running'",
			"") != RC_OK)
		return e->rc;
	if (!sql_row(s, st, e))
		return e->rc != RC_OK ? e->rc
				      : err_set(e, RC_NOTFOUND, "read state",
						"no operation runs", NULL, "%s",
						"op");
	sql_op(st, &o);
	*out = o;
	return RC_OK;
}

enum rc store_op_running(struct store *s, struct op *out, struct err *e)
{
	LOCKED(s);
	return running(s, out, e);
}

static enum rc busy(const struct op *o, const char *kind, struct err *e)
{
	char since[32], why[sizeof e->why];
	struct tm tm;
	time_t t = (time_t)o->started;

	(void)strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S",
		       localtime_r(&t, &tm));
	(void)snprintf(why, sizeof why, "%s of %s runs since %s", o->kind, o->who,
		       since);
	return err_set(e, RC_BUSY, kind, why,
		       "wait until it has ended: see `show status`", "%s",
		       "the cluster");
}

static enum rc idle(struct store *s, const char *kind, struct err *e)
{
	struct op o;

	if (running(s, &o, e) == RC_OK)
		return busy(&o, kind, e);
	return e->rc == RC_NOTFOUND ? RC_OK : e->rc;
}

enum rc store_op_idle(struct store *s, const char *kind, struct err *e)
{
	LOCKED(s);
	return idle(s, kind, e);
}

enum rc store_op_begin(struct store *s, const char *kind, const char *who,
		       const char *params, int64_t *id, struct err *e)
{
	LOCKED(s);
	if (idle(s, kind, e) != RC_OK)
		return e->rc;
	if (sql_run(s, e,
		    "INSERT INTO op (kind, who, params, state, started)"
		    " VALUES (?, ?, ?, 'running', ?)",
		    "ttti", kind, who, params, (int64_t)time(NULL)) != RC_OK)
		return e->rc;
	*id = sqlite3_last_insert_rowid(s->db);
	return RC_OK;
}

enum rc store_op_end(struct store *s, int64_t id, bool well, const char *note,
		     struct err *e)
{
	LOCKED(s);
	return sql_run(s, e,
		       "UPDATE op SET state = ?, error = ?, ended = ? WHERE id = ?",
		       "ttii", well ? "done" : "failed", note, (int64_t)time(NULL),
		       id);
}

/* ---- keys ---- */

static enum rc insert_key(struct store *s, const struct keyd_key *k,
			  struct err *e)
{
	uint8_t CLEANUP_FREE *buf = NULL;
	unsigned char *der = NULL;
	char id[33];
	int n = i2d_X509(k->cert, NULL);

	buf = n > 0 ? malloc((size_t)n) : NULL;
	der = buf;
	if (!der || i2d_X509(k->cert, &der) != n)
		return err_set(e, RC_ERROR, "i2d_X509", NULL, NULL, "a key");
	hex_of(bytes_of(k->id, sizeof k->id), id, sizeof id);
	return sql_run(s, e, "INSERT INTO key VALUES (?, ?, ?, ?, ?, ?)", "tititb",
		       id, (int64_t)k->label.unit, k->label.node,
		       (int64_t)k->label.generation,
		       k->current ? "current" : "retired", bytes_of(buf, (size_t)n));
}

/* Keys never change but in these. */
static void hash_keys(const struct keyd_key *keys, size_t n, uint8_t out[32])
{
	crypto_generichash_state h;

	crypto_generichash_init(&h, NULL, 0, 32);
	for (size_t i = 0; i < n; i++) {
		crypto_generichash_update(&h, keys[i].id, sizeof keys[i].id);
		crypto_generichash_update(&h, (const uint8_t *)(keys[i].current ? "c" : "r"), 1);
	}
	crypto_generichash_final(&h, out, 32);
}

enum rc store_keys_set(struct store *s, const struct keyd_key *keys, size_t n,
		       struct err *e)
{
	uint8_t hash[sizeof s->keys];
	enum rc rc;

	hash_keys(keys, n, hash);
	LOCKED(s);
	if (!memcmp(hash, s->keys, sizeof hash))
		return RC_OK; /* asking must not write */
	if (sql_begin(s, e) != RC_OK)
		return e->rc;
	rc = sql_run(s, e, "DELETE FROM key", "");
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = insert_key(s, &keys[i], e);
	rc = sql_finish(s, rc, e);
	if (rc == RC_OK)
		memcpy(s->keys, hash, sizeof hash);
	return rc;
}

static bool read_key(sqlite3_stmt *st, struct keyd_key *k)
{
	const unsigned char *der = sqlite3_column_blob(st, 5);
	char id[33], state[8];
	int unit = sqlite3_column_int(st, 1);

	sql_text(st, 0, id, sizeof id);
	sql_text(st, 2, k->label.node, sizeof k->label.node);
	sql_text(st, 4, state, sizeof state);
	k->label.unit = (enum unit)unit;
	k->label.generation = (unsigned)sqlite3_column_int(st, 3);
	k->current = !strcmp(state, "current");
	k->cert = d2i_X509(NULL, &der, sqlite3_column_bytes(st, 5));
	return k->cert && unit >= 0 && unit < UNIT_COUNT &&
	       hex_read(id, k->id, sizeof k->id);
}

enum rc store_keys(struct store *s, struct keyd_key **out, size_t *n,
		   struct err *e)
{
	LOCKED(s);
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	void *keys = NULL; /* their certificates are freed with them */
	size_t got = 0;

	if (sql_prepare(s, &st, e,
			"SELECT id, unit, node, generation, state, cert FROM key"
			" ORDER BY unit, node, generation DESC",
			"") != RC_OK)
		return e->rc;
	while (sql_row(s, st, e)) {
		struct keyd_key *k = sql_grow(&keys, got, sizeof *k, e);

		if (!k)
			break;
		got++;
		if (!read_key(st, k)) {
			err_set(e, RC_ERROR, "read state", "a key is damaged",
				"restart front: it asks the token again", "key");
			break;
		}
	}
	if (e->rc != RC_OK) {
		keyd_keys_free(keys, got);
		return e->rc;
	}
	*out = keys;
	*n = got;
	return RC_OK;
}
