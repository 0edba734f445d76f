#include "itlctl/halves.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "itlctl/answer.h"
#include "itlctl/auditlog.h"
#include <stdlib.h>
#include <string.h>

/* "id=HEX" in an entry's detail. */
static bool has_id(const json_t *entry, const struct keyd_half *h)
{
	char word[3 + 2 * sizeof h->id + 1] = "id=";

	hex_of(bytes_of(h->id, sizeof h->id), word + 3, sizeof word - 3);
	return strstr(answer_text(entry, "detail"), word) != NULL;
}

static bool is_one_of(const char *event, const char *a, const char *b)
{
	return !strcmp(event, a) || !strcmp(event, b);
}

/* Of the ids that one label had, the last one before its success is the key's. */
static void take(const json_t *entry, const struct keyd_half *h, bool *last,
		 struct half_past *past)
{
	const char *event = answer_text(entry, "event");

	if (strcmp(answer_text(entry, "key"), h->label) != 0)
		return;
	if (is_one_of(event, "generate-begin", "import-begin")) {
		*last = has_id(entry, h);
		if (*last)
			past->since = answer_int(entry, "t");
	} else if ((is_one_of(event, "generate", "import") ||
		    !strcmp(event, "cert-import")) && *last &&
		   !strcmp(answer_text(entry, "rc"), "ok")) {
		past->was_key = true;
	}
}

struct search {
	const struct keyd_half *halves;
	size_t n;
	bool *last;
	struct half_past *past;
};

static bool has_text(const char *line, size_t n, const char *text)
{
	return memmem(line, n, text, strlen(text)) != NULL;
}

static void read_line(void *arg, const char *line, size_t n,
		      const struct audit_point *before)
{
	struct search *s = arg;
	json_auto_t *entry = NULL;

	(void)before;
	/* A log has millions of lines; few are of keys that are made. */
	if (!has_text(line, n, "\"event\":\"generate") &&
	    !has_text(line, n, "\"event\":\"import") &&
	    !strstr(line, "\"event\":\"cert-import"))
		return;
	entry = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	for (size_t i = 0; entry && i < s->n; i++)
		take(entry, &s->halves[i], &s->last[i], &s->past[i]);
}

enum rc halves_past(struct ctl *c, const struct keyd_half *halves, size_t n,
		    struct half_past *out, struct err *e)
{
	struct audit_files CLEANUP(audit_files_clear) files = {0};
	const struct audit_wanted nothing = {0};
	struct audit_verifier CLEANUP(audit_verifier_free) *v =
		audit_verifier_new(&nothing);
	bool CLEANUP_FREE *last = calloc(n + 1, sizeof *last);
	struct search s = {halves, n, last, out};
	struct auditlog_reader r = {v, read_line, &s, .go_on = true};

	memset(out, 0, n * sizeof *out);
	if (!v || !last)
		return err_errno(e, RC_ERROR, "calloc", NULL, "the audit log");
	if (auditlog_find_own(c, &files, e) != RC_OK)
		return e->rc;
	return auditlog_read(&r, &files, e);
}
