/* What the store_*.c files share: the database, and one statement at a time. */
#ifndef FRONT_STORE_SQL_H
#define FRONT_STORE_SQL_H

#include "store.h"
#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>

struct store {
	sqlite3 *db;
	int lock; /* of the folder: one front a state */
	pthread_mutex_t mutex;
	uint8_t keys[32]; /* a hash of what the table key holds; zeros: unknown */
};

/* The blocks of this thread that hold a lock. */
extern _Thread_local unsigned store_locks;

static inline struct store *store_lock(struct store *s)
{
	pthread_mutex_lock(&s->mutex);
	store_locks++;
	return s;
}

static inline void store_unlock_at(struct store **s)
{
	store_locks--;
	pthread_mutex_unlock(&(*s)->mutex);
}

/* Held to the end of the block. It stands before any statement that the block owns:
 * what is declared first is cleaned up last, and a statement must be finalised while
 * nobody else is in SQLite. */
#define LOCKED(s)                                                              \
	struct store *locked __attribute__((cleanup(store_unlock_at), unused)) = \
		store_lock(s)

static inline void sql_free(sqlite3_stmt *st)
{
	assert(!st || store_locks > 0);
	(void)sqlite3_finalize(st);
}
CLEANUP_DEFINE(sqlite3_stmt *, sql_free);

/* SQLite's last error, and what to do about it. Returns e->rc. */
enum rc sql_error(struct store *s, const char *op, struct err *e);

/*
 * Prepare and bind: `types` has a letter for each `?`: t a text, T a text whose
 * "" is NULL, i an int64_t, d a double, b a struct bytes, E a struct err * (NULL or
 * without an error: NULL), as JSON.
 */
enum rc sql_prepare(struct store *s, sqlite3_stmt **out, struct err *e,
		    const char *sql, const char *types, ...) MUST_CHECK;
/* A statement without rows. */
enum rc sql_run(struct store *s, struct err *e, const char *sql,
		const char *types, ...) MUST_CHECK;

/* True and a row in *st; false behind the last, or with e->rc not RC_OK. */
bool sql_row(struct store *s, sqlite3_stmt *st, struct err *e);
/*
 * All rows, each read by `read` into `size` zeroed bytes: for the caller to free.
 * NULL without rows, or with e->rc not RC_OK; then *n is 0.
 */
void *sql_rows(struct store *s, void (*read)(sqlite3_stmt *st, void *row),
	       size_t size, size_t *n, struct err *e, const char *sql,
	       const char *types, ...);
/* A column of the row; cut to cap; NULL is "". */
void sql_text(sqlite3_stmt *st, int column, char *to, size_t cap);
/* One that was bound as E; *to stays as it is for a NULL. */
void sql_err(sqlite3_stmt *st, int column, struct err *to);
/*
 * Room for one more row of `size` bytes behind n, zeroed; NULL, and *e, out of
 * memory. It doubles whenever n is a power of two.
 */
void *sql_grow(void **rows, size_t n, size_t size, struct err *e);
/* A blob of exactly n bytes, or false. */
bool sql_blob(sqlite3_stmt *st, int column, uint8_t *to, size_t n);

/* A row of id, kind, who, params, started, wanted, ... of table op. */
void sql_op(sqlite3_stmt *st, struct op *out);

enum rc sql_begin(struct store *s, struct err *e) MUST_CHECK;
/* Ends a transaction: kept if rc is RC_OK, else undone. Returns what became of
 * it. */
enum rc sql_finish(struct store *s, enum rc rc, struct err *e) MUST_CHECK;

#endif
