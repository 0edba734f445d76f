#include "support/support.h"
#include "base/file.h"
#include "base/num.h"
#include "base/secret.h"
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static char *dir;
static char path[4096];

static int setup(void **state)
{
	struct err e;

	(void)state;
	dir = support_tmpdir();
	assert_ok(file_path(path, sizeof path, dir, "pin", &e), &e);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	support_tmpdir_remove(dir);
	return 0;
}

static void test_new(void **state)
{
	struct secret *s = NULL;
	struct err e;

	(void)state;
	assert_int_equal(secret_new(0, &s, &e), RC_ERROR);
	assert_int_equal(secret_new(SECRET_BLOCK_MAX + 1, &s, &e), RC_ERROR);
	assert_null(s);
	assert_ok(secret_new(SECRET_BLOCK_MAX, &s, &e), &e);
	assert_int_equal(s->n, SECRET_BLOCK_MAX);
	for (size_t i = 0; i < s->n; i++)
		assert_int_equal(s->p[i], 0);
	secret_free(s);
	secret_free(NULL);
}

#ifndef __has_feature
#define __has_feature(x) 0 /* clang's */
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define LOCKS false /* the sanitizer makes mlock() do nothing */
#else
#define LOCKS true
#endif

/* The memory is locked: the kernel counts it. */
static void test_locked(void **state)
{
	struct secret *s = NULL;
	char line[200];
	long locked = 0;
	struct err e;
	FILE *f;

	(void)state;
	if (!LOCKS)
		skip();
	assert_ok(secret_new(16, &s, &e), &e);
	f = fopen("/proc/self/status", "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		(void)sscanf(line, "VmLck: %ld", &locked);
	(void)fclose(f);
	assert_true(locked > 0);
	secret_free(s);
}

/* Memory that cannot be locked is no place for a secret. */
static void test_limit_of_locked_memory(void **state)
{
	struct rlimit none = {0, 0};
	pid_t pid;
	int status;

	(void)state;
	if (!LOCKS || geteuid() != 0) /* root alone can become another user */
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct secret *s = NULL;
		struct err e;

		if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
		    setgid(54321) != 0 || setuid(54321) != 0)
			_exit(3);
		_exit(secret_new(16, &s, &e) == RC_ERROR && !s &&
				      !strcmp(e.op, "mlock")
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static const struct {
	const char *name, *content;
	size_t n;
	mode_t mode;
	const char *value, *says; /* one of them */
} files[] = {
	{"a line", "1234\n", 5, 0600, "1234", NULL},
	{"no line end", "1234", 4, 0600, "1234", NULL},
	{"CRLF", "1234\r\n", 6, 0600, "1234", NULL},
	{"more lines", "1234\n5678\n", 10, 0600, "1234", NULL},
	{"blanks count", " 12 34 \n", 8, 0400, " 12 34 ", NULL},
	{"empty", "", 0, 0600, NULL, "empty"},
	{"empty line", "\n1234\n", 6, 0600, NULL, "empty"},
	{"only CR", "\r\n", 2, 0600, NULL, "empty"},
	{"group reads", "1234\n", 5, 0640, NULL, "others than its owner"},
	{"others read", "1234\n", 5, 0604, NULL, "others than its owner"},
	{"group writes", "1234\n", 5, 0620, NULL, "others than its owner"},
	{"others execute", "1234\n", 5, 0601, NULL, "others than its owner"},
};

static void test_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		struct secret *s = NULL;
		struct err e = {0};
		char text[1200];
		enum rc rc;

		assert_ok(file_replace(path,
				       bytes_of(files[i].content, files[i].n),
				       files[i].mode, &e),
			  &e);
		rc = secret_read_file(path, &s, &e);
		err_text(&e, text, sizeof text);
		if (files[i].value) {
			if (rc != RC_OK)
				fail_msg("%s: %s", files[i].name, text);
			assert_true(bytes_equal(bytes_of(s->p, s->n),
						bytes_of_text(files[i].value)));
		} else {
			if (rc != RC_ERROR || !strstr(text, files[i].says))
				fail_msg("%s: %s", files[i].name, text);
			assert_null(s);
			assert_null(strstr(text, "1234"));
			assert_non_null(strstr(text, path));
		}
		secret_free(s);
	}
}

