/* Backups and vaults: what front is told and shows, and the daily check of real
 * folders. */
#include "alerting.h"
#include "backups.h"
#include "base/file.h"
#include "base/proc.h"
#include "vault_look.h"
#include <netinet/in.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- backups, as they are shown and told ---- */

/* BLAKE2b-256 of "one". */
#define ONE_DIGEST "d01c06cb09606bc4b2cedf4266a3a20e1e636b467cb77a9dbed595094e02ea46"

static void test_backups_shown(void **state)
{
	struct fixture *f = *state;
	json_t *r, *b;

	NEEDS_ROOT(state);
	fake_keyd.sealed = true;
	r = ask(f, "backups");
	b = json_object_get(r, "key");
	assert_string_equal(json_string_value(json_object_get(b, "label")),
			    "ITLRecovery/test10/1");
	assert_int_equal(json_integer_value(json_object_get(b, "bits")), 1024);
	assert_true(json_is_true(json_object_get(b, "sealed")));
	b = json_object_get(r, "security");
	assert_true(json_is_true(json_object_get(b, "set")));
	assert_int_equal(json_integer_value(json_object_get(b, "set_at")), 1000);
	assert_true(json_is_false(json_object_get(r, "good")));
	assert_non_null(strstr(json_string_value(json_object_get(r, "why")), "sealed"));
	json_decref(r);

	back_up(f, NEWEST, "one");
	r = ask(f, "backups");
	assert_true(json_is_true(json_object_get(r, "good")));
	assert_string_equal(json_string_value(json_object_get(r, "why")), "");
	assert_true(json_is_null(json_object_get(r, "error")));
	assert_int_equal(json_array_size(json_object_get(r, "backups")), 1);
	b = json_array_get(json_object_get(r, "backups"), 0);
	assert_string_equal(json_string_value(json_object_get(b, "name")), NEWEST);
	assert_string_equal(json_string_value(json_object_get(b, "key")),
			    "ITLRecovery/test10/1");
	assert_int_equal(json_integer_value(json_object_get(b, "made")), 1000);
	assert_string_equal(json_string_value(json_object_get(b, "digest")), ONE_DIGEST);
	assert_true(json_integer_value(json_object_get(b, "proved")) > 1000);
	assert_true(json_is_true(json_object_get(b, "counts")));
	json_decref(r);
}

/* itlvault verify does not know by which way an object came. */
static void test_proved_again(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *r, *b;

	NEEDS_ROOT(state);
	back_up(f, NEWEST, "one");
	prove(f, NEWEST, "one", geteuid());
	r = proved(f, NEWEST, "one", "route", json_string(""), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
	r = ask(f, "backups");
	assert_int_equal(json_array_size(json_object_get(r, "backups")), 1);
	b = json_array_get(json_object_get(r, "backups"), 0);
	assert_string_equal(json_string_value(json_object_get(b, "route")), "cbc-pad");
	assert_true(json_is_true(json_object_get(b, "counts")));
	json_decref(r);
}

static void test_not_proved(void **state)
{
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
	char *longer = calloc(1, 300);
	struct {
		const char *member;
		json_t *value;
		enum rc rc;
		const char *says;
	} rows[] = {
		{"digest", json_string(zeros), RC_REFUSED, "keyd has not proved"},
		{"digest", json_string("00"), RC_USAGE, "BLAKE2b"},
		{"digest", json_null(), RC_USAGE, ""},
		{"vault", json_string("vault"), RC_USAGE, ""},
		{"vault", json_string("sftp://u:secret@h/x"), RC_USAGE, "password"},
		{"name", json_string(""), RC_USAGE, "no name"},
		{"name", json_string("a/b"), RC_USAGE, "no name"},
		{"name", json_string("a b"), RC_USAGE, "no name"},
		{"name", json_string(memset(longer, 'n', 299)), RC_USAGE, "no name"},
		{"route", json_string("\x1b[2J"), RC_USAGE, "no route"},
		{"route", json_string("a-route-that-is-much-too-long"), RC_USAGE, "no route"},
		{"bytes", json_integer(0), RC_USAGE, "out of range"},
		{"bytes", json_integer(VAULT_OBJECT_MAX + 1), RC_USAGE, "out of range"},
		{"made", json_integer(0), RC_USAGE, "out of range"},
		{"made", json_integer((json_int_t)time(NULL) + DAY + 100), RC_USAGE, "out of range"},
		{"plain", json_string("no"), RC_USAGE, "true or false"},
		{"key", json_string("ITLRecovery/test10/9"), RC_USAGE, "key"},
		{"security", json_integer(1), RC_USAGE, "security"},
	};
	struct fixture *f = *state;
	struct err e = {0};
	json_t *r;

	NEEDS_ROOT(state);
	back_up(f, LATER, "two"); /* so that keyd knows a proof */
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		r = proved(f, NEWEST, "two", rows[i].member, rows[i].value, &e);
		print_message("%zu: %s\n", i, e.why);
		assert_null(r);
		assert_int_equal(e.rc, rows[i].rc);
		assert_non_null(strstr(e.why, rows[i].says));
	}
	r = ask(f, "backups");
	assert_int_equal(json_array_size(json_object_get(r, "backups")), 1);
	json_decref(r);
	free(longer);
}

