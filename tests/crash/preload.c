/* Preloaded: the Nth write, sync, rename or connect fails; a sync waits until the
 * test has copied what a loss of power would leave. */
#include "preload.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct control *control;
static char socket_path[sizeof((struct sockaddr_un *)0)->sun_path];

/* Before the program's own sandbox, and before it can be refused. */
__attribute__((constructor)) static void attach(void)
{
	const char *path = getenv(PRELOAD_CONTROL), *at = getenv(PRELOAD_SOCKET);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page;

	if (at)
		strncpy(socket_path, at, sizeof socket_path - 1);
	if (fd < 0)
		return;
	page = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (page != MAP_FAILED)
		control = page;
}

/* Shall this one fail? errno is set then. */
static bool fails(enum fault kind)
{
	if (!control || atomic_load(&control->kind) != (int)kind ||
	    atomic_fetch_sub(&control->left, 1) != 0)
		return false;
	atomic_store(&control->hit, 1);
	errno = atomic_load(&control->error);
	return true;
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

static void let_copy(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int kept = errno, fd;
	char byte;

	if (!control || !atomic_load(&control->ask))
		return;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	memcpy(a.sun_path, socket_path, sizeof a.sun_path);
	if (fd >= 0 && REAL(connect)(fd, (struct sockaddr *)&a, sizeof a) == 0)
		(void)!read(fd, &byte, 1);
	if (fd >= 0)
		(void)close(fd);
	errno = kept;
}

/* The log is no state. */
static bool is_log(int fd)
{
	return fd == STDERR_FILENO || fd == STDOUT_FILENO;
}

ssize_t write(int fd, const void *p, size_t n)
{
	return !is_log(fd) && fails(FAULT_WRITE) ? -1 : REAL(write)(fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return fails(FAULT_WRITE) ? -1 : REAL(pwrite)(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return fails(FAULT_WRITE) ? -1 : REAL(pwrite64)(fd, p, n, at);
}

int fsync(int fd)
{
	let_copy();
	return fails(FAULT_SYNC) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
	let_copy();
	return fails(FAULT_SYNC) ? -1 : REAL(fdatasync)(fd);
}

int rename(const char *from, const char *to)
{
	return fails(FAULT_RENAME) ? -1 : REAL(rename)(from, to);
}

int renameat(int a, const char *from, int b, const char *to)
{
	return fails(FAULT_RENAME) ? -1 : REAL(renameat)(a, from, b, to);
}

int connect(int fd, const struct sockaddr *a, socklen_t n)
{
	return fails(FAULT_CONNECT) ? -1 : REAL(connect)(fd, a, n);
}
