#include "support/support.h"
#include "base/file.h"
#include "base/num.h"
#include "base/sock.h"
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *dir;
static char path[4096];
static int listener, near, far;

/* A listener and both ends of one connection, for each test. */
static int setup(void **state)
{
	struct err e;

	(void)state;
	dir = support_tmpdir();
	assert_ok(file_path(path, sizeof path, dir, "s", &e), &e);
	assert_ok(sock_listen(path, 0660, &listener, &e), &e);
	assert_ok(sock_connect(path, &near, &e), &e);
	assert_ok(sock_accept(listener, &far, &e), &e);
	assert_true(far >= 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fd_close(near);
	fd_close(far);
	fd_close(listener);
	support_tmpdir_remove(dir);
	return 0;
}

static void test_listen(void **state)
{
	struct stat st;
	int fd = 77, again = 77;
	struct err e;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
	/* Nobody waits. */
	assert_ok(sock_accept(listener, &fd, &e), &e);
	assert_int_equal(fd, -1);
	/* A stale socket is replaced; a file is not. */
	assert_ok(sock_listen(path, 0600, &again, &e), &e);
	assert_true(fcntl(again, F_GETFD) & FD_CLOEXEC);
	fd_close(again);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0); /* nothing is left beside it */
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_ok(file_replace(path, bytes_of_text("x"), 0600, &e), &e);
	fd = 77;
	assert_int_equal(sock_listen(path, 0600, &fd, &e), RC_ERROR);
	assert_int_equal(fd, 77);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_long_path(void **state)
{
	char name[200];
	int fd = 77;
	struct err e;

	(void)state;
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(sock_listen(name, 0600, &fd, &e), RC_USAGE);
	assert_int_equal(sock_connect(name, &fd, &e), RC_USAGE);
	assert_int_equal(fd, 77);
}

static void test_connect_fails(void **state)
{
	int fd = 77;
	struct err e;

	(void)state;
	fd_close(listener);
	listener = -1;
	assert_int_equal(sock_connect(path, &fd, &e), RC_STALE);
	assert_int_equal(sock_connect("/no/such/socket", &fd, &e), RC_STALE);
	assert_int_equal(fd, 77);
	assert_true(e.hint[0]);
}

/* Without permission the answer is another one: a child of another user. */
static void test_no_permission(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(dir, 0755), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e;
		int fd;

		if (setgid(54321) != 0 || setuid(54321) != 0)
			_exit(2);
		_exit(sock_connect(path, &fd, &e) == RC_REFUSED &&
				      strstr(e.hint, "group")
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_peer(void **state)
{
	struct sock_peer p;
	gid_t groups[256];
	int n = getgroups(COUNT_OF(groups), groups);
	struct err e;

	(void)state;
	assert_ok(sock_peer(far, &p, &e), &e);
	assert_int_equal(p.pid, getpid());
	assert_int_equal(p.uid, geteuid());
	assert_int_equal(p.gid, getegid());
	assert_int_equal(p.ngroups, n);
	assert_true(sock_peer_in_group(&p, getegid()));
	for (int i = 0; i < n; i++)
		assert_true(sock_peer_in_group(&p, groups[i]));
	assert_false(sock_peer_in_group(&p, 54321));
	assert_int_equal(sock_peer(-1, &p, &e), RC_ERROR);
}

static void test_messages_stay_whole(void **state)
{
	uint8_t buf[16];
	size_t n = 0;
	int pass = 77;
	struct err e;

	(void)state;
	assert_ok(sock_send(near, bytes_of_text("one"), -1, 0, &e), &e);
	assert_ok(sock_send(near, bytes_of_text("two!"), -1, 0, &e), &e);
	assert_ok(sock_recv(far, buf, sizeof buf, &n, &pass, 0, &e), &e);
	assert_true(bytes_equal(bytes_of(buf, n), bytes_of_text("one")));
	assert_int_equal(pass, -1);
	assert_ok(sock_recv(far, buf, sizeof buf, &n, NULL, 0, &e), &e);
	assert_true(bytes_equal(bytes_of(buf, n), bytes_of_text("two!")));
}

static void test_longest_message(void **state)
{
	static uint8_t out[SOCK_MESSAGE_MAX], in[SOCK_MESSAGE_MAX];
	size_t n = 0;
	struct err e;

	(void)state;
	out[0] = 1;
	out[sizeof out - 1] = 2;
	assert_ok(sock_send(near, bytes_of(out, sizeof out), -1, MSG_DONTWAIT,
			    &e),
		  &e);
	assert_ok(sock_recv(far, in, sizeof in, &n, NULL, 0, &e), &e);
	assert_int_equal(n, sizeof out);
	assert_memory_equal(in, out, sizeof out);
}

static void test_too_long_message(void **state)
{
	uint8_t buf[4];
	size_t n = 99;
	struct err e;

	(void)state;
	assert_ok(sock_send(near, bytes_of_text("fives"), -1, 0, &e), &e);
	assert_int_equal(sock_recv(far, buf, sizeof buf, &n, NULL, 0, &e),
			 RC_USAGE);
	assert_int_equal(n, 99);
	/* The connection lives on. */
	assert_ok(sock_send(near, bytes_of_text("four"), -1, 0, &e), &e);
	assert_ok(sock_recv(far, buf, sizeof buf, &n, NULL, 0, &e), &e);
	assert_int_equal(n, 4);
}

static size_t open_fds(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static void test_descriptors(void **state)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC), pass = -1;
	struct stat a, b;
	uint8_t buf[16];
	size_t n = 0, before = open_fds();
	struct err e;

	(void)state;
	assert_true(fd >= 0);
	assert_ok(sock_send(near, bytes_of_text("take"), fd, 0, &e), &e);
	assert_ok(sock_recv(far, buf, sizeof buf, &n, &pass, 0, &e), &e);
	assert_int_equal(n, 4);
	assert_true(pass >= 0);
	assert_true(fcntl(pass, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstat(pass, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	fd_close(pass);
	/* Nobody wants it, or the message is too long: it is closed. */
	assert_ok(sock_send(near, bytes_of_text("take"), fd, 0, &e), &e);
	assert_ok(sock_recv(far, buf, sizeof buf, &n, NULL, 0, &e), &e);
	assert_ok(sock_send(near, bytes_of_text("take"), fd, 0, &e), &e);
	pass = 77;
	assert_int_equal(sock_recv(far, buf, 2, &n, &pass, 0, &e), RC_USAGE);
	assert_int_equal(pass, 77);
	assert_int_equal(open_fds(), before);
	fd_close(fd);
}

/* More descriptors than there is room for: none stays. */
static void test_many_descriptors(void **state)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(3 * sizeof(int))];
	} c = {0};
	struct iovec io = {(void *)(uintptr_t) "x", 1};
	struct msghdr m = {.msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = c.space,
			   .msg_controllen = sizeof c.space};
	int fds[3] = {0, 1, 2}, pass = 77;
	size_t n, before = open_fds();
	uint8_t buf[4];
	struct err e;

	(void)state;
	c.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fds),
				   .cmsg_level = SOL_SOCKET,
				   .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&c.align), fds, sizeof fds);
	assert_int_equal(sendmsg(near, &m, 0), 1);
	assert_int_equal(sock_recv(far, buf, sizeof buf, &n, &pass, 0, &e),
			 RC_USAGE);
	assert_int_equal(open_fds(), before);
}

