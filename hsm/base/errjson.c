#include "base/errjson.h"
#include "base/text.h"
#include <stdio.h>

static json_t *words(const char *s)
{
	char t[sizeof((struct err *)0)->why + 1];
	json_t *j;

	(void)snprintf(t, sizeof t, "%s", s);
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
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:o}", "rc",
			 rc_name(e->rc), "op", words(e->op), "what",
			 words(e->what), "why", words(e->why), "name",
			 words(e->name), "code", (json_int_t)e->code, "hint",
			 words(e->hint));
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
