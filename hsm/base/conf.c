#include "base/conf.h"
#include "base/file.h"
#include "base/num.h"
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SECTIONS 256 /* in one file: a cluster's nodes and a few more */
#define MAX_ROWS 64      /* in one table: the bits of `seen` */

/* A section as the file opened it. */
struct opened {
	char name[64]; /* "node n1" */
	const struct conf_section *kind;
	void *base;
	uint64_t seen; /* by row */
	int line;
};

struct parse {
	const char *path;
	const struct conf_section *sections;
	void *arg;
	struct err *e;
	struct bytes rest; /* behind the line that inih has now */
	int line;
	bool failed;
	size_t n;
	struct opened open[MAX_SECTIONS];
};

static int fail(struct parse *p, const char *why, const char *object)
{
	if (!p->failed)
		err_set(p->e, RC_USAGE, "configuration", why, NULL,
			"%s:%d: %s", p->path, p->line, object);
	p->failed = true;
	return 0;
}

/* Lines for inih, counted; refused where inih would cut them: in two, or at a NUL. */
static char *next_line(char *buf, int cap, void *arg)
{
	struct parse *p = arg;
	const uint8_t *text = p->rest.p, *end;
	size_t n = p->rest.n;

	if (p->failed || n == 0)
		return NULL;
	end = memchr(text, '\n', n);
	if (end)
		n = num_size(end - text) + 1;
	p->line++;
	if (n - (end != NULL) > CONF_LINE_MAX || n >= num_size(cap)) {
		fail(p, "the line is too long", "this line");
		return NULL;
	}
	if (memchr(text, 0, n)) {
		fail(p, "a NUL stands in it", "this line");
		return NULL;
	}
	memcpy(buf, text, n);
	buf[n] = '\0';
	p->rest = bytes_of(text + n, p->rest.n - n);
	return buf;
}

static bool set_text(char **at, const char *value)
{
	free(*at);
	*at = strdup(value);
	return *at != NULL;
}

/* NULL, or what is wrong with the value. */
static const char *set_value(const struct conf_row *row, void *base,
			     const char *value)
{
	void *at = (char *)base + row->at;
	char *end;
	unsigned long v;

	switch (row->type) {
	case CONF_PATH:
		if (value[0] && value[0] != '/')
			return "must be an absolute path";
		/* fallthrough */
	case CONF_TEXT:
		if (!value[0]) /* "restart =" is no command */
			return row->def && !row->def[0] ? NULL : "the value is missing";
		return set_text(at, value) ? NULL : "out of memory";
	case CONF_UINT:
		errno = 0;
		v = strtoul(value, &end, 10);
		if (!*value || *end || errno || value[0] == '-' ||
		    v < row->min || v > row->max)
			return "the number is out of range";
		*(unsigned *)at = (unsigned)v;
		return NULL;
	case CONF_BOOL:
		if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
			return "must be yes or no";
		*(bool *)at = value[0] == 'y';
		return NULL;
	case CONF_ENUM:
		for (unsigned i = 0; row->names[i]; i++)
			if (!strcmp(row->names[i], value)) {
				*(unsigned *)at = i;
				return NULL;
			}
		return "is none of the values that are known";
	}
	return "unknown type";
}

static const char *const bad_default = "has a default that is none";

/* NULL, or the row whose default cannot be set. */
static const struct conf_row *set_defaults(const struct conf_row *rows,
					   void *base)
{
	for (; rows->key; rows++)
		if (rows->def && rows->def[0] &&
		    set_value(rows, base, rows->def))
			return rows;
	return NULL;
}

enum rc conf_defaults(const struct conf_row *rows, void *base, struct err *e)
{
	const struct conf_row *row = set_defaults(rows, base);

	if (row)
		return err_set(e, RC_ERROR, "configuration", bad_default, NULL,
			       "%s", row->key);
	return RC_OK;
}

static void *open_kind(struct parse *p, const struct conf_section *kind,
		       const char *id)
{
	if (kind->open)
		return kind->open(p->arg, id, p->e);
	if (!id[0])
		return p->arg;
	err_set(p->e, RC_USAGE, "configuration",
		"the section takes no identifier", NULL, "%s", id);
	return NULL;
}

