#include "support/support.h"

#include "fake-keyd.h"
#include "store.h"
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
	char *dir;
	char path[256];
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	p->dir = support_tmpdir();
	snprintf(p->path, sizeof p->path, "%s/state.db", p->dir);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	support_tmpdir_remove(p->dir);
	free(p);
	return 0;
}

static struct store *open_store(const struct place *p)
{
	struct store *s = NULL;
	struct err e;

	assert_ok(store_open(p->path, &s, &e), &e);
	return s;
}

/* A list whose "SHA-1" is the digit, 40 times. */
static struct list list_of(char digit, enum list_kind kind)
{
	struct list l = {.kind = kind, .node = "n1", .signer = "CallManager/n1/1",
			 .made = 7, .bytes = (uint8_t *)(uintptr_t)"list", .n = 4};

	memset(l.sha1, digit, sizeof l.sha1 - 1);
	return l;
}

static struct target target_of(struct store *s, const char *node)
{
	struct target t;
	struct err e;

	assert_ok(store_target(s, node, &t, &e), &e);
	return t;
}

static void want(struct store *s, const struct list *l, int64_t op)
{
	const char *const nodes[] = {"n1", "n2"};
	struct err e;

	assert_ok(store_want(s, l, nodes, 2, op, &e), &e);
}

static void test_targets(void **state)
{
	struct store CLEANUP(store_free) *s = open_store(*state);
	struct list a = list_of('a', LIST_ITL), b = list_of('b', LIST_RESET);
	struct err e, failed;
	struct target t;

	t = target_of(s, "n1");
	assert_string_equal(t.want, "");
	assert_false(target_pending(&t));

	/* A node that wants nothing adopts what it serves. */
	assert_ok(store_have(s, "n1", &a, &e), &e);
	t = target_of(s, "n1");
	assert_string_equal(t.want, a.sha1);
	assert_string_equal(t.have, a.sha1);
	assert_true(t.have_since > 0);
	assert_false(target_pending(&t));

	/* Later it wants what an operation says, whatever it serves. */
	want(s, &b, 5);
	assert_ok(store_have(s, "n1", &a, &e), &e);
	t = target_of(s, "n1");
	assert_string_equal(t.want, b.sha1);
	assert_string_equal(t.prev, a.sha1);
	assert_int_equal(t.bounce, 5);
	assert_true(target_pending(&t));

	/* An attempt that failed says why, and when the next one is. */
	err_set(&failed, RC_STALE, "fetch", "is \x1b[2J down \xff", "wait", "n1");
	assert_ok(store_attempt(s, "n1", 5, &failed, 99, &e), &e);
	t = target_of(s, "n1");
	assert_int_equal(t.error.rc, RC_STALE);
	assert_string_equal(t.error.why, "is ?[2J down ?");
	assert_int_equal(t.next_try, 99);
	assert_int_equal(t.bounce, 5);

	/* It serves b; only the bounce that was done counts. */
	assert_ok(store_have(s, "n1", &b, &e), &e);
	assert_ok(store_attempt(s, "n1", 4, NULL, 0, &e), &e);
	assert_int_equal(target_of(s, "n1").bounce, 5);
	assert_ok(store_attempt(s, "n1", 5, NULL, 0, &e), &e);
	t = target_of(s, "n1");
	assert_false(target_pending(&t));
	assert_int_equal(t.error.rc, RC_OK);

	/* The server lost its file. */
	assert_ok(store_have(s, "n1", NULL, &e), &e);
	t = target_of(s, "n1");
	assert_string_equal(t.have, "");
	assert_true(target_pending(&t));
}

static bool knows(struct store *s, const char *sha1)
{
	struct list CLEANUP(list_clear) l = {0};
	struct err e;

	return store_list(s, sha1, &l, &e) == RC_OK;
}

static void test_other_lists(void **state)
{
	struct store CLEANUP(store_free) *s = open_store(*state);
	struct list a = list_of('a', LIST_OTHER), b = list_of('b', LIST_OTHER);
	struct list CLEANUP(list_clear) got = {0};
	struct err e;

	/* Never wanted, and forgotten when the next one comes. */
	assert_ok(store_have(s, "n1", &a, &e), &e);
	assert_string_equal(target_of(s, "n1").want, "");
	assert_ok(store_have(s, "n1", &b, &e), &e);
	assert_false(knows(s, a.sha1));
	assert_true(knows(s, b.sha1));

	/* Once its signer is known it is ours, and stays so. */
	b.kind = LIST_ITL;
	assert_ok(store_have(s, "n1", &b, &e), &e);
	assert_string_equal(target_of(s, "n1").want, b.sha1);
	b.kind = LIST_RESET;
	assert_ok(store_have(s, "n1", &b, &e), &e);
	assert_ok(store_list(s, b.sha1, &got, &e), &e);
	assert_int_equal(got.kind, LIST_ITL);
	assert_memory_equal(got.bytes, "list", 4);
}

