/* sign_again_ssh.c, with a child in place of carry that says what it likes: it met a server,
 * so it may be the server that speaks. */
#include "fake-keyd.h"
#include "support/support.h"

#include "sign_again_ssh.h"
#include "base/file.h"
#include "base/num.h"
#include "carry/carry.h"
#include "keyd/client.h"
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

struct setup {
	char *dir;
	struct cluster *cluster;
	struct service service;
	struct keyd_key *keys; /* the first one signs */
	size_t nkeys;
	unsigned told, signs;
	struct err error;
};

static void shell(const char *dir, const char *script)
{
	char command[1200];

	snprintf(command, sizeof command, "cd %s && %s", dir, script);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void write_file(const char *dir, const char *name, struct bytes b, mode_t mode)
{
	char path[300];
	struct err e;

	assert_ok(file_path(path, sizeof path, dir, name, &e), &e);
	assert_ok(file_replace(path, b, mode, &e), &e);
}

/* What carry knows of the host's key, and then what is in `says`. */
static const char child[] =
	"#!/bin/sh\n"
	"PATH=/usr/bin:/bin; cd ${0%/*}; read -r job\n"
	"case $job in *'\"hostkey\"'*) cat hostkey >&4; exit 0;; esac\n"
	"test -e slow && for i in 1 2 3 4; do printf '\\0\\0\\0\\001w' >&7; sleep 1; done\n"
	"cat says >&7\n"
	"test -e hangs && exec sleep 30\n"
	"test -e listens && cat <&7 >/dev/null\n"
	"printf '{\"atomic\": true, \"note\": \"\"}' >&4\n";

static int start(void **state)
{
	struct setup *t = calloc(1, sizeof *t);
	struct keyd *k = NULL;
	char text[1024];
	struct err e;

	t->dir = support_tmpdir();
	shell(t->dir, "ssh-keygen -q -t ed25519 -N '' -C '' -f key && touch known && "
		      "printf '{\"state\":\"known\",\"type\":\"ssh-ed25519\",\"fingerprint\":\"%s\","
		      "\"address\":\"127.0.0.1\",\"entry\":\"127.0.0.1 %s\",\"known\":null,"
		      "\"file\":null}' \"$(ssh-keygen -lf key.pub | cut -d' ' -f2)\" "
		      "\"$(cut -d' ' -f1-2 key.pub)\" >hostkey");
	write_file(t->dir, "carry", bytes_of_text(child), 0755);
	snprintf(text, sizeof text,
		 "[cluster]\nname = test10\npublisher = n1\nrun = %s\nput-seconds = 1\n"
		 "[node n1]\nhost = test10pub\naddress = 127.0.0.1\n"
		 "folder = sftp://u@127.0.0.1/srv\nidentity = %s/key\nknown-hosts = %s/known\n",
		 t->dir, t->dir, t->dir);
	write_file(t->dir, "cluster.conf", bytes_of_text(text), 0644);
	assert_ok(cluster_read(t->dir, &t->cluster, &e), &e);
	t->service = (struct service){.cluster = t->cluster,
				      .stop_fd = eventfd(0, EFD_CLOEXEC)};
	snprintf(t->service.carry, sizeof t->service.carry, "%s/carry", t->dir);
	pthread_mutex_init(&t->service.lock, NULL);
	pthread_cond_init(&t->service.changed, NULL);
	fake_keyd_start();
	assert_ok(keyd_open("", &k, &e), &e);
	assert_ok(keyd_keys(k, &t->keys, &t->nkeys, &e), &e);
	keyd_free(k);
	*state = t;
	return 0;
}

static int stop(void **state)
{
	struct setup *t = *state;

	close(t->service.stop_fd);
	cluster_free(t->cluster);
	keyd_keys_free(t->keys, t->nkeys);
	fake_keyd_stop();
	support_tmpdir_remove(t->dir);
	free(t);
	return 0;
}

static enum rc sign(void *arg, unsigned worker, unsigned digest, struct sgn_file *files,
		    size_t n, struct err *e)
{
	struct setup *t = arg;

	(void)worker, (void)digest, (void)files, (void)n;
	t->signs++;
	return err_set(e, RC_TOKEN, "sign", NULL, NULL, "keyd");
}

static void told(void *arg, const char *name, enum sgn_fate fate, const struct err *error)
{
	struct setup *t = arg;

	(void)name;
	t->told++;
	if (fate == SGN_REFUSED)
		t->error = *error;
}

static void progress(void *arg, const struct sgn_sum *sum)
{
	(void)arg;
	(void)sum;
}

static enum rc run(struct setup *t, struct bytes says, struct sgn_sum *sum, struct err *e)
{
	const struct sgn_job job = {.what = SGN_AGAIN, .signer = t->keys[0].cert, .max = 1000,
				    .sign = sign, .told = told, .progress = progress,
				    .arg = t};

	write_file(t->dir, "says", says, 0644);
	*sum = (struct sgn_sum){0};
	t->told = t->signs = 0;
	t->error = (struct err){0};
	return sign_again_ssh_run(&t->service, &t->cluster->nodes[0], &job, sum, e);
}

#define M(text) {text, sizeof text - 1}
#define NUM(n) "\0\0\0" n
#define NONE "\xff\xff\xff\xff"
#define WHY "{\"rc\":\"refused\",\"op\":\"o\",\"what\":\"w\",\"why\":\"y\",\"name\":\"\",\"code\":0,\"hint\":\"\"}"

/* Messages; their lengths are put before them. */
static const struct row {
	const char *name;
	enum rc rc;
	struct {
		const char *p;
		size_t n;
	} says[4];
	size_t refused;
} rows[] = {
	{"no files", RC_OK, {M("w"), M("n" NUM("\0")), M("w")}, 0},
	{"nothing at all", RC_ERROR, {{0}}, 0},
	{"a file that is none", RC_OK, {M("n" NUM("\1")), M("f" NUM("\0") "a.sgn\0junk"), M("g")}, 1},
	{"one that is empty", RC_OK, {M("n" NUM("\1")), M("f" NUM("\0") "a.sgn\0"), M("g")}, 1},
	{"what could not be read", RC_OK, {M("n" NUM("\1")), M("r" NUM("\0") WHY)}, 1},
	{"what is none of them", RC_OK, {M("r" NONE WHY), M("n" NUM("\0"))}, 1},
	{"fewer than it said", RC_ERROR, {M("n" NUM("\1"))}, 0},
	{"too many", RC_ERROR, {M("n\x7f\0\0\0")}, 0},
	{"counted twice", RC_ERROR, {M("n" NUM("\0")), M("n" NUM("\0"))}, 0},
	{"a short count", RC_ERROR, {M("n\0\0\0")}, 0},
	{"a long count", RC_ERROR, {M("n" NUM("\0") "x")}, 0},
	{"not counted", RC_ERROR, {M("f" NUM("\0") "a\0x")}, 0},
	{"behind the last", RC_ERROR, {M("n" NUM("\1")), M("f" NUM("\1") "a\0x")}, 0},
	{"the same again", RC_ERROR,
	 {M("n" NUM("\2")), M("f" NUM("\0") "a\0x"), M("f" NUM("\0") "a\0x")}, 1},
	{"a path without an end", RC_ERROR, {M("n" NUM("\1")), M("f" NUM("\0") "a")}, 0},
	{"no path", RC_ERROR, {M("n" NUM("\1")), M("f" NUM("\0") "\0x")}, 0},
	{"done, without a header", RC_ERROR, {M("n" NUM("\1")), M("d" NUM("\0"))}, 0},
	{"done, of one that was left", RC_ERROR,
	 {M("n" NUM("\1")), M("f" NUM("\0") "a\0x"), M("d" NUM("\0"))}, 1},
	{"refused twice", RC_ERROR,
	 {M("n" NUM("\1")), M("r" NUM("\0") WHY), M("r" NUM("\0") WHY)}, 1},
	{"refused behind the last", RC_ERROR, {M("n" NUM("\1")), M("r" NUM("\1") WHY)}, 0},
	{"none of them, too late", RC_ERROR, {M("n" NUM("\0")), M("r" NONE WHY)}, 0},
	{"one of them, too early", RC_ERROR, {M("r" NUM("\0") WHY)}, 0},
	{"no error", RC_ERROR, {M("n" NUM("\1")), M("r" NUM("\0") "{")}, 0},
	{"go, and more", RC_ERROR, {M("n" NUM("\0")), M("gx")}, 0},
	{"no such letter", RC_ERROR, {M("n" NUM("\0")), M("x")}, 0},
};

static void what_cannot_be(void **state)
{
	struct setup *t = *state;
	struct sgn_sum sum;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t text[2048];
		struct writer w = writer_of(text, sizeof text);
		struct err e = {0};
		enum rc rc;

		for (size_t k = 0; k < 4 && rows[i].says[k].n; k++)
			write_bytes32(&w, bytes_of(rows[i].says[k].p, rows[i].says[k].n));
		rc = run(t, writer_bytes(&w), &sum, &e);
		if (rc != rows[i].rc || sum.fate[SGN_REFUSED] != rows[i].refused || t->signs)
			fail_msg("%s: %s: %s; %zu", rows[i].name, rc_name(rc), e.why,
				 sum.fate[SGN_REFUSED]);
		if (rc != RC_OK)
			assert_memory_equal(e.what, "test10pub: ", 11);
	}
}

