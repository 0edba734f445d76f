#include "support/support.h"
#include "base/proc.h"
#include <limits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_user(void **state)
{
	uid_t uid = 99;
	gid_t gid = 99;
	struct err e;

	(void)state;
	assert_ok(proc_user("root", &uid, &gid, &e), &e);
	assert_int_equal(uid, 0);
	assert_int_equal(gid, 0);
	uid = 99;
	assert_int_equal(proc_user("no-such-user", &uid, &gid, &e), RC_NOTFOUND);
	assert_int_equal(uid, 99);
	assert_non_null(strstr(e.what, "no-such-user"));
	assert_true(e.hint[0]);
	gid = 99;
	assert_ok(proc_group("root", &gid, &e), &e);
	assert_int_equal(gid, 0);
	assert_int_equal(proc_group("no-such-group", &gid, &e), RC_NOTFOUND);
}

/* In a child: it is for good. */
static void test_harden(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit core;
		struct err e;
		int ok = proc_harden(&e) == RC_OK &&
			 getrlimit(RLIMIT_CORE, &core) == 0 &&
			 core.rlim_cur == 0 && core.rlim_max == 0 &&
			 prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
			 prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
			 umask(0) == 077;

		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_room_for_files(void **state)
{
	struct rlimit before, r;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	r = (struct rlimit){64, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	proc_room_for_files(100);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	assert_int_equal(r.rlim_cur, 100);
	proc_room_for_files(50); /* never less */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	assert_int_equal(r.rlim_cur, 100);
	proc_room_for_files(before.rlim_max + 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	assert_int_equal(r.rlim_cur, before.rlim_max);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void test_sibling(void **state)
{
	char path[PATH_MAX], small[4] = "abc";
	struct err e;

	(void)state;
	assert_ok(proc_sibling("test-base-proc", path, sizeof path, &e), &e);
	assert_int_equal(path[0], '/');
	assert_int_equal(access(path, X_OK), 0);
	assert_int_equal(proc_sibling("no-such-program", path, sizeof path, &e),
			 RC_ERROR);
	assert_non_null(strstr(e.what, "no-such-program"));
	assert_int_equal(proc_sibling("test-base-proc", small, sizeof small, &e),
			 RC_ERROR);
	assert_string_equal(small, "abc");
}

static void test_now(void **state)
{
	double before = proc_now();

	(void)state;
	assert_true(before > 0);
	assert_true(proc_now() >= before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_harden),
		cmocka_unit_test(test_room_for_files),
		cmocka_unit_test(test_sibling),
		cmocka_unit_test(test_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
