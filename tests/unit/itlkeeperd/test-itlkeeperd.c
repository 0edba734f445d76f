#include "support/support.h"
#include "base/file.h"
#include "base/num.h"
#include "bouncer.h"
#include "request.h"
#include "service.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define NONCE "0123456789abcdefABCDEF9876543210"

static void request_contents(void **state)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t n;
		bool ok;
	} rows[] = {
		{"whole", NONCE "\n", 33, true},
		{"no newline", NONCE, 32, false},
		{"carriage return", NONCE "\r\n", 34, false},
		{"two newlines", NONCE "\n\n", 34, false},
		{"short", "0123\n", 5, false},
		{"no hex", "0123456789abcdefABCDEF987654321g\n", 33, false},
		{"NUL", "0123456789abcdefABCDEF987654321\0\n", 33, false},
		{"blank", " 123456789abcdefABCDEF9876543210\n", 33, false},
		{"newline inside", "0123456789abcdef\nBCDEF9876543210\n", 33, false},
		{"empty", "", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char nonce[RESTART_NONCE_HEX + 1] = "untouched";

		print_message("%s\n", rows[i].name);
		assert_int_equal(request_read(bytes_of(rows[i].bytes, rows[i].n),
					      nonce), rows[i].ok);
		assert_string_equal(nonce, rows[i].ok ? NONCE : "untouched");
	}
}

/* ---- what may lie in the folder ---- */

