/* Written aside, brought to the disk together, renamed: a crash leaves the old file or
 * the new one. */
#include "internal.h"
#include "base/file.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#define SYNC_FILES 2000 /* that are aside at most */
#define ASIDE ".sgn-%d-%u.tmp"

/* Whether a process is no more. */
static bool has_ended(pid_t pid)
{
	return pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH);
}

bool aside_is_left(const char *name)
{
	char again[48];
	unsigned number;
	int pid;

	if (sscanf(name, ASIDE, &pid, &number) != 2)
		return false;
	(void)snprintf(again, sizeof again, ASIDE, pid, number);
	return strcmp(name, again) == 0 && has_ended(pid);
}

static void fail_one(struct run *r, const struct entry *entry, const struct err *e)
{
	run_tell(r, entry->path, SGN_REFUSED, 0, e);
}

static enum rc rename_one(struct run *r, struct folder *f, const struct aside_file *a,
			  struct err *e)
{
	char name[NAME_MAX + 1];
	const char *base;

	if (folder_of(f, r->root, a->entry->path, &base, e) != RC_OK)
		return e->rc;
	(void)snprintf(name, sizeof name, "%s" SGN_SUFFIX, base);
	if (renameat(f->fd, a->tmp, f->fd, name) != 0) {
		err_errno(e, RC_ERROR, "rename", NULL, "%.150s" SGN_SUFFIX, a->entry->path);
		(void)unlinkat(f->fd, a->tmp, 0);
		return e->rc;
	}
	return RC_OK;
}

static void forget(struct run *r, struct aside *a)
{
	struct folder CLEANUP(folder_clear) f = {.fd = -1};
	const char *base;
	struct err ignored;

	for (size_t i = 0; i < a->n; i++)
		if (folder_of(&f, r->root, a->p[i].entry->path, &base, &ignored) == RC_OK)
			(void)unlinkat(f.fd, a->p[i].tmp, 0);
}

/* No longer aside, and not yet told: so no file counts twice. */
static void count_off(struct run *r, size_t n)
{
	(void)pthread_mutex_lock(&r->lock);
	r->sum.aside -= n;
	(void)pthread_mutex_unlock(&r->lock);
}

/* What is in *a, which is freed. */
static enum rc settle(struct run *r, struct aside *a, struct err *e)
{
	struct folder CLEANUP(folder_clear) f = {.fd = -1};
	enum rc rc = RC_OK;

	if (a->n && syncfs(r->root) != 0) {
		rc = err_errno(e, RC_ERROR, "syncfs", NULL, "%.150s", r->job->dir);
		forget(r, a);
		count_off(r, a->n);
	}
	for (size_t i = 0; rc == RC_OK && i < a->n; i++) {
		struct err why;

		count_off(r, 1);
		if (rename_one(r, &f, &a->p[i], &why) == RC_OK)
			run_tell(r, a->p[i].entry->path, SGN_SIGNED, a->p[i].bytes, NULL);
		else
			fail_one(r, a->p[i].entry, &why);
	}
	free(a->p);
	*a = (struct aside){0};
	return rc;
}

/* It is aside; *full is all that is, if that is enough. */
static enum rc keep(struct run *r, const struct aside_file *one, struct aside *full,
		    struct err *e)
{
	struct aside *a = &r->aside;
	enum rc rc = RC_OK;

	(void)pthread_mutex_lock(&r->lock);
	if (a->n == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 256;
		struct aside_file *more = reallocarray(a->p, cap, sizeof *more);

		if (more) {
			a->p = more;
			a->cap = cap;
		} else {
			rc = err_errno(e, RC_ERROR, "malloc", NULL, "files aside");
		}
	}
	if (rc == RC_OK) {
		a->p[a->n++] = *one;
		r->sum.aside++;
	}
	if (a->n >= SYNC_FILES) {
		*full = *a;
		*a = (struct aside){0};
	}
	(void)pthread_mutex_unlock(&r->lock);
	return rc;
}

/* A name that nothing has; -1 and errno. */
static int create(int at, char tmp[48])
{
	static atomic_uint number;
	int fd;

	do {
		(void)snprintf(tmp, 48, ASIDE, getpid(), atomic_fetch_add(&number, 1));
		fd = openat(at, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);
	} while (fd < 0 && errno == EEXIST);
	return fd;
}

static bool write_one(int at, char tmp[48], struct bytes sgn, const struct stat *like)
{
	int CLEANUP(fd_close) fd = create(at, tmp);
	int code;

	if (fd < 0)
		return false;
	/* Whoever serves the file must be able to read this one, too. Another's may not be
	 * given away: then it is ours. */
	(void)!fchown(fd, geteuid() == 0 ? like->st_uid : (uid_t)-1, like->st_gid);
	if (fchmod(fd, like->st_mode & 0666) == 0 && file_write_all(fd, sgn))
		return true;
	code = errno;
	(void)unlinkat(at, tmp, 0);
	errno = code;
	return false;
}

/* Of one file, or of the disk: then the next one will fail, too. */
static enum rc not_written(const struct entry *entry, struct err *e)
{
	switch (errno) {
	case ENOSPC:
	case EDQUOT:
	case EIO:
	case EROFS:
		return err_errno(e, RC_ERROR, "write", NULL, "%.150s" SGN_SUFFIX,
				 entry->path);
	default:
		return err_errno(e, RC_REFUSED, "write", NULL, "%.150s" SGN_SUFFIX,
				 entry->path);
	}
}

enum rc aside_put(struct run *r, struct folder *f, const struct entry *entry,
		  struct bytes sgn, const struct stat *like, struct err *e)
{
	struct aside_file one = {.entry = entry, .bytes = num_size(like->st_size)};
	struct aside full = {0};
	const char *base;

	if (folder_of(f, r->root, entry->path, &base, e) != RC_OK)
		return e->rc;
	if (!write_one(f->fd, one.tmp, sgn, like))
		return not_written(entry, e);
	if (keep(r, &one, &full, e) != RC_OK) {
		(void)unlinkat(f->fd, one.tmp, 0);
		return e->rc;
	}
	return full.n ? settle(r, &full, e) : RC_OK;
}

enum rc aside_end(struct run *r, struct err *e)
{
	size_t n = r->aside.n;

	if (settle(r, &r->aside, e) != RC_OK)
		return e->rc;
	/* The names, too. */
	if (n && syncfs(r->root) != 0)
		return err_errno(e, RC_ERROR, "syncfs", NULL, "%.150s", r->job->dir);
	return RC_OK;
}
