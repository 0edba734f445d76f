/* What nodes served. The rows themselves are written with what a node has
 * (store_lists.c). */
#include "store_sql.h"
#include "base/num.h"
#include <string.h>

/* What state needs whatever its age, one a row. */
#define NEEDED                                                                 \
	"(SELECT node, file, want AS sha1 FROM served WHERE want IS NOT NULL"  \
	" UNION SELECT node, file, prev FROM served WHERE prev IS NOT NULL"    \
	" UNION SELECT node, file, before FROM served WHERE before IS NOT NULL" \
	" UNION SELECT node, file, have FROM served WHERE have IS NOT NULL)"

/* The lists that state needs, or that a history has. */
#define NAMED "(SELECT sha1 FROM history UNION SELECT sha1 FROM " NEEDED ")"

static enum served_file read_file(sqlite3_stmt *st, int column)
{
	char text[8];

	sql_text(st, column, text, sizeof text);
	return strcmp(text, served_file_name(FILE_CTL)) ? FILE_ITL : FILE_CTL;
}

static void read_kept(sqlite3_stmt *st, void *row)
{
	struct kept *k = row;

	sql_text(st, 0, k->node, sizeof k->node);
	k->file = read_file(st, 1);
	sql_text(st, 2, k->sha1, sizeof k->sha1);
	k->last = sqlite3_column_int64(st, 3);
	k->now = sqlite3_column_int(st, 4) != 0;
}

enum rc store_kept(struct store *s, int64_t since, struct kept **out, size_t *n,
		   struct err *e)
{
	LOCKED(s);
	*out = sql_rows(s, read_kept, sizeof **out, n, e,
			"SELECT node, file, sha1, max(last), max(now) FROM"
			" (SELECT node, file, sha1, last, 0 AS now FROM history"
			"  UNION ALL SELECT node, file, sha1, 0, 1 FROM " NEEDED ")"
			" GROUP BY node, file, sha1"
			" HAVING max(now) = 1 OR max(last) >= ?"
			" ORDER BY node, file, max(last) DESC",
			"i", since);
	return e->rc;
}

static void read_past(sqlite3_stmt *st, void *row)
{
	struct past_list *p = row;

	sql_text(st, 0, p->node, sizeof p->node);
	sql_text(st, 1, p->sha1, sizeof p->sha1);
	p->first = sqlite3_column_int64(st, 2);
	p->last = sqlite3_column_int64(st, 3);
}

enum rc store_past_lists(struct store *s, enum served_file file,
			 struct past_list **out, size_t *n, struct err *e)
{
	LOCKED(s);
	*out = sql_rows(s, read_past, sizeof **out, n, e,
			"SELECT node, sha1, first, last FROM history"
			" WHERE file = ? ORDER BY last DESC, first DESC",
			"t", served_file_name(file));
	return e->rc;
}

/* Those that nothing names any more. Where the audit log was when one of them was
 * published is known of later ones too. */
static enum rc forget_lists(struct store *s, struct err *e)
{
	static const char *const deletes[] = {
		"DELETE FROM head WHERE sha1 NOT IN " NAMED,
		"DELETE FROM list WHERE sha1 NOT IN " NAMED,
	};

	for (size_t i = 0; i < COUNT_OF(deletes); i++)
		if (sql_run(s, e, deletes[i], "") != RC_OK)
			return e->rc;
	return RC_OK;
}

enum rc store_prune(struct store *s, int64_t since, size_t *forgotten,
		    struct err *e)
{
	enum rc rc;

	LOCKED(s);
	if (sql_begin(s, e) != RC_OK)
		return e->rc;
	rc = sql_run(s, e,
		     "DELETE FROM history WHERE last < ? AND (node, file, sha1)"
		     " NOT IN " NEEDED,
		     "i", since);
	*forgotten = num_size(sqlite3_changes(s->db));
	if (rc == RC_OK && *forgotten)
		rc = forget_lists(s, e);
	return sql_finish(s, rc, e);
}
