#include "base/confedit.h"
#include "base/conf.h"
#include "base/num.h"
#include "confedit.h"
#include <ini.h>
#include <stdbool.h>
#include <string.h>

#define BOM "\xef\xbb\xbf" /* inih skips it */

/* ---- reading: inih says which line says what ---- */

struct scan {
	struct confedit *c;
	size_t at; /* of the line that inih has now, plus one */
	struct err *e;
	bool failed;
};

static enum rc refuse(const struct confedit *c, size_t at, const char *why,
		      const char *object, struct err *e)
{
	size_t line = 0;

	for (size_t i = 0; i <= at && i < c->n; i++)
		line += c->lines[i].state != LINE_REMOVED;
	return err_set(e, RC_USAGE, "edit", why, "change this file by hand",
		       "%s:%zu: %s", c->path, line, object);
}

static char *next_line(char *buf, int cap, void *arg)
{
	struct scan *s = arg;
	struct confedit *c = s->c;

	while (s->at < c->n && c->lines[s->at].state == LINE_REMOVED)
		s->at++;
	if (s->at == c->n || s->failed)
		return NULL;
	if (strcspn(c->lines[s->at].text, "\n") > CONF_LINE_MAX ||
	    strlen(c->lines[s->at].text) >= num_size(cap)) {
		s->failed = refuse(c, s->at, "the line is too long", "this line",
				   s->e) != RC_OK;
		return NULL;
	}
	return strcpy(buf, c->lines[s->at++].text);
}

static int on_key(void *arg, const char *section, const char *key,
		  const char *value)
{
	struct scan *s = arg;
	struct line *l = &s->c->lines[s->at - 1];

	l->section = strdup(section);
	l->key = strdup(key);
	l->value = strdup(value);
	if (l->section && l->key && l->value)
		return 1;
	s->failed = err_errno(s->e, RC_ERROR, "strdup", NULL, "%s", key) != RC_OK;
	return 0;
}

static void forget(struct line *l)
{
	free(l->section);
	free(l->key);
	free(l->value);
	l->section = l->key = l->value = NULL;
}

/* What inih took for "[NAME]": it gives no key for it. */
static enum rc find_header(struct confedit *c, size_t at, struct err *e)
{
	struct line *l = &c->lines[at];
	const char *p = l->text, *end;

	if (at == 0 && !strncmp(p, BOM, strlen(BOM)))
		p += strlen(BOM);
	p += strspn(p, " \t");
	end = strchr(p, ']');
	if (l->state == LINE_REMOVED || l->key || *p != '[' || !end)
		return RC_OK;
	l->section = strndup(p + 1, num_size(end - p) - 1);
	return l->section ? RC_OK
			  : err_errno(e, RC_ERROR, "strndup", NULL, "%s", c->path);
}

/* Every line's section, key and value anew. */
static enum rc scan(struct confedit *c, struct err *e)
{
	struct scan s = {.c = c, .e = e};
	int bad;

	for (size_t i = 0; i < c->n; i++)
		forget(&c->lines[i]);
	bad = ini_parse_stream(next_line, &s, on_key, &s);
	if (s.failed)
		return e->rc;
	if (bad)
		return err_set(e, RC_USAGE, "edit",
			       "neither [section] nor key = value",
			       "correct the file first", "%s:%d: this line",
			       c->path, bad);
	for (size_t i = 0; i < c->n; i++)
		if (find_header(c, i, e) != RC_OK)
			return e->rc;
	return RC_OK;
}

/* ---- lines ---- */

/* Takes the text over. */
static enum rc insert(struct confedit *c, size_t at, char *text, struct err *e)
{
	size_t cap = c->n < c->cap ? c->cap : 2 * c->n + 16;
	struct line *more = text && cap > c->cap
				    ? reallocarray(c->lines, cap, sizeof *more)
				    : c->lines;

	if (!text || !more) {
		free(text);
		return err_errno(e, RC_ERROR, "realloc", NULL, "%s", c->path);
	}
	c->lines = more;
	c->cap = cap;
	memmove(more + at + 1, more + at, (c->n - at) * sizeof *more);
	more[at] = (struct line){.text = text, .state = LINE_ADDED};
	c->n++;
	return RC_OK;
}