static void lengths(void **state)
{
	struct setup *t = *state;
	static const char *const says[] = {"\0\0\0\0", "\xff\xff\xff\xff", "\1\1\1\5x"};
	struct sgn_sum sum;
	struct err e;

	for (size_t i = 0; i < COUNT_OF(says); i++) {
		assert_int_equal(run(t, bytes_of(says[i], 4), &sum, &e), RC_ERROR);
		assert_non_null(strstr(e.why, "more than it may"));
	}
	/* One that is not whole. */
	assert_int_equal(run(t, bytes_of("\0\0\0\5n", 5), &sum, &e), RC_ERROR);
	assert_non_null(strstr(e.why, "cannot be"));
}

/* Its path, however long, and whatever is in it, stands in one line. */
static void paths(void **state)
{
	struct setup *t = *state;
	uint8_t text[1000];
	char path[CARRY_AGAIN_PATH + 1], line[900];
	struct sgn_sum sum;
	struct err e;

	memset(path, '\n', sizeof path);
	for (size_t n = CARRY_AGAIN_PATH - 1; n <= CARRY_AGAIN_PATH; n++) {
		struct writer w = writer_of(text, sizeof text);

		write_bytes32(&w, bytes_of("n" NUM("\1"), 5));
		write_u32(&w, num_u32(5 + n + 1));
		write_bytes(&w, bytes_of("f" NUM("\0"), 5));
		write_bytes(&w, bytes_of(path, n));
		write_u8(&w, 0);
		assert_int_equal(run(t, writer_bytes(&w), &sum, &e),
				 n < CARRY_AGAIN_PATH ? RC_OK : RC_ERROR);
		if (n < CARRY_AGAIN_PATH)
			assert_null(strchr(err_text(&t->error, line, sizeof line), '\n'));
	}
}

static void says_nothing(void **state)
{
	struct setup *t = *state;
	struct sgn_sum sum;
	struct err e;

	write_file(t->dir, "hangs", bytes_of_text(""), 0644);
	assert_int_equal(run(t, bytes_of("\0\0\0\5n\0\0\0\1", 9), &sum, &e), RC_STALE);
	assert_non_null(strstr(e.why, "nothing came of it"));
	/* One that is at it has longer, and no deadline as a whole. */
	shell(t->dir, "rm hangs && touch slow");
	assert_ok(run(t, bytes_of("\0\0\0\5n\0\0\0", 9), &sum, &e), &e);
	shell(t->dir, "rm slow && touch listens");
	/* It hears that this is the end. */
	assert_int_equal(run(t, bytes_of("\0\0\0\1x", 5), &sum, &e), RC_ERROR);
	assert_non_null(strstr(e.why, "cannot be"));
	shell(t->dir, "rm listens");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be),
		cmocka_unit_test(lengths),
		cmocka_unit_test(paths),
		cmocka_unit_test(says_nothing),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
