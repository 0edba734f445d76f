#include "base/file.h"
#include "carry/carry.h"
#include "carry/name.h"
#include "job.h"
#include "sandbox.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* ".NAME.PID.tmp" of a put that was killed halfway. */
static void remove_leftovers(const char *folder, const char *name)
{
	DIR *d = opendir(folder);
	struct dirent *f;
	size_t n = strlen(name);

	while (d && (f = readdir(d))) {
		int pid = 0, end = 0;

		if (f->d_name[0] != '.' || strncmp(f->d_name + 1, name, n) != 0 ||
		    sscanf(f->d_name + 1 + n, ".%d.tmp%n", &pid, &end) != 1 ||
		    end == 0 || f->d_name[1 + n + (size_t)end] || pid <= 1)
			continue;
		if (kill(pid, 0) != 0 && errno == ESRCH)
			(void)unlinkat(dirfd(d), f->d_name, 0);
	}
	if (d)
		(void)closedir(d);
}

static const char *next_step(unsigned long code)
{
	switch (code) {
	case ENOENT:
	case ENOTDIR:
		return "make the folder, or correct `folder` in cluster.conf";
	case EACCES:
	case EPERM:
		return "let front's user write in the folder of the TFTP server";
	case ENOSPC:
	case EDQUOT:
		return "make room on the disk of the TFTP folder; the old file still stands";
	case EROFS:
		return "mount the TFTP folder for writing";
	default:
		return "look at the folder of the TFTP server";
	}
}

/* Nothing of it is ever seen, or left. A file system without such files is asked. */
enum rc job_writable(json_t *job, struct err *e)
{
	const char *folder;

	if (job_members(job, e, "{s:s}", "folder", &folder) != RC_OK ||
	    sandbox_files(folder, NULL, 0, e) != RC_OK)
		return e->rc;
	int CLEANUP(fd_close) fd =
		open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0 || ((errno == EOPNOTSUPP || errno == EISDIR) &&
			faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0))
		return RC_OK;
	err_errno(e, RC_ERROR, "open", NULL, "%s", folder);
	return err_hint(e, next_step(e->code));
}

enum rc job_put(json_t *job, struct err *e)
{
	const char *folder, *name;
	char path[PATH_MAX];
	uint8_t CLEANUP_FREE *content = NULL;
	size_t n = 0;
	int mode;

	if (job_members(job, e, "{s:s, s:s, s:i}", "folder", &folder, "name",
			&name, "mode", &mode) != RC_OK ||
	    sandbox_files(folder, NULL, 0, e) != RC_OK)
		return e->rc;
	if (folder[0] != '/' || !carry_name_is_plain(name) || mode & ~0666)
		return err_set(e, RC_USAGE, "put",
			       "not a folder, a plain name and a mode", NULL,
			       "%s/%s", folder, name);
	if (file_path(path, sizeof path, folder, name, e) != RC_OK ||
	    job_content(CARRY_CONTENT_MAX, &content, &n, e) != RC_OK)
		return e->rc;
	remove_leftovers(folder, name);
	if (file_replace(path, bytes_of(content, n), (mode_t)mode, e) != RC_OK)
		return err_hint(e, next_step(e->code));
	return RC_OK;
}