/* A line that came with this edit goes without a trace. */
static void take_out(struct confedit *c, size_t at)
{
	struct line *l = &c->lines[at];

	if (l->state == LINE_KEPT) {
		l->state = LINE_REMOVED;
		return;
	}
	if (l->state == LINE_REMOVED)
		return;
	forget(l);
	free(l->text);
	memmove(l, l + 1, (c->n - at - 1) * sizeof *l);
	c->n--;
}

/* The new text stands where the old one did. Takes it over. */
static enum rc replace(struct confedit *c, size_t at, char *text, struct err *e)
{
	if (insert(c, at + 1, text, e) != RC_OK)
		return e->rc;
	take_out(c, at);
	return RC_OK;
}

/* As the file's first line ends. */
static const char *line_end(const struct confedit *c)
{
	size_t n = c->n ? strlen(c->lines[0].text) : 0;

	return n > 1 && !strcmp(c->lines[0].text + n - 2, "\r\n") ? "\r\n" : "\n";
}

static char *join(const char *a, const char *b, const char *c, const char *d)
{
	char *text;

	return asprintf(&text, "%s%s%s%s", a, b, c, d) < 0 ? NULL : text;
}

/* The last line of a file may lack its end. */
static enum rc end_line(struct confedit *c, size_t at, struct err *e)
{
	if (strchr(c->lines[at].text, '\n'))
		return RC_OK;
	return replace(c, at, join(c->lines[at].text, line_end(c), "", ""), e);
}

/* ---- the whole ---- */

enum rc confedit_open(const char *path, struct bytes text, struct confedit **out,
		      struct err *e)
{
	struct confedit CLEANUP(confedit_free) *c = calloc(1, sizeof *c);
	const char *p = (const char *)text.p, *end = p + text.n;

	if (!c || !(c->path = strdup(path)))
		return err_errno(e, RC_ERROR, "calloc", NULL, "%s", path);
	if (text.n && memchr(text.p, 0, text.n))
		return err_set(e, RC_USAGE, "edit", "a NUL stands in it",
			       "correct the file first", "%s", path);
	while (p < end) {
		const char *stop = memchr(p, '\n', num_size(end - p));
		size_t n = num_size((stop ? stop + 1 : end) - p);

		if (insert(c, c->n, strndup(p, n), e) != RC_OK)
			return e->rc;
		c->lines[c->n - 1].state = LINE_KEPT;
		p += n;
	}
	if (scan(c, e) != RC_OK)
		return e->rc;
	*out = c;
	c = NULL;
	return RC_OK;
}

void confedit_free(struct confedit *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		forget(&c->lines[i]);
		free(c->lines[i].text);
	}
	free(c->lines);
	free(c->path);
	free(c);
}

enum rc confedit_text(const struct confedit *c, char **out, size_t *n,
		      struct err *e)
{
	size_t size = 1, at = 0;
	char *text;

	for (size_t i = 0; i < c->n; i++)
		size += strlen(c->lines[i].text);
	text = calloc(1, size);
	if (!text)
		return err_errno(e, RC_ERROR, "calloc", NULL, "%s", c->path);
	for (size_t i = 0; i < c->n; i++)
		if (c->lines[i].state != LINE_REMOVED) {
			strcpy(text + at, c->lines[i].text);
			at += strlen(c->lines[i].text);
		}
	*out = text;
	*n = at;
	return RC_OK;
}

bool confedit_changed(const struct confedit *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->lines[i].state != LINE_KEPT)
			return true;
	return false;
}

/* ---- finding ---- */

static bool is_of(const struct line *l, const char *section)
{
	return l->state != LINE_REMOVED && l->section &&
	       !strcmp(l->section, section);
}

static bool is_key(const struct line *l, const char *section, const char *key)
{
	return is_of(l, section) && l->key && !strcmp(l->key, key);
}

/* The first such line from `from` on; c->n if there is none. */
static size_t find_key(const struct confedit *c, size_t from,
		       const char *section, const char *key)
{
	while (from < c->n && !is_key(&c->lines[from], section, key))
		from++;
	return from;
}

static bool is_header(const struct line *l)
{
	return l->state != LINE_REMOVED && l->section && !l->key;
}

static size_t find_header_of(const struct confedit *c, size_t from,
			     const char *section)
{
	while (from < c->n && !(is_header(&c->lines[from]) &&
				is_of(&c->lines[from], section)))
		from++;
	return from;
}

const char *confedit_get(const struct confedit *c, const char *section,
			 const char *key)
{
	size_t at = find_key(c, 0, section, key);

	return at < c->n ? c->lines[at].value : NULL;
}

