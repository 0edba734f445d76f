#include "support/support.h"

#include "fake-keyd.h"
#include "store.h"
#include <pthread.h>
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
	assert_string_equal(t.itl.want, "");
	assert_false(target_pending(&t));

	/* A node that wants nothing adopts what it serves. */
	assert_ok(store_have(s, "n1", FILE_ITL, &a, &e), &e);
	t = target_of(s, "n1");
	assert_string_equal(t.itl.want, a.sha1);
	assert_string_equal(t.itl.have, a.sha1);
	assert_true(t.itl.since > 0);
	assert_false(target_pending(&t));

	/* Later it wants what an operation says, whatever it serves. */
	want(s, &b, 5);
	assert_ok(store_have(s, "n1", FILE_ITL, &a, &e), &e);
	t = target_of(s, "n1");
	assert_string_equal(t.itl.want, b.sha1);
	assert_string_equal(t.itl.prev, a.sha1);
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
	assert_ok(store_have(s, "n1", FILE_ITL, &b, &e), &e);
	assert_ok(store_attempt(s, "n1", 4, NULL, 0, &e), &e);
	assert_int_equal(target_of(s, "n1").bounce, 5);
	assert_ok(store_attempt(s, "n1", 5, NULL, 0, &e), &e);
	t = target_of(s, "n1");
	assert_false(target_pending(&t));
	assert_int_equal(t.error.rc, RC_OK);

	/* What stood before the reset is kept, for a rollback. */
	assert_string_equal(t.itl.before, a.sha1);

	/* The server lost its file. */
	assert_ok(store_have(s, "n1", FILE_ITL, NULL, &e), &e);
	t = target_of(s, "n1");
	assert_string_equal(t.itl.have, "");
	assert_true(target_pending(&t));
}

static bool knows(struct store *s, const char *sha1)
{
	struct list CLEANUP(list_clear) l = {0};
	struct err e;

	return store_list(s, sha1, &l, &e) == RC_OK;
}

/* A node's two files: each has its own want, and one bounce serves both. */
static void test_two_files(void **state)
{
	struct store CLEANUP(store_free) *s = open_store(*state);
	struct list itl = list_of('a', LIST_ITL), reset = list_of('b', LIST_RESET);
	struct list ctl = list_of('c', LIST_CTL), ctl2 = list_of('d', LIST_CTL);
	struct list other = list_of('e', LIST_OTHER);
	struct target t = target_of(s, "n1");
	struct err e;

	assert_false(t.itl.known);
	assert_false(t.ctl.known);
	want(s, &itl, 1);
	t = target_of(s, "n1");
	assert_true(t.itl.known);
	assert_false(t.ctl.known); /* nobody asked yet */
	assert_ok(store_have(s, "n1", FILE_CTL, NULL, &e), &e);
	t = target_of(s, "n1");
	assert_true(t.ctl.known);
	assert_string_equal(t.ctl.want, "");
	assert_string_equal(t.ctl.have, "");

	want(s, &ctl, 2);
	t = target_of(s, "n1");
	assert_string_equal(t.itl.want, itl.sha1);
	assert_string_equal(t.ctl.want, ctl.sha1);
	assert_true(served_pending(&t.itl));
	assert_true(served_pending(&t.ctl));
	assert_ok(store_have(s, "n1", FILE_ITL, &itl, &e), &e);
	assert_ok(store_attempt(s, "n1", 2, NULL, 0, &e), &e);
	t = target_of(s, "n1");
	assert_false(served_pending(&t.itl));
	assert_true(target_pending(&t)); /* for the CTL */
	assert_ok(store_have(s, "n1", FILE_CTL, &ctl, &e), &e);
	t = target_of(s, "n1");
	assert_false(target_pending(&t));

	/* A reset says nothing of the CTL, nor a CTL of the ITL's past. */
	want(s, &reset, 3);
	want(s, &ctl2, 4);
	t = target_of(s, "n1");
	assert_string_equal(t.itl.before, itl.sha1);
	assert_string_equal(t.itl.prev, itl.sha1);
	assert_string_equal(t.ctl.before, "");
	assert_string_equal(t.ctl.prev, ctl.sha1);
	assert_string_equal(t.ctl.have, ctl.sha1);

	/* A file that is gone, and what is adopted: each in its own place. */
	assert_ok(store_have(s, "n1", FILE_CTL, NULL, &e), &e);
	assert_ok(store_have(s, "n3", FILE_CTL, &ctl, &e), &e);
	assert_ok(store_have(s, "n4", FILE_CTL, &other, &e), &e);
	assert_string_equal(target_of(s, "n1").ctl.have, "");
	assert_string_equal(target_of(s, "n3").ctl.want, ctl.sha1);
	assert_string_equal(target_of(s, "n3").itl.want, "");
	assert_string_equal(target_of(s, "n4").ctl.want, "");
	assert_string_equal(target_of(s, "n4").ctl.have, other.sha1);
	assert_int_equal(list_kind_file(LIST_CTL), FILE_CTL);
	assert_int_equal(list_kind_file(LIST_RESET), FILE_ITL);
}

