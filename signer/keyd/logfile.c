#include "logfile.h"
#include "audit/files.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What a full disk, a limit, or a file system that went read-only says, and what to
 * do about it. All else is a fault of the disk. */
static const char *next_step(int code)
{
	switch (code) {
	case ENOSPC:
	case EDQUOT:
		return "free space where keyd's state is; nothing is signed until the log can be written";
	case EFBIG:
		return "raise the limit of keyd's files (LimitFSIZE); nothing is signed until the log can be written";
	case EROFS:
		return "mount keyd's state writable again; nothing is signed until the log can be written";
	}
	return NULL;
}

static enum rc fault(const struct logfile *f, const char *op, struct err *e)
{
	const char *step = next_step(errno);

	return err_errno(e, RC_ERROR, op,
			 step ? step : "look at the disk that keyd's state is on",
			 "the audit log %s", f->path);
}

static enum rc sync_folder(const struct logfile *f, struct err *e)
{
	char dir[PATH_MAX];
	int CLEANUP(fd_close) fd = -1;

	(void)snprintf(dir, sizeof dir, "%s", f->path);
	fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? RC_OK : fault(f, "fsync", e);
}

static int open_file(const struct logfile *f, const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0640);

	if (fd >= 0) {
		/* Best effort: keyd need not be in the group. */
		(void)!fchown(fd, (uid_t)-1, f->group);
		(void)fchmod(fd, 0640);
	}
	return fd;
}

/* Where the chain is at the end of a file, and what is torn there. */
static enum rc read_end(int fd, const char *path, struct audit_chain *chain,
			off_t *size, size_t *torn, struct err *e)
{
	char tail[2 * AUDIT_LINE_MAX];
	struct stat st;
	off_t from;
	ssize_t got;

	if (fstat(fd, &st) != 0)
		return err_errno(e, RC_ERROR, "fstat", NULL, "%s", path);
	from = st.st_size > (off_t)sizeof tail ? st.st_size - (off_t)sizeof tail : 0;
	got = pread(fd, tail, sizeof tail, from);
	if (got < 0)
		return err_errno(e, RC_ERROR, "read", NULL, "%s", path);
	if (audit_chain_resume(chain, bytes_of(tail, num_size(got)), torn, e) != RC_OK) {
		(void)snprintf(e->what, sizeof e->what, "%s", path);
		return e->rc;
	}
	*size = st.st_size;
	return RC_OK;
}

/* The line that leads from one file to the next. */
static enum rc write_begin(const struct logfile *f, int fd,
			   const struct audit_chain *chain, off_t *size, struct err *e)
{
	char line[AUDIT_LINE_MAX];
	size_t n = audit_format_continues(chain, line);

	if (!file_write_all(fd, bytes_of(line, n)) || fsync(fd) != 0)
		return fault(f, "write", e);
	*size = (off_t)n;
	return RC_OK;
}

/* A file without an entry: the first of all, or one that a kill left behind. */
static enum rc begin(struct logfile *f, struct audit_chain *chain, struct err *e)
{
	struct audit_files CLEANUP(audit_files_clear) files = {0};
	int CLEANUP(fd_close) fd = -1;
	size_t torn;
	off_t size;

	if (audit_files_find(f->path, &files, e) != RC_OK)
		return e->rc;
	if (files.older == 0)
		return RC_OK;
	fd = open(files.paths[files.older - 1], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, RC_ERROR, "open", NULL, "%s",
				 files.paths[files.older - 1]);
	if (read_end(fd, files.paths[files.older - 1], chain, &size, &torn, e) != RC_OK)
		return e->rc;
	if (torn || chain->next != files.last[files.older - 1] + 1)
		return err_set(e, RC_VERIFY, "resume",
			       "does not end with the entry that its name says",
			       "put the file back as it was, from a copy", "%s",
			       files.paths[files.older - 1]);
	return write_begin(f, f->fd, chain, &f->size, e);
}

static enum rc resume(struct logfile *f, struct audit_chain *chain, struct err *e)
{
	size_t torn;
	off_t size;

