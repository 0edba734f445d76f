/* The audit log's file: what a kill leaves at each step of a rotation, a disk
 * without room, one that is read-only. */
#include "support/support.h"
#include "audit/files.h"
#include "audit/verify.h"
#include "base/file.h"
#include "logfile.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROTATE 4000u /* bytes: about ten entries */

static char *dir;
static char log_path[PATH_MAX];
static struct audit_chain chain;
static struct logfile f;

static char *beside(const char *suffix)
{
	static char path[2][PATH_MAX + 32];
	static unsigned turn;
	char *to = path[turn++ % 2];

	(void)snprintf(to, sizeof path[0], "%s%s", log_path, suffix);
	return to;
}

static int start(void **state)
{
	(void)state;
	dir = support_tmpdir();
	(void)snprintf(log_path, sizeof log_path, "%s/audit.log", dir);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	logfile_close(&f);
	support_tmpdir_remove(dir);
	return 0;
}

static void reopen(void)
{
	struct err e;

	logfile_close(&f);
	memset(&chain, 0, sizeof chain);
	assert_ok(logfile_open(&f, log_path, getgid(), ROTATE, &chain, &e), &e);
}

static enum logfile_end add(size_t n, struct err *e)
{
	struct audit_entry entry = {.time = 1763900000, .who = "front", .event = "itl",
				    .detail = "node=n1", .rc = "ok"};
	char line[AUDIT_LINE_MAX];
	enum logfile_end end = LOGFILE_DONE;

	while (n-- && end == LOGFILE_DONE) {
		struct audit_chain before = chain;

		end = logfile_append(&f,
				     bytes_of(line, audit_format(&chain, &entry, line)),
				     e);
		if (end != LOGFILE_DONE)
			chain = before;
	}
	return end;
}

static bool rotate(void)
{
	struct err e = {0};
	bool done;
	enum logfile_end end = logfile_rotate(&f, &chain, &done, &e);

	if (end != LOGFILE_DONE)
		assert_ok(e.rc, &e);
	return done;
}

/* All files in order are one chain: its last entry. */
static uint64_t verified(size_t files)
{
	struct audit_files CLEANUP(audit_files_clear) all = {0};
	struct audit_wanted nothing = {0};
	struct audit_verifier CLEANUP(audit_verifier_free) *v =
		audit_verifier_new(&nothing);
	struct audit_report r;
	struct err e;

	assert_ok(audit_files_find(log_path, &all, &e), &e);
	assert_int_equal(all.n, files);
	for (size_t i = 0; i < all.n; i++) {
		uint8_t *text;
		size_t n;

		assert_ok(audit_verifier_file(v, all.paths[i], &e), &e);
		assert_ok(file_read(all.paths[i], 1 << 20, &text, &n, &e), &e);
		assert_ok(audit_verifier_feed(v, bytes_of(text, n), &e), &e);
		free(text);
	}
	assert_ok(audit_verifier_end(v, &r, &e), &e);
	assert_int_equal(r.first, 1);
	assert_int_equal(r.torn, 0);
	return r.last;
}

