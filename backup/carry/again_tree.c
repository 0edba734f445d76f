/* Which signed files a folder on a server has. */
#include "again.h"
#include "base/num.h"
#include "base/text.h"
#include "job.h"
#include <string.h>
#include <strings.h>

#define ENTRIES_MAX (2 * CARRY_AGAIN_FILES)

CLEANUP_DEFINE(sftp_attributes, sftp_attributes_free);

/* What a folder has that matters here. */
struct entry {
	char *name;
	uint8_t type;
	uint32_t mode, gid;
};
struct entries {
	struct entry *p;
	size_t n, cap;
};

static void entries_clear(struct entries *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->p[i].name);
	free(l->p);
}
static inline void entries_clear_at(struct entries *l)
{
	entries_clear(l);
}

/* Room for one more. */
static void *grown(void *p, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 64;

	if (n < *cap)
		return p;
	p = reallocarray(p, more, size);
	if (p)
		*cap = more;
	return p;
}

static enum rc no_memory(const struct again *t, struct err *e)
{
	return err_set(e, RC_ERROR, "walk", "too many files, or too little memory", NULL,
		       "%.90s: %.90s", t->ssh.where, t->folder);
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcasecmp(name + n - m, end) == 0;
}

/* Of a name aside, ".NAME.sgn.HEX.tmp" or ".old": the length of NAME.sgn; else 0. */
static size_t aside_of(const char *name, const char *end)
{
	const size_t tail = 1 + 16 + 4;
	size_t n = strlen(name);
	const char *hex;

	if (name[0] != '.' || n < 1 + sizeof AGAIN_SUFFIX + tail)
		return 0;
	hex = name + n - tail + 1;
	if (hex[-1] != '.' || strspn(hex, "0123456789abcdef") != 16 ||
	    strcmp(hex + 16, end) != 0 ||
	    strncasecmp(hex - sizeof AGAIN_SUFFIX, AGAIN_SUFFIX,
			sizeof AGAIN_SUFFIX - 1) != 0)
		return 0;
	return n - tail - 1;
}

static bool matters(const struct sftp_attributes_struct *a)
{
	if (!a->name || !a->name[0] || strchr(a->name, '/'))
		return false;
	if (a->name[0] == '.')
		return aside_of(a->name, ".tmp") || aside_of(a->name, ".old");
	/* Some servers' lists have no types. */
	return a->type == SSH_FILEXFER_TYPE_DIRECTORY ||
	       a->type == SSH_FILEXFER_TYPE_UNKNOWN || ends_in(a->name, AGAIN_SUFFIX);
}

static enum rc keep(struct again *t, struct entries *to,
		    const struct sftp_attributes_struct *a, struct err *e)
{
	struct entry *more = grown(to->p, to->n, &to->cap, sizeof *to->p);
	char *name = strdup(a->name);

	if (more)
		to->p = more;
	if (!more || !name) {
		free(name);
		return no_memory(t, e);
	}
	to->p[to->n++] = (struct entry){name, a->type, a->permissions, a->gid};
	return RC_OK;
}

static enum rc list(struct again *t, sftp_dir d, const char *path, struct entries *to,
		    struct err *e)
{
	for (;;) {
		sftp_attributes CLEANUP(sftp_attributes_free) a =
			sftp_readdir(t->ssh.sftp, d);

		if (!a)
			return sftp_dir_eof(d) ? RC_OK
					       : sftp_failed(&t->ssh, "list", path, e);
		if (++t->entries > ENTRIES_MAX)
			return no_memory(t, e);
		ssh_progress(&t->ssh);
		if (matters(a) && keep(t, to, a, e) != RC_OK)
			return e->rc;
	}
}

/* ---- what runs before left ---- */

static bool has(const struct entries *l, const char *name, size_t n)
{
	for (size_t i = 0; i < l->n; i++)
		if (strlen(l->p[i].name) == n && !memcmp(l->p[i].name, name, n))
			return true;
	return false;
}

/* Best effort: what cannot be done now, the next run meets again. The old file gets its
 * name back where it has none; then it is among the files that follow. */
