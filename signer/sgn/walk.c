/* Which files a tree has. */
#include "internal.h"
#include "base/num.h"
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

void tree_clear(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->p[i].path);
	free(t->p);
	*t = (struct tree){0};
}

static enum rc add(struct run *r, struct tree *t, char *path, bool link, struct err *e)
{
	if (path && t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 1024;
		struct entry *more = cap > SGN_FILES_MAX * 2
					     ? NULL
					     : reallocarray(t->p, cap, sizeof *more);

		if (more) {
			t->p = more;
			t->cap = cap;
		}
	}
	if (!path || t->n == t->cap || t->n == SGN_FILES_MAX) {
		free(path);
		return err_set(e, RC_ERROR, "walk", "too many files, or too little memory",
			       NULL, "%.150s", r->job->dir);
	}
	t->p[t->n++] = (struct entry){path, link};
	return RC_OK;
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcasecmp(name + n - m, end) == 0;
}

static bool matches(const struct sgn_job *job, const char *path)
{
	const char *slash = strrchr(path, '/');
	char full[PATH_MAX];

	if (!job->pattern)
		return true;
	if (!strchr(job->pattern, '/'))
		return fnmatch(job->pattern, slash ? slash + 1 : path, 0) == 0;
	(void)snprintf(full, sizeof full, "%s%s", job->prefix, path);
	return fnmatch(job->pattern, full, FNM_PATHNAME) == 0;
}

/* Why a phone could not ask for it, or NULL. */
static const char *name_fault(const struct sgn_job *job, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	if (strlen(job->prefix) + strlen(path) + strlen(SGN_SUFFIX) >= SGN_NAME_MAX)
		return "its name is too long for a signed file's header (255 bytes)";
	if (strlen(base) + strlen(SGN_SUFFIX) > NAME_MAX)
		return "its name is too long to have a .sgn beside it";
	for (const char *p = path; *p; p++)
		if (text_control(p) || *p == '"' || *p == '\\')
			return "its name holds characters that no phone asks for";
	return NULL;
}

static void refuse(struct run *r, const char *path, const char *why, const char *hint)
{
	struct err e;

	err_set(&e, RC_REFUSED, "sign", why, hint, "%s%.150s", r->job->prefix, path);
	(void)text_flatten(e.what);
	run_tell(r, path, SGN_REFUSED, 0, &e);
}

/* A file that is named, or was found. path is taken over. */
static enum rc consider(struct run *r, struct tree *t, char *path, bool link,
			struct err *e)
{
	const struct sgn_job *job = r->job;
	bool sgn = ends_in(path, SGN_SUFFIX);
	const char *why;

	if (job->what == SGN_SIGN ? sgn || ends_in(path, ".tlv") : !sgn) {
		if (job->names)
			refuse(r, path,
			       job->what != SGN_SIGN ? "is no .sgn"
			       : sgn ? "is a signed file itself"
				     : "is a list: lists are signed as lists",
			       NULL);
		free(path);
		return RC_OK;
	}
	if (sgn)
		path[strlen(path) - strlen(SGN_SUFFIX)] = '\0';
	if (!matches(job, path)) {
		free(path);
		return RC_OK;
	}
	why = name_fault(job, path);
	if (why) {
		refuse(r, path, why, NULL);
		free(path);
		return RC_OK;
	}
	return add(r, t, path, link, e);
}

/* ---- folders ---- */

static enum rc walk(struct run *r, struct tree *t, int at, const char *below,
		    unsigned depth, struct err *e);

static unsigned char type_of(int at, const struct dirent *d, bool follow)
{
	struct stat st;

	if (!follow && d->d_type != DT_UNKNOWN)
		return d->d_type;
	if (fstatat(at, d->d_name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
		return DT_UNKNOWN;
	return (unsigned char)IFTODT(st.st_mode);
}

static enum rc enter(struct run *r, struct tree *t, int at, const char *name,
		     const char *path, unsigned depth, struct err *e)
{
	int CLEANUP(fd_close) fd = -1;

	if (depth == SGN_DEPTH_MAX || strlen(r->job->prefix) + strlen(path) + 2 > SGN_NAME_MAX) {
		refuse(r, path, "is too deep in folders", NULL);
		return RC_OK;
	}
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		struct err why;

		err_errno(&why, RC_REFUSED, "open folder",
			  "who signs must be able to read it", "%.150s", path);
		run_tell(r, path, SGN_REFUSED, 0, &why);
		return RC_OK;
	}
	return walk(r, t, fd, path, depth + 1, e);
}

/* Where it would have been looked at. */
static void strange(struct run *r, const char *path, const char *why)
{
	if (r->job->what == SGN_SIGN && matches(r->job, path))
		refuse(r, path, why, NULL);
}

static enum rc found(struct run *r, struct tree *t, int at, const struct dirent *d,
		     const char *below, unsigned depth, struct err *e)
{
	char path[PATH_MAX], *copy;
	unsigned char type = type_of(at, d, false);

	(void)snprintf(path, sizeof path, "%s%s%s", below, *below ? "/" : "", d->d_name);
	switch (type) {
	case DT_DIR:
		return enter(r, t, at, d->d_name, path, depth, e);
	case DT_LNK:
		if (type_of(at, d, true) == DT_DIR) {
			strange(r, path, "is a link to a folder, which is not followed");
			return RC_OK;
		}
		break;
	case DT_REG:
		break;
	default:
		strange(r, path, "is not a regular file");
		return RC_OK;
	}
	copy = strdup(path);
	if (!copy)
		return err_errno(e, RC_ERROR, "strdup", NULL, "%.150s", path);
	return consider(r, t, copy, type == DT_LNK, e);
}

static void dir_close(DIR *d)
{
	if (d)
		(void)closedir(d);
}
CLEANUP_DEFINE(DIR *, dir_close);

/* Hidden names are other people's work in progress, and what is aside. */
static enum rc walk(struct run *r, struct tree *t, int at, const char *below,
		    unsigned depth, struct err *e)
{
	bool clean = r->job->what != SGN_VERIFY && !r->job->dry_run;
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR CLEANUP(dir_close) *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *d;

	if (!dir) {
		err_errno(e, RC_ERROR, "open folder", NULL, "%.150s", *below ? below : ".");
		fd_close(fd);
		return e->rc;
	}
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.') {
			if (clean && aside_is_left(d->d_name))
				(void)unlinkat(at, d->d_name, 0);
			continue;
		}
		if (found(r, t, at, d, below, depth, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

/* ---- all of it ---- */

static enum rc take_named(struct run *r, struct tree *t, const char *name, struct err *e)
{
	struct stat st;
	char *copy = strdup(name);

	if (!copy)
		return err_errno(e, RC_ERROR, "strdup", NULL, "%.150s", name);
	return consider(r, t, copy,
			fstatat(r->root, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				S_ISLNK(st.st_mode),
			e);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

enum rc tree_walk(struct run *r, struct tree *t, struct err *e)
{
	const struct sgn_job *job = r->job;

	if (!job->names && walk(r, t, r->root, "", 0, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; job->names && i < job->nnames; i++)
		if (take_named(r, t, job->names[i], e) != RC_OK)
			return e->rc;
	if (t->n)
		qsort(t->p, t->n, sizeof *t->p, by_path);
	return RC_OK;
}
