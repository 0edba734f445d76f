/* carry, run as front runs it: what it puts and fetches, and servers that are
 * down, empty, endless, or silent. Its jobs over SSH have a test of their own. */
#include "support/support.h"

#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/carry.h"
#include "carry/run.h"
#include <arpa/inet.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char program[PATH_MAX];

static int start(void **state)
{
	struct err e;

	assert_ok(proc_sibling("carry", program, sizeof program, &e), &e);
	*state = support_tmpdir();
	return 0;
}

static int stop(void **state)
{
	support_tmpdir_remove(*state);
	return 0;
}

static enum rc run(json_t *job, struct bytes content, uint8_t **out, size_t *n,
		   struct err *e)
{
	struct carry_job j = CARRY_JOB(.program = program, .job = job,
				       .content = content,
				       .max = out ? CARRY_CONTENT_MAX : 0,
				       .seconds = 30);

	return carry_run(&j, out, n, e);
}

/* ---- put ---- */

static json_t *put(const char *folder, const char *name, int mode)
{
	return json_pack("{s:s, s:s, s:s, s:i}", "do", "put", "folder", folder, "name",
			 name, "mode", mode);
}

static void test_put(void **state)
{
	const char *dir = *state;
	uint8_t CLEANUP_FREE *got = NULL, *big = calloc(1, CARRY_CONTENT_MAX + 1);
	char path[256], left[300];
	struct stat st;
	struct err e;
	size_t n = 0;

	snprintf(path, sizeof path, "%s/ITLFile.tlv", dir);
	snprintf(left, sizeof left, "%s/.ITLFile.tlv.999999999.tmp", dir);
	fclose(fopen(left, "w")); /* of a put that was killed */
	assert_ok(run(put(dir, "ITLFile.tlv", 0644), bytes_of_text("one"), NULL, NULL, &e),
		  &e);
	assert_ok(run(put(dir, "ITLFile.tlv", 0644), bytes_of_text("two"), NULL, NULL, &e),
		  &e);
	assert_ok(file_read(path, 100, &got, &n, &e), &e);
	assert_string_equal((char *)got, "two");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_not_equal(access(left, F_OK), 0);

	assert_ok(run(put(dir, "ITLFile.tlv", 0644), bytes_of(big, CARRY_CONTENT_MAX),
		      NULL, NULL, &e), &e);
	assert_int_equal(run(put(dir, "ITLFile.tlv", 0644),
			     bytes_of(big, CARRY_CONTENT_MAX + 1), NULL, NULL, &e),
			 RC_USAGE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, CARRY_CONTENT_MAX);
}

static void test_put_refused(void **state)
{
	const char *dir = *state;
	const struct {
		const char *folder, *name;
		int mode;
		enum rc rc;
		const char *code;
	} rows[] = {
		{dir, "../x", 0644, RC_USAGE, ""},
		{dir, ".hidden", 0644, RC_USAGE, ""},
		{dir, "", 0644, RC_USAGE, ""},
		{dir, "a b", 0644, RC_USAGE, ""},
		{dir, "x", 04755, RC_USAGE, ""},
		{"relative", "x", 0644, RC_USAGE, ""},
		{"/nonexistent/tftp", "x", 0644, RC_NOTFOUND, "ENOENT"},
		{"/proc/1", "x", 0644, RC_ERROR, "ENOENT"},
		{"/dev/null", "x", 0644, RC_ERROR, "ENOTDIR"},
	};
	struct err e;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("%s/%s\n", rows[i].folder, rows[i].name);
		assert_int_equal(run(put(rows[i].folder, rows[i].name, rows[i].mode),
				     bytes_of_text("x"), NULL, NULL, &e), rows[i].rc);
		assert_string_equal(e.name, rows[i].code);
	}
}

/* It has no deadline of its own, and so no time after it. */
static void test_put_late(void **state)
{
	struct carry_job j = CARRY_JOB(.program = program,
				       .job = put(*state, "x", 0644));
	struct err e;

	assert_int_equal(carry_run(&j, NULL, NULL, &e), RC_STALE);
	assert_non_null(strstr(e.why, "did not end in 0 seconds"));
}

static void test_jobs(void **state)
{
	struct carry_job nobody = CARRY_JOB(.program = "/nonexistent/carry",
					    .job = json_object(), .seconds = 5);
	struct err e;

	(void)state;
	assert_int_equal(run(json_pack("{s:s}", "do", "exec"), bytes_of(NULL, 0), NULL,
			     NULL, &e), RC_USAGE);
	assert_int_equal(run(json_pack("{s:s, s:s, s:s, s:i, s:i}", "do", "put", "folder",
				       "/tmp", "name", "x", "mode", 0644, "more", 1),
			     bytes_of(NULL, 0), NULL, NULL, &e), RC_USAGE);
	assert_non_null(strstr(e.why, "more"));
	assert_int_equal(carry_run(&nobody, NULL, NULL, &e), RC_ERROR);
	assert_string_equal(e.name, "ENOENT");
}

