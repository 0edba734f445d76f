/* All of front's SQL. */
#include "store.h"
#include "base/errjson.h"
#include "base/file.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

/*
 * Each entry brings the file from version i to i + 1, in a transaction of its
 * own. An entry that was released never changes: what comes later is a new one.
 */
static const char *const migrations[] = {
	"CREATE TABLE list ("
	" sha1 TEXT PRIMARY KEY CHECK (length(sha1) = 40),"
	" kind TEXT NOT NULL CHECK (kind IN ('itl', 'reset', 'other')),"
	" node TEXT NOT NULL,"
	" signer TEXT NOT NULL,"
	" bytes BLOB NOT NULL,"
	" made INTEGER NOT NULL) STRICT;"
	/* A foreign list may turn out to be ours once keyd answers. */
	"CREATE TRIGGER list_immutable BEFORE UPDATE ON list"
	" WHEN OLD.kind <> 'other' OR OLD.bytes <> NEW.bytes"
	" BEGIN SELECT RAISE(ABORT, 'a list never changes'); END;"

	"CREATE TABLE target ("
	" node TEXT PRIMARY KEY,"
	" want TEXT REFERENCES list,"
	" prev TEXT REFERENCES list,"
	" have TEXT REFERENCES list,"
	" have_since INTEGER NOT NULL DEFAULT 0,"
	" bounce INTEGER NOT NULL DEFAULT 0,"
	" error TEXT,"
	" next_try INTEGER NOT NULL DEFAULT 0) STRICT;"

	"CREATE TABLE op ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" kind TEXT NOT NULL,"
	" who TEXT NOT NULL,"
	" params TEXT NOT NULL,"
	" state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),"
	" started INTEGER NOT NULL,"
	" ended INTEGER,"
	" error TEXT NOT NULL DEFAULT '') STRICT;"
	"CREATE UNIQUE INDEX op_one_runs ON op (state) WHERE state = 'running';"

	"CREATE TABLE key ("
	" id TEXT PRIMARY KEY,"
	" unit INTEGER NOT NULL,"
	" node TEXT NOT NULL,"
	" generation INTEGER NOT NULL,"
	" state TEXT NOT NULL CHECK (state IN ('current', 'retired')),"
	" cert BLOB NOT NULL) STRICT;",
};

static const char *const kind_names[] = {"itl", "reset", "other"};

struct store {
	sqlite3 *db;
	int lock; /* of the folder: one front a state */
	pthread_mutex_t mutex;
	uint8_t keys[32]; /* a hash of what the table key holds; zeros: unknown */
};

/* ---- one statement at a time ---- */

static const struct {
	int code;
	const char *name, *hint;
} sql_names[] = {
	{SQLITE_FULL, "SQLITE_FULL", "make room on the disk of the state folder"},
	{SQLITE_IOERR, "SQLITE_IOERR", "look at the disk of the state folder"},
	{SQLITE_READONLY, "SQLITE_READONLY", "the state folder must belong to front's user"},
	{SQLITE_CANTOPEN, "SQLITE_CANTOPEN", "the state folder must exist and belong to front's user"},
	{SQLITE_CORRUPT, "SQLITE_CORRUPT", "move state.db away: front adopts what the nodes serve"},
	{SQLITE_NOTADB, "SQLITE_NOTADB", "move state.db away: front adopts what the nodes serve"},
	{SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT", NULL},
};

static enum rc sql_error(struct store *s, const char *op, struct err *e)
{
	int code = sqlite3_errcode(s->db);

	err_set(e, RC_ERROR, op, sqlite3_errmsg(s->db), NULL, "%s",
		sqlite3_db_filename(s->db, "main"));
	e->code = (unsigned long)sqlite3_extended_errcode(s->db);
	for (size_t i = 0; i < COUNT_OF(sql_names); i++)
		if (sql_names[i].code == (code & 0xff)) {
			(void)snprintf(e->name, sizeof e->name, "%s",
				       sql_names[i].name);
			err_hint(e, sql_names[i].hint);
		}
	return e->rc;
}

static void stmt_free(sqlite3_stmt *st)
{
	(void)sqlite3_finalize(st);
}
CLEANUP_DEFINE(sqlite3_stmt *, stmt_free);

static void store_unlock_at(struct store **s)
{
	pthread_mutex_unlock(&(*s)->mutex);
}

/* Held to the end of the block. */
#define LOCKED(s)                                                              \
	struct store *locked __attribute__((cleanup(store_unlock_at), unused)) = \
		(pthread_mutex_lock(&(s)->mutex), (s))

/*
 * Prepare and bind: `types` has a letter for each `?`: t a text, T a text whose
 * "" is NULL, i an int64_t, b a struct bytes.
 */
static enum rc prepare_va(struct store *s, sqlite3_stmt **out, const char *sql,
			  const char *types, va_list ap, struct err *e)
{
	sqlite3_stmt CLEANUP(stmt_free) *st = NULL;
	int bad = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);

	for (int i = 1; !bad && *types; types++, i++) {
		const char *text;
		struct bytes b;

		switch (*types) {
		case 't':
		case 'T':
			text = va_arg(ap, const char *);
			if (*types == 'T' && !*text)
				break; /* stays NULL */
			bad = sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC);
			break;
		case 'i':
			bad = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
			break;
		default:
			assert(*types == 'b');
			b = va_arg(ap, struct bytes);
			/* An empty blob is no NULL. */
			bad = sqlite3_bind_blob(st, i, b.n ? b.p : (const void *)"",
						num_int(b.n), SQLITE_STATIC);
		}
	}
	if (bad)
		return sql_error(s, "prepare", e);
	*out = st;
	st = NULL;
	return RC_OK;
}

