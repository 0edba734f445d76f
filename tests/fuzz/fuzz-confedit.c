/*
 * Edits of a file that is somebody's own. The input is the file, then edits, a NUL
 * between them: "s" or "d" (set, delete) and SECTION, KEY and VALUE on lines of
 * their own; "a" or "r" (add, remove) and SECTION. What inih itself reads, before
 * and after, is compared here: all but what was asked for says what it said, no
 * more lines changed than one, and what conf_parse() took it takes again.
 */
#include "base/conf.h"
#include "base/confedit.h"
#include "base/num.h"
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (16u << 10)
#define EDITS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* ---- tables like cluster.conf's, without its checks ---- */

struct texts {
	char *a, *b, *c;
};

struct file {
	struct texts cluster, nodes[32];
	size_t n;
};

#define ROW(name, def) {#name, CONF_TEXT, offsetof(struct texts, name), def, 0, 0, NULL, ""}
static const struct conf_row rows[] = {ROW(a, ""), ROW(b, ""), ROW(c, "x"), {0}};

static void *open_node(void *arg, const char *id, struct err *e)
{
	struct file *f = arg;

	if (id[0] && f->n < COUNT_OF(f->nodes))
		return &f->nodes[f->n++];
	err_set(e, RC_USAGE, "", "no node", NULL, "%s", id);
	return NULL;
}

static void *open_cluster(void *arg, const char *id, struct err *e)
{
	(void)id, (void)e;
	return &((struct file *)arg)->cluster;
}

static const struct conf_section sections[] = {
	{"cluster", rows, open_cluster},
	{"node", rows, open_node},
	{0},
};

static bool is_accepted(struct bytes text)
{
	struct file f = {.n = 0};
	struct err e;
	enum rc rc = conf_parse("f", text, sections, &f, &e);

	conf_clear(rows, &f.cluster);
	for (size_t i = 0; i < f.n; i++)
		conf_clear(rows, &f.nodes[i]);
	return rc == RC_OK;
}

/* ---- an edit ---- */

struct edit {
	char what;
	char section[256], key[256], value[512];
	bool has_key;
};

static void take_line(struct bytes *b, char *to, size_t cap)
{
	const uint8_t *end = b->n ? memchr(b->p, '\n', b->n) : NULL;
	size_t n = end ? num_size(end - b->p) : b->n;

	(void)snprintf(to, cap, "%.*s", num_int(n), (const char *)b->p);
	n += end != NULL;
	*b = bytes_of(b->p + n, b->n - n);
}

static struct edit edit_of(struct bytes b)
{
	struct edit x = {.what = b.n ? (char)b.p[0] : 0};

	if (b.n)
		b = bytes_of(b.p + 1, b.n - 1);
	take_line(&b, x.section, sizeof x.section);
	x.has_key = x.what == 's' || x.what == 'd';
	if (x.has_key)
		take_line(&b, x.key, sizeof x.key);
	(void)snprintf(x.value, sizeof x.value, "%.*s", num_int(b.n), (const char *)b.p);
	return x;
}

static enum rc apply(struct confedit *c, const struct edit *x, struct err *e)
{
	switch (x->what) {
	case 's':
		return confedit_set(c, x->section, x->key, x->value, e);
	case 'd':
		return confedit_set(c, x->section, x->key, NULL, e);
	case 'a':
		return confedit_add_section(c, x->section, e);
	case 'r':
		return confedit_remove_section(c, x->section, e);
	default:
		return err_set(e, RC_USAGE, "", "no edit", NULL, "-");
	}
}

/* ---- what is the same before and after ---- */

struct rest {
	const struct edit *edit;
	FILE *out;
	const char *found; /* of the key that was asked for */
};

static int on_key(void *arg, const char *section, const char *key, const char *value)
{
	struct rest *r = arg;

	if (!strcmp(section, r->edit->section) &&
	    (!r->edit->has_key || !strcmp(key, r->edit->key)))
		return 1;
	(void)fprintf(r->out, "%s\n%s\n%s\n", section, key, value);
	return 1;
}

/* All that inih reads of it, but what the edit is about. malloc()ed. */
static char *rest_of(const char *text, const struct edit *x)
{
	char *out = NULL;
	size_t n;
	struct rest r = {.edit = x, .out = open_memstream(&out, &n)};

	if (!r.out)
		abort();
	if (ini_parse_string(text, on_key, &r) != 0 || fclose(r.out) != 0)
		abort(); /* it was read before */
	return out;
}

static size_t count_lines(const char *text, size_t n)
{
	size_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n' || i + 1 == n;
	return lines;
}

/* Whole lines that both begin with, or end with. */
static size_t same_head(const char *a, size_t n, const char *b, size_t m)
{
	size_t same = 0, lines = 0;

	for (size_t i = 0; i < n && i < m && a[i] == b[i]; i++)
		if (a[i] == '\n')
			same = i + 1;
	for (size_t i = 0; i < same; i++)
		lines += a[i] == '\n';
	return lines;
}

