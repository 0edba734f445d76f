#include "control.h"
#include "base/num.h"
#include "base/proc.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const control_names[PROGRAMS] = {"keyd", "front", "carry"};
const char *const fault_names[FAULTS] = {"none", "write", "sync", "rename", "connect"};
struct control *control_of[PROGRAMS];

void control_open(char *dir[1])
{
	char path[PATH_MAX];

	*dir = support_tmpdir();
	assert_int_equal(chmod(*dir, 0755), 0);
	for (size_t i = 0; i < PROGRAMS; i++) {
		int fd;

		(void)snprintf(path, sizeof path, "%s/%s", *dir, control_names[i]);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		assert_return_code(fd, 0);
		assert_int_equal(fchmod(fd, 0666), 0); /* each user's */
		assert_int_equal(ftruncate(fd, sizeof(struct control)), 0);
		control_of[i] = mmap(NULL, sizeof(struct control),
				     PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		assert_true(control_of[i] != MAP_FAILED);
		(void)close(fd);
	}
}

void control_close(char *dir)
{
	for (size_t i = 0; i < PROGRAMS; i++)
		(void)munmap(control_of[i], sizeof(struct control));
	support_tmpdir_remove(dir);
}

/* A sanitizer wants to be the first library; where it is not, it still works. */
const char *control_programs(const char *dir)
{
	static char text[4 * PATH_MAX];

	(void)snprintf(text, sizeof text,
		       "exec /usr/bin/env LD_PRELOAD=" CRASH_PRELOAD " " PRELOAD_CONTROL
		       "=%s/$name " PRELOAD_SOCKET "=%s/socket "
		       "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 "
		       "$real \"$@\"",
		       dir, dir);
	return text;
}

void control_arm(enum program p, enum fault kind, int left, int error)
{
	struct control *c = control_of[p];

	atomic_store(&c->hit, 0);
	atomic_store(&c->error, error);
	atomic_store(&c->left, left);
	atomic_store(&c->kind, (int)kind);
}

void control_disarm(enum program p)
{
	atomic_store(&control_of[p]->kind, FAULT_NONE);
}