/* A claim is good once, for the user who proved it, and for nothing else. */
static void test_claims(void **state)
{
	const uid_t me = geteuid();
	const struct {
		const char *member, *value; /* instead of what was proved */
		uid_t uid;                  /* who proved it */
		bool taken;
	} rows[] = {
		{NULL, NULL, me, true},
		{NULL, NULL, me + 1, false},
		{"name", LATER, me, false},
		{"vault", "/srv/another", me, false},
		{"digest", ONE_DIGEST, me, false},
		{"vault", "sftp://itl@host/srv/vault", me, false},
	};
	struct fixture *f = *state;
	struct err e = {0};
	json_t *r;

	NEEDS_ROOT(state);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("row %zu\n", i);
		prove(f, NEWEST, "two", rows[i].uid);
		for (int again = 0; again <= 1; again++) {
			r = proved(f, NEWEST, "two", rows[i].member,
				   json_string(rows[i].value), &e);
			assert_int_equal(r != NULL, rows[i].taken && !again);
			if (!r) {
				assert_int_equal(e.rc, RC_REFUSED);
				assert_non_null(strstr(e.why, "keyd has not proved"));
			}
			json_decref(r);
		}
	}
	prove(f, NEWEST, "two", me);
	r = proved(f, NEWEST, "two", "made", json_integer(f->wall + DAY - 1), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
}

