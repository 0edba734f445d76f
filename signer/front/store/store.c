/* The state's file: its schema, and opening it. */
#include "store_sql.h"
#include "base/file.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
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

	"CREATE TABLE backup ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" vault TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" digest BLOB NOT NULL CHECK (length(digest) = 32),"
	" bytes INTEGER NOT NULL,"
	" plain INTEGER NOT NULL CHECK (plain IN (0, 1)),"
	" key TEXT NOT NULL,"
	" key_id BLOB NOT NULL CHECK (length(key_id) = 16),"
	" route TEXT NOT NULL,"
	" security INTEGER NOT NULL,"
	" made INTEGER NOT NULL,"
	" proved INTEGER NOT NULL,"
	" checked INTEGER NOT NULL DEFAULT 0,"
	" error TEXT,"
	" UNIQUE (vault, name)) STRICT;"

	"CREATE TABLE vault ("
	" vault TEXT PRIMARY KEY,"
	" checked INTEGER NOT NULL,"
	" name TEXT NOT NULL,"
	" error TEXT) STRICT;"

	"CREATE TABLE alert ("
	" name TEXT PRIMARY KEY,"
	" severity INTEGER NOT NULL CHECK (severity BETWEEN 0 AND 7),"
	" text TEXT NOT NULL,"
	" since INTEGER NOT NULL,"
	" sent INTEGER NOT NULL DEFAULT 0,"
	" times INTEGER NOT NULL DEFAULT 0) STRICT;",

	/* A node serves several files. SQLite changes no CHECK: the tables are
	 * made anew, and take their old names at the end. */
	"CREATE TABLE list_new ("
	" sha1 TEXT PRIMARY KEY CHECK (length(sha1) = 40),"
	" kind TEXT NOT NULL CHECK (kind IN ('itl', 'reset', 'ctl', 'other')),"
	" node TEXT NOT NULL,"
	" signer TEXT NOT NULL,"
	" bytes BLOB NOT NULL,"
	" made INTEGER NOT NULL) STRICT;"
	"INSERT INTO list_new SELECT sha1, kind, node, signer, bytes, made FROM list;"

	"CREATE TABLE served ("
	" node TEXT NOT NULL,"
	" file TEXT NOT NULL CHECK (file IN ('itl', 'ctl')),"
	" want TEXT REFERENCES list_new,"
	" prev TEXT REFERENCES list_new,"
	" before TEXT REFERENCES list_new,"
	" have TEXT REFERENCES list_new,"
	" since INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY (node, file)) STRICT;"
	"INSERT INTO served SELECT node, 'itl', want, prev, NULL, have, have_since"
	" FROM target;"

	"CREATE TABLE target_new ("
	" node TEXT PRIMARY KEY,"
	" bounce INTEGER NOT NULL DEFAULT 0,"
	" error TEXT,"
	" next_try INTEGER NOT NULL DEFAULT 0) STRICT;"
	"INSERT INTO target_new SELECT node, bounce, error, next_try FROM target;"
	"DROP TABLE target;"
	"DROP TABLE list;"
	"ALTER TABLE target_new RENAME TO target;"
	"ALTER TABLE list_new RENAME TO list;"
	"CREATE TRIGGER list_immutable BEFORE UPDATE ON list"
	" WHEN OLD.kind <> 'other' OR OLD.bytes <> NEW.bytes"
	" BEGIN SELECT RAISE(ABORT, 'a list never changes'); END;"

	/* What each node ever served, and when that was last seen. */
	"CREATE TABLE history ("
	" node TEXT NOT NULL,"
	" file TEXT NOT NULL CHECK (file IN ('itl', 'ctl')),"
	" sha1 TEXT NOT NULL REFERENCES list,"
	" first INTEGER NOT NULL,"
	" last INTEGER NOT NULL,"
	" PRIMARY KEY (node, file, sha1)) STRICT;"
	"INSERT INTO history SELECT node, file, have, since, since FROM served"
	" WHERE have IS NOT NULL;"

	/* A certificate of this unit and node was made: another unit of the node
	 * waits. By the clock on the wall, and by the machine's own of this boot. */
	"CREATE TABLE hold ("
	" unit INTEGER NOT NULL,"
	" node TEXT NOT NULL,"
	" wall INTEGER NOT NULL,"
	" boot TEXT NOT NULL,"
	" mono REAL NOT NULL,"
	" PRIMARY KEY (unit, node)) STRICT;"

	/* Where the audit log was when a list was published. */
	"CREATE TABLE head ("
	" sha1 TEXT PRIMARY KEY REFERENCES list,"
	" entry INTEGER NOT NULL,"
	" head BLOB NOT NULL CHECK (length(head) = 32),"
	" time INTEGER NOT NULL) STRICT;",

	/* 1: nodes want what the operation is about; a kill before that undid it. */
	"ALTER TABLE op ADD COLUMN wanted INTEGER NOT NULL DEFAULT 0;",

	/* Once the node serves this list, phones shall be reset. */
	"CREATE TABLE phones ("
	" node TEXT PRIMARY KEY,"
	" sha1 TEXT NOT NULL,"
	" units TEXT NOT NULL) STRICT;",

	/* The trust store, as its signed file: one row at most. */
	"CREATE TABLE trust ("
	" id INTEGER PRIMARY KEY CHECK (id = 1),"
	" bytes BLOB NOT NULL) STRICT;",
	/* Whose TVS was seen to answer, and how it is now. */
	"CREATE TABLE tvs ("
	" node TEXT PRIMARY KEY,"
	" since INTEGER NOT NULL,"
	" error TEXT) STRICT;",

	/* With which certificate a node's signed files were last signed again. */
	"CREATE TABLE signed ("
	" node TEXT PRIMARY KEY,"
	" cert TEXT NOT NULL,"
	" at INTEGER NOT NULL,"
	" files INTEGER NOT NULL,"
	" refused INTEGER NOT NULL,"
	" error TEXT) STRICT;",
};

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
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;

	if (sql_prepare(s, &st, e, "SELECT coalesce(max(version), 0) FROM migration",
			"") != RC_OK)
		return e->rc;
	if (sql_row(s, st, e))
		*out = sqlite3_column_int(st, 0);
	return e->rc;
}

static enum rc migrate_one(struct store *s, int version, struct err *e)
{
	if (sql_begin(s, e) != RC_OK)
		return e->rc;
	if (sqlite3_exec(s->db, migrations[version], NULL, NULL, NULL))
		return sql_finish(s, sql_error(s, "migrate state", e), e);
	return sql_finish(s,
		      sql_run(s, e, "INSERT INTO migration VALUES (?, ?)", "ii",
			      (int64_t)version + 1, (int64_t)time(NULL)),
		      e);
}

static enum rc migrate(struct store *s, struct err *e)
{
	const int newest = num_int(COUNT_OF(migrations));
	int version = 0;

	if (sql_run(s, e,
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
	LOCKED(s);
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
	/* Our mutex keeps transactions apart; SQLite's own costs nothing beside it,
	 * and a statement that outlived ours would damage the file. */
	if (sqlite3_open_v2(path, &s->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
				    SQLITE_OPEN_FULLMUTEX,
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

