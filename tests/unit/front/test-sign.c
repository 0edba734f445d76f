/* The door's "sign": descriptors in, headers out; and descriptors that are no files. */
#include "asking.h"
#include "base/file.h"
#include "base/num.h"
#include "fake-keyd.h"
#include "support/phone.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

/* A file in memory, as a regular one. */
static int file_of(const void *p, size_t n)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(file_write_all(fd, bytes_of(p, n)));
	return fd;
}

static json_t *request_of(const char *const *names, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(names[i]));
	return json_pack("{s:s, s:s, s:o, s:s, s:i}", "do", "sign", "node", "n2", "names",
			 list, "digest", "sha1", "timestamp", 1763900000);
}

struct answer {
	enum rc rc;
	struct err error;
	json_t *result;
	uint8_t *bytes;
	struct reader headers;
};

/* The request is taken over. */
static struct answer ask_sign(struct fixture *f, json_t *request, const int *fds, size_t n)
{
	struct answer a = {.rc = RC_OK};
	char path[CLUSTER_PATH_MAX];
	struct front *door = NULL;
	int headers = -1;

	cluster_path(f->cluster, PATH_FRONT_SOCKET, path);
	assert_ok(front_open(path, &door, &a.error), &a.error);
	a.rc = front_call_files(door, request, fds, n, &a.result, &headers, &a.error);
	front_free(door);
	json_decref(request);
	if (a.rc == RC_OK) {
		off_t size = lseek(headers, 0, SEEK_END);

		a.bytes = malloc((size_t)size + 1);
		assert_int_equal(pread(headers, a.bytes, (size_t)size, 0), size);
		a.headers = reader_of(bytes_of(a.bytes, (size_t)size));
		close(headers);
	}
	return a;
}

static void answer_clear(struct answer *a)
{
	json_decref(a->result);
	free(a->bytes);
}

/* What was said of file i; NULL: it was signed. */
static const char *refusal(const struct answer *a, size_t i)
{
	json_t *one;
	size_t k;

	json_array_foreach(json_object_get(a->result, "refused"), k, one)
		if (json_integer_value(json_object_get(one, "at")) == (json_int_t)i)
			return json_string_value(json_object_get(
				json_object_get(one, "error"), "why"));
	return NULL;
}

static X509 *callmanager(struct keyd_key **keys, size_t *n)
{
	struct keyd *k = NULL;
	struct err e;

	assert_ok(keyd_open("", &k, &e), &e);
	assert_ok(keyd_keys(k, keys, n, &e), &e);
	keyd_free(k);
	return keyd_key_current(*keys, *n, UNIT_CALLMANAGER, "n2")->cert;
}

/* The next header and this content are what a phone takes. */
static void assert_taken(struct answer *a, const char *name, struct bytes content)
{
	struct bytes header = read_bytes32(&a->headers);
	uint8_t *sgn = malloc(header.n + content.n + 1);
	struct keyd_key *keys = NULL;
	const char *why;
	size_t n;

	memcpy(sgn, header.p, header.n);
	memcpy(sgn + header.n, content.p, content.n);
	why = phone_file_fault(bytes_of(sgn, header.n + content.n), name, content,
			       callmanager(&keys, &n));
	if (why)
		fail_msg("%s: the signed file %s", name, why);
	keyd_keys_free(keys, n);
	free(sgn);
}

/* Descriptors of file_of(), the door's among them. */
static size_t open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	size_t n = 0;

	while ((e = readdir(d))) {
		char link[64] = "";

		if (readlinkat(dirfd(d), e->d_name, link, sizeof link - 1) > 0)
			n += !strncmp(link, "/memfd:file", 11);
	}
	closedir(d);
	return n;
}

/* Ours are closed; the door's, soon after its answer. */
static void assert_no_files(void)
{
	for (int i = 0; i < 400 && open_files() > 0; i++)
		usleep(5000);
	assert_int_equal(open_files(), 0);
}

static void files_are_signed(void **state)
{
	static const char *const names[] = {"SEP1.cnf.xml", "empty.xml", "locale/big.jar"};
	static uint8_t big[300000];
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	memset(big, 'b', sizeof big);
	int fds[] = {file_of("<device/>", 9), file_of("", 0), file_of(big, sizeof big)};
	struct answer a = ask_sign(f, request_of(names, 3), fds, 3);

	assert_ok(a.rc, &a.error);
	assert_int_equal(json_array_size(json_object_get(a.result, "refused")), 0);
	assert_taken(&a, names[0], bytes_of("<device/>", 9));
	assert_taken(&a, names[1], bytes_of("", 0));
	assert_taken(&a, names[2], bytes_of(big, sizeof big));
	assert_true(reader_done(&a.headers));
	answer_clear(&a);
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
	assert_no_files();
}

/* ---- what is no file ---- */

static int a_pipe(void)
{
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	close(p[1]);
	return p[0];
}

/* Nobody ever writes: a read would wait for ever. */
static int open_pipe(void)
{
	static int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	return p[0];
}

