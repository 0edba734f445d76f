/*
 * The one error value.
 *
 * It owns its text, so that it can cross a socket and outlive the object that
 * it names. Callers branch on `rc` and nothing else; the text is for the
 * operator and never holds a secret.
 *
 *   OP on WHAT: WHY (NAME); HINT
 *   C_Login on token "prod-a": the PIN is locked (CKR_PIN_LOCKED); the security officer must reset the user PIN
 *
 * Library code fills it and never logs. Outputs stay untouched on failure.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/cleanup.h"
#include <stddef.h>

enum rc {
	RC_OK = 0,
	RC_ERROR,    /* anything that is none of the below; exit code 1 */
	RC_USAGE,    /* a command or a configuration that cannot be understood; 2 */
	RC_REFUSED,  /* refused by policy, ticket, password, or role; 3 */
	RC_TOKEN,    /* the token is not available or did not do it; 4 */
	RC_VERIFY,   /* a signature, list, or proof does not verify; 5 */
	RC_NOTFOUND, /* no such key, file, node, object; 1 */
	RC_BUSY,     /* another operation runs; 1 */
	RC_STALE,    /* a handle, session, or connection is gone: once more; 4 */
	RC_PIN,      /* the token refused the PIN; nothing may send it again; 4 */
	RC_COUNT
};

struct err {
	enum rc rc;
	unsigned long code; /* CK_RV or errno as given; 0 if none */
	char name[40];      /* "CKR_PIN_LOCKED", "ENOSPC", or "" */
	char op[48];        /* "C_Login", "open", "reset" */
	char what[192];     /* the object: path with line, label, offset, node */
	char why[256];      /* what is wrong */
	char hint[256];     /* the operator's next step, or "" */
};

/*
 * Fill *e and return rc. `what` is a printf format; op, why, hint may be NULL.
 * Too long a text is cut. Never fails.
 */
enum rc err_set(struct err *e, enum rc rc, const char *op, const char *why,
		const char *hint, const char *what, ...)
	__attribute__((format(printf, 6, 7)));

/* The same, with why, name and code from errno. */
enum rc err_errno(struct err *e, enum rc rc, const char *op, const char *hint,
		  const char *what, ...) __attribute__((format(printf, 5, 6)));

/* Replace the next step of an error that a deeper layer made. Returns e->rc. */
enum rc err_hint(struct err *e, const char *hint);

/* Say where it was, before the object: "WHERE: WHAT". Returns e->rc. */
enum rc err_within(struct err *e, const char *where);

/* The whole as one line, for a terminal or a log: cut to cap (1 or more), and
 * flattened (base/text.h), for a server's words may stand in it. Returns buf. */
char *err_text(const struct err *e, char *buf, size_t cap);

/* What a program exits with: 0 to 5 (see enum rc). */
int err_exit_code(enum rc rc);

/* "refused", "token", ...: the category as JSON and logs spell it; and back
 * (RC_ERROR for a word that is none). */
const char *rc_name(enum rc rc);
enum rc rc_from_name(const char *name);

#endif