/* ---- many threads ---- */

struct traffic {
	struct store *store;
	volatile bool over; /* the readers have read enough */
};

static void *read_all(void *arg)
{
	struct store *s = ((struct traffic *)arg)->store;

	for (size_t i = 0; i < support_rounds(2000); i++) {
		struct list CLEANUP(list_clear) l = {0};
		struct backup *backups = NULL;
		struct alert_row *alerts = NULL;
		struct keyd_key *keys = NULL;
		struct vault_seen seen;
		struct target t;
		struct err e;
		size_t n = 0;

		if (store_target(s, "n1", &t, &e) != RC_OK ||
		    store_list(s, t.itl.want, &l, &e) != RC_OK ||
		    store_backups(s, &backups, &n, &e) != RC_OK ||
		    store_alerts(s, &alerts, &n, &e) != RC_OK ||
		    store_vault(s, "v", &seen, &e) != RC_OK ||
		    store_keys(s, &keys, &n, &e) != RC_OK)
			abort();
		free(backups);
		free(alerts);
		keyd_keys_free(keys, n);
	}
	return NULL;
}

static void *write_all(void *arg)
{
	const struct alert_row alert = {.name = "a", .text = "t"};
	struct list a = list_of('a', LIST_ITL);
	struct traffic *t = arg;
	struct err e;

	while (!t->over)
		if (store_have(t->store, "n1", FILE_ITL, &a, &e) != RC_OK ||
		    store_attempt(t->store, "n1", 1, NULL, 0, &e) != RC_OK ||
		    store_alert_put(t->store, &alert, &e) != RC_OK)
			abort();
	return NULL;
}

/* Any thread may call anything. */
static void test_threads(void **state)
{
	struct traffic t = {.store = open_store(*state)};
	struct list a = list_of('a', LIST_ITL);
	pthread_t threads[6];

	want(t.store, &a, 1);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < 2 ? write_all : read_all, &t), 0);
	for (size_t i = 6; i-- > 0; t.over = i <= 2)
		pthread_join(threads[i], NULL);
	store_free(t.store);
	store_free(open_store(*state)); /* and it is whole */
}

