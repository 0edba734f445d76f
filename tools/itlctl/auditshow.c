/* audit show, audit export. */
#include "base/num.h"
#include "base/text.h"
#include "itlctl/auditlog.h"
#include "itlctl/commands.h"
#include <string.h>
#include <time.h>

#define LAST_DEFAULT 20u
#define LAST_MAX 1000000u

struct filter {
	uint64_t entry; /* from this one on, if not 0 */
	int64_t time;   /* from then on, if not 0 */
	const char *event, *key; /* NULL: any */
};

/* ---- since ---- */

static bool all_digits(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n < 19 && strspn(text, "0123456789") == n;
}

static enum rc since_read(const char *text, struct filter *f, struct err *e)
{
	static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M",
					    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
					    "%Y-%m-%dT%H:%M:%S"};

	if (!text)
		return RC_OK;
	if (all_digits(text)) {
		f->entry = strtoull(text, NULL, 10);
		return RC_OK;
	}
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(text, forms[i], &tm);

		if (!end || *end)
			continue;
		f->time = (int64_t)mktime(&tm);
		return RC_OK;
	}
	return err_set(e, RC_USAGE, NULL, "is no date, time, or number of an entry",
		       "2026-03-01, \"2026-03-01 14:30\", or 1204", "--since %.60s",
		       text);
}

static enum rc filter_of(const struct ctl *c, struct filter *f, struct err *e)
{
	*f = (struct filter){.event = c->opt.value[OPT_EVENT],
			     .key = c->opt.value[OPT_KEY]};
	return since_read(c->opt.value[OPT_SINCE], f, e);
}

static bool begins(const json_t *entry, const char *member, const char *with)
{
	const char *text = json_string_value(json_object_get(entry, member));

	return !with || (text && !strncmp(text, with, strlen(with)));
}

/* False: not an entry, or not one that is wanted. */
static bool fits(const struct filter *f, const json_t *entry)
{
	const json_t *n = json_object_get(entry, "n");
	const json_t *t = json_object_get(entry, "t");

	return json_is_integer(n) && json_integer_value(n) >= 0 &&
	       (uint64_t)json_integer_value(n) >= f->entry &&
	       (!f->time || json_integer_value(t) >= f->time) &&
	       begins(entry, "event", f->event) && begins(entry, "key", f->key);
}

/* ---- show ---- */

struct shown {
	struct ctl *c;
	struct filter filter;
	size_t last;  /* so many are kept until the end; 0: all, at once */
	char **kept;  /* a ring of lines */
	size_t count; /* that fitted */
};

static void print_member(FILE *out, const json_t *entry, const char *member,
			 const char *fmt)
{
	const char *value = json_string_value(json_object_get(entry, member));
	char CLEANUP_FREE *text = value && *value ? strdup(value) : NULL;

	if (text)
		(void)fprintf(out, fmt, text_flatten(text));
}

static void print_line(const struct ctl *c, const char *line)
{
	json_auto_t *entry = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	char when[24];

	if (c->json) {
		(void)fputs(line, c->out);
		return;
	}
	(void)fprintf(c->out, "%lld  %s",
		      (long long)json_integer_value(json_object_get(entry, "n")),
		      auditlog_time(json_integer_value(json_object_get(entry, "t")),
				    when));
	print_member(c->out, entry, "who", "  %s");
	(void)fprintf(c->out, "(%lld)",
		      (long long)json_integer_value(json_object_get(entry, "uid")));
	print_member(c->out, entry, "event", " %s");
	print_member(c->out, entry, "key", " %s");
	print_member(c->out, entry, "rc", ": %s");
	print_member(c->out, entry, "ticket", " ticket=%s");
	print_member(c->out, entry, "detail", " %s");
	print_member(c->out, entry, "digest", " digest=%s");
	(void)fputc('\n', c->out);
}