static void clear_away(struct again *t, const char *below, struct entries *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct entry *x = &l->p[i];
		size_t n = aside_of(x->name, ".old");
		char from[SFTP_PATH_MAX], to[SFTP_PATH_MAX];

		if (x->name[0] != '.' || x->type != SSH_FILEXFER_TYPE_REGULAR)
			continue;
		(void)snprintf(from, sizeof from, "%s/%s%s", t->folder, below, x->name);
		(void)snprintf(to, sizeof to, "%s/%s%.*s", t->folder, below, num_int(n),
			       x->name + 1);
		if (!n || has(l, x->name + 1, n)) {
			(void)sftp_unlink(t->ssh.sftp, from);
		} else if (sftp_rename(t->ssh.sftp, from, to) == 0) {
			memmove(x->name, x->name + 1, n);
			x->name[n] = '\0';
		}
	}
}

/* ---- the walk ---- */

static enum rc refused(const char *path, const char *why, struct err *e)
{
	struct err told;

	err_set(&told, RC_REFUSED, "sign", why, NULL, "%.150s", path);
	return again_refused(CARRY_AGAIN_NONE, &told, e);
}

/* Why it is none that a phone could ask for and this could write, or NULL. */
static const char *fault_of(const char *path, const char *name)
{
	if (strlen(path) >= CARRY_AGAIN_PATH || strlen(name) > 255 - 22)
		return "its name is too long";
	for (const char *p = path; *p; p++)
		if (text_control(p) || *p == '"' || *p == '\\')
			return "its name holds characters that no phone asks for";
	return NULL;
}

static enum rc add(struct again *t, const char *path, const struct entry *x, struct err *e)
{
	struct again_file *more = t->nfiles == CARRY_AGAIN_FILES
					  ? NULL
					  : grown(t->files, t->nfiles, &t->cap, sizeof *more);
	char *copy = strdup(path);

	if (more)
		t->files = more;
	if (!more || !copy) {
		free(copy);
		return no_memory(t, e);
	}
	t->files[t->nfiles++] = (struct again_file){copy, x->mode, x->gid};
	return RC_OK;
}

static enum rc walk(struct again *t, const char *below, unsigned depth, struct err *e);

static enum rc found(struct again *t, const char *below, struct entry *x, unsigned depth,
		     struct err *e)
{
	char path[2 * CARRY_AGAIN_PATH + 256], full[SFTP_PATH_MAX];
	const char *why;

	/* A hidden one stays hidden. */
	if (x->name[0] == '.')
		return RC_OK;
	(void)snprintf(path, sizeof path, "%s%s", below, x->name);
	why = fault_of(path, x->name);
	if (x->type == SSH_FILEXFER_TYPE_UNKNOWN && !why) {
		again_path(t, path, full);
		sftp_attributes CLEANUP(sftp_attributes_free) a =
			sftp_lstat(t->ssh.sftp, full);

		if (a) {
			x->type = a->type;
			x->mode = a->permissions;
			x->gid = a->gid;
		}
	}
	if (x->type == SSH_FILEXFER_TYPE_DIRECTORY) {
		if (why || depth == CARRY_AGAIN_DEPTH)
			return refused(path, why ? why : "is too deep in folders", e);
		(void)strcat(path, "/");
		return walk(t, path, depth + 1, e);
	}
	if (x->type != SSH_FILEXFER_TYPE_REGULAR || !ends_in(x->name, AGAIN_SUFFIX))
		return RC_OK;
	return why ? refused(path, why, e) : add(t, path, x, e);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* below: "", or "folder/". A folder is read to its end before the next one, so that
 * there is one open at a time. */
static enum rc walk(struct again *t, const char *below, unsigned depth, struct err *e)
{
	struct entries all CLEANUP(entries_clear) = {0};
	char full[SFTP_PATH_MAX];
	sftp_dir d;
	enum rc rc;

	again_path(t, below, full);
	d = sftp_opendir(t->ssh.sftp, full);
	rc = d ? list(t, d, full, &all, e) : sftp_failed(&t->ssh, "list", full, e);
	if (d)
		(void)sftp_closedir(d);
	/* One of them that may not be read is told; the whole cannot be left out. */
	if (rc != RC_OK && (rc == RC_STALE || !depth || all.n))
		return rc;
	if (rc != RC_OK) {
		struct err why = *e;

		return again_refused(CARRY_AGAIN_NONE, &why, e);
	}
	clear_away(t, below, &all);
	if (all.n)
		qsort(all.p, all.n, sizeof *all.p, by_name);
	for (size_t i = 0; i < all.n; i++)
		if (found(t, below, &all.p[i], depth, e) != RC_OK)
			return e->rc;
	return RC_OK;
}

enum rc again_walk(struct again *t, struct err *e)
{
	return walk(t, "", 0, e);
}