static enum rc prepare(struct store *s, sqlite3_stmt **out, struct err *e,
		       const char *sql, const char *types, ...)
{
	va_list ap;
	enum rc rc;

	va_start(ap, types);
	rc = prepare_va(s, out, sql, types, ap, e);
	va_end(ap);
	return rc;
}

/* A statement without rows. */
static enum rc run(struct store *s, struct err *e, const char *sql,
		   const char *types, ...)
{
	sqlite3_stmt CLEANUP(stmt_free) *st = NULL;
	va_list ap;
	enum rc rc;

	va_start(ap, types);
	rc = prepare_va(s, &st, sql, types, ap, e);
	va_end(ap);
	if (rc == RC_OK && sqlite3_step(st) != SQLITE_DONE)
		return sql_error(s, "write state", e);
	return rc;
}

/* True and a row in *st; false behind the last, or with e->rc not RC_OK. */
static bool next_row(struct store *s, sqlite3_stmt *st, struct err *e)
{
	int r = sqlite3_step(st);

	e->rc = RC_OK;
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		(void)sql_error(s, "read state", e);
	return r == SQLITE_ROW;
}

static void copy_text(sqlite3_stmt *st, int column, char *to, size_t cap)
{
	const unsigned char *text = sqlite3_column_text(st, column);

	(void)snprintf(to, cap, "%s", text ? (const char *)text : "");
}

static enum rc begin(struct store *s, struct err *e)
{
	return run(s, e, "BEGIN IMMEDIATE", "");
}

/* Ends a transaction: kept if rc is RC_OK, else undone. Returns what became of
 * it. */
static enum rc finish(struct store *s, enum rc rc, struct err *e)
{
	struct err ignored;

	if (rc == RC_OK)
		rc = run(s, e, "COMMIT", "");
	if (rc != RC_OK && run(s, &ignored, "ROLLBACK", "") != RC_OK)
		return rc; /* SQLite may have undone it already */
	return rc;
}

/* ---- opening ---- */

static enum rc lock_folder(struct store *s, const char *path, struct err *e)
{
	char dir[PATH_MAX];

	if (snprintf(dir, sizeof dir, "%s", path) >= num_int(sizeof dir))
		return err_set(e, RC_USAGE, "open state", "path too long", NULL,
			       "%.100s", path);
	s->lock = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock < 0)
		return err_errno(e, RC_ERROR, "open state",
				 "itlkeeperd makes the folder; it must belong to front's user",
				 "%s", path);
	if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(e, RC_BUSY, "open state",
			       "another front has it open",
			       "stop the other front first", "%s", path);
	return RC_OK;
}

