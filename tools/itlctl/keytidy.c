/* key incomplete, key tidy: what the token has that is no key. */
#include "base/hex.h"
#include "base/num.h"
#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "itlctl/halves.h"
#include <string.h>

#define ID_HEX (2 * sizeof((struct keyd_half *)NULL)->id + 1)

struct halves {
	struct keyd_half *p;
	struct half_past *past;
	size_t n;
	struct err log; /* why the audit log does not tell all; rc RC_OK: it does */
};

static void halves_clear_at(struct halves *h)
{
	free(h->p);
	free(h->past);
}

static enum rc get(struct ctl *c, struct halves *out, struct err *e)
{
	if (keyd_incomplete(c->keyd, &out->p, &out->n, e) != RC_OK)
		return e->rc;
	out->past = calloc(out->n + 1, sizeof *out->past);
	if (!out->past)
		return err_errno(e, RC_ERROR, "calloc", NULL, "halves");
	(void)!halves_past(c, out->p, out->n, out->past, &out->log);
	return RC_OK;
}

/* ---- as people and programs read it ---- */

static const struct {
	enum keyd_part part;
	const char *name, *word; /* in JSON; for people */
} parts[] = {
	{KEYD_PART_PRIVATE, "private", "private key"},
	{KEYD_PART_PUBLIC, "public", "public key"},
	{KEYD_PART_CERTIFICATE, "certificate", "certificate"},
};

static char *parts_text(const struct keyd_half *h, char to[64])
{
	to[0] = '\0';
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		if (h->have & parts[i].part) {
			(void)strcat(to, *to ? ", " : "");
			(void)strcat(to, parts[i].word);
		}
	return to;
}

static json_t *half_json(const struct halves *h, size_t i)
{
	const struct keyd_half *k = &h->p[i];
	const struct half_past *past = &h->past[i];
	json_t *has = json_array();
	char hex[ID_HEX];

	for (size_t p = 0; p < COUNT_OF(parts); p++)
		if (k->have & parts[p].part)
			(void)json_array_append_new(has, json_string(parts[p].name));
	return json_pack("{s:s, s:s, s:o, s:s, s:o, s:b, s:o}", "label", k->label,
			 "id", hex_of(bytes_of(k->id, sizeof k->id), hex, sizeof hex),
			 "has", has, "lacks", k->lack, "since",
			 past->since ? json_integer(past->since) : json_null(),
			 "waits", k->waits, "was_key",
			 past->was_key || h->log.rc == RC_OK ? json_boolean(past->was_key)
						      : json_null());
}

static void print_half(FILE *out, const struct halves *h, size_t i)
{
	const struct keyd_half *k = &h->p[i];
	json_auto_t *j = half_json(h, i);
	char hex[ID_HEX], has[64], since[ANSWER_TIME];

	(void)fprintf(out, "%s\n    id:    %s\n    has:   %s\n    lacks: %s\n    since: %s\n",
		      k->label, hex_of(bytes_of(k->id, sizeof k->id), hex, sizeof hex),
		      parts_text(k, has), k->lack,
		      h->past[i].since ? answer_time(j, "since", since) : "unknown");
	if (k->waits)
		(void)fprintf(out, "    It waits for its certificate.\n");
	if (h->past[i].was_key)
		(void)fprintf(out, "    It was a complete key once: look for its lost part before it is removed.\n");
	else if (h->log.rc != RC_OK)
		(void)fprintf(out, "    It may have been a complete key once: the audit log does not tell.\n");
}

enum rc key_incomplete(struct ctl *c, struct err *e)
{
	struct halves CLEANUP(halves_clear) h = {0};
	json_auto_t *list = json_array();
	char text[512];

	if (get(c, &h, e) != RC_OK)
		return e->rc;
	if (h.n && h.log.rc != RC_OK)
		(void)fprintf(ctl_words(c), "Warning: %s\n",
			      err_text(&h.log, text, sizeof text));
	for (size_t i = 0; c->json && i < h.n; i++)
		(void)json_array_append_new(list, half_json(&h, i));
	if (c->json)
		return ctl_result(c, json_pack("{s:O}", "incomplete", list), e);
	if (!h.n)
		(void)fprintf(c->out, "Nothing is incomplete.\n");
	for (size_t i = 0; i < h.n; i++)
		print_half(c->out, &h, i);
	return RC_OK;
}

/* ---- removing ---- */