/* Several, in order; more than are wanted, and where none is. */
static void test_several_descriptors(void **state)
{
	int fds[SOCK_PASS_MAX], got[SOCK_PASS_MAX];
	size_t n = 0, ngot = 0, before;
	struct stat a, b;
	uint8_t buf[16];
	struct err e;

	(void)state;
	for (size_t i = 0; i < SOCK_PASS_MAX; i++)
		fds[i] = open(i == 1 ? "/dev/null" : "/dev/zero", O_RDONLY | O_CLOEXEC);
	before = open_fds();
	assert_ok(sock_send_all(near, bytes_of_text("take"), fds, 3, 0, &e), &e);
	assert_ok(sock_recv_all(far, buf, sizeof buf, &n, got, 3, &ngot, 0, &e), &e);
	assert_int_equal(n, 4);
	assert_int_equal(ngot, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(fstat(fds[i], &a), 0);
		assert_int_equal(fstat(got[i], &b), 0);
		assert_int_equal(a.st_rdev, b.st_rdev);
		sock_close_passed(got[i]);
	}
	assert_ok(sock_send_all(near, bytes_of_text("take"), fds, 3, 0, &e), &e);
	assert_int_equal(sock_recv_all(far, buf, sizeof buf, &n, got, 2, &ngot, 0, &e),
			 RC_USAGE);
	assert_ok(sock_send_all(near, bytes_of_text("take"), fds, 3, 0, &e), &e);
	assert_ok(sock_recv(far, buf, sizeof buf, &n, NULL, 0, &e), &e);
	assert_int_equal(open_fds(), before);
	assert_ok(sock_send_all(near, bytes_of_text("take"), fds, SOCK_PASS_MAX, 0, &e), &e);
	assert_ok(sock_recv_all(far, buf, sizeof buf, &n, got, SOCK_PASS_MAX, &ngot, 0, &e),
		  &e);
	assert_int_equal(ngot, SOCK_PASS_MAX);
	for (size_t i = 0; i < SOCK_PASS_MAX; i++) {
		sock_close_passed(got[i]);
		fd_close(fds[i]);
	}
}

static void test_end(void **state)
{
	uint8_t buf[4];
	size_t n;
	struct err e;

	(void)state;
	fd_close(near);
	near = -1;
	assert_int_equal(sock_recv(far, buf, sizeof buf, &n, NULL, 0, &e),
			 RC_STALE);
	/* No SIGPIPE. */
	assert_int_equal(sock_send(far, bytes_of_text("x"), -1, 0, &e),
			 RC_STALE);
}

static void test_wait(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(sock_wait(far, 1, &e), RC_STALE);
	assert_ok(sock_send(near, bytes_of_text("x"), -1, 0, &e), &e);
	assert_ok(sock_wait(far, -1, &e), &e);
}

static void test_peer_that_does_not_read(void **state)
{
	static const uint8_t message[SOCK_MESSAGE_MAX];
	enum rc rc = RC_OK;
	struct err e;

	(void)state;
	for (int i = 0; i < 1000 && rc == RC_OK; i++)
		rc = sock_send(near, bytes_of(message, sizeof message), -1,
			       MSG_DONTWAIT, &e);
	assert_int_equal(rc, RC_STALE);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(test_listen),
		FRESH(test_long_path),
		FRESH(test_connect_fails),
		FRESH(test_no_permission),
		FRESH(test_peer),
		FRESH(test_messages_stay_whole),
		FRESH(test_longest_message),
		FRESH(test_too_long_message),
		FRESH(test_descriptors),
		FRESH(test_many_descriptors),
		FRESH(test_several_descriptors),
		FRESH(test_end),
		FRESH(test_wait),
		FRESH(test_peer_that_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