/* At once, behind the store's back: so many of another key, from 2000 on. */
static void fill(struct fixture *f, unsigned n)
{
	char path[CLUSTER_PATH_MAX], sql[500];
	sqlite3 *db = NULL;

	cluster_path(f->cluster, PATH_STATE_DB, path);
	snprintf(sql, sizeof sql,
		 "WITH RECURSIVE i (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i"
		 " WHERE n + 1 < %u) INSERT INTO backup (vault, name, digest, bytes,"
		 " plain, key, key_id, route, security, made, proved)"
		 " SELECT '/v', n, zeroblob(32), 1, 0, 'k', zeroblob(16), 'r', 1,"
		 " 2000 + n, 2000 FROM i", n);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(db, 10000), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Over the most that are kept the oldest goes, first of those that do not count. */
static void test_too_many(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	struct backup CLEANUP_FREE *all = NULL;
	size_t n = 0;
	struct err e;

	NEEDS_ROOT(state);
	s = f->service->store;
	back_up(f, NEWEST, "one"); /* made at 1000: the oldest, and counts */
	fill(f, BACKUPS_MAX - 1);
	back_up(f, NEWEST, "one"); /* the same again: there is room */
	assert_ok(store_backups(s, &all, &n, &e), &e);
	assert_int_equal(n, BACKUPS_MAX);
	assert_string_equal(all[BACKUPS_MAX - 2].name, "0");
	back_up(f, LATER, "two");
	free(all);
	assert_ok(store_backups(s, &all, &n, &e), &e);
	assert_int_equal(n, BACKUPS_MAX);
	assert_string_equal(all[BACKUPS_MAX - 1].name, NEWEST);
	assert_string_equal(all[BACKUPS_MAX - 2].name, LATER);
	assert_string_equal(all[BACKUPS_MAX - 3].name, "1");
}

/* ---- vaults ---- */

static void configure_vault(struct fixture *f, const char *target)
{
	char path[256], text[600];
	struct err e;

	snprintf(path, sizeof path, "%s/vault.conf", f->dir);
	snprintf(text, sizeof text, "[vault main]\ntarget = %s\nseconds = 60\n", target);
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
}

static int start_vault(void **state)
{
	struct fixture *f;
	char folder[256];
	struct err e;

	(void)alerting_start(state);
	f = *state;
	if (!f)
		return 0;
	fixture_front(f, false);
	objects_folder(f, folder);
	assert_ok(file_make_dir(folder, 0700, (uid_t)-1, (gid_t)-1, &e), &e);
	configure_vault(f, folder);
	fixture_front(f, true);
	return 0;
}

/* "vault-check": its error's category, or "ok"; and the words, for a look. */
static void assert_check(struct fixture *f, const char *rc, const char *why)
{
	json_t *r = ask(f, "vault-check"), *v, *error;
	const char *got = "ok", *says = "";

	assert_int_equal(json_array_size(json_object_get(r, "vaults")), 1);
	v = json_array_get(json_object_get(r, "vaults"), 0);
	assert_string_equal(json_string_value(json_object_get(v, "vault")), "main");
	error = json_object_get(v, "error");
	assert_int_equal(json_is_true(json_object_get(v, "ok")), json_is_null(error));
	if (json_is_object(error)) {
		got = json_string_value(json_object_get(error, "rc"));
		says = json_string_value(json_object_get(error, "why"));
	}
	print_message("%s: %s\n", got, says);
	assert_string_equal(got, rc);
	assert_non_null(strstr(says, why));
	assert_int_equal(stands(f, VAULT "/main"), json_is_object(error));
	json_decref(r);
}

static void test_vault(void **state)
{
	struct fixture *f = *state;
	char path[512], folder[256], away[300];

	NEEDS_ROOT(state);
	assert_check(f, "not-found", "holds no backup");
	object_put(f, NEWEST, "content");
	assert_check(f, "verify", "never proved");
	back_up(f, NEWEST, "content");
	assert_false(stands(f, VAULT)); /* proved just now: nothing else to check */
	assert_false(stands(f, BACKUP));
	assert_check(f, "ok", "");

	/* Changed: by length, by a byte; then as it was. It does not count then. */
	object_put(f, NEWEST, "content and more");
	assert_check(f, "verify", "has changed");
	object_put(f, NEWEST, "cOntent");
	(void)heard("");
	assert_check(f, "verify", "has changed");
	assert_true(stands(f, BACKUP));
	object_put(f, NEWEST, "content");
	assert_check(f, "ok", "");
	assert_false(stands(f, BACKUP));

	/* Gone. */
	object_path(f, NEWEST, path);
	assert_int_equal(unlink(path), 0);
	assert_check(f, "not-found", "is gone");
	assert_true(stands(f, BACKUP));
	object_put(f, NEWEST, "content");
	assert_check(f, "ok", "");

	/* One that nobody proved lies above it: the proved one still counts. */
	object_put(f, LATER, "strange");
	assert_check(f, "verify", "never proved");
	assert_false(stands(f, BACKUP));
	back_up(f, LATER, "strange");
	assert_check(f, "ok", "");
	object_path(f, NEWEST, path); /* pruned: older ones are nobody's business */
	assert_int_equal(unlink(path), 0);
	assert_check(f, "ok", "");

	/* Not reachable: daily; the backup counts on, as far as anybody knows. */
	objects_folder(f, folder);
	snprintf(away, sizeof away, "%s.away", folder);
	assert_int_equal(rename(folder, away), 0);
	(void)heard("");
	assert_check(f, "not-found", "");
	assert_int_equal(heard(VAULT), 1);
	assert_false(stands(f, BACKUP));
	fixture_pass(f, DAY);
	assert_int_equal(look(f, VAULT), 1);
	assert_int_equal(rename(away, folder), 0);
	assert_check(f, "ok", "");
}

/* A backup as "backups" shows it. */
static bool counts(struct fixture *f, const char *name)
{
	json_t *r = ask(f, "backups"), *b;
	bool is = false;
	size_t i;

	json_array_foreach(json_object_get(r, "backups"), i, b)
		if (!strcmp(json_string_value(json_object_get(b, "name")), name)) {
			is = json_is_true(json_object_get(b, "counts"));
			assert_true(!is || json_is_null(json_object_get(b, "error")));
		}
	json_decref(r);
	return is;
}

static void object_remove(struct fixture *f, const char *name)
{
	char path[512];

	object_path(f, name, path);
	assert_int_equal(unlink(path), 0);
}

/* An older backup counts only while nothing is known against it. */
static void test_older_backups(void **state)
{
	/* "": gone, as long: changed; NULL: as it was. */
	static const struct {
		const char *older, *newest, *later, *rc;
		bool counts[3];
	} rows[] = {
		{NULL, NULL, NULL, "ok", {true, true, true}},
		{"", "", "", "not-found", {false, false, false}},
		{NULL, NULL, NULL, "ok", {true, true, true}},
		{"", NULL, NULL, "ok", {false, true, true}},
		{NULL, "x", NULL, "ok", {true, false, true}}, /* by its size */
		{NULL, NULL, NULL, "ok", {true, true, true}},
		/* Of the same size: it shows once it is fetched. */
		{"ONE", NULL, NULL, "ok", {true, true, true}},
		{"ONE", "TWO", "THREE", "verify", {false, false, false}},
		{"ONE", NULL, "", "not-found", {false, true, false}},
		{"ONE", NULL, NULL, "ok", {false, true, true}},
		{NULL, NULL, NULL, "ok", {true, true, true}},
	};
	static const char *const names[] = {OLDER, NEWEST, LATER};
	static const char *const contents[] = {"one", "two", "three"};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	for (size_t k = 0; k < 3; k++) {
		object_put(f, names[k], contents[k]);
		back_up(f, names[k], contents[k]);
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *const now[] = {rows[i].older, rows[i].newest, rows[i].later};
		bool good = false;

		print_message("row %zu\n", i);
		for (size_t k = 0; k < 3; k++) {
			object_put(f, names[k], now[k] ? now[k] : contents[k]);
			if (now[k] && !*now[k])
				object_remove(f, names[k]);
			good = good || rows[i].counts[k];
		}
		assert_check(f, rows[i].rc, "");
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(counts(f, names[k]), rows[i].counts[k]);
		assert_int_equal(stands(f, BACKUP), !good); /* by the same look */
	}
}

/* More bad ones than one look fetches: each look finds more of them, and all heal. */
static void test_many_bad(void **state)
{
	struct fixture *f = *state;
	char names[LOOK_FETCHES + 4][64];
	const size_t n = sizeof names / sizeof *names;
	size_t bad = 0, good = 0;

	NEEDS_ROOT(state);
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i],
			 "ITLRecovery-4a01-202601%02zuT000000Z.envelope", i + 1);
		object_put(f, names[i], "good");
		back_up(f, names[i], "good");
		object_put(f, names[i], "evil");
	}
	assert_check(f, "verify", "has changed");
	for (size_t i = 0; i < n; i++)
		bad += !counts(f, names[i]);
	assert_int_equal(bad, LOOK_FETCHES);
	assert_false(stands(f, BACKUP));
	assert_check(f, "verify", "has changed");
	assert_true(stands(f, BACKUP));

	object_put(f, names[0], "good"); /* its turn comes, though the others are bad */
	for (int looks = 0; looks < 2; looks++) {
		fixture_pass(f, HOUR);
		assert_check(f, "verify", "has changed");
	}
	assert_true(counts(f, names[0]));
	assert_false(stands(f, BACKUP));
	for (size_t i = 0; i < n; i++)
		object_put(f, names[i], "good");
	for (int looks = 0; looks < 2; looks++) {
		fixture_pass(f, HOUR);
		assert_check(f, "ok", "");
	}
	for (size_t i = 0; i < n; i++)
		good += counts(f, names[i]);
	assert_int_equal(good, n);
}