static void rotates(void **state)
{
	struct err e;
	struct stat st;

	(void)state;
	reopen();
	assert_int_equal(chain.next, 1);
	assert_false(rotate());
	assert_int_equal(add(40, &e), LOGFILE_DONE);
	assert_true(rotate());
	assert_false(rotate());
	assert_int_equal(stat(beside(".40"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(stat(log_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(add(40, &e), LOGFILE_DONE);
	assert_true(rotate());
	assert_int_equal(add(1, &e), LOGFILE_DONE);
	assert_int_equal(verified(3), 81);
	reopen();
	assert_int_equal(chain.next, 82);
	assert_int_equal(add(1, &e), LOGFILE_DONE);
	assert_int_equal(verified(3), 82);
}

/* Numbers, not names, say the order; what is no file of the log is left alone. */
static void in_order(void **state)
{
	static const char *const others[] = {".new", ".0", ".01", ".x", ".1x", "1",
					     ".99999999999999999999"};
	struct err e;

	(void)state;
	reopen();
	for (int i = 0; i < 9; i++) {
		assert_int_equal(add(i == 0 ? 9 : 40, &e), LOGFILE_DONE);
		f.limit = 1;
		assert_true(rotate());
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_ok(file_replace(beside(others[i]), bytes_of_text("junk"), 0600,
				       &e), &e);
	assert_int_equal(verified(10), 329); /* .9, .49, .89, .129, ... */
}

/* Killed before the first rename: a file aside that nobody looks at. */
static void killed_before(void **state)
{
	struct err e;

	(void)state;
	reopen();
	assert_int_equal(add(40, &e), LOGFILE_DONE);
	assert_ok(file_replace(beside(".new"), bytes_of_text("{\"continues\":"), 0600,
			       &e), &e);
	reopen();
	assert_int_equal(chain.next, 41);
	assert_true(rotate());
	assert_int_equal(add(1, &e), LOGFILE_DONE);
	assert_int_equal(verified(2), 41);
}

/* Killed between the renames: there is no log. Its begin may be torn, too: a start
 * that was killed again. */
static void killed_between(void **state)
{
	static const char *const begins[] = {NULL, "", "{\"continues\":40,\"h\":\"12"};

	(void)state;
	for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
		struct err e;

		reopen();
		assert_int_equal(add(40, &e), LOGFILE_DONE);
		assert_int_equal(rename(log_path, beside(".40")), 0);
		if (begins[i])
			assert_ok(file_replace(log_path, bytes_of_text(begins[i]), 0640,
					       &e), &e);
		reopen();
		assert_int_equal(chain.next, 41);
		assert_int_equal(add(1, &e), LOGFILE_DONE);
		assert_int_equal(verified(2), 41);
		assert_int_equal(unlink(log_path) | unlink(beside(".40")), 0);
	}
}

/* An older file that is not what its name says is no ground to stand on. */
static void a_wrong_older_file(void **state)
{
	struct err e;

	(void)state;
	reopen();
	assert_int_equal(add(40, &e), LOGFILE_DONE);
	assert_int_equal(rename(log_path, beside(".39")), 0);
	logfile_close(&f);
	assert_int_equal(logfile_open(&f, log_path, getgid(), 0, &chain, &e), RC_VERIFY);
	assert_non_null(strstr(e.what, "audit.log.39"));
	assert_int_equal(rename(beside(".39"), beside(".40")), 0);
	assert_int_equal(truncate(beside(".40"), 1000), 0);
	assert_int_equal(logfile_open(&f, log_path, getgid(), 0, &chain, &e), RC_VERIFY);
}

/* Another file has the name: it stays, and the log goes on where it is. */
static void never_over_another(void **state)
{
	enum logfile_end end;
	struct err e;
	bool done;

	(void)state;
	reopen();
	assert_int_equal(add(40, &e), LOGFILE_DONE);
	assert_ok(file_replace(beside(".40"), bytes_of_text("precious"), 0600, &e), &e);
	end = logfile_rotate(&f, &chain, &done, &e);
	assert_int_equal(end, LOGFILE_STUCK);
	assert_int_equal(e.code, EEXIST);
	assert_false(done);
	assert_int_equal(access(beside(".new"), F_OK), -1);
	end = logfile_rotate(&f, &chain, &done, &e); /* not at once again */
	assert_int_equal(end, LOGFILE_DONE);
	assert_int_equal(unlink(beside(".40")), 0);
	assert_int_equal(add(40, &e), LOGFILE_DONE);
	assert_true(rotate());
	assert_int_equal(verified(2), 80);
}

/* A file system of our own, which root alone may have. */
static bool mounted(unsigned long flags)
{
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	return mount("none", dir, "tmpfs", flags, "size=32k") == 0;
}

static void without_room(void **state)
{
	char fill[4096] = {0};
	struct err e;
	int fd;

	(void)state;
	if (!mounted(0))
		skip();
	reopen();
	assert_int_equal(add(10, &e), LOGFILE_DONE);
	assert_false(logfile_is_scarce(&f));
	fd = open(beside("-other"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, fill, sizeof fill) > 0)
		;
	assert_int_equal(close(fd), 0);
	while (add(1, &e) == LOGFILE_DONE)
		;
	assert_int_equal(add(1, &e), LOGFILE_STUCK);
	assert_string_equal(e.name, "ENOSPC");
	assert_true(logfile_is_scarce(&f));
	assert_non_null(strstr(e.hint, "free space"));
	assert_non_null(strstr(e.what, log_path));
	/* nor a new file; the old one is where it was */
	f.limit = 1;
	{
		bool done;

		assert_int_equal(logfile_rotate(&f, &chain, &done, &e), LOGFILE_STUCK);
		assert_false(done);
	}
	(void)verified(1);
	assert_int_equal(unlink(beside("-other")), 0);
	assert_false(logfile_is_scarce(&f));
	assert_int_equal(add(10, &e), LOGFILE_DONE);
	(void)verified(1);
	logfile_close(&f);
	assert_int_equal(umount(dir), 0);
}

static void read_only(void **state)
{
	struct err e;

	(void)state;
	if (!mounted(MS_RDONLY))
		skip();
	assert_int_equal(logfile_open(&f, log_path, getgid(), 0, &chain, &e), RC_ERROR);
	assert_string_equal(e.name, "EROFS");
	assert_non_null(strstr(e.hint, "mount"));
	assert_int_equal(umount(dir), 0);
	f.fd = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rotates, start, stop),
		cmocka_unit_test_setup_teardown(in_order, start, stop),
		cmocka_unit_test_setup_teardown(killed_before, start, stop),
		cmocka_unit_test_setup_teardown(killed_between, start, stop),
		cmocka_unit_test_setup_teardown(a_wrong_older_file, start, stop),
		cmocka_unit_test_setup_teardown(never_over_another, start, stop),
		cmocka_unit_test_setup_teardown(without_room, start, stop),
		cmocka_unit_test_setup_teardown(read_only, start, stop),
	};

	f.fd = -1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