static void show_line(void *arg, const char *line, size_t n,
		      const struct audit_point *before)
{
	struct shown *s = arg;
	json_auto_t *entry = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	char *copy;

	(void)before;
	if (!fits(&s->filter, entry))
		return;
	copy = strndup(line, n);
	if (!copy)
		return;
	s->count++;
	if (!s->last) {
		print_line(s->c, copy);
		free(copy);
		return;
	}
	free(s->kept[s->count % s->last]);
	s->kept[s->count % s->last] = copy;
}

static void show_kept(struct shown *s)
{
	for (size_t i = 1; i <= s->last; i++) {
		char *line = s->kept[(s->count + i) % s->last];

		if (line)
			print_line(s->c, line);
		free(line);
	}
	free(s->kept);
}

static enum rc last_read(const struct ctl *c, struct shown *s, struct err *e)
{
	const char *text = c->opt.value[OPT_LAST];

	if (text && (!all_digits(text) || strtoull(text, NULL, 10) < 1 ||
		     strtoull(text, NULL, 10) > LAST_MAX))
		return err_set(e, RC_USAGE, NULL, "is no number from 1 to 1000000", NULL,
			       "--last %.40s", text);
	if (text)
		s->last = strtoul(text, NULL, 10);
	else if (!s->filter.event && !s->filter.key && !s->filter.entry &&
		 !s->filter.time)
		s->last = LAST_DEFAULT;
	s->kept = s->last ? calloc(s->last, sizeof *s->kept) : NULL;
	return !s->last || s->kept ? RC_OK
				   : err_errno(e, RC_ERROR, "calloc", NULL, "--last");
}

/* Nothing to compare with: the chain alone. */
static enum rc read_with(const struct auditlog_reader *with, struct ctl *c,
			 struct err *e)
{
	struct audit_files CLEANUP(audit_files_clear) files;
	struct audit_wanted nothing = {0};
	struct audit_verifier CLEANUP(audit_verifier_free) *v = NULL;
	struct auditlog_reader r = *with;

	if (auditlog_find(c, &files, e) != RC_OK)
		return e->rc;
	v = audit_verifier_new(&nothing);
	if (!v)
		return err_errno(e, RC_ERROR, "calloc", NULL, "the audit log");
	r.verifier = v;
	return auditlog_read(&r, &files, e);
}

enum rc audit_show(struct ctl *c, struct err *e)
{
	struct shown s = {.c = c};
	struct auditlog_reader r = {.line = show_line, .arg = &s, .go_on = true};
	enum rc rc;

	if (filter_of(c, &s.filter, e) != RC_OK || last_read(c, &s, e) != RC_OK)
		return e->rc;
	rc = read_with(&r, c, e);
	show_kept(&s);
	return rc;
}

/* ---- export ---- */

struct exported {
	struct ctl *c;
	struct filter filter;
	bool begun;
};

/* From the first that is wanted on, all: what is left out in between would break
 * the chain. Before it, where the chain was. */
static void export_line(void *arg, const char *line, size_t n,
			const struct audit_point *before)
{
	struct exported *x = arg;

	if (!x->begun) {
		json_auto_t *entry = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
		struct audit_chain at = {.next = before->entry + 1};
		char begin[AUDIT_LINE_MAX];

		if (!fits(&x->filter, entry))
			return;
		memcpy(at.head, before->head, sizeof at.head);
		if (before->entry)
			(void)fwrite(begin, 1, audit_format_continues(&at, begin),
				     x->c->out);
		x->begun = true;
	}
	(void)fwrite(line, 1, n, x->c->out);
}

enum rc audit_export(struct ctl *c, struct err *e)
{
	struct exported x = {.c = c};
	struct auditlog_reader r = {.line = export_line, .arg = &x};
	enum rc rc;

	if (filter_of(c, &x.filter, e) != RC_OK)
		return e->rc;
	rc = read_with(&r, c, e);
	if (rc == RC_OK && (fflush(c->out) != 0 || ferror(c->out)))
		return err_errno(e, RC_ERROR, "write", NULL, "the export");
	return rc;
}