/* One that no check finds by its name, and one that the checks find. */
static void test_forgotten(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	object_put(f, NEWEST, "content");
	back_up(f, NEWEST, "content");
	back_up(f, "ITLRecovery.p12", "bare");
	fixture_pass(f, 20 * DAY);
	assert_check(f, "ok", "");
	assert_true(counts(f, "ITLRecovery.p12"));
	fixture_pass(f, 20 * DAY);
	assert_false(counts(f, "ITLRecovery.p12"));
	assert_true(counts(f, NEWEST));
	fixture_pass(f, 20 * DAY); /* nor one whose vault was away that long */
	assert_false(counts(f, NEWEST));
	assert_check(f, "ok", "");
	assert_true(counts(f, NEWEST));
}

/* When a vault was checked last, by its thread. */
static int64_t checked(struct fixture *f)
{
	char folder[256];
	struct vault_seen seen;
	struct err e;

	objects_folder(f, folder);
	assert_ok(store_vault(f->service->store, folder, &seen, &e), &e);
	return seen.checked;
}

/* By itself, at the start, if a day has passed; and only then. */
static void test_vault_daily(void **state)
{
	struct fixture *f = *state;
	int64_t first;

	NEEDS_ROOT(state);
	while (checked(f) == 0)
		usleep(5000);
	object_put(f, NEWEST, "content");
	back_up(f, NEWEST, "content");
	assert_check(f, "ok", "");
	first = f->wall;
	assert_int_equal(checked(f), first);
	object_put(f, NEWEST, "changed");
	fixture_pass(f, DAY - 1);
	restart(f);
	assert_check(f, "verify", "has changed"); /* asked: behind the start's own */
	object_put(f, NEWEST, "content");
	assert_check(f, "ok", "");
	first = f->wall;
	fixture_pass(f, DAY - 1);
	restart(f);
	usleep(200000);
	assert_int_equal(checked(f), first);
	object_put(f, NEWEST, "changed");
	fixture_pass(f, 1);
	restart(f);
	while (!stands(f, VAULT))
		usleep(5000);
	assert_int_equal(checked(f), f->wall);
}