bool confedit_has_section(const struct confedit *c, const char *section)
{
	return find_header_of(c, 0, section) < c->n;
}

static bool is_blank(const struct line *l)
{
	return l->text[strspn(l->text, " \t\r\n")] == '\0';
}

static bool is_comment(const struct line *l)
{
	const char *p = l->text + strspn(l->text, " \t");

	return *p == ';' || *p == '#';
}

/* The next line that is there, before or behind; c->n if there is none. */
static size_t before(const struct confedit *c, size_t at)
{
	while (at-- > 0)
		if (c->lines[at].state != LINE_REMOVED)
			return at;
	return c->n;
}

static size_t behind(const struct confedit *c, size_t at)
{
	for (at++; at < c->n && c->lines[at].state == LINE_REMOVED;)
		at++;
	return at;
}

/* ---- what must not change ---- */

/* All that the file says, but for this key (NULL: this section). */
static char *all_but(const struct confedit *c, const char *section,
		     const char *key)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	for (size_t i = 0; f && i < c->n; i++) {
		const struct line *l = &c->lines[i];

		if (l->state != LINE_REMOVED && l->key &&
		    !(is_of(l, section) && (!key || !strcmp(l->key, key))))
			(void)fprintf(f, "[%s]%s=%s\n", l->section, l->key, l->value);
	}
	if (f && fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

/* Read again: does all else say what `rest` says? `at`: where it was changed. */
static enum rc settle(struct confedit *c, const char *section, const char *key,
		      const char *rest, size_t at, struct err *e)
{
	char CLEANUP_FREE *now = NULL;

	if (scan(c, e) != RC_OK)
		return e->rc;
	now = all_but(c, section, key);
	if (!now || !rest || strcmp(now, rest) != 0)
		return refuse(c, at, "another line would change its meaning",
			      key ? key : section, e);
	return RC_OK;
}

/* ---- changes ---- */

/* Of a key or a section. */
static enum rc check_name(const struct confedit *c, const char *name, struct err *e)
{
	size_t n = strlen(name);
	bool bad = n == 0 || n > CONF_LINE_MAX / 2 || name[0] == ' ' ||
		   name[n - 1] == ' ' || strpbrk(name, "[]=:;#");

	for (const char *p = name; *p; p++)
		bad = bad || (unsigned char)*p < ' ' || *p == 0x7f;
	if (!bad)
		return RC_OK;
	return err_set(e, RC_USAGE, "edit", "is no name of a key or a section", NULL,
		       "%s: %.80s", c->path, name);
}

static enum rc check_value(const struct confedit *c, const char *key,
			   const char *value, struct err *e)
{
	size_t n = strlen(value);
	const char *why = NULL;

	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			why = "a control character stands in it";
		else if (*p == ';' && (p == value || p[-1] == ' '))
			why = "a ';' behind a blank begins a comment";
	if (n == 0)
		why = "it is empty";
	else if (value[0] == ' ' || value[n - 1] == ' ')
		why = "a blank stands at its begin or end";
	else if (n + strlen(key) + strlen(" = ") > CONF_LINE_MAX)
		why = "it is too long for a line";
	if (!why)
		return RC_OK;
	return err_set(e, RC_USAGE, "edit", why, "give another value",
		       "%s: %s = %.80s", c->path, key, value);
}

/* The line with another value: what stands before it, and a comment behind it,
 * stay. NULL if it does not look as inih read it. */
static char *with_value(const struct line *l, const char *value)
{
	size_t n = strcspn(l->text, "=:"), old = strlen(l->value);
	const char *blank = "";
	char *text;

	if (!l->text[n])
		return NULL;
	n++;
	if (strspn(l->text + n, " \t\r\n") == strlen(l->text + n))
		blank = " ";
	n += strspn(l->text + n, " \t");
	if (strncmp(l->text + n, l->value, old) != 0)
		return NULL;
	if (asprintf(&text, "%.*s%s%s%s", num_int(n), l->text, blank, value,
		     l->text + n + old) < 0)
		return NULL;
	return text;
}

static enum rc add_key(struct confedit *c, const char *section, const char *key,
		       const char *value, size_t *at, struct err *e)
{
	size_t last = find_header_of(c, 0, section);

	if (last == c->n)
		return err_set(e, RC_NOTFOUND, "edit", "no such section", NULL,
			       "%s: [%s]", c->path, section);
	for (size_t i = last; i < c->n; i++)
		if (is_of(&c->lines[i], section))
			last = i;
	*at = last + 1;
	if (end_line(c, last, e) != RC_OK)
		return e->rc;
	if (c->lines[last].state == LINE_REMOVED) /* its end was added behind it */
		++*at;
	return insert(c, *at, join(key, " = ", value, line_end(c)), e);
}

static enum rc change_key(struct confedit *c, size_t at, const char *value,
			  struct err *e)
{
	char *text = with_value(&c->lines[at], value);

	if (!text)
		return refuse(c, at, "the line is written in an unusual way",
			      c->lines[at].key, e);
	return replace(c, at, text, e);
}

enum rc confedit_set(struct confedit *c, const char *section, const char *key,
		     const char *value, struct err *e)
{
	char CLEANUP_FREE *rest = all_but(c, section, key);
	size_t at = find_key(c, 0, section, key), twice;
	const char *now;
	enum rc rc = RC_OK;

	twice = at < c->n ? find_key(c, at + 1, section, key) : c->n;
	if (check_name(c, key, e) != RC_OK)
		return e->rc;
	if (value && check_value(c, key, value, e) != RC_OK)
		return e->rc;
	if (twice < c->n)
		return refuse(c, twice, "the key stands twice", key, e);
	if (at < c->n && value && !strcmp(c->lines[at].value, value))
		return RC_OK;
	if (at == c->n && value)
		rc = add_key(c, section, key, value, &at, e);
	else if (value)
		rc = change_key(c, at, value, e);
	else if (at < c->n)
		take_out(c, at);
	if (rc != RC_OK || settle(c, section, key, rest, at, e) != RC_OK)
		return e->rc;
	at = find_key(c, 0, section, key);
	/* An indented line behind it would go on with it. */
	if (at < c->n && find_key(c, at + 1, section, key) < c->n)
		return refuse(c, at, "another line would change its meaning", key, e);
	now = confedit_get(c, section, key);
	if (value ? !now || strcmp(now, value) != 0 : now != NULL)
		return refuse(c, at, "the line would not be read back as it was meant",
			      key, e);
	return RC_OK;
}

enum rc confedit_add_section(struct confedit *c, const char *section,
			     struct err *e)
{
	char CLEANUP_FREE *rest = all_but(c, section, NULL);
	size_t last = before(c, c->n);

	if (check_name(c, section, e) != RC_OK)
		return e->rc;
	if (confedit_has_section(c, section))
		return refuse(c, find_header_of(c, 0, section),
			      "the section is there already", section, e);
	if (last < c->n && end_line(c, last, e) != RC_OK)
		return e->rc;
	last = before(c, c->n);
	if (last < c->n && !is_blank(&c->lines[last]) &&
	    insert(c, c->n, strdup(line_end(c)), e) != RC_OK)
		return e->rc;
	if (insert(c, c->n, join("[", section, "]", line_end(c)), e) != RC_OK)
		return e->rc;
	return settle(c, section, NULL, rest, c->n - 1, e);
}

/* ---- removing a section ---- */

static size_t with_comments_above(const struct confedit *c, size_t header)
{
	size_t first = header, at = before(c, header);

	for (; at < c->n && is_comment(&c->lines[at]); at = before(c, at))
		first = at;
	return at == c->n || is_blank(&c->lines[at]) ? first : header;
}

enum rc confedit_remove_section(struct confedit *c, const char *section,
				struct err *e)
{
	char CLEANUP_FREE *rest = all_but(c, section, NULL);
	size_t header = find_header_of(c, 0, section), first, last, twice, next;

	if (header == c->n)
		return err_set(e, RC_NOTFOUND, "edit", "no such section", NULL,
			       "%s: [%s]", c->path, section);
	twice = find_header_of(c, header + 1, section);
	if (twice < c->n)
		return refuse(c, twice, "the section is opened twice", section, e);
	first = with_comments_above(c, header);
	last = header;
	for (size_t i = header; i < c->n; i++)
		if (is_of(&c->lines[i], section))
			last = i;
	/* One empty line stays between what is left. */
	next = behind(c, last);
	if (next == c->n || is_blank(&c->lines[next]))
		for (size_t at = before(c, first);
		     at < c->n && is_blank(&c->lines[at]); at = before(c, at))
			first = at;
	for (size_t i = last + 1; i-- > first;)
		take_out(c, i);
	return settle(c, section, NULL, rest, first, e);
}
