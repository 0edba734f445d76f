/* A vault in a local folder. */
#include "base/file.h"
#include "base/num.h"
#include "carry/carry.h"
#include "carry/name.h"
#include "vault.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FILE_MODE 0640
#define TMP_NAME_MAX (VAULT_NAME_MAX + 32)

static const struct {
	int code;
	enum rc rc;
	const char *hint;
} meanings[] = {
	{ENOENT, RC_NOTFOUND, "correct the path, or make the folder"},
	{ENOTDIR, RC_ERROR, "correct the path: a vault is a folder"},
	{EACCES, RC_REFUSED, "let this user read and write in the folder"},
	{EPERM, RC_REFUSED, "let this user read and write in the folder"},
	{EROFS, RC_ERROR, "mount the folder for writing"},
	{ENOSPC, RC_ERROR, "make room on the disk of the folder; nothing was changed"},
	{EDQUOT, RC_ERROR, "raise the user's quota; nothing was changed"},
	{EFBIG, RC_ERROR, "raise the limit of a file's size (ulimit -f)"},
};

/* By errno. */
static enum rc failed(const struct vault *v, const char *op, const char *name,
		      struct err *e)
{
	enum rc rc = RC_ERROR;
	const char *hint = "look at the disk of the folder";

	for (size_t i = 0; i < COUNT_OF(meanings); i++)
		if (meanings[i].code == errno) {
			rc = meanings[i].rc;
			hint = meanings[i].hint;
		}
	return err_errno(e, rc, op, hint, "%s%s%s", v->text, name ? "/" : "",
			 name ? name : "");
}

static enum rc taken(const struct vault *v, const char *name, struct err *e)
{
	return err_set(e, RC_REFUSED, "store", "there is a file of this name",
		       "look at it; nothing was changed", "%s/%s", v->text, name);
}

static enum rc folder_open(struct vault *v, struct err *e)
{
	v->folder = open(v->target.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->folder < 0)
		return failed(v, "open folder", NULL, e);
	return RC_OK;
}

static void folder_close(struct vault *v)
{
	fd_close(v->folder);
}

static void dir_close(DIR *d)
{
	if (d)
		(void)closedir(d);
}
CLEANUP_DEFINE(DIR *, dir_close);

