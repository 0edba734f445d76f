#include "support/support.h"
#include "base/file.h"
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir;

static int setup(void **state)
{
	(void)state;
	dir = support_tmpdir();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	support_tmpdir_remove(dir);
	return 0;
}

static char *in_dir(const char *name)
{
	static char path[PATH_MAX];
	struct err e;

	assert_ok(file_path(path, sizeof path, dir, name, &e), &e);
	return path;
}

static size_t files_in_dir(void)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 2;
}

static void check_content(const char *path, const char *want)
{
	uint8_t *got = NULL;
	size_t n;
	struct err e;

	assert_ok(file_read(path, 1000, &got, &n, &e), &e);
	assert_int_equal(n, strlen(want));
	assert_string_equal((char *)got, want);
	free(got);
}

static void test_replace(void **state)
{
	const char *path = in_dir("list");
	mode_t old = umask(077);
	struct stat st;
	struct err e;

	(void)state;
	assert_ok(file_replace(path, bytes_of_text("one"), 0644, &e), &e);
	check_content(path, "one");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644); /* whatever the umask */
	assert_ok(file_replace(path, bytes_of_text(""), 0600, &e), &e);
	check_content(path, "");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(files_in_dir(), 1); /* nothing aside */
	(void)umask(old);
}

/* A link is replaced, not followed: its target is somebody else's. */
static void test_replace_link(void **state)
{
	char target[PATH_MAX];
	const char *path;
	struct stat st;
	struct err e;

	(void)state;
	strcpy(target, in_dir("target"));
	assert_ok(file_replace(target, bytes_of_text("old"), 0600, &e), &e);
	path = in_dir("link");
	assert_int_equal(symlink(target, path), 0);
	assert_ok(file_replace(path, bytes_of_text("new"), 0600, &e), &e);
	check_content(path, "new");
	check_content(target, "old");
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void test_replace_fails(void **state)
{
	size_t before;
	char path[PATH_MAX], name[NAME_MAX + 1];
	struct err e;

	(void)state;
	assert_int_equal(file_replace("/no/such/folder/f", bytes_of_text("x"),
				      0600, &e),
			 RC_NOTFOUND);
	assert_string_equal(e.what, "/no/such/folder");
	/* A folder is in its place: the file aside goes away. */
	strcpy(path, in_dir("folder"));
	assert_int_equal(mkdir(path, 0700), 0);
	before = files_in_dir();
	assert_int_equal(file_replace(path, bytes_of_text("x"), 0600, &e),
			 RC_ERROR);
	assert_string_equal(e.op, "rename");
	assert_int_equal(files_in_dir(), before);
	memset(name, 'a', NAME_MAX);
	name[NAME_MAX] = '\0';
	strcpy(path, in_dir(name));
	assert_int_equal(file_replace(path, bytes_of_text("x"), 0600, &e),
			 RC_ERROR);
	assert_int_equal(files_in_dir(), before);
}

/* A disk that fills up, played by the limit of a file's size: the old file
 * stays, and nothing aside. */
static void test_replace_disk_full(void **state)
{
	static uint8_t big[1 << 20];
	const char *path = in_dir("full");
	struct rlimit before, small;
	struct err e;
	size_t n;
	enum rc rc;

	(void)state;
	assert_ok(file_replace(path, bytes_of_text("old"), 0600, &e), &e);
	n = files_in_dir();
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){4096, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = file_replace(path, bytes_of(big, sizeof big), 0600, &e);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(rc, RC_ERROR);
	assert_string_equal(e.op, "write");
	assert_string_equal(e.name, "EFBIG");
	assert_int_equal(files_in_dir(), n);
	check_content(path, "old");
}

static void test_read(void **state)
{
	const char *path = in_dir("data");
	uint8_t *out = NULL;
	size_t n = 0;
	struct err e;

	(void)state;
	assert_ok(file_replace(path, bytes_of("a\0b", 3), 0600, &e), &e);
	assert_ok(file_read(path, 3, &out, &n, &e), &e);
	assert_int_equal(n, 3);
	assert_memory_equal(out, "a\0b", 4);
	free(out);
	out = NULL;
	assert_int_equal(file_read(path, 2, &out, &n, &e), RC_ERROR);
	assert_string_equal(e.why, "is too large");
	assert_int_equal(file_read("/no/such", 2, &out, &n, &e), RC_NOTFOUND);
	assert_int_equal(file_read(dir, 100, &out, &n, &e), RC_ERROR);
	assert_int_equal(file_read("/dev/null", 100, &out, &n, &e), RC_ERROR);
	assert_null(out);
}

static void test_make_dir(void **state)
{
	char path[PATH_MAX];
	struct stat st;
	struct err e;

	(void)state;
	strcpy(path, in_dir("a/b/c"));
	assert_ok(file_make_dir(path, 0750, (uid_t)-1, (gid_t)-1, &e), &e);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_ok(file_make_dir(path, 0700, geteuid(), getegid(), &e), &e);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	strcpy(path, in_dir("file"));
	assert_ok(file_replace(path, bytes_of_text("x"), 0600, &e), &e);
	assert_int_equal(file_make_dir(path, 0700, (uid_t)-1, (gid_t)-1, &e),
			 RC_ERROR);
	strcpy(path, in_dir("link-to-dir"));
	assert_int_equal(symlink("/etc", path), 0);
	assert_int_equal(file_make_dir(path, 0700, (uid_t)-1, (gid_t)-1, &e),
			 RC_ERROR);
}

static void test_path(void **state)
{
	char buf[8];
	struct err e;

	(void)state;
	assert_ok(file_path(buf, sizeof buf, "/abc", "de", &e), &e);
	assert_string_equal(buf, "/abc/de");
	assert_int_equal(file_path(buf, sizeof buf, "/abc", "def", &e), RC_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_replace_link),
		cmocka_unit_test(test_replace_fails),
		cmocka_unit_test(test_replace_disk_full),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_make_dir),
		cmocka_unit_test(test_path),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
