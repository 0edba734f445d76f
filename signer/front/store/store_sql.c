/* One statement at a time, and what SQLite says of it. */
#include "store_sql.h"
#include "base/errjson.h"
#include "base/num.h"
#include <stdarg.h>
#include <string.h>

_Thread_local unsigned store_locks;

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

enum rc sql_error(struct store *s, const char *op, struct err *e)
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

/* NULL stays NULL. */
static int bind_err(sqlite3_stmt *st, int i, const struct err *error)
{
	json_t *j = error && error->rc != RC_OK ? err_json(error) : NULL;
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	json_decref(j);
	return text ? sqlite3_bind_text(st, i, text, -1, free) : SQLITE_OK;
}

static enum rc prepare_va(struct store *s, sqlite3_stmt **out, const char *sql,
			  const char *types, va_list ap, struct err *e)
{
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
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
		case 'd':
			bad = sqlite3_bind_double(st, i, va_arg(ap, double));
			break;
		case 'E':
			bad = bind_err(st, i, va_arg(ap, const struct err *));
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

enum rc sql_prepare(struct store *s, sqlite3_stmt **out, struct err *e,
		    const char *sql, const char *types, ...)
{
	va_list ap;
	enum rc rc;

	va_start(ap, types);
	rc = prepare_va(s, out, sql, types, ap, e);
	va_end(ap);
	return rc;
}

enum rc sql_run(struct store *s, struct err *e, const char *sql,
		const char *types, ...)
{
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	va_list ap;
	enum rc rc;

	va_start(ap, types);
	rc = prepare_va(s, &st, sql, types, ap, e);
	va_end(ap);
	if (rc == RC_OK && sqlite3_step(st) != SQLITE_DONE)
		return sql_error(s, "write state", e);
	return rc;
}

bool sql_row(struct store *s, sqlite3_stmt *st, struct err *e)
{
	int r = sqlite3_step(st);

	e->rc = RC_OK;
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		(void)sql_error(s, "read state", e);
	return r == SQLITE_ROW;
}

void sql_text(sqlite3_stmt *st, int column, char *to, size_t cap)
{
	const unsigned char *text = sqlite3_column_text(st, column);

	(void)snprintf(to, cap, "%s", text ? (const char *)text : "");
}

void sql_err(sqlite3_stmt *st, int column, struct err *to)
{
	const char *text = (const char *)sqlite3_column_text(st, column);
	json_t *j = text ? json_loads(text, 0, NULL) : NULL;

	if (j)
		(void)err_from_json(j, to);
	json_decref(j);
}

void *sql_grow(void **rows, size_t n, size_t size, struct err *e)
{
	if ((n & (n - 1)) == 0) {
		void *more = realloc(*rows, (n ? 2 * n : 1) * size);

		if (!more) {
			err_errno(e, RC_ERROR, "realloc", NULL, "%zu rows", n);
			return NULL;
		}
		*rows = more;
	}
	return memset((char *)*rows + n * size, 0, size);
}

void *sql_rows(struct store *s, void (*read)(sqlite3_stmt *st, void *row),
	       size_t size, size_t *n, struct err *e, const char *sql,
	       const char *types, ...)
{
	sqlite3_stmt CLEANUP(sql_free) *st = NULL;
	void CLEANUP_FREE *rows = NULL;
	void *row, *out;
	size_t got = 0;
	va_list ap;
	enum rc rc;

	*n = 0;
	va_start(ap, types);
	rc = prepare_va(s, &st, sql, types, ap, e);
	va_end(ap);
	if (rc != RC_OK)
		return NULL;
	while (sql_row(s, st, e) && (row = sql_grow(&rows, got, size, e))) {
		read(st, row);
		got++;
	}
	if (e->rc != RC_OK)
		return NULL;
	*n = got;
	out = rows;
	rows = NULL;
	return out;
}

bool sql_blob(sqlite3_stmt *st, int column, uint8_t *to, size_t n)
{
	const void *p = sqlite3_column_blob(st, column);

	if (!p || num_size(sqlite3_column_bytes(st, column)) != n)
		return false;
	memcpy(to, p, n);
	return true;
}

enum rc sql_begin(struct store *s, struct err *e)
{
	return sql_run(s, e, "BEGIN IMMEDIATE", "");
}

enum rc sql_finish(struct store *s, enum rc rc, struct err *e)
{
	struct err ignored;

	if (rc == RC_OK)
		rc = sql_run(s, e, "COMMIT", "");
	if (rc != RC_OK && sql_run(s, &ignored, "ROLLBACK", "") != RC_OK)
		return rc; /* SQLite may have undone it already */
	return rc;
}