static enum rc version_of(struct store *s, int *out, struct err *e)
{
	sqlite3_stmt CLEANUP(stmt_free) *st = NULL;

	if (prepare(s, &st, e, "SELECT coalesce(max(version), 0) FROM migration",
		    "") != RC_OK)
		return e->rc;
	if (next_row(s, st, e))
		*out = sqlite3_column_int(st, 0);
	return e->rc;
}

static enum rc migrate_one(struct store *s, int version, struct err *e)
{
	if (begin(s, e) != RC_OK)
		return e->rc;
	if (sqlite3_exec(s->db, migrations[version], NULL, NULL, NULL))
		return finish(s, sql_error(s, "migrate state", e), e);
	return finish(s,
		      run(s, e, "INSERT INTO migration VALUES (?, ?)", "ii",
			  (int64_t)version + 1, (int64_t)time(NULL)),
		      e);
}

static enum rc migrate(struct store *s, struct err *e)
{
	const int newest = num_int(COUNT_OF(migrations));
	int version = 0;

	if (run(s, e,
		"CREATE TABLE IF NOT EXISTS migration ("
		" version INTEGER PRIMARY KEY, applied INTEGER NOT NULL) STRICT",
		"") != RC_OK ||
	    version_of(s, &version, e) != RC_OK)
		return e->rc;
	if (version > newest)
		return err_set(e, RC_ERROR, "open state",
			       "a newer version of front made it",
			       "install that version, or move state.db away: front adopts what the nodes serve",
			       "%s: schema %d, this program knows %d",
			       sqlite3_db_filename(s->db, "main"), version, newest);
	for (; version < newest; version++)
		if (migrate_one(s, version, e) != RC_OK)
			return e->rc;
	return RC_OK;
}

static enum rc set_up(struct store *s, struct err *e)
{
	if (sqlite3_exec(s->db,
			 "PRAGMA journal_mode = WAL;"
			 "PRAGMA synchronous = FULL;"
			 "PRAGMA foreign_keys = ON;"
			 "PRAGMA trusted_schema = OFF;",
			 NULL, NULL, NULL))
		return sql_error(s, "open state", e);
	return migrate(s, e);
}

enum rc store_open(const char *path, struct store **out, struct err *e)
{
	struct store CLEANUP(store_free) *s = calloc(1, sizeof *s);

	if (!s)
		return err_errno(e, RC_ERROR, "calloc", NULL, "%s", path);
	s->lock = -1;
	(void)pthread_mutex_init(&s->mutex, NULL);
	if (lock_folder(s, path, e) != RC_OK)
		return e->rc;
	/* Our mutex guards it: SQLite needs none of its own. */
	if (sqlite3_open_v2(path, &s->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
				    SQLITE_OPEN_NOMUTEX,
			    NULL))
		return sql_error(s, "open state", e);
	if (set_up(s, e) != RC_OK)
		return e->rc;
	*out = s;
	s = NULL;
	return RC_OK;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	(void)sqlite3_close(s->db);
	fd_close(s->lock);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

/* ---- lists ---- */

const char *list_kind_name(enum list_kind k)
{
	return kind_names[k];
}

void list_clear(struct list *l)
{
	free(l->bytes);
	*l = (struct list){0};
}

enum rc store_list(struct store *s, const char *sha1, struct list *out,
		   struct err *e)
{
	sqlite3_stmt CLEANUP(stmt_free) *st = NULL;
	struct list l = {0};
	char kind[8];