static void test_one_operation(void **state)
{
	struct store CLEANUP(store_free) *s = open_store(*state);
	int64_t id = 0, second = 0;
	struct err e;
	struct op o;

	assert_int_equal(store_op_running(s, &o, &e), RC_NOTFOUND);
	assert_ok(store_op_begin(s, "reset", "alice (uid 7)", "x=y", &id, &e), &e);
	assert_int_equal(store_op_begin(s, "generate", "bob (uid 8)", "", &second, &e),
			 RC_BUSY);
	assert_non_null(strstr(e.why, "reset of alice (uid 7) runs since 20"));
	assert_int_equal(store_op_idle(s, "generate", &e), RC_BUSY);
	assert_ok(store_op_running(s, &o, &e), &e);
	assert_int_equal(o.id, id);
	assert_string_equal(o.params, "x=y");
	assert_ok(store_op_end(s, id, true, "", &e), &e);
	assert_ok(store_op_idle(s, "generate", &e), &e);
	assert_ok(store_op_begin(s, "generate", "bob (uid 8)", "", &second, &e), &e);
	assert_true(second > id);
}

static void test_keys(void **state)
{
	struct store CLEANUP(store_free) *s = open_store(*state);
	struct keyd_key *keys = NULL, *back = NULL;
	size_t n = 0, m = 0;
	struct err e;

	fake_keyd_start();
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	assert_ok(keyd_keys(NULL, &keys, &n, &e), &e);
	assert_ok(store_keys_set(s, keys, n, &e), &e);
	assert_ok(store_keys_set(s, keys, n, &e), &e); /* replaced, not added */
	assert_ok(store_keys(s, &back, &m, &e), &e);
	assert_int_equal(m, n);
	assert_int_equal(back[0].label.generation, 2);
	assert_true(back[0].current);
	assert_int_equal(back[1].label.generation, 1);
	assert_false(back[1].current);
	assert_int_equal(X509_cmp(back[0].cert, keys[n - 1].cert), 0);
	keyd_keys_free(keys, n);
	keyd_keys_free(back, m);
	fake_keyd_stop();
}

/* What was answered is there after a kill, at once and without repair. */
static void test_killed(void **state)
{
	const struct place *p = *state;
	struct list b = list_of('b', LIST_RESET);
	struct store *s;
	struct target t;
	struct err e;
	struct op o;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int64_t id;

		s = open_store(p);
		if (store_op_begin(s, "reset", "alice", "", &id, &e) == RC_OK)
			want(s, &b, id);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	s = open_store(p);
	t = target_of(s, "n2");
	assert_string_equal(t.want, b.sha1);
	assert_true(target_pending(&t));
	assert_true(knows(s, b.sha1));
	assert_ok(store_op_running(s, &o, &e), &e);
	assert_string_equal(o.kind, "reset");
	store_free(s);
}

static void sql(const struct place *p, const char *text)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_opening(void **state)
{
	const struct place *p = *state;
	struct store *s = open_store(p), *second = NULL;
	struct list a = list_of('a', LIST_ITL);
	struct err e;
	FILE *f;

	want(s, &a, 1);
	assert_int_equal(store_open(p->path, &second, &e), RC_BUSY);
	store_free(s);
	s = open_store(p); /* again, with what it held */
	assert_string_equal(target_of(s, "n1").want, a.sha1);
	store_free(s);

	sql(p, "INSERT INTO migration VALUES (1000, 0)");
	assert_int_equal(store_open(p->path, &second, &e), RC_ERROR);
	assert_non_null(strstr(e.why, "newer version"));

	f = fopen(p->path, "w");
	fputs("This is no database, and it is longer than a header.", f);
	fclose(f);
	assert_int_equal(store_open(p->path, &second, &e), RC_ERROR);
	assert_string_equal(e.name, "SQLITE_NOTADB");
	assert_non_null(strstr(e.hint, "move state.db away"));
	assert_int_equal(store_open("/nonexistent/state.db", &second, &e), RC_ERROR);
	assert_string_equal(e.name, "ENOENT");
}

/* No code of ours changes a list; neither may what comes later by mistake. */
static void test_immutable(void **state)
{
	const struct place *p = *state;
	struct store *s = open_store(p);
	struct list a = list_of('a', LIST_RESET);
	sqlite3 *db = NULL;

	want(s, &a, 1);
	store_free(s);
	assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
	assert_int_not_equal(sqlite3_exec(db, "UPDATE list SET kind = 'itl'", NULL,
					  NULL, NULL), SQLITE_OK);
	assert_string_equal(sqlite3_errmsg(db), "a list never changes");
	sqlite3_close(db);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_targets), TEST(test_other_lists), TEST(test_one_operation),
		TEST(test_keys),    TEST(test_killed),	    TEST(test_opening),
		TEST(test_immutable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