/* By label or the begin of the id; all without an argument. */
static bool is_meant(const struct ctl *c, const struct keyd_half *h)
{
	const char *word = c->nargs ? c->args[0] : NULL;
	char hex[ID_HEX];

	hex_of(bytes_of(h->id, sizeof h->id), hex, sizeof hex);
	return !word || !strcmp(word, h->label) ||
	       (strlen(word) >= 8 && !strncmp(word, hex, strlen(word)));
}

#define WAITS "waits for its certificate"

/* NULL: it may be removed. */
static const char *keep_why(const struct ctl *c, const struct halves *h, size_t i)
{
	/* Given up only where it is meant: by name. */
	if (h->p[i].waits && !(c->nargs && c->opt.value[OPT_FORCE]))
		return WAITS;
	if (h->past[i].was_key && !c->opt.value[OPT_FORCE])
		return "was a complete key once";
	return NULL;
}

/* Asked for each; the password once, before the first. */
static enum rc remove_one(struct ctl *c, const struct halves *h, size_t i,
			  struct secret **password, json_t *removed, struct err *e)
{
	const struct keyd_half *k = &h->p[i];
	char has[64], prompt[200];
	bool yes;

	(void)snprintf(prompt, sizeof prompt, "Remove %s (%s) for good [y/n]?",
		       k->label, parts_text(k, has));
	if (ask_yes(prompt, c->opt.value[OPT_YES] != NULL, &yes, e) != RC_OK)
		return e->rc;
	if (!yes)
		return RC_OK;
	if (!*password && ctl_password(c, password, e) != RC_OK)
		return e->rc;
	const struct keyd_passwords pw = {.admin = *password};

	if (keyd_tidy(c->keyd, &pw, k->id, k->waits, e) != RC_OK)
		return e->rc;
	(void)json_array_append_new(removed, half_json(h, i));
	if (!c->json)
		(void)fprintf(c->out, "Removed: %s (%s)\n", k->label, has);
	return RC_OK;
}

/* One that was named must be there, and may have to stay. */
static enum rc named(struct ctl *c, const struct halves *h, struct err *e)
{
	const char *why = NULL;
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		if (is_meant(c, &h->p[i])) {
			n++;
			why = keep_why(c, h, i);
		}
	if (!n)
		return err_set(e, RC_NOTFOUND, "key tidy",
			       "the token has nothing incomplete of this label or id",
			       "itlctl key incomplete lists what there is", "%s",
			       c->args[0]);
	if (n == 1 && why)
		return err_set(e, RC_REFUSED, "key tidy", why,
			       !strcmp(why, WAITS)
				       ? "itlctl set cert import brings it; --force gives the request up"
				       : "a lost certificate may be in a list that a node serves, or in a backup of the token; --force removes what was a key",
			       "%s", c->args[0]);
	return RC_OK;
}

/* Without the log, what was a key cannot be told from what never was. */
static enum rc read_past(const struct ctl *c, const struct halves *h, struct err *e)
{
	char text[512];

	if (!h->n || h->log.rc == RC_OK || c->opt.value[OPT_FORCE])
		return RC_OK;
	return err_set(e, RC_REFUSED, "key tidy",
		       "nobody but the audit log can tell what was a complete key once",
		       "itlctl audit verify looks at the log; --force removes what may have been a key",
		       "%s", err_text(&h->log, text, sizeof text));
}

enum rc key_tidy(struct ctl *c, struct err *e)
{
	struct halves CLEANUP(halves_clear) h = {0};
	struct secret CLEANUP(secret_free) *password = NULL;
	json_auto_t *removed = json_array();

	if (get(c, &h, e) != RC_OK || read_past(c, &h, e) != RC_OK ||
	    (c->nargs && named(c, &h, e) != RC_OK))
		return e->rc;
	for (size_t i = 0; i < h.n; i++) {
		const char *why = keep_why(c, &h, i);

		if (!is_meant(c, &h.p[i]))
			continue;
		if (why)
			(void)fprintf(ctl_words(c), "Kept: %s: %s\n", h.p[i].label, why);
		else if (remove_one(c, &h, i, &password, removed, e) != RC_OK)
			return e->rc;
	}
	if (c->json)
		return ctl_result(c, json_pack("{s:O}", "removed", removed), e);
	if (!h.n)
		(void)fprintf(c->out, "Nothing is incomplete.\n");
	return RC_OK;
}
