/* What carry may still do once it listens to strangers. */
#include "support/support.h"
#include "base/proc.h"
#include "sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child: a sandbox is for good. Returns its exit status. */
static int in_child(int (*work)(const char *dir), const char *dir)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e;

		_exit(proc_harden(&e) != RC_OK ? 99 : work(dir));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool denied(long result)
{
	return result < 0 && errno == EACCES;
}

static int calls(const char *dir)
{
	char *const argv[] = {(char *)(uintptr_t)"true", NULL};
	struct err e;

	(void)dir;
	if (sandbox_calls(&e) != RC_OK)
		return 1;
	if (!denied(socket(AF_UNIX, SOCK_SEQPACKET, 0)))
		return 2;
	if (socket(AF_INET, SOCK_DGRAM, 0) < 0)
		return 3;
	if (!denied(execve("/bin/true", argv, NULL)))
		return 4;
	if (!denied(kill(getppid(), SIGTERM)))
		return 5;
	if (kill(getppid(), 0) != 0)
		return 6;
	if (!denied(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)))
		return 7;
	return 0;
}

static int make_file(const char *dir, const char *name)
{
	char path[4200];
	int fd;

	assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)close(fd);
	return fd;
}

static int writes_nowhere(const char *dir)
{
	struct err e;

	if (sandbox_writes(NULL, &e) != RC_OK)
		return 1;
	if (!denied(make_file(dir, "new")) || !denied(make_file(dir, "there")))
		return 2;
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0 ? 0 : 3;
}

static int writes_beneath(const char *dir)
{
	char sub[4096];
	struct err e;

	assert_true(snprintf(sub, sizeof sub, "%s/sub", dir) < (int)sizeof sub);
	if (sandbox_writes(sub, &e) != RC_OK)
		return 1;
	if (!denied(make_file(dir, "new")) || !denied(make_file(dir, "there")))
		return 2;
	return make_file(sub, "new") >= 0 ? 0 : 3;
}

static void test_calls(void **state)
{
	(void)state;
	assert_int_equal(in_child(calls, NULL), 0);
}

static void test_writes(void **state)
{
	char *dir = support_tmpdir(), sub[4096];

	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0,
		    LANDLOCK_CREATE_RULESET_VERSION) < 1) {
		print_message("this kernel has no Landlock\n");
		support_tmpdir_remove(dir);
		skip();
	}
	assert_true(snprintf(sub, sizeof sub, "%s/sub", dir) < (int)sizeof sub);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_true(make_file(dir, "there") >= 0);
	assert_int_equal(in_child(writes_nowhere, dir), 0);
	assert_int_equal(in_child(writes_beneath, dir), 0);
	support_tmpdir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