static void test_other_lists(void **state)
{
	struct store CLEANUP(store_free) *s = open_store(*state);
	struct list a = list_of('a', LIST_OTHER), b = list_of('b', LIST_OTHER);
	struct list CLEANUP(list_clear) got = {0};
	struct err e;

	/* Never wanted, and forgotten when the next one comes. */
	assert_ok(store_have(s, "n1", FILE_ITL, &a, &e), &e);
	assert_string_equal(target_of(s, "n1").itl.want, "");
	assert_ok(store_have(s, "n1", FILE_ITL, &b, &e), &e);
	assert_false(knows(s, a.sha1));
	assert_true(knows(s, b.sha1));

	/* Once its signer is known it is ours, and stays so. */
	b.kind = LIST_ITL;
	assert_ok(store_have(s, "n1", FILE_ITL, &b, &e), &e);
	assert_string_equal(target_of(s, "n1").itl.want, b.sha1);
	b.kind = LIST_RESET;
	assert_ok(store_have(s, "n1", FILE_ITL, &b, &e), &e);
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
	assert_string_equal(t.itl.want, b.sha1);
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
	assert_string_equal(target_of(s, "n1").itl.want, a.sha1);
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

static struct backup backup_of(const char *name, int64_t made)
{
	struct backup b = {.vault = "/srv/vault", .digest = {1, 2, 3}, .bytes = 5000,
			   .plain = true, .key = "ITLRecovery/test10/2", .key_id = {9},
			   .route = "cbc-pad", .security = 3, .made = made,
			   .proved = made + 1};

	snprintf(b.name, sizeof b.name, "%s", name);
	return b;
}

static void test_backups(void **state)
{
	struct store CLEANUP(store_free) *s = open_store(*state);
	struct backup one = backup_of("one", 100), two = backup_of("two", 200), *got;
	const struct vault_seen at[] = {{.checked = 77}, {.checked = 78}};
	struct backup_check check = {0};
	size_t n = 0;
	struct err e;

	assert_ok(store_backups(s, &got, &n, &e), &e);
	assert_int_equal(n, 0);
	free(got);
	assert_ok(store_backup_put(s, &one, &e), &e);
	assert_ok(store_backup_put(s, &two, &e), &e);
	assert_ok(store_backups(s, &got, &n, &e), &e);
	assert_int_equal(n, 2);
	assert_string_equal(got[0].name, "two"); /* newest first */
	two.id = got[0].id;
	assert_string_equal(got[0].vault, "/srv/vault");
	assert_memory_equal(got[0].digest, two.digest, sizeof two.digest);
	assert_int_equal(got[0].bytes, 5000);
	assert_true(got[0].plain);
	assert_string_equal(got[0].key, "ITLRecovery/test10/2");
	assert_memory_equal(got[0].key_id, two.key_id, sizeof two.key_id);
	assert_string_equal(got[0].route, "cbc-pad");
	assert_int_equal(got[0].security, 3);
	assert_int_equal(got[0].made, 200);
	assert_int_equal(got[0].proved, 201);
	assert_int_equal(got[0].error.rc, RC_OK);

	/* What a check found, and what it found later. */
	check.id = two.id;
	err_set(&check.error, RC_NOTFOUND, "check", "is gone", NULL, "two");
	assert_ok(store_vault_checked(s, "/srv/vault", &at[0], &check, 1, &e), &e);
	free(got);
	assert_ok(store_backups(s, &got, &n, &e), &e);
	assert_int_equal(got[0].checked, 77);
	assert_int_equal(got[0].error.rc, RC_NOTFOUND);
	assert_string_equal(got[0].error.why, "is gone");
	assert_int_equal(got[1].checked, 0);
	check.error.rc = RC_OK;
	assert_ok(store_vault_checked(s, "/srv/vault", &at[1], &check, 1, &e), &e);
	free(got);
	assert_ok(store_backups(s, &got, &n, &e), &e);
	assert_int_equal(got[0].checked, 78);
	assert_int_equal(got[0].error.rc, RC_OK);

	/* The same name again is another backup, and unchecked. */
	two.made = 50;
	assert_ok(store_backup_put(s, &two, &e), &e);
	free(got);
	assert_ok(store_backups(s, &got, &n, &e), &e);
	assert_int_equal(n, 2);
	assert_string_equal(got[1].name, "two");
	assert_int_equal(got[1].checked, 0);
	assert_true(got[1].id > two.id);
	free(got);

	assert_int_equal(store_backup_remove(s, "/other", "two", &e), RC_NOTFOUND);
	assert_ok(store_backup_remove(s, "/srv/vault", "two", &e), &e);
	assert_int_equal(store_backup_remove(s, "/srv/vault", "two", &e), RC_NOTFOUND);
	assert_ok(store_vault_checked(s, "/srv/vault", &at[0], &check, 1, &e), &e);
	assert_ok(store_backups(s, &got, &n, &e), &e);
	assert_int_equal(n, 1);
	free(got);
}

static void test_vaults(void **state)
{
	struct store CLEANUP(store_free) *s = open_store(*state);
	struct vault_seen v = {.checked = 5}, got;
	struct err e;

	assert_ok(store_vault(s, "/srv/vault", &got, &e), &e);
	assert_int_equal(got.checked, 0);
	err_set(&v.error, RC_STALE, "connect", "nobody answers", NULL, "it");
	assert_ok(store_vault_checked(s, "/srv/vault", &v, NULL, 0, &e), &e);
	assert_ok(store_vault(s, "/srv/vault", &got, &e), &e);
	assert_int_equal(got.checked, 5);
	assert_int_equal(got.error.rc, RC_STALE);
	v = (struct vault_seen){.checked = 6, .name = "newest"};
	assert_ok(store_vault_checked(s, "/srv/vault", &v, NULL, 0, &e), &e);
	assert_ok(store_vault(s, "/srv/vault", &got, &e), &e);
	assert_int_equal(got.checked, 6);
	assert_string_equal(got.name, "newest");
	assert_int_equal(got.error.rc, RC_OK);
	assert_ok(store_vault(s, "/other", &got, &e), &e);
	assert_int_equal(got.checked, 0);
}

static void test_alerts(void **state)
{
	struct store CLEANUP(store_free) *s = open_store(*state);
	struct alert_row a = {.name = "a", .severity = 5, .text = "one", .since = 10},
			 b = {.name = "b", .severity = 0, .text = "two", .since = 20},
			 *got;
	struct err e;
	size_t n = 0;

	assert_ok(store_alert_put(s, &a, &e), &e);
	assert_ok(store_alert_put(s, &b, &e), &e);
	assert_ok(store_alert_sent(s, "a", 30, &e), &e);
	assert_ok(store_alert_sent(s, "a", 40, &e), &e);
	/* It stands on, with other words: since when, and how often it was sent,
	 * stay. */
	a.severity = 4;
	a.since = 50;
	strcpy(a.text, "three");
	assert_ok(store_alert_put(s, &a, &e), &e);
	assert_ok(store_alerts(s, &got, &n, &e), &e);
	assert_int_equal(n, 2);
	assert_string_equal(got[0].name, "b"); /* the gravest first */
	assert_int_equal(got[0].since, 20);
	assert_int_equal(got[0].sent, 0);
	assert_int_equal(got[0].times, 0);
	assert_string_equal(got[1].text, "three");
	assert_int_equal(got[1].severity, 4);
	assert_int_equal(got[1].since, 10);
	assert_int_equal(got[1].sent, 40);
	assert_int_equal(got[1].times, 2);
	free(got);

	assert_ok(store_alert_end(s, "a", &e), &e);
	assert_ok(store_alert_end(s, "a", &e), &e);
	assert_ok(store_alerts(s, &got, &n, &e), &e);
	assert_int_equal(n, 1);
	free(got);
	a.severity = 8; /* no severity of syslog */
	assert_int_equal(store_alert_put(s, &a, &e), RC_ERROR);
}

/* Whose TVS was seen to answer; a node that goes takes it along. */
static void test_tvs(void **state)
{
	struct store CLEANUP(store_free) *s = open_store(*state);
	struct cluster c = {.nnodes = 1, .nodes = {{.id = "n1"}}};
	struct tvs_seen t = {.node = "n2", .since = 5}, *out;
	struct err e;
	size_t n;

	err_set(&t.error, RC_STALE, "connect", "nobody answers there", NULL, "it");
	assert_ok(store_tvs_put(s, &t, &e), &e);
	t = (struct tvs_seen){.node = "n1", .since = 6};
	assert_ok(store_tvs_put(s, &t, &e), &e);
	t.since = 7;
	assert_ok(store_tvs_put(s, &t, &e), &e);
	assert_ok(store_tvs(s, &out, &n, &e), &e);
	assert_int_equal(n, 2);
	assert_string_equal(out[0].node, "n1");
	assert_int_equal(out[0].since, 7);
	assert_int_equal(out[0].error.rc, RC_OK);
	assert_int_equal(out[1].since, 5);
	assert_string_equal(out[1].error.why, "nobody answers there");
	free(out);
	assert_ok(store_keep_nodes(s, &c, &n, &e), &e);
	assert_int_equal(n, 1);
	assert_ok(store_tvs(s, &out, &n, &e), &e);
	assert_int_equal(n, 1);
	free(out);
}

static void test_signed(void **state)
{
	struct signed_files f = {.at = 5, .files = 40000, .refused = 2}, got;
	struct store *s = open_store(*state);
	struct err e;

	assert_ok(store_signed(s, "n1", &got, &e), &e);
	assert_string_equal(got.cert, "");
	memset(f.cert, 'c', 40);
	err_set(&f.error, RC_VERIFY, "verify", "its signature does not verify", NULL, "x.sgn");
	assert_ok(store_signed_put(s, "n1", &f, &e), &e);
	f.cert[0] = 'd';
	assert_ok(store_signed_put(s, "n1", &f, &e), &e); /* in its place */
	store_free(s);
	s = open_store(*state);
	assert_ok(store_signed(s, "n1", &got, &e), &e);
	assert_string_equal(got.cert, f.cert);
	assert_int_equal(got.at, 5);
	assert_int_equal(got.files, 40000);
	assert_int_equal(got.refused, 2);
	assert_int_equal(got.error.rc, RC_VERIFY);
	assert_string_equal(got.error.what, "x.sgn");
	assert_ok(store_signed(s, "n2", &got, &e), &e);
	assert_string_equal(got.cert, "");
	store_free(s);
}

/* A file of version 1, as the first release made it, keeps what it holds. */
static void test_migration(void **state)
{
	const struct place *p = *state;
	struct backup b = backup_of("one", 100), *got = NULL;
	struct store *s;
	struct err e;
	size_t n = 0;
	struct op o;
	char a[41];

	memset(a, 'a', 40);
	a[40] = '\0';
	sql(p,
	    "CREATE TABLE migration (version INTEGER PRIMARY KEY, applied INTEGER NOT NULL) STRICT;"
	    "INSERT INTO migration VALUES (1, 1);"
	    "CREATE TABLE list (sha1 TEXT PRIMARY KEY CHECK (length(sha1) = 40),"
	    " kind TEXT NOT NULL CHECK (kind IN ('itl', 'reset', 'other')),"
	    " node TEXT NOT NULL, signer TEXT NOT NULL, bytes BLOB NOT NULL,"
	    " made INTEGER NOT NULL) STRICT;"
	    "CREATE TRIGGER list_immutable BEFORE UPDATE ON list"
	    " WHEN OLD.kind <> 'other' OR OLD.bytes <> NEW.bytes"
	    " BEGIN SELECT RAISE(ABORT, 'a list never changes'); END;"
	    "CREATE TABLE target (node TEXT PRIMARY KEY, want TEXT REFERENCES list,"
	    " prev TEXT REFERENCES list, have TEXT REFERENCES list,"
	    " have_since INTEGER NOT NULL DEFAULT 0, bounce INTEGER NOT NULL DEFAULT 0,"
	    " error TEXT, next_try INTEGER NOT NULL DEFAULT 0) STRICT;"
	    "CREATE TABLE op (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
	    " who TEXT NOT NULL, params TEXT NOT NULL,"
	    " state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),"
	    " started INTEGER NOT NULL, ended INTEGER, error TEXT NOT NULL DEFAULT '') STRICT;"
	    "CREATE UNIQUE INDEX op_one_runs ON op (state) WHERE state = 'running';"
	    "CREATE TABLE key (id TEXT PRIMARY KEY, unit INTEGER NOT NULL, node TEXT NOT NULL,"
	    " generation INTEGER NOT NULL,"
	    " state TEXT NOT NULL CHECK (state IN ('current', 'retired')),"
	    " cert BLOB NOT NULL) STRICT;"
	    "INSERT INTO list VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'reset',"
	    " 'n1', 'ITLRecovery/test10/1', x'01', 7);"
	    "INSERT INTO target (node, want) VALUES"
	    " ('n1', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');"
	    "INSERT INTO op (kind, who, params, state, started) VALUES"
	    " ('reset', 'alice', 'x', 'running', 1);");
	s = open_store(p);
	assert_string_equal(target_of(s, "n1").itl.want, a);
	assert_true(knows(s, a));
	assert_ok(store_op_running(s, &o, &e), &e);
	assert_string_equal(o.who, "alice");
	assert_ok(store_backup_put(s, &b, &e), &e);
	store_free(s);
	s = open_store(p); /* once */
	assert_ok(store_backups(s, &got, &n, &e), &e);
	assert_int_equal(n, 1);
	free(got);
	store_free(s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_targets), TEST(test_two_files), TEST(test_threads),
		TEST(test_other_lists), TEST(test_one_operation),
		TEST(test_keys),    TEST(test_killed),	    TEST(test_opening),
		TEST(test_immutable), TEST(test_backups), TEST(test_vaults),
		TEST(test_alerts),    TEST(test_tvs),	    TEST(test_migration),
		TEST(test_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