static size_t same_tail(const char *a, size_t n, const char *b, size_t m)
{
	size_t i = 0, lines = 0;

	while (i < n && i < m && a[n - 1 - i] == b[m - 1 - i]) {
		i++;
		/* a line begins here, in both */
		if ((i == n || a[n - 1 - i] == '\n') && (i == m || b[m - 1 - i] == '\n'))
			lines = count_lines(a + n - i, i);
	}
	return lines;
}

/* Lines of a that are not in b; the two must be alike before and behind them. */
static size_t lost(const char *a, size_t n, const char *b, size_t m)
{
	size_t lines = count_lines(a, n), others = count_lines(b, m);
	size_t same = same_head(a, n, b, m) + same_tail(a, n, b, m);

	if (same > others)
		same = others;
	return same > lines ? 0 : lines - same;
}

static void check_lines(const char *a, size_t n, const char *b, size_t m,
			const struct edit *x)
{
	size_t went = lost(a, n, b, m), came = lost(b, m, a, n);
	size_t unended = n && a[n - 1] != '\n';

	switch (x->what) {
	case 's': /* and the end of a last line that had none */
		if (went > 1 || came > 1 + unended)
			abort();
		break;
	case 'd':
		if (went > 1 || came > 0)
			abort();
		break;
	case 'a': /* behind all that was there; an empty line between */
		if (m < n || memcmp(a, b, n) != 0 || came > 2 + unended)
			abort();
		break;
	case 'r':
		if (came > 0)
			abort();
		break;
	}
}

static void check_key(const struct confedit *c, const struct edit *x)
{
	const char *now = confedit_get(c, x->section, x->key);

	if (x->what == 's' ? !now || strcmp(now, x->value) != 0 : now != NULL)
		abort();
}

/* What is set is set in a way that a fresh look sees, and is not set again. */
static void check_again(const char *text, size_t n, const struct edit *x)
{
	struct confedit CLEANUP(confedit_free) *c = NULL;
	struct err e;

	if (confedit_open("f", bytes_of(text, n), &c, &e) != RC_OK || confedit_changed(c))
		abort();
	if (x->has_key) {
		check_key(c, x);
		if (apply(c, x, &e) != RC_OK || confedit_changed(c))
			abort();
	} else if (confedit_has_section(c, x->section) != (x->what == 'a')) {
		abort();
	}
}

static bool is_known(const struct edit *x)
{
	bool section = !strcmp(x->section, "cluster") || !strncmp(x->section, "node n", 6);

	return section && (!x->has_key || (strchr("abc", x->key[0]) && x->key[0] &&
					   !x->key[1]));
}

static void check(const struct confedit *c, const char *before, size_t n,
		  const struct edit *x)
{
	char CLEANUP_FREE *text = NULL, CLEANUP_FREE *rest = NULL, CLEANUP_FREE *now = NULL;
	struct err e;
	size_t m = 0;

	if (confedit_text(c, &text, &m, &e) != RC_OK || strlen(text) != m)
		abort();
	check_lines(before, n, text, m, x);
	rest = rest_of(before, x);
	now = rest_of(text, x);
	if (strcmp(rest, now) != 0)
		abort();
	check_again(text, m, x);
	if (is_known(x) && is_accepted(bytes_of(before, n)) && !is_accepted(bytes_of(text, m)))
		abort();
}

static void check_diff(const struct confedit *c)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		abort();
	confedit_diff(c, f);
	if (fclose(f) != 0 || confedit_changed(c) != (n > 0))
		abort();
	free(text);
}

/* False: it was refused, and the object is of no more use. */
static bool edit(struct confedit *c, struct bytes b)
{
	char CLEANUP_FREE *before = NULL;
	struct edit x = edit_of(b);
	struct err e;
	size_t n = 0;

	if (confedit_text(c, &before, &n, &e) != RC_OK)
		abort();
	if (apply(c, &x, &e) != RC_OK) {
		if (!e.why[0] || !e.what[0])
			abort();
		return false;
	}
	check(c, before, n, &x);
	check_diff(c);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct confedit CLEANUP(confedit_free) *c = NULL;
	const uint8_t *end = n && n <= INPUT_MAX ? memchr(data, 0, n) : NULL;
	struct bytes file = bytes_of(data, end ? num_size(end - data) : n), left;
	struct err e;

	if (n > INPUT_MAX)
		return 0;
	if (confedit_open("f", file, &c, &e) != RC_OK) {
		if (is_accepted(file))
			abort();
		return 0;
	}
	left = end ? bytes_of(end + 1, n - file.n - 1) : bytes_of(NULL, 0);
	for (size_t i = 0; i < EDITS_MAX && left.n; i++) {
		end = memchr(left.p, 0, left.n);
		file = bytes_of(left.p, end ? num_size(end - left.p) : left.n);
		if (!edit(c, file))
			break;
		left = end ? bytes_of(end + 1, left.n - file.n - 1) : bytes_of(NULL, 0);
	}
	return 0;
}