	if (read_end(f->fd, f->path, chain, &size, &torn, e) != RC_OK)
		return e->rc;
	f->size = size - (off_t)torn;
	if (torn)
		log_warn("event=audit-torn bytes=%zu hint=\"an entry that was cut off by a crash; it was never answered for\"",
			 torn);
	if (ftruncate(f->fd, f->size) != 0)
		return fault(f, "truncate", e);
	return f->size ? RC_OK : begin(f, chain, e);
}

enum rc logfile_open(struct logfile *f, const char *path, gid_t group,
		     uint64_t rotate, struct audit_chain *chain, struct err *e)
{
	*f = (struct logfile){.group = group, .rotate = rotate, .limit = rotate};
	(void)snprintf(f->path, sizeof f->path, "%s", path);
	f->fd = open_file(f, path, 0);
	if (f->fd < 0)
		return fault(f, "open", e);
	if (resume(f, chain, e) != RC_OK || sync_folder(f, e) != RC_OK) {
		logfile_close(f);
		return e->rc;
	}
	return RC_OK;
}

void logfile_close(struct logfile *f)
{
	fd_close(f->fd);
	f->fd = -1;
}

enum logfile_end logfile_append(struct logfile *f, struct bytes lines, struct err *e)
{
	bool stuck;

	if (lines.n == 0)
		return LOGFILE_DONE;
	if (file_write_all(f->fd, lines)) {
		if (fdatasync(f->fd) != 0) {
			fault(f, "fdatasync", e);
			return LOGFILE_LOST;
		}
		f->size += (off_t)lines.n;
		return LOGFILE_DONE;
	}
	stuck = next_step(errno) != NULL;
	fault(f, "write", e);
	return ftruncate(f->fd, f->size) == 0 && stuck ? LOGFILE_STUCK : LOGFILE_LOST;
}

bool logfile_is_scarce(const struct logfile *f)
{
	struct statvfs fs;
	uint64_t all, left;

	if (statvfs(f->path, &fs) != 0) /* the descriptor is the writing thread's */
		return false;
	all = (uint64_t)fs.f_blocks * fs.f_frsize;
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	return left < (all / 20 < LOGFILE_RESERVE ? all / 20 : LOGFILE_RESERVE);
}

/* ---- rotation ---- */

/* The old one steps aside, never over another; the new one takes its place. */
static enum logfile_end exchange(struct logfile *f, const char *new, const char *old,
				 struct err *e)
{
	if (renameat2(AT_FDCWD, f->path, AT_FDCWD, old, RENAME_NOREPLACE) != 0) {
		fault(f, "rename", e);
		return LOGFILE_STUCK;
	}
	if (rename(new, f->path) == 0)
		return sync_folder(f, e) == RC_OK ? LOGFILE_DONE : LOGFILE_LOST;
	fault(f, "rename", e);
	return rename(old, f->path) == 0 ? LOGFILE_STUCK : LOGFILE_LOST;
}

enum logfile_end logfile_rotate(struct logfile *f, const struct audit_chain *chain,
				bool *done, struct err *e)
{
	char new[PATH_MAX + 8], old[PATH_MAX + 32];
	enum logfile_end end = LOGFILE_STUCK;
	int CLEANUP(fd_close) fd = -1;
	off_t size = 0;

	*done = false;
	if (!f->limit || (uint64_t)f->size < f->limit)
		return LOGFILE_DONE;
	f->limit = (uint64_t)f->size + f->rotate; /* if it fails */
	(void)snprintf(new, sizeof new, "%s.new", f->path);
	(void)snprintf(old, sizeof old, "%s.%llu", f->path,
		       (unsigned long long)(chain->next - 1));
	fd = open_file(f, new, O_TRUNC);
	if (fd < 0)
		fault(f, "open", e);
	else if (write_begin(f, fd, chain, &size, e) == RC_OK)
		end = exchange(f, new, old, e);
	if (end != LOGFILE_DONE) {
		(void)unlink(new);
		return end;
	}
	logfile_close(f);
	f->fd = fd;
	fd = -1;
	f->size = size;
	f->limit = f->rotate;
	*done = true;
	return LOGFILE_DONE;
}
