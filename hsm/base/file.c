#include "base/file.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool file_read_start(int fd, void *to, size_t n, size_t *got)
{
	*got = 0;
	while (*got < n) {
		ssize_t r = pread(fd, (uint8_t *)to + *got, n - *got, (off_t)*got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return false;
		if (r == 0)
			break;
		*got += num_size(r);
	}
	return true;
}

enum rc file_read(const char *path, size_t max, uint8_t **out, size_t *n,
		  struct err *e)
{
	int CLEANUP(fd_close) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint8_t CLEANUP_FREE *buf = NULL;
	struct stat st;
	size_t got = 0;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(e, errno == ENOENT ? RC_NOTFOUND : RC_ERROR,
				 "open", NULL, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, RC_ERROR, "open", "is not a regular file",
			       NULL, "%s", path);
	if ((uintmax_t)st.st_size > max)
		return err_set(e, RC_ERROR, "read", "is too large", NULL,
			       "%s: %jd bytes, at most %zu", path,
			       (intmax_t)st.st_size, max);
	buf = malloc(max < (size_t)st.st_size ? 1 : (size_t)st.st_size + 1);
	if (!buf)
		return err_errno(e, RC_ERROR, "malloc", NULL, "%s", path);
	if (!file_read_start(fd, buf, (size_t)st.st_size, &got))
		return err_errno(e, RC_ERROR, "read", NULL, "%s", path);
	buf[got] = '\0';
	*out = buf;
	*n = got;
	buf = NULL;
	return RC_OK;
}

bool file_write_all(int fd, struct bytes b)
{
	while (b.n) {
		ssize_t r = write(fd, b.p, b.n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return false;
		b = bytes_of(b.p + r, b.n - num_size(r));
	}
	return true;
}

static enum rc replace(const char *path, struct bytes content, mode_t mode,
		       uid_t uid, gid_t gid, struct err *e)
{
	char dir[PATH_MAX], base[PATH_MAX], tmp[NAME_MAX + 1];
	const char *name, *folder;

	if (strlen(path) >= sizeof dir)
		return err_set(e, RC_ERROR, "open", "path too long", NULL,
			       "%.100s", path);
	folder = dirname(strcpy(dir, path));
	name = basename(strcpy(base, path));
	if (snprintf(tmp, sizeof tmp, ".%s.%d.tmp", name, getpid()) >=
	    num_int(sizeof tmp))
		return err_set(e, RC_ERROR, "open", "name too long", NULL, "%s",
			       path);
	int CLEANUP(fd_close) at =
		open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (at < 0)
		return err_errno(e, errno == ENOENT ? RC_NOTFOUND : RC_ERROR,
				 "open folder", NULL, "%s", folder);
	(void)unlinkat(at, tmp, 0); /* of a killed process with our number */
	int CLEANUP(fd_close) fd = openat(
		at, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0)
		return err_errno(e, RC_ERROR, "create", NULL, "%s", path);
	/* fchmod: the mode asked for, whatever the umask. */
	if ((uid != (uid_t)-1 && fchown(fd, uid, gid) != 0) ||
	    fchmod(fd, mode) != 0 || !file_write_all(fd, content) ||
	    fsync(fd) != 0) {
		err_errno(e, RC_ERROR, "write", NULL, "%s", path);
		(void)unlinkat(at, tmp, 0);
		return e->rc;
	}
	if (renameat(at, tmp, at, name) != 0) {
		err_errno(e, RC_ERROR, "rename", NULL, "%s", path);
		(void)unlinkat(at, tmp, 0);
		return e->rc;
	}
	if (fsync(at) != 0)
		return err_errno(e, RC_ERROR, "fsync folder", NULL, "%s",
				 folder);
	return RC_OK;
}

enum rc file_replace(const char *path, struct bytes content, mode_t mode,
		     struct err *e)
{
	return replace(path, content, mode, (uid_t)-1, (gid_t)-1, e);
}

enum rc file_replace_as(const char *path, const char *like, struct bytes content,
			struct err *e)
{
	struct stat st;

	if (lstat(like, &st) != 0)
		return err_errno(e, errno == ENOENT ? RC_NOTFOUND : RC_ERROR,
				 "stat", NULL, "%s", like);
	if (!S_ISREG(st.st_mode))
		return err_set(e, RC_ERROR, "stat", "is not a regular file",
			       "a link is not followed: change the file that it names",
			       "%s", like);
	return replace(path, content, st.st_mode & 07777, st.st_uid, st.st_gid, e);
}

enum rc file_make_dir(const char *path, mode_t mode, uid_t uid, gid_t gid,
		      struct err *e)
{
	char p[PATH_MAX];
	struct stat st;

	if (strlen(path) >= sizeof p)
		return err_set(e, RC_ERROR, "mkdir", "path too long", NULL,
			       "%.100s", path);
	strcpy(p, path);
	for (char *s = p + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		if (mkdir(p, 0755) != 0 && errno != EEXIST)
			return err_errno(e, RC_ERROR, "mkdir", NULL, "%s", p);
		*s = '/';
	}
	if (mkdir(path, mode) != 0 && errno != EEXIST)
		return err_errno(e, RC_ERROR, "mkdir", NULL, "%s", path);
	if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(e, RC_ERROR, "mkdir", "is not a folder", NULL,
			       "%s", path);
	if ((uid != (uid_t)-1 && lchown(path, uid, gid) != 0) ||
	    chmod(path, mode) != 0)
		return err_errno(e, RC_ERROR, "chown", NULL, "%s", path);
	return RC_OK;
}

enum rc file_path(char *buf, size_t cap, const char *dir, const char *name,
		  struct err *e)
{
	if (snprintf(buf, cap, "%s/%s", dir, name) >= num_int(cap))
		return err_set(e, RC_ERROR, "path", "too long", NULL,
			       "%.90s/%.90s", dir, name);
	return RC_OK;
}