static void put(int dir, const char *name, const char *text)
{
	int CLEANUP(fd_close) fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void make_file(int dir)
{
	put(dir, "n1", NONCE "\n");
}

static void make_nothing(int dir)
{
	(void)dir;
}

static void make_bad_content(int dir)
{
	put(dir, "n1", "rm -rf /\n");
}

static void make_long(int dir)
{
	put(dir, "n1", NONCE "\n" NONCE "\n");
}

static void make_link(int dir)
{
	put(dir, "other", NONCE "\n");
	assert_int_equal(symlinkat("other", dir, "n1"), 0);
}

static void make_hard_link(int dir)
{
	put(dir, "other", NONCE "\n");
	assert_int_equal(linkat(dir, "other", dir, "n1", 0), 0);
}

static void make_fifo(int dir)
{
	assert_int_equal(mkfifoat(dir, "n1", 0644), 0);
}

static void make_dir(int dir)
{
	assert_int_equal(mkdirat(dir, "n1", 0755), 0);
}

static void requests_taken(void **state)
{
	static const struct {
		const char *name;
		void (*make)(int dir);
		uid_t writer_plus;
		enum rc rc;
		bool gone;
	} rows[] = {
		{"a request", make_file, 0, RC_OK, true},
		{"nothing", make_nothing, 0, RC_NOTFOUND, true},
		{"another user's file", make_file, 1, RC_REFUSED, true},
		{"other content", make_bad_content, 0, RC_REFUSED, true},
		{"more behind it", make_long, 0, RC_REFUSED, true},
		{"a symbolic link", make_link, 0, RC_REFUSED, true},
		{"a hard link", make_hard_link, 0, RC_REFUSED, true},
		{"a pipe that nobody writes", make_fifo, 0, RC_REFUSED, true},
		{"a folder", make_dir, 0, RC_REFUSED, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *path = support_tmpdir();
		int CLEANUP(fd_close) dir = open(path, O_RDONLY | O_DIRECTORY);
		char nonce[RESTART_NONCE_HEX + 1] = "untouched";
		struct stat st;
		struct err e;

		print_message("%s\n", rows[i].name);
		rows[i].make(dir);
		assert_int_equal(request_take(dir, "n1", getuid() + rows[i].writer_plus,
					      nonce, &e), rows[i].rc);
		if (rows[i].rc == RC_OK)
			assert_string_equal(nonce, NONCE);
		assert_int_equal(fstatat(dir, "n1", &st, AT_SYMLINK_NOFOLLOW) != 0,
				 rows[i].gone);
		support_tmpdir_remove(path);
	}
}

static void last_lines(void **state)
{
	static const struct {
		const char *pieces[4];
		const char *last;
	} rows[] = {
		{{"one\n", NULL}, "one"},
		{{"one\ntwo", NULL}, "two"},
		{{"one\nt", "wo\n", "\n", NULL}, "two"},
		{{"one\n\n\n", NULL}, "one"},
		{{"a\tb\x1b[2Jc\xff\n", NULL}, "a?b?[2Jc?"},
		{{NULL}, ""},
	};
	struct last_line l = {0};
	char longer[1000];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		l = (struct last_line){0};
		for (const char *const *p = rows[i].pieces; *p; p++)
			last_line_put(&l, bytes_of_text(*p));
		assert_string_equal(last_line_text(&l), rows[i].last);
	}
	memset(longer, 'x', sizeof longer);
	last_line_put(&l, bytes_of(longer, sizeof longer));
	assert_int_equal(strlen(last_line_text(&l)), REQUEST_LINE_MAX);
	last_line_put(&l, bytes_of_text("\nshort\n"));
	assert_string_equal(last_line_text(&l), "short");
}

static void answers(void **state)
{
	char to[REQUEST_ANSWER_MAX], longest[2 * REQUEST_LINE_MAX];

	(void)state;
	assert_int_equal(request_answer(NONCE, 124, "late", to), 42);
	assert_memory_equal(to, NONCE "\n124\nlate\n", 42);
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(request_answer(NONCE, 255, longest, to),
			 32 + 1 + 4 + REQUEST_LINE_MAX + 1);
}

static void pauses(void **state)
{
	/* Immediately the first time, then growing; a long life resets it. */
	static const struct {
		double life, pause;
	} rows[] = {{0, 0},    {0, 0.5}, {1, 1},   {29, 2}, {0, 4},
		    {0, 8},    {0, 10},  {0, 10},  {30, 0}, {0, 0.5},
		    {1e9, 0},  {5, 0.5}};
	double pause = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_float_equal(service_next_pause(rows[i].life, &pause),
				   rows[i].pause, 1e-9);
}

/* ---- the bouncer, with real commands ---- */

struct bench {
	char *dir;
	struct cluster *c;
	struct bouncer *b;
};

/* Three nodes: one that restarts, one that fails, one that hangs. */
static void bench_open(struct bench *t)
{
	char path[4096], text[4096];
	struct err e;

	t->dir = support_tmpdir();
	assert_true(snprintf(text, sizeof text,
			     "[cluster]\nname=t\npublisher=n1\nrun=%s\nrestart-seconds=1\n"
			     "[node n1]\nhost=one\naddress=::1\nfolder=/1\n"
			     "restart=echo ran >> %s/ran; echo $HOME-$LANG >&2\n"
			     "[node n2]\nhost=two\naddress=::1\nfolder=/2\n"
			     "restart=echo some; echo first >&2; echo last >&2; exit 3\n"
			     "[node n3]\nhost=three\naddress=::1\nfolder=/3\n"
			     "restart=sleep 1000 & echo $! > %s/pid; sleep 1000\n",
			     t->dir, t->dir, t->dir) < (int)sizeof text);
	assert_ok(file_path(path, sizeof path, t->dir, "cluster.conf", &e), &e);
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
	assert_ok(cluster_read(t->dir, &t->c, &e), &e);
	cluster_path(t->c, PATH_RESTART, path);
	assert_ok(file_make_dir(path, 0755, (uid_t)-1, 0, &e), &e);
	cluster_path(t->c, PATH_RESTARTED, path);
	assert_ok(file_make_dir(path, 0755, (uid_t)-1, 0, &e), &e);
}

static void bench_watch(struct bench *t)
{
	struct err e;

	assert_ok(bouncer_open(t->c, getuid(), &t->b, &e), &e);
}

static void bench_close(struct bench *t)
{
	bouncer_free(t->b);
	cluster_free(t->c);
	support_tmpdir_remove(t->dir);
}

static void ask(struct bench *t, const char *node, const char *nonce)
{
	char dir[CLUSTER_PATH_MAX], path[4096], text[40];
	struct err e;

	cluster_path(t->c, PATH_RESTART, dir);
	assert_ok(file_path(path, sizeof path, dir, node, &e), &e);
	(void)snprintf(text, sizeof text, "%s\n", nonce);
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
}

/* Work until this node's answer is there; ctest's limit ends a wait in vain. */
static char *wait_answer(struct bench *t, const char *node)
{
	char dir[CLUSTER_PATH_MAX], path[4096];
	uint8_t *text = NULL;
	struct err e;
	size_t n;

	cluster_path(t->c, PATH_RESTARTED, dir);
	assert_ok(file_path(path, sizeof path, dir, node, &e), &e);
	while (file_read(path, 4096, &text, &n, &e) != RC_OK) {
		struct pollfd fds[BOUNCER_MAX_FDS];
		double deadline = 1e18;
		int status;
		pid_t pid;

		bouncer_work(t->b);
		n = bouncer_poll(t->b, fds, &deadline);
		(void)poll(fds, (nfds_t)n, 10);
		bouncer_polled(t->b, fds, n);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			assert_true(bouncer_ended(t->b, pid, status));
	}
	assert_int_equal(unlink(path), 0);
	return (char *)text;
}

static void commands_run_and_answer(void **state)
{
	struct bench t = {0};
	char CLEANUP_FREE *one = NULL, CLEANUP_FREE *two = NULL;
	char CLEANUP_FREE *again = NULL;
	char path[4096];
	uint8_t CLEANUP_FREE *ran = NULL;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(setenv("HOME", "/nowhere", 1), 0);
	assert_int_equal(setenv("LANG", "C", 1), 0);
	bench_open(&t);
	ask(&t, "n1", NONCE); /* before anybody looks: found at the start */
	bench_watch(&t);
	ask(&t, "n2", "11111111111111111111111111111111");
	ask(&t, "n9", NONCE); /* no node of this cluster */
	one = wait_answer(&t, "n1");
	assert_string_equal(one, NONCE "\n0\n-C\n"); /* a clean environment */
	two = wait_answer(&t, "n2");
	assert_string_equal(two, "11111111111111111111111111111111\n3\nlast\n");
	ask(&t, "n1", "22222222222222222222222222222222");
	again = wait_answer(&t, "n1");
	assert_string_equal(again, "22222222222222222222222222222222\n0\n-C\n");
	assert_ok(file_path(path, sizeof path, t.dir, "ran", &e), &e);
	assert_ok(file_read(path, 100, &ran, &n, &e), &e);
	assert_string_equal((char *)ran, "ran\nran\n");
	bench_close(&t);
}

/* The phones' command beside them, under a name that is no node's. */
static void phones_are_reset(void **state)
{
	struct bench t = {0};
	char CLEANUP_FREE *none = NULL, CLEANUP_FREE *done = NULL;
	char CLEANUP_FREE *late = NULL;
	char *reset;

	(void)state;
	bench_open(&t);
	bench_watch(&t);
	ask(&t, RESTART_PHONES, NONCE);
	none = wait_answer(&t, RESTART_PHONES);
	assert_string_equal(none, NONCE "\n1\ncluster.conf gives no command for it\n");
	bouncer_free(t.b);
	reset = strdup("echo reset >&2; exit 4");
	t.c->phone_reset = reset;
	bench_watch(&t);
	ask(&t, RESTART_PHONES, NONCE);
	done = wait_answer(&t, RESTART_PHONES);
	assert_string_equal(done, NONCE "\n4\nreset\n");
	bouncer_free(t.b);
	free(reset);
	t.c->phone_reset = strdup("sleep 1000");
	t.c->phone_reset_seconds = 1;
	t.c->restart_seconds = 600; /* is the nodes' */
	bench_watch(&t);
	ask(&t, RESTART_PHONES, NONCE);
	late = wait_answer(&t, RESTART_PHONES);
	assert_string_equal(late, NONCE "\n124\n"
		"the command did not end in time (phone-reset-seconds)\n");
	bench_close(&t);
}

static pid_t pid_of_file(const char *dir)
{
	char path[4096];
	uint8_t CLEANUP_FREE *text = NULL;
	struct err e;
	size_t n;

	assert_ok(file_path(path, sizeof path, dir, "pid", &e), &e);
	assert_ok(file_read(path, 100, &text, &n, &e), &e);
	return (pid_t)strtol((char *)text, NULL, 10);
}

/* Until the kernel has no running process of this number any more. */
static void wait_dead(pid_t pid)
{
	char path[64], stat[256] = "";
	struct timespec nap = {.tv_nsec = 10000000};

	(void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
	for (;;) {
		FILE CLEANUP(file_close) *f = fopen(path, "re");
		char *end;

		if (!f || !fgets(stat, sizeof stat, f))
			return;
		end = strrchr(stat, ')');
		if (end && end[2] == 'Z')
			return; /* waits for whoever reaps orphans here */
		(void)nanosleep(&nap, NULL);
	}
}

static void deadline_kills_the_group(void **state)
{
	struct bench t = {0};
	char CLEANUP_FREE *late = NULL, CLEANUP_FREE *other = NULL;

	(void)state;
	bench_open(&t);
	bench_watch(&t);
	ask(&t, "n3", NONCE);
	ask(&t, "n1", NONCE);
	other = wait_answer(&t, "n1"); /* does not wait for n3 */
	assert_string_equal(other, NONCE "\n0\n-C\n");
	late = wait_answer(&t, "n3");
	assert_string_equal(late, NONCE "\n124\n"
		"the command did not end in time (restart-seconds)\n");
	wait_dead(pid_of_file(t.dir));
	bench_close(&t);
}

static void closing_kills_what_runs(void **state)
{
	struct bench t = {0};
	pid_t pid;

	(void)state;
	bench_open(&t);
	t.c->restart_seconds = 600;
	bench_watch(&t);
	ask(&t, "n3", NONCE);
	for (;;) { /* until it has written its number */
		char path[4096];
		struct stat st;
		struct err e;

		bouncer_work(t.b);
		assert_ok(file_path(path, sizeof path, t.dir, "pid", &e), &e);
		if (stat(path, &st) == 0 && st.st_size > 1)
			break;
	}
	pid = pid_of_file(t.dir);
	bouncer_free(t.b);
	t.b = NULL;
	wait_dead(pid);
	bench_close(&t);
}

/* A path unit starts its program as long as anything lies there. */
static void what_is_no_request_goes(void **state)
{
	static const struct {
		const char *name;
		bool folder, full, old, gone, empty;
	} rows[] = {
		{".n1.123.tmp", false, false, true, true, true}, /* of a front that was killed */
		{".n1.123.tmp", false, false, false, false, false}, /* is being written */
		{"n9", false, false, true, true, true}, /* a node that is no more */
		{"n9", true, false, true, true, true},
		{"n9", true, true, true, false, false},
		{"n1", false, false, true, false, false}, /* came just now */
	};
	const struct timespec long_ago[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
	char dir[CLUSTER_PATH_MAX];
	struct stat st;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bench t;

		print_message("%s, %zu\n", rows[i].name, i);
		bench_open(&t);
		cluster_path(t.c, PATH_RESTART, dir);
		int CLEANUP(fd_close) at = open(dir, O_RDONLY | O_DIRECTORY);

		if (rows[i].folder)
			assert_int_equal(mkdirat(at, rows[i].name, 0755), 0);
		else
			put(at, rows[i].name, "");
		if (rows[i].full) {
			int CLEANUP(fd_close) in = openat(at, rows[i].name, O_RDONLY);

			put(in, "x", "");
		}
		if (rows[i].old)
			assert_int_equal(utimensat(at, rows[i].name, long_ago, 0), 0);
		bench_watch(&t);
		assert_int_equal(bouncer_sweep(t.b), rows[i].empty);
		assert_int_equal(fstatat(at, rows[i].name, &st, 0) != 0, rows[i].gone);
		assert_true(bouncer_sweep(t.b) || !rows[i].empty);
		bench_close(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_contents),
		cmocka_unit_test(requests_taken),
		cmocka_unit_test(what_is_no_request_goes),
		cmocka_unit_test(last_lines),
		cmocka_unit_test(answers),
		cmocka_unit_test(pauses),
		cmocka_unit_test(commands_run_and_answer),
		cmocka_unit_test(phones_are_reset),
		cmocka_unit_test(deadline_kills_the_group),
		cmocka_unit_test(closing_kills_what_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