/* ---- fetch, from an HTTP server that misbehaves as it is told ---- */

enum manners { FILE_OF, NOTHING, ENDLESS, ENDLESS_HEADERS, STALL, REDIRECT, HANGUP };

struct server {
	enum manners manners;
	size_t size; /* of the file */
	int listener;
	unsigned port;
	pthread_t thread;
};

static bool send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t r = send(fd, p, n, MSG_NOSIGNAL);

		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

static void misbehave(const struct server *s, int fd)
{
	static const char text[4096] = "HTTP/1.0 200 OK\r\n\r\n";
	char block[4096], head[100];
	size_t left = s->size;

	memset(block, 'a', sizeof block);
	switch (s->manners) {
	case FILE_OF:
		snprintf(head, sizeof head, "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n",
			 s->size);
		send_all(fd, head, strlen(head));
		for (; left && send_all(fd, block, left < 4096 ? left : 4096);)
			left -= left < 4096 ? left : 4096;
		break;
	case NOTHING:
		snprintf(head, sizeof head, "HTTP/1.0 404 Not Found\r\n\r\n");
		send_all(fd, head, strlen(head));
		break;
	case ENDLESS:
		send_all(fd, text, strlen(text));
		while (send_all(fd, block, sizeof block))
			;
		break;
	case ENDLESS_HEADERS:
		send_all(fd, text, strlen(text) - 2);
		while (send_all(fd, "X-More: of this\r\n", 17))
			;
		break;
	case STALL:
		send_all(fd, text, strlen(text));
		(void)!read(fd, block, 1); /* until it is killed */
		break;
	case REDIRECT:
		snprintf(head, sizeof head,
			 "HTTP/1.0 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n");
		send_all(fd, head, strlen(head));
		break;
	case HANGUP:
		break;
	}
}

static void *serve(void *arg)
{
	const struct server *s = arg;
	int fd = accept(s->listener, NULL, NULL);
	char request[1024];
	ssize_t n = recv(fd, request, sizeof request, 0);

	if (n > 0)
		misbehave(s, fd);
	close(fd);
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;

	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(s->listener, 1), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &n), 0);
	s->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->listener);
}

static json_t *fetch(const char *url, int seconds)
{
	return json_pack("{s:s, s:s, s:i, s:i}", "do", "fetch", "url", url, "seconds",
			 seconds, "max", CARRY_CONTENT_MAX);
}

static void test_fetch(void **state)
{
	static const struct {
		enum manners manners;
		size_t size;
		enum rc rc;
		const char *says;
	} rows[] = {
		{FILE_OF, 5322, RC_OK, ""},
		{FILE_OF, 0, RC_OK, ""},
		{FILE_OF, CARRY_CONTENT_MAX, RC_OK, ""},
		{FILE_OF, CARRY_CONTENT_MAX + 1, RC_VERIFY, "too large"},
		{NOTHING, 0, RC_NOTFOUND, "404"},
		{ENDLESS, 0, RC_VERIFY, "too large"},
		{ENDLESS_HEADERS, 0, RC_ERROR, ""},
		{STALL, 0, RC_STALE, "in time"},
		{REDIRECT, 0, RC_OK, ""}, /* its body, and nothing followed */
		{HANGUP, 0, RC_ERROR, "Empty reply"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct server s = {.manners = rows[i].manners, .size = rows[i].size};
		uint8_t *got = NULL;
		char url[100];
		struct err e = {0};
		size_t n = 0;
		enum rc rc;

		server_start(&s);
		snprintf(url, sizeof url, "http://127.0.0.1:%u/ITLFile.tlv", s.port);
		rc = run(fetch(url, 2), bytes_of(NULL, 0), &got, &n, &e);
		server_stop(&s);
		print_message("%zu: %s\n", i, e.why);
		assert_int_equal(rc, rows[i].rc);
		if (rc == RC_OK)
			assert_int_equal(n, rows[i].size);
		else
			assert_non_null(strstr(e.why, rows[i].says));
		free(got);
	}
}

static void test_fetch_refused(void **state)
{
	static const struct {
		const char *url;
		enum rc rc;
	} rows[] = {
		{"file:///etc/passwd", RC_USAGE},
		{"ftp://127.0.0.1/x", RC_USAGE},
		{"https://127.0.0.1/x", RC_USAGE},
		{"sftp://127.0.0.1/x", RC_USAGE},
		{"http://127.0.0.1:1/x", RC_STALE},
		{"tftp://127.0.0.1:1/x", RC_STALE},
		{"tftp://", RC_USAGE},
	};
	uint8_t *got = NULL;
	struct err e;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("%s\n", rows[i].url);
		assert_int_equal(run(fetch(rows[i].url, 1), bytes_of(NULL, 0), &got, &n,
				     &e), rows[i].rc);
		assert_non_null(strstr(e.what, rows[i].url));
	}
}