static struct opened *open_section(struct parse *p, const char *name)
{
	const char *space = strchr(name, ' '), *id = space ? space + 1 : "";
	size_t n = space ? num_size(space - name) : strlen(name);
	const struct conf_row *row;
	struct opened *o;

	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->open[i].name, name))
			return &p->open[i];
	if (p->n == MAX_SECTIONS || strlen(name) >= sizeof p->open->name) {
		fail(p, "too many sections, or too long a name", name);
		return NULL;
	}
	o = &p->open[p->n];
	for (const struct conf_section *s = p->sections; s->name; s++)
		if (strlen(s->name) == n && !strncmp(s->name, name, n) &&
		    !(space && !id[0])) /* "[door ]" is another name than "[door]" */
			o->kind = s;
	if (!o->kind) {
		fail(p, "unknown section", name);
		return NULL;
	}
	o->base = open_kind(p, o->kind, id);
	if (!o->base) {
		char object[sizeof p->e->what];

		(void)snprintf(object, sizeof object, "[%s]", name);
		fail(p, p->e->why, object);
		return NULL;
	}
	(void)snprintf(o->name, sizeof o->name, "%s", name);
	o->line = p->line;
	p->n++;
	row = set_defaults(o->kind->rows, o->base);
	if (row) {
		fail(p, bad_default, row->key);
		return NULL;
	}
	return o;
}

static int on_key(void *arg, const char *section, const char *key,
		  const char *value)
{
	struct parse *p = arg;
	struct opened *o = p->failed ? NULL : open_section(p, section);
	const struct conf_row *rows = o ? o->kind->rows : NULL;

	for (size_t i = 0; rows && rows[i].key; i++) {
		const char *why;

		if (strcmp(rows[i].key, key) != 0)
			continue;
		assert(i < MAX_ROWS);
		if (o->seen & UINT64_C(1) << i)
			return fail(p, "the key stands twice", key);
		o->seen |= UINT64_C(1) << i;
		why = set_value(&rows[i], o->base, value);
		return why ? fail(p, why, key) : 1;
	}
	return fail(p, "unknown key", key);
}

static void find_missing(struct parse *p)
{
	for (size_t i = 0; i < p->n && !p->failed; i++) {
		const struct opened *o = &p->open[i];

		for (size_t k = 0; o->kind->rows[k].key; k++)
			if (!o->kind->rows[k].def &&
			    !(o->seen & UINT64_C(1) << k)) {
				p->line = o->line;
				fail(p, "the key is missing in this section",
				     o->kind->rows[k].key);
			}
	}
}

enum rc conf_parse(const char *path, struct bytes content,
		   const struct conf_section *sections, void *arg, struct err *e)
{
	struct parse *p = calloc(1, sizeof *p);
	int bad;

	if (!p)
		return err_errno(e, RC_ERROR, "calloc", NULL, "%s", path);
	*p = (struct parse){.path = path, .sections = sections, .arg = arg, .e = e,
			    .rest = content};
	bad = ini_parse_stream(next_line, p, on_key, p);
	/* inih goes on after a line that it does not understand: the first error
	 * is the one to show. */
	if (bad > 0 && (!p->failed || bad < p->line)) {
		p->failed = false;
		p->line = bad;
		fail(p, "neither [section] nor key = value",
		     "this line");
	}
	find_missing(p);
	bad = p->failed;
	free(p);
	return bad ? e->rc : RC_OK;
}

enum rc conf_read(const char *path, const struct conf_section *sections,
		  void *arg, struct err *e)
{
	uint8_t CLEANUP_FREE *text = NULL;
	size_t n = 0;

	if (file_read(path, CONF_FILE_MAX, &text, &n, e) != RC_OK)
		return e->rc;
	return conf_parse(path, bytes_of(text, n), sections, arg, e);
}

struct find {
	struct parse p; /* for next_line() */
	struct err ignored;
	const char *section, *key;
	int section_line, key_line;
};

static int on_find(void *arg, const char *section, const char *key,
		   const char *value)
{
	struct find *f = arg;

	(void)value;
	if (strcmp(section, f->section) != 0)
		return 1;
	if (!f->section_line)
		f->section_line = f->p.line;
	if (!strcmp(key, f->key))
		f->key_line = f->p.line;
	return 1;
}

int conf_line(const char *path, const char *section, const char *key)
{
	uint8_t CLEANUP_FREE *text = NULL;
	struct find *f = calloc(1, sizeof *f);
	size_t n = 0;
	int line = 0;

	if (!f || file_read(path, CONF_FILE_MAX, &text, &n, &f->ignored) != RC_OK) {
		free(f);
		return 0;
	}
	f->p.rest = bytes_of(text, n);
	f->p.path = path;
	f->p.e = &f->ignored;
	f->section = section;
	f->key = key;
	(void)ini_parse_stream(next_line, &f->p, on_find, f);
	line = f->key_line ? f->key_line : f->section_line;
	free(f);
	return line;
}

void conf_clear(const struct conf_row *rows, void *base)
{
	for (; rows->key; rows++) {
		char **at = (char **)(void *)((char *)base + rows->at);

		if (rows->type != CONF_TEXT && rows->type != CONF_PATH)
			continue;
		free(*at);
		*at = NULL;
	}
}