static int a_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int a_folder(void)
{
	return open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int zeros(void)
{
	return open("/dev/zero", O_RDONLY | O_CLOEXEC);
}

static int of_proc(void)
{
	return open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
}

static int of_sys(void)
{
	return open("/sys/kernel/notes", O_RDONLY | O_CLOEXEC);
}

static int only_a_path(void)
{
	return open("/etc/shadow", O_PATH | O_CLOEXEC);
}

static int for_writing(void)
{
	char path[] = "/tmp/itlkeeper-sign.XXXXXX";
	int fd = mkstemp(path), again;

	assert_int_equal(write(fd, "x", 1), 1);
	again = open(path, O_WRONLY | O_CLOEXEC);
	close(fd);
	unlink(path);
	return again;
}

/* It would be 1 TB; and one byte too many. */
static int huge(void)
{
	int fd = memfd_create("huge", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	return fd;
}

static int too_large(void)
{
	int fd = memfd_create("large", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, (16 << 20) + 1), 0);
	return fd;
}

static void what_is_no_file(void **state)
{
	static const struct {
		const char *name;
		int (*open)(void);
		const char *why;
	} rows[] = {
		{"pipe", a_pipe, "regular"},	   {"open pipe", open_pipe, "regular"},
		{"socket", a_socket, "regular"},   {"folder", a_folder, "regular"},
		{"/dev/zero", zeros, "regular"},   {"/proc", of_proc, "regular"},
		{"/sys", of_sys, "regular"},	   {"path", only_a_path, "Bad file"},
		{"write", for_writing, "Bad file"}, {"huge", huge, "too large"},
		{"large", too_large, "too large"},
	};
	const char *names[COUNT_OF(rows) + 1];
	int fds[COUNT_OF(rows) + 1];
	struct fixture *f = *state;
	size_t n = COUNT_OF(rows);

	NEEDS_ROOT(state);
	for (size_t i = 0; i < n; i++) {
		names[i] = rows[i].name;
		fds[i] = rows[i].open();
		assert_true(fds[i] >= 0);
	}
	names[n] = "good.xml";
	fds[n] = file_of("good", 4);
	struct answer a = ask_sign(f, request_of(names, n + 1), fds, n + 1);

	assert_ok(a.rc, &a.error);
	for (size_t i = 0; i < n; i++) {
		const char *why = refusal(&a, i);

		print_message("  %s: %s\n", rows[i].name, why ? why : "signed");
		assert_non_null(why);
		assert_non_null(strstr(why, rows[i].why));
		assert_int_equal(read_bytes32(&a.headers).n, 0);
	}
	assert_taken(&a, "good.xml", bytes_of("good", 4));
	assert_true(reader_done(&a.headers));
	answer_clear(&a);
	for (size_t i = 0; i <= n; i++)
		close(fds[i]);
	assert_no_files();
}

static void one_that_keyd_refuses(void **state)
{
	static const char *const names[] = {"a", "bad", "c"};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	fake_keyd.bad_name = "bad";
	int fds[] = {file_of("a", 1), file_of("b", 1), file_of("c", 1)};
	struct answer a = ask_sign(f, request_of(names, 3), fds, 3);

	assert_ok(a.rc, &a.error);
	assert_taken(&a, "a", bytes_of("a", 1));
	assert_int_equal(read_bytes32(&a.headers).n, 0);
	assert_taken(&a, "c", bytes_of("c", 1));
	assert_string_equal(refusal(&a, 1), "it does not like the name");
	answer_clear(&a);
	fake_keyd.away = true;
	a = ask_sign(f, request_of(names, 3), fds, 3);
	assert_int_equal(a.rc, RC_TOKEN);
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
}

static void requests_that_do_not_fit(void **state)
{
	static const char *const names[] = {"a", "b"};
	struct fixture *f = *state;
	int fds[FRONT_FILES_MAX + 1];
	json_t *j;

	NEEDS_ROOT(state);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = i ? fds[0] : file_of("a", 1);
	/* More names than files, and the reverse. */
	struct answer a = ask_sign(f, request_of(names, 2), fds, 1);

	assert_int_equal(a.rc, RC_USAGE);
	a = ask_sign(f, request_of(names, 1), fds, 2);
	assert_int_equal(a.rc, RC_USAGE);
	a = ask_sign(f, request_of(names, 1), NULL, 0);
	assert_int_equal(a.rc, RC_USAGE);
	a = ask_sign(f, request_of(names, 1), fds, COUNT_OF(fds));
	assert_int_equal(a.rc, RC_USAGE);
	j = request_of(names, 2);
	json_object_set_new(j, "digest", json_string("sha256"));
	a = ask_sign(f, j, fds, 2);
	assert_int_equal(a.rc, RC_USAGE);
	j = request_of(names, 2);
	json_object_set_new(j, "content", json_string("in JSON"));
	a = ask_sign(f, j, fds, 2);
	assert_int_equal(a.rc, RC_USAGE);
	/* Where no file is wanted, they are closed. */
	a = ask_sign(f, json_pack("{s:s}", "do", "status"), fds, 5);
	assert_int_equal(a.rc, RC_ERROR);
	close(fds[0]);
	assert_no_files();
}

/* This thread alone: the kernel names the peer by its effective ids. */
static void be(uid_t uid)
{
	assert_int_equal(syscall(SYS_setresuid, -1, 0, -1), 0);
	assert_int_equal(syscall(SYS_setresgid, -1, uid, -1), 0);
	assert_int_equal(syscall(SYS_setgroups, 0, NULL), 0);
	if (uid)
		assert_int_equal(syscall(SYS_setresuid, -1, uid, -1), 0);
}

static void not_for_everybody(void **state)
{
	static const char *const names[] = {"a"};
	struct fixture *f = *state;
	unsigned sgns;

	NEEDS_ROOT(state);
	int fd = file_of("a", 1);

	sgns = fake_keyd.sgns;
	be(NOBODY);
	struct answer a = ask_sign(f, request_of(names, 1), &fd, 1);

	be(0);
	assert_int_equal(a.rc, RC_REFUSED);
	assert_int_equal(fake_keyd.sgns, sgns);
	close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, asking_start, fixture_stop)
	const struct CMUnitTest tests[] = {
		T(files_are_signed),	  T(what_is_no_file),
		T(one_that_keyd_refuses), T(requests_that_do_not_fit),
		T(not_for_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