static json_t *writable(const char *folder)
{
	return json_pack("{s:s, s:s}", "do", "writable", "folder", folder);
}

static void test_writable(void **state)
{
	const char *dir = *state;
	char path[300];
	struct err e;

	assert_ok(run(writable(dir), bytes_of(NULL, 0), NULL, NULL, &e), &e);
	snprintf(path, sizeof path, "%s/file", dir);
	fclose(fopen(path, "w"));
	assert_int_equal(run(writable(path), bytes_of(NULL, 0), NULL, NULL, &e),
			 RC_ERROR);
	snprintf(path, sizeof path, "%s/none", dir);
	assert_int_equal(run(writable(path), bytes_of(NULL, 0), NULL, NULL, &e),
			 RC_ERROR);
	assert_string_equal(e.name, "ENOENT");
	assert_non_null(strstr(e.hint, "make the folder"));
	/* Not even root's own right to write everywhere is left. */
	assert_int_equal(mkdir(path, 0500), 0);
	assert_int_equal(run(writable(path), bytes_of(NULL, 0), NULL, NULL, &e),
			 RC_ERROR);
	assert_string_equal(e.name, "EACCES");
	assert_int_equal(rmdir(path), 0); /* nothing was left in it */
}

/* Whatever carry itself thinks of a bound, its parent keeps it. */
static void test_too_much(void **state)
{
	static const size_t sizes[] = {0, 5000, 5001};
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct server s = {.manners = FILE_OF, .size = sizes[i]};
		struct carry_job j = CARRY_JOB(.program = program, .max = 5000,
					       .seconds = 30);
		uint8_t CLEANUP_FREE *got = NULL;
		char url[100];
		size_t n = 0;
		enum rc rc;

		server_start(&s);
		snprintf(url, sizeof url, "http://127.0.0.1:%u/x", s.port);
		j.job = fetch(url, 600);
		rc = carry_run(&j, &got, &n, &e);
		server_stop(&s);
		assert_int_equal(rc, sizes[i] <= 5000 ? RC_OK : RC_ERROR);
		if (rc == RC_OK)
			assert_int_equal(n, sizes[i]);
		else
			assert_non_null(strstr(e.why, "more than it may"));
	}
}

/* Whatever carry itself thinks of a deadline, its parent ends it. */
static void test_killed(void **state)
{
	struct server s = {.manners = STALL};
	struct carry_job j = CARRY_JOB(.program = program, .max = 100, .seconds = 0.1);
	char url[100];
	uint8_t *got = NULL;
	struct err e;
	size_t n = 0;

	(void)state;
	server_start(&s);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/x", s.port);
	j.job = fetch(url, 600);
	assert_int_equal(carry_run(&j, &got, &n, &e), RC_STALE);
	assert_non_null(strstr(e.why, "did not end in 2 seconds"));
	assert_string_equal(e.what, url);
	server_stop(&s); /* the server saw its peer go */
}

static void test_stopped(void **state)
{
	struct server s = {.manners = STALL};
	int stop_fd = eventfd(1, EFD_CLOEXEC);
	struct carry_job j = CARRY_JOB(.program = program, .max = 100, .seconds = 600);
	char url[100];
	uint8_t *got = NULL;
	struct err e;
	size_t n = 0;

	(void)state;
	server_start(&s);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/x", s.port);
	j.job = fetch(url, 600);
	j.stop_fd = stop_fd;
	assert_int_equal(carry_run(&j, &got, &n, &e), RC_STALE);
	assert_non_null(strstr(e.why, "stopped"));
	/* It may have been killed before it connected. */
	assert_int_equal(shutdown(s.listener, SHUT_RDWR), 0);
	server_stop(&s);
	close(stop_fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_put),	  TEST(test_put_refused),   TEST(test_jobs),
		TEST(test_put_late), TEST(test_writable),
		TEST(test_fetch), TEST(test_fetch_refused), TEST(test_killed),
		TEST(test_stopped), TEST(test_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
