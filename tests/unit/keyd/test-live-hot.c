/*
 * The way of a routine signature, on a token that counts its calls: nothing is looked
 * up, nothing is opened, one C_Sign each; each signature is verified, unless keyd.conf
 * says that it is not.
 */
#include "peer.h"
#include "support/slow.h"
#include "base/file.h"
#include "base/num.h"
#include "base/sock.h"
#include "itl/itl.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SESSIONS 8
#define MANY 400u  /* requests of one test */
#define WINDOW 32u /* of them at once */

static char slow_dir[PATH_MAX];
static const uint64_t *counts; /* the module's, as they are now */

static void put(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	struct err e;

	assert_ok(file_path(path, sizeof path, dir, name, &e), &e);
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
}

/* keyd on the slow token, begun anew. */
static void start_keyd(const char *verify)
{
	char text[PATH_MAX + 400];

	live_kill(&live);
	(void)snprintf(text, sizeof text,
		       "[token]\nmodule = %s\nuri = pkcs11:token=live\n"
		       "pin = file:%s/pin\nsessions = %d\n[keyd]\nverify = %s\n",
		       SLOW_MODULE, live.dir, SESSIONS, verify);
	put(live.dir, "keyd.conf", text);
	live_keyd(&live);
}

static void map_counts(void)
{
	char path[PATH_MAX];
	struct err e;
	int fd;

	assert_ok(file_path(path, sizeof path, slow_dir, "counts", &e), &e);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	counts = mmap(NULL, SLOW_COUNTS * sizeof *counts, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(counts, MAP_FAILED);
	assert_int_equal(close(fd), 0);
}

static int start(void **state)
{
	(void)state;
	live_start(&live, NULL);
	assert_true(snprintf(slow_dir, sizeof slow_dir, "%s.slow", live.hsm.conf) <
		    num_int(sizeof slow_dir));
	assert_int_equal(mkdir(slow_dir, 0755), 0);
	assert_int_equal(chown(slow_dir, live.keyd_uid, (gid_t)-1), 0);
	put(slow_dir, "microseconds", "500");
	start_keyd("yes");
	live_init(&live);
	start_keyd("yes"); /* keys that it found, not those that it made */
	map_counts();
	return 0;
}

/* ---- many requests at once ---- */

static void write_request(struct frame *f, unsigned what, unsigned i)
{
	char name[32];

	f->w = writer_of(f->bytes, sizeof f->bytes);
	wire_header(&f->w, what, i);
	write_text(&f->w, i % 2 ? "n1" : "n2");
	if (what == KEYD_SGN) {
		(void)snprintf(name, sizeof name, "SEP%012X.cnf.xml", i);
		write_text(&f->w, name);
		write_u8(&f->w, i % 3 ? ITL_SHA1 : ITL_SHA512);
	}
	write_u32(&f->w, NOW + i);
	if (what == KEYD_SGN)
		write_bytes32(&f->w, bytes_of_text("<device/>"));
	assert_false(f->w.bad);
}

/* MANY answers, all of them good, each once. */
static void ask_many(unsigned what)
{
	static uint8_t answer[SOCK_MESSAGE_MAX];
	static struct frame f;
	bool seen[MANY] = {false};
	unsigned sent = 0, rc;
	uint32_t id;
	struct err e;
	size_t n;
	int fd;

	live_be(&live, LIVE_FRONT);
	assert_ok(sock_connect(live.keyd_socket, &fd, &e), &e);
	live_be(&live, LIVE_ROOT);
	for (unsigned got = 0; got < MANY; got++) {
		struct reader r;

		for (; sent < MANY && sent < got + WINDOW; sent++) {
			write_request(&f, what, sent);
			assert_ok(sock_send(fd, writer_bytes(&f.w), -1, 0, &e), &e);
		}
		assert_ok(sock_wait(fd, 20000, &e), &e);
		assert_ok(sock_recv(fd, answer, sizeof answer, &n, NULL, 0, &e), &e);
		r = reader_of(bytes_of(answer, n));
		assert_true(wire_header_read(&r, &rc, &id));
		assert_int_equal(rc, RC_OK);
		assert_in_range(id, 0, MANY - 1);
		assert_false(seen[id]);
		seen[id] = true;
	}
	assert_int_equal(close(fd), 0);
}

static void nothing_is_looked_up(void **state)
{
	static const unsigned kinds[] = {KEYD_ITL, KEYD_SGN};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		uint64_t before[SLOW_COUNTS];

		memcpy(before, counts, sizeof before);
		ask_many(kinds[i]);
		assert_int_equal(counts[SLOW_FIND] - before[SLOW_FIND], 0);
		assert_int_equal(counts[SLOW_OPEN] - before[SLOW_OPEN], 0);
		assert_int_equal(counts[SLOW_ATTRIBUTE] - before[SLOW_ATTRIBUTE], 0);
		/* A checkpoint of the audit log may be among them. */
		assert_in_range(counts[SLOW_SIGN] - before[SLOW_SIGN], MANY, MANY + 2);
	}
}