/* A descriptor of its own: closedir() takes it, and it reads from the start. */
static DIR *read_from_start(const struct vault *v)
{
	int fd = openat(v->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		fd_close(fd);
	return d;
}

/* What puts before this one left. Best effort: nothing depends on it. */
static void remove_leftovers(const struct vault *v)
{
	DIR CLEANUP(dir_close) *d = read_from_start(v);
	const time_t before = time(NULL) - CARRY_LEFTOVER_AGE;
	struct dirent *f;
	struct stat st;

	for (size_t i = 0; d && i < CARRY_LIST_MAX && (f = readdir(d)); i++)
		if (carry_name_is_leftover(f->d_name) &&
		    fstatat(v->folder, f->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_mtime < before)
			(void)unlinkat(v->folder, f->d_name, 0);
}

/* Moves that never replace. A file system without RENAME_NOREPLACE may have
 * links, which do not either. */
static bool move(int at, const char *from, const char *to)
{
	if (renameat2(at, from, at, to, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	return linkat(at, from, at, to, 0) == 0 && unlinkat(at, from, 0) == 0;
}

/* Whoever backs up the folder reads it by its group; no other group does. */
static bool set_mode(int fd, int folder)
{
	struct stat f, d;

	if (fstat(fd, &f) != 0 || fstat(folder, &d) != 0)
		return false;
	if (f.st_gid != d.st_gid && fchown(fd, (uid_t)-1, d.st_gid) != 0)
		return fchmod(fd, FILE_MODE & 0700) == 0;
	return fchmod(fd, FILE_MODE) == 0;
}

static enum rc write_tmp(struct vault *v, const char *tmp, const char *name,
			 struct bytes content, struct err *e)
{
	int CLEANUP(fd_close) fd =
		openat(v->folder, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		       0600);
	uint8_t buf[16384];
	size_t at = 0;

	if (fd < 0)
		return failed(v, "create", name, e);
	if (!set_mode(fd, v->folder) || !file_write_all(fd, content) ||
	    fsync(fd) != 0)
		return failed(v, "write", name, e);
	/* From the disk, if it can be had: not what memory has of it. */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	for (;;) {
		ssize_t r = pread(fd, buf, sizeof buf, (off_t)at);

		if (r < 0)
			return failed(v, "read back", name, e);
		if (num_size(r) > content.n - at ||
		    (r > 0 && memcmp(content.p + at, buf, num_size(r)) != 0))
			break;
		at += num_size(r);
		if (r == 0 && at == content.n)
			return RC_OK;
		if (r == 0)
			break;
	}
	return err_set(e, RC_VERIFY, "read back",
		       "what was read back differs from what was written",
		       "the disk is faulty: do not trust it", "%s/%s", v->text,
		       name);
}

/* What stands there goes aside, then the new file takes its place. */
static enum rc publish(struct vault *v, const char *tmp, const char *name,
		       const char *aside, struct err *e)
{
	bool old = false;
	struct stat st;

	if (aside && fstatat(v->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		old = move(v->folder, name, aside);
		if (!old)
			return errno == EEXIST ? taken(v, aside, e)
					       : failed(v, "rename", aside, e);
	}
	if (move(v->folder, tmp, name))
		return fsync(v->folder) == 0 ? RC_OK
					     : failed(v, "fsync folder", NULL, e);
	if (errno == EEXIST)
		taken(v, name, e);
	else
		failed(v, "rename", name, e);
	if (old && !move(v->folder, aside, name))
		return err_hint(e, "the old file is there under its new name: rename it back by hand");
	return e->rc;
}

static enum rc folder_put(struct vault *v, const char *name, const char *aside,
			  struct bytes content, struct err *e)
{
	uint8_t random[8];
	char tmp[TMP_NAME_MAX], hex[2 * sizeof random + 1];
	struct stat st;
	enum rc rc;

	if (!aside && fstatat(v->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return taken(v, name, e);
	randombytes_buf(random, sizeof random);
	sodium_bin2hex(hex, sizeof hex, random, sizeof random);
	(void)snprintf(tmp, sizeof tmp, ".%s.%s.tmp", name, hex);
	remove_leftovers(v);
	rc = write_tmp(v, tmp, name, content, e);
	if (rc == RC_OK)
		rc = publish(v, tmp, name, aside, e);
	if (rc != RC_OK)
		(void)unlinkat(v->folder, tmp, 0);
	return rc;
}

static enum rc folder_get(struct vault *v, const char *name, size_t max,
			  uint8_t **out, size_t *n, struct err *e)
{
	int CLEANUP(fd_close) fd =
		openat(v->folder, name,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	uint8_t CLEANUP_FREE *buf = NULL;
	struct stat st;
	size_t got = 0;

	if (fd < 0 || fstat(fd, &st) != 0)
		return failed(v, "open", name, e);
	if (!S_ISREG(st.st_mode))
		return err_set(e, RC_ERROR, "open", "is not a regular file", NULL,
			       "%s/%s", v->text, name);
	if ((uintmax_t)st.st_size > max)
		return err_set(e, RC_REFUSED, "load", "the file is too large",
			       "is it what it should be?", "%s/%s: over %zu bytes",
			       v->text, name, max);
	buf = malloc((size_t)st.st_size + 1);
	if (!buf)
		return err_errno(e, RC_ERROR, "malloc", NULL, "%s", name);
	if (!file_read_start(fd, buf, (size_t)st.st_size, &got))
		return failed(v, "read", name, e);
	*out = buf;
	*n = got;
	buf = NULL;
	return RC_OK;
}

static enum rc folder_list(struct vault *v, struct vault_found *to,
			   struct err *e)
{
	DIR CLEANUP(dir_close) *d = read_from_start(v);
	struct dirent *f;
	struct stat st;

	if (!d)
		return failed(v, "open folder", NULL, e);
	for (size_t i = 0; i < CARRY_LIST_MAX; i++) {
		errno = 0;
		f = readdir(d);
		if (!f)
			return errno ? failed(v, "read folder", NULL, e) : RC_OK;
		if (fstatat(v->folder, f->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) &&
		    vault_found(to, f->d_name, (uint64_t)st.st_size, e) != RC_OK)
			return e->rc;
	}
	return err_set(e, RC_ERROR, "list", "the folder has too many files",
		       "give the vault a folder of its own", "%s: over %u", v->text,
		       CARRY_LIST_MAX);
}

static enum rc folder_remove(struct vault *v, const char *name, struct err *e)
{
	if (unlinkat(v->folder, name, 0) != 0)
		return failed(v, "remove", name, e);
	return fsync(v->folder) == 0 ? RC_OK : failed(v, "fsync folder", NULL, e);
}

const struct vault_kind vault_folder = {
	.open = folder_open,
	.close = folder_close,
	.put = folder_put,
	.get = folder_get,
	.list = folder_list,
	.remove = folder_remove,
};