static void test_file_lengths(void **state)
{
	char content[SECRET_MAX + 10];
	struct secret *s = NULL;
	struct err e;

	(void)state;
	memset(content, 'p', sizeof content);
	assert_ok(file_replace(path, bytes_of(content, SECRET_MAX), 0600, &e),
		  &e);
	assert_int_equal(secret_read_file(path, &s, &e), RC_ERROR);
	assert_non_null(strstr(e.why, "too long"));
	content[SECRET_MAX - 1] = '\n';
	assert_ok(file_replace(path, bytes_of(content, sizeof content), 0600,
			       &e),
		  &e);
	assert_ok(secret_read_file(path, &s, &e), &e);
	assert_int_equal(s->n, SECRET_MAX - 1);
	secret_free(s);
}

static void test_not_a_file(void **state)
{
	struct secret *s = NULL;
	struct err e;

	(void)state;
	assert_int_equal(secret_read_file("/no/such", &s, &e), RC_ERROR);
	assert_string_equal(e.name, "ENOENT");
	assert_int_equal(secret_read_file(dir, &s, &e), RC_ERROR);
	assert_int_equal(secret_read_file("/dev/null", &s, &e), RC_ERROR);
	assert_null(s);
}

static void test_foreign_owner(void **state)
{
	struct secret *s = NULL;
	struct err e;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_ok(file_replace(path, bytes_of_text("1234\n"), 0600, &e), &e);
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(secret_read_file(path, &s, &e), RC_ERROR);
	assert_null(s);
}

static void test_credential(void **state)
{
	struct secret *s = NULL;
	struct err e;

	(void)state;
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(secret_read_credential("pin", &s, &e), RC_ERROR);
	assert_true(e.hint[0]);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
	/* systemd guards the folder: the file's mode is its own. */
	assert_ok(file_replace(path, bytes_of_text("9876\n"), 0440, &e), &e);
	assert_ok(secret_read_credential("pin", &s, &e), &e);
	assert_int_equal(s->n, 4);
	assert_memory_equal(s->p, "9876", 4);
	secret_free(s);
	s = NULL;
	assert_int_equal(secret_read_credential("none", &s, &e), RC_ERROR);
	assert_null(s);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
}

/* Without a terminal there is nobody to ask. */
static void test_ask_without_terminal(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct secret *s = NULL;
		struct err e;

		(void)setsid();
		_exit(secret_ask("PIN: ", &s, &e) == RC_USAGE && !s ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The child that is asked, with the terminal as its own. */
static void asked(int slave)
{
	struct secret *s = NULL;
	struct err e;
	bool ok;

	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0)
		_exit(3);
	ok = secret_ask("PIN: ", &s, &e) == RC_OK && s->n == 6 &&
	     !memcmp(s->p, "s3cr3t", 6);
	secret_free(s);
	_exit(ok ? 0 : 1);
}

/* Read from the terminal until `what` was there; false at its end. */
static bool wait_for(int master, char *seen, size_t cap, const char *what)
{
	size_t n = strlen(seen);

	while (!strstr(seen, what)) {
		ssize_t r = n + 1 < cap ? read(master, seen + n, cap - 1 - n)
					: 0;

		if (r <= 0)
			return false;
		n += num_size(r);
		seen[n] = '\0';
	}
	return true;
}

static bool echoes(int tty)
{
	struct termios t;

	assert_int_equal(tcgetattr(tty, &t), 0);
	return t.c_lflag & ECHO;
}

static void test_ask(void **state)
{
	int master, slave, status;
	char seen[200] = "";
	pid_t pid;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(master);
		asked(slave);
	}
	assert_true(wait_for(master, seen, sizeof seen, "PIN: "));
	assert_false(echoes(slave));
	assert_int_equal(write(master, "s3cr3t\n", 7), 7);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(echoes(slave)); /* as it was before */
	assert_true(wait_for(master, seen, sizeof seen, "\n"));
	assert_null(strstr(seen, "s3cr3t"));
	(void)close(master);
	(void)close(slave);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_limit_of_locked_memory),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_lengths),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_foreign_owner),
		cmocka_unit_test(test_credential),
		cmocka_unit_test(test_ask_without_terminal),
		cmocka_unit_test(test_ask),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
