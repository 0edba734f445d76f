#include "scratch.h"
#include "base/file.h"
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#define MEMORY "/dev/shm"

static char dir[PATH_MAX - 64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st, (void)type, (void)w;
	return remove(path);
}

static void clean(void)
{
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_dir(void)
{
	const char *base = getenv("TMPDIR");

	if (dir[0])
		return dir;
	if (access(MEMORY, W_OK) == 0)
		base = MEMORY;
	(void)snprintf(dir, sizeof dir, "%s/itlkeeper-fuzz.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(dir) || atexit(clean) != 0)
		abort();
	return dir;
}

void scratch_path(const char *name, char to[PATH_MAX])
{
	(void)snprintf(to, PATH_MAX, "%s/%s", scratch_dir(), name);
}

void scratch_mkdir(const char *name)
{
	char path[PATH_MAX];

	scratch_path(name, path);
	if (mkdir(path, 0755) != 0)
		abort();
}

void scratch_write(const char *name, struct bytes content)
{
	char path[PATH_MAX];

	scratch_path(name, path);
	int CLEANUP(fd_close) fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || !file_write_all(fd, content))
		abort();
}
