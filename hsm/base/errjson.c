#include "base/errjson.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

/* Where a character begins that the end cuts off; else n. (RFC 3629) */
static size_t whole_characters(const char *s, size_t n)
{
	for (size_t back = 1; back <= 3 && back <= n; back++) {
		const unsigned char b = (unsigned char)s[n - back];
		const size_t want = b >= 0xf8 ? 1 /* begins none */
				    : b >= 0xf0 ? 4
				    : b >= 0xe0 ? 3
				    : b >= 0xc0 ? 2
						: 1;

		if ((b & 0xc0) != 0x80)
			return want > back ? n - back : n;
	}
	return n;
}

json_t *json_words(const char *s)
{
	char CLEANUP_FREE *t = strdup(s);
	json_t *j;

	if (!t)
		return NULL;
	t[whole_characters(t, strlen(t))] = '\0';
	j = json_string(text_flatten(t));
	if (j)
		return j;
	for (char *c = t; *c; c++)
		if ((unsigned char)*c > '~')
			*c = '?';
	return json_string(t);
}

json_t *err_json(const struct err *e)
{
	if (e->rc == RC_OK)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:o}", "rc",
			 rc_name(e->rc), "op", json_words(e->op), "what",
			 json_words(e->what), "why", json_words(e->why), "name",
			 json_words(e->name), "code", (json_int_t)e->code, "hint",
			 json_words(e->hint));
}

enum rc err_from_json(json_t *j, struct err *e)
{
	const char *rc, *op, *what, *why, *name, *hint;
	json_int_t code;
	enum rc known;

	if (json_unpack(j, "{s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "rc", &rc,
			"op", &op, "what", &what, "why", &why, "name", &name,
			"code", &code, "hint", &hint) != 0)
		return err_set(e, RC_ERROR, "read answer",
			       "the answer is neither a result nor an error",
			       "are both programs of one version?", "an answer");
	known = rc_from_name(rc);
	/* An error is never a success, whatever it says. */
	err_set(e, known == RC_OK ? RC_ERROR : known, op, why, hint, "%s", what);
	e->code = (unsigned long)code;
	(void)snprintf(e->name, sizeof e->name, "%s", name);
	return e->rc;
}