	LOCKED(s);
	if (prepare(s, &st, e,
		    "SELECT sha1, kind, node, signer, made, bytes FROM list"
		    " WHERE sha1 = ?",
		    "t", sha1) != RC_OK)
		return e->rc;
	if (!next_row(s, st, e))
		return e->rc != RC_OK
			       ? e->rc
			       : err_set(e, RC_NOTFOUND, "read state",
					 "no such list", NULL, "list %s", sha1);
	copy_text(st, 0, l.sha1, sizeof l.sha1);
	copy_text(st, 1, kind, sizeof kind);
	for (size_t i = 0; i < COUNT_OF(kind_names); i++)
		if (!strcmp(kind_names[i], kind))
			l.kind = (enum list_kind)i;
	copy_text(st, 2, l.node, sizeof l.node);
	copy_text(st, 3, l.signer, sizeof l.signer);
	l.made = sqlite3_column_int64(st, 4);
	l.n = num_size(sqlite3_column_bytes(st, 5));
	l.bytes = malloc(l.n + 1);
	if (!l.bytes)
		return err_errno(e, RC_ERROR, "malloc", NULL, "list %s", sha1);
	if (l.n)
		memcpy(l.bytes, sqlite3_column_blob(st, 5), l.n);
	*out = l;
	return RC_OK;
}

/* The trigger guards what is known; only "other" may learn more. */
static enum rc insert_list(struct store *s, const struct list *l, struct err *e)
{
	return run(s, e,
		   "INSERT INTO list (sha1, kind, node, signer, bytes, made)"
		   " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (sha1) DO UPDATE SET"
		   " kind = excluded.kind, node = excluded.node,"
		   " signer = excluded.signer WHERE list.kind = 'other'",
		   "ttttbi", l->sha1, list_kind_name(l->kind), l->node, l->signer,
		   bytes_of(l->bytes, l->n), l->made);
}

/* A hostile server could send another file each time. */
static enum rc forget_others(struct store *s, struct err *e)
{
	return run(s, e,
		   "DELETE FROM list WHERE kind = 'other' AND NOT EXISTS"
		   " (SELECT 1 FROM target WHERE list.sha1 IN (want, prev, have))",
		   "");
}

/* ---- targets ---- */

static void read_error(const char *text, struct err *to)
{
	json_t *j = text ? json_loads(text, 0, NULL) : NULL;

	if (j)
		(void)err_from_json(j, to);
	json_decref(j);
}

enum rc store_target(struct store *s, const char *node, struct target *out,
		     struct err *e)
{
	sqlite3_stmt CLEANUP(stmt_free) *st = NULL;
	struct target t = {0};

	LOCKED(s);
	if (prepare(s, &st, e,
		    "SELECT want, prev, have, have_since, bounce, next_try, error"
		    " FROM target WHERE node = ?",
		    "t", node) != RC_OK)
		return e->rc;
	if (next_row(s, st, e)) {
		copy_text(st, 0, t.want, sizeof t.want);
		copy_text(st, 1, t.prev, sizeof t.prev);
		copy_text(st, 2, t.have, sizeof t.have);
		t.have_since = sqlite3_column_int64(st, 3);
		t.bounce = sqlite3_column_int64(st, 4);
		t.next_try = sqlite3_column_int64(st, 5);
		read_error((const char *)sqlite3_column_text(st, 6), &t.error);
	}
	if (e->rc == RC_OK)
		*out = t;
	return e->rc;
}

bool target_pending(const struct target *t)
{
	return t->bounce != 0 || (t->want[0] && strcmp(t->want, t->have) != 0);
}

static enum rc make_target(struct store *s, const char *node, struct err *e)
{
	return run(s, e, "INSERT INTO target (node) VALUES (?) ON CONFLICT DO NOTHING",
		   "t", node);
}

static enum rc want(struct store *s, const struct list *list, const char *node,
		    int64_t op, struct err *e)
{
	if (make_target(s, node, e) != RC_OK)
		return e->rc;
	if (list &&
	    run(s, e,
		"UPDATE target SET want = ?1,"
		" prev = CASE WHEN want IS ?1 THEN prev ELSE want END"
		" WHERE node = ?2",
		"tt", list->sha1, node) != RC_OK)
		return e->rc;
	return run(s, e, "UPDATE target SET bounce = ?, next_try = 0 WHERE node = ?",
		   "it", op, node);
}

enum rc store_want(struct store *s, const struct list *list,
		   const char *const *nodes, size_t nnodes, int64_t op,
		   struct err *e)
{
	enum rc rc;

	LOCKED(s);
	if (begin(s, e) != RC_OK)
		return e->rc;
	rc = list ? insert_list(s, list, e) : RC_OK;
	for (size_t i = 0; i < nnodes && rc == RC_OK; i++)
		rc = want(s, list, nodes[i], op, e);
	return finish(s, rc, e);
}

enum rc store_have(struct store *s, const char *node, const struct list *list,
		   struct err *e)
{
	const char *sha1 = list ? list->sha1 : "";
	enum rc rc;