/* The same signatures once more: the token has them. */
static void the_table_answers(void **state)
{
	uint64_t before;

	(void)state;
	ask_many(KEYD_ITL);
	before = counts[SLOW_UNKNOWN];
	ask_many(KEYD_ITL);
	assert_in_range(counts[SLOW_UNKNOWN] - before, 0, 2);
	start_keyd("yes"); /* the table lasts longer than a process */
	before = counts[SLOW_UNKNOWN];
	ask_many(KEYD_ITL);
	assert_in_range(counts[SLOW_UNKNOWN] - before, 0, 2);
}

/* ---- a token that signs wrongly ---- */

static enum rc sign_one(struct err *e)
{
	struct frame *f = frame_of(KEYD_ITL);

	write_text(&f->w, "n1");
	write_u32(&f->w, NOW);
	return ask_frame(LIVE_FRONT, f, e);
}

static bool log_has(const char *text)
{
	uint8_t *log = NULL;
	struct err e;
	bool has;
	size_t n;

	assert_ok(file_read(live.audit_log, 64u << 20, &log, &n, &e), &e);
	has = strstr((char *)log, text) != NULL;
	free(log);
	return has;
}

static void a_wrong_signature(void **state)
{
	char path[PATH_MAX];
	struct err e;

	(void)state;
	put(slow_dir, "wrong", "");
	start_keyd("yes");
	assert_int_equal(sign_one(&e), RC_VERIFY);
	assert_false(log_has("verify=no"));
	start_keyd("no");
	assert_ok(sign_one(&e), &e);
	assert_true(log_has("verify=no"));
	assert_ok(file_path(path, sizeof path, slow_dir, "wrong", &e), &e);
	assert_int_equal(unlink(path), 0);
	start_keyd("yes");
	assert_ok(sign_one(&e), &e);
}

/* A phone's ciphertext of 0 or 1, which this token answers as if it were broken, ends no
 * keyd. */
static void what_nobody_encrypted(void **state)
{
	uint8_t in[128] = {0}, premaster[48];
	struct keyd *k;
	struct err e;

	(void)state;
	live_be(&live, LIVE_TVS);
	k = client();
	for (; in[127] < 3; in[127]++)
		assert_ok(keyd_tls_decrypt(k, "TVS/n1/1", 0x0303, bytes_of(in, sizeof in), premaster,
					   &e), &e);
	keyd_free(k);
	live_be(&live, LIVE_ROOT);
	assert_int_equal(waitpid(live.keyd, NULL, WNOHANG), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_looked_up),
		cmocka_unit_test(the_table_answers),
		cmocka_unit_test(a_wrong_signature),
		cmocka_unit_test(what_nobody_encrypted),
	};

	return cmocka_run_group_tests(tests, start, peer_stop);
}
