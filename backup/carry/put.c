#include "base/file.h"
#include "base/num.h"
#include "carry/carry.h"
#include "job.h"
#include "sandbox.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* One file of the folder: no path, nothing hidden, nothing that is not seen. */
static bool name_is_plain(const char *name)
{
	for (const char *s = name; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
			return false;
	return name[0] && name[0] != '.';
}

static enum rc read_content(uint8_t *buf, size_t cap, size_t *n, struct err *e)
{
	size_t got = 0;

	for (;;) {
		ssize_t r = read(CARRY_CONTENT_FD, buf + got, cap - got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(e, RC_ERROR, "read", NULL,
					 "descriptor %d", CARRY_CONTENT_FD);
		if (r == 0)
			break;
		got += num_size(r);
		if (got == cap)
			return err_set(e, RC_USAGE, "put", "too much content",
				       NULL, "at most %u bytes",
				       CARRY_CONTENT_MAX);
	}
	*n = got;
	return RC_OK;
}

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

enum rc job_put(json_t *job, struct err *e)
{
	const char *folder, *name;
	char path[PATH_MAX];
	uint8_t content[CARRY_CONTENT_MAX + 1];
	size_t n = 0;
	int mode;

	if (job_members(job, e, "{s:s, s:s, s:i}", "folder", &folder, "name",
			&name, "mode", &mode) != RC_OK ||
	    sandbox_writes(folder, e) != RC_OK)
		return e->rc;
	if (folder[0] != '/' || !name_is_plain(name) || mode & ~0666)
		return err_set(e, RC_USAGE, "put",
			       "not a folder, a plain name and a mode", NULL,
			       "%s/%s", folder, name);
	if (file_path(path, sizeof path, folder, name, e) != RC_OK ||
	    read_content(content, sizeof content, &n, e) != RC_OK)
		return e->rc;
	remove_leftovers(folder, name);
	if (file_replace(path, bytes_of(content, n), (mode_t)mode, e) != RC_OK)
		return err_hint(e, next_step(e->code));
	return RC_OK;
}