/* A vault that accepts and says nothing delays neither alerts nor the end. */
static void test_vault_stalls(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	struct fixture *f = *state;
	char target[80];
	double since;
	int fd, peer;

	NEEDS_ROOT(state);
	assert_int_equal(look(f, BACKUP), 1);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	snprintf(target, sizeof target, "sftp://itl@127.0.0.1:%u/vault",
		 ntohs(at.sin_port));
	fixture_front(f, false);
	configure_vault(f, target);
	fixture_front(f, true);
	peer = accept(fd, NULL, NULL); /* the check is at it */
	assert_true(peer >= 0);
	fixture_pass(f, DAY);
	since = proc_now();
	assert_int_equal(look(f, BACKUP), 1);
	fixture_front(f, false);
	assert_true(proc_now() - since < 30); /* of 60 */
	close(peer);
	close(fd);
	fixture_front(f, true);
	assert_int_equal(look(f, VAULT), 0); /* what was cut short says nothing */
}

int main(void)
{
#define TEST(f, s) cmocka_unit_test_setup_teardown(f, s, alerting_stop)
	const struct CMUnitTest tests[] = {
		TEST(test_backups_shown, alerting_start),
		TEST(test_proved_again, alerting_start),
		TEST(test_not_proved, alerting_start),
		TEST(test_claims, alerting_start),
		TEST(test_too_many, alerting_start),
		TEST(test_vault, start_vault),
		TEST(test_older_backups, start_vault),
		TEST(test_many_bad, start_vault),
		TEST(test_forgotten, start_vault),
		TEST(test_vault_daily, start_vault),
		TEST(test_vault_stalls, alerting_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