	LOCKED(s);
	if (begin(s, e) != RC_OK)
		return e->rc;
	rc = make_target(s, node, e);
	if (rc == RC_OK && list)
		rc = insert_list(s, list, e);
	if (rc == RC_OK)
		rc = run(s, e,
			 "UPDATE target SET have = ?1, have_since ="
			 " CASE WHEN have IS ?1 THEN have_since ELSE ?2 END"
			 " WHERE node = ?3",
			 "Tit", sha1, (int64_t)time(NULL), node);
	if (rc == RC_OK && list && list->kind != LIST_OTHER)
		rc = run(s, e,
			 "UPDATE target SET want = ? WHERE node = ? AND want IS NULL",
			 "tt", sha1, node);
	if (rc == RC_OK)
		rc = forget_others(s, e);
	return finish(s, rc, e);
}

enum rc store_attempt(struct store *s, const char *node, int64_t bounce,
		      const struct err *error, int64_t next_try, struct err *e)
{
	json_t *j = error ? err_json(error) : NULL;
	char CLEANUP_FREE *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	enum rc rc;

	json_decref(j);
	LOCKED(s);
	if (begin(s, e) != RC_OK)
		return e->rc;
	rc = make_target(s, node, e);
	if (rc == RC_OK)
		rc = run(s, e,
			 "UPDATE target SET error = ?, next_try = ? WHERE node = ?",
			 "Tit", text ? text : "", next_try, node);
	/* Not one that a later operation asked for meanwhile. */
	if (rc == RC_OK && !error)
		rc = run(s, e,
			 "UPDATE target SET bounce = 0 WHERE node = ? AND bounce = ?",
			 "ti", node, bounce);
	return finish(s, rc, e);
}

/* ---- operations ---- */

static enum rc running(struct store *s, struct op *out, struct err *e)
{
	sqlite3_stmt CLEANUP(stmt_free) *st = NULL;
	struct op o = {0};

	if (prepare(s, &st, e,
		    "SELECT id, kind, who, params, started FROM op"
		    " WHERE state = 'running'",
		    "") != RC_OK)
		return e->rc;
	if (!next_row(s, st, e))
		return e->rc != RC_OK ? e->rc
				      : err_set(e, RC_NOTFOUND, "read state",
						"no operation runs", NULL, "%s",
						"op");
	o.id = sqlite3_column_int64(st, 0);
	copy_text(st, 1, o.kind, sizeof o.kind);
	copy_text(st, 2, o.who, sizeof o.who);
	copy_text(st, 3, o.params, sizeof o.params);
	o.started = sqlite3_column_int64(st, 4);
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
	if (run(s, e,
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
	return run(s, e,
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
	return run(s, e, "INSERT INTO key VALUES (?, ?, ?, ?, ?, ?)", "tititb",
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
	if (begin(s, e) != RC_OK)
		return e->rc;
	rc = run(s, e, "DELETE FROM key", "");
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = insert_key(s, &keys[i], e);
	rc = finish(s, rc, e);
	if (rc == RC_OK)
		memcpy(s->keys, hash, sizeof hash);
	return rc;
}

static bool read_key(sqlite3_stmt *st, struct keyd_key *k)
{
	const unsigned char *der = sqlite3_column_blob(st, 5);
	char id[33], state[8];
	int unit = sqlite3_column_int(st, 1);

	copy_text(st, 0, id, sizeof id);
	copy_text(st, 2, k->label.node, sizeof k->label.node);
	copy_text(st, 4, state, sizeof state);
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
	sqlite3_stmt CLEANUP(stmt_free) *st = NULL;
	struct keyd_key *keys = NULL;
	size_t got = 0;

	LOCKED(s);
	if (prepare(s, &st, e,
		    "SELECT id, unit, node, generation, state, cert FROM key"
		    " ORDER BY unit, node, generation DESC",
		    "") != RC_OK)
		return e->rc;
	while (next_row(s, st, e)) {
		struct keyd_key *more = realloc(keys, (got + 1) * sizeof *keys);

		if (more) {
			keys = more;
			keys[got] = (struct keyd_key){0};
		}
		if (!more || !read_key(st, &keys[got++])) {
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
