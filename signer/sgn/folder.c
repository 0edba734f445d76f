/* Opening what is in a tree, and nothing that is not. */
#include "internal.h"
#include "base/file.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

void folder_clear(struct folder *f)
{
	fd_close(f->fd);
	f->fd = -1;
	f->path[0] = '\0';
}

/* Each step is a folder itself, not a link to one; -1 and errno. */
static int descend(int root, char *path)
{
	int CLEANUP(fd_close) at = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *save = NULL;

	for (char *step = strtok_r(path, "/", &save); at >= 0 && step;
	     step = strtok_r(NULL, "/", &save)) {
		int next = -1;

		if (!strcmp(step, ".."))
			errno = EXDEV;
		else
			next = openat(at, step, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		fd_close(at);
		at = next;
	}
	/* O_PATH alone could not be looked through. */
	return at < 0 ? -1 : openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

enum rc folder_of(struct folder *f, int root, const char *path, const char **base,
		  struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? num_size(slash - path) : 0;
	char steps[sizeof f->path];

	*base = slash ? slash + 1 : path;
	if (f->fd >= 0 && strlen(f->path) == n && !memcmp(f->path, path, n))
		return RC_OK;
	folder_clear(f);
	if (n >= sizeof steps)
		return err_set(e, RC_REFUSED, "open folder", "the path is too long", NULL,
			       "%.150s", path);
	memcpy(steps, path, n);
	steps[n] = '\0';
	memcpy(f->path, steps, n + 1);
	f->fd = descend(root, steps);
	if (f->fd < 0 && (errno == ENOTDIR || errno == EXDEV))
		return err_set(e, RC_REFUSED, "open folder",
			       "the way to it leads over a link, or out of the tree",
			       "name the folder itself", "%.150s", path);
	if (f->fd < 0)
		return err_errno(e, errno == ENOENT ? RC_NOTFOUND : RC_REFUSED, "open folder",
				 errno == EACCES ? "who signs must be able to read it" : NULL,
				 "%.150s", path);
	f->writable = faccessat(f->fd, ".", W_OK | X_OK, AT_EACCESS) == 0;
	return RC_OK;
}

void file_clear(struct file *f)
{
	fd_close(f->fd);
	free(f->room);
	*f = (struct file){.fd = -1};
}

/* A link, as long as it stays within the tree. */
static int open_link(int root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static enum rc cannot_open(bool link, const char *name, struct err *e)
{
	switch (errno) {
	case ENOENT:
		if (!link)
			return err_errno(e, RC_NOTFOUND, "open", NULL, "%.150s", name);
		return err_set(e, RC_REFUSED, "open", "it is a link to nothing", NULL,
			       "%.150s", name);
	case EXDEV:
	case ELOOP:
		return err_set(e, RC_REFUSED, "open", "it is a link out of the tree",
			       "a link must be relative, and stay within: copy the file there",
			       "%.150s", name);
	default:
		return err_errno(e, RC_REFUSED, "open",
				 errno == EACCES ? "who signs must be able to read it" : NULL,
				 "%.150s", name);
	}
}

static enum rc read_whole(struct file *f, const char *name, struct err *e)
{
	size_t want = num_size(f->st.st_size), got = 0;

	f->room = malloc(ITL_MAX_SGN_HEADER + want + 1);
	if (!f->room)
		return err_errno(e, RC_ERROR, "malloc", NULL, "%.150s", name);
	f->p = f->room + ITL_MAX_SGN_HEADER;
	/* One byte more: that there is none is its end. */
	if (!file_read_start(f->fd, f->p, want + 1, &got))
		return err_errno(e, RC_REFUSED, "read", NULL, "%.150s", name);
	if (got != want)
		return err_set(e, RC_REFUSED, "read", "it changes while it is read",
			       "sign it again when it is whole", "%.150s", name);
	f->n = got;
	return RC_OK;
}

enum rc folder_read(int root, int at, const char *base, const struct entry *entry,
		    const char *name, size_t max, struct file *out, struct err *e)
{
	bool link = entry && entry->link;
	struct file f CLEANUP(file_clear) = {
		.fd = link ? open_link(root, entry->path)
			   : openat(at, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};

	if (f.fd < 0)
		return cannot_open(link, name, e);
	if (fstat(f.fd, &f.st) != 0 || !S_ISREG(f.st.st_mode))
		return err_set(e, RC_REFUSED, "open", "is not a regular file", NULL, "%.150s",
			       name);
	if ((uintmax_t)f.st.st_size > max)
		return err_set(e, RC_REFUSED, "sign", "is too large",
			       "phones load no such files; file-bytes of cluster.conf is the limit",
			       "%.150s: %jd bytes, at most %zu", name, (intmax_t)f.st.st_size,
			       max);
	if (read_whole(&f, name, e) != RC_OK)
		return e->rc;
	*out = f;
	f = (struct file){.fd = -1};
	return RC_OK;
}
