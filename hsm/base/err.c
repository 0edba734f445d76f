#include "base/err.h"
#include "base/num.h"
#include "base/text.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int exit_code;
} categories[RC_COUNT] = {
	[RC_OK] = {"ok", 0},
	[RC_ERROR] = {"error", 1},
	[RC_USAGE] = {"usage", 2},
	[RC_REFUSED] = {"refused", 3},
	[RC_TOKEN] = {"token", 4},
	[RC_VERIFY] = {"verify", 5},
	[RC_NOTFOUND] = {"not-found", 1},
	[RC_BUSY] = {"busy", 1},
	[RC_STALE] = {"stale", 4},
	[RC_PIN] = {"pin", 4},
};

static void put(char *to, size_t cap, const char *text)
{
	(void)snprintf(to, cap, "%s", text ? text : "");
}

static void fill(struct err *e, enum rc rc, const char *op, const char *why,
		 const char *hint, const char *what, va_list ap)
{
	struct err n = {.rc = rc};

	put(n.op, sizeof n.op, op);
	put(n.why, sizeof n.why, why);
	put(n.hint, sizeof n.hint, hint);
	(void)vsnprintf(n.what, sizeof n.what, what, ap);
	*e = n; /* at the end: arguments may point into *e */
}

enum rc err_set(struct err *e, enum rc rc, const char *op, const char *why,
		const char *hint, const char *what, ...)
{
	va_list ap;

	va_start(ap, what);
	fill(e, rc, op, why, hint, what, ap);
	va_end(ap);
	return rc;
}

enum rc err_errno(struct err *e, enum rc rc, const char *op, const char *hint,
		  const char *what, ...)
{
	int code = errno;
	va_list ap;

	va_start(ap, what);
	fill(e, rc, op, strerrordesc_np(code), hint, what, ap);
	va_end(ap);
	e->code = (unsigned long)code;
	put(e->name, sizeof e->name, strerrorname_np(code));
	return rc;
}

enum rc err_hint(struct err *e, const char *hint)
{
	put(e->hint, sizeof e->hint, hint);
	return e->rc;
}

enum rc err_within(struct err *e, const char *where)
{
	char what[sizeof e->what + 102];

	(void)snprintf(what, sizeof what, "%.100s: %s", where, e->what);
	what[sizeof e->what - 1] = '\0';
	strcpy(e->what, what);
	return e->rc;
}

char *err_text(const struct err *e, char *buf, size_t cap)
{
	int named = e->name[0] != '\0';

	(void)snprintf(buf, cap, "%s%s%s%s%s%s%s%s%s%s", e->op,
		       e->op[0] && e->what[0] ? " on " : "", e->what,
		       e->op[0] || e->what[0] ? ": " : "",
		       e->why[0] ? e->why : rc_name(e->rc), named ? " (" : "",
		       e->name, named ? ")" : "", e->hint[0] ? "; " : "",
		       e->hint);
	return text_flatten(buf);
}

int err_exit_code(enum rc rc)
{
	return rc < RC_COUNT ? categories[rc].exit_code : 1;
}

const char *rc_name(enum rc rc)
{
	return rc < RC_COUNT ? categories[rc].name : "error";
}

enum rc rc_from_name(const char *name)
{
	for (size_t i = 0; name && i < COUNT_OF(categories); i++)
		if (!strcmp(categories[i].name, name))
			return (enum rc)i;
	return RC_ERROR;
}
