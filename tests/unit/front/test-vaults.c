/* Backups and vaults: what front is told and shows, and the daily check of real
 * folders. */
#include "alerting.h"
#include "base/file.h"
#include "base/proc.h"
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- backups, as they are shown and told ---- */

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
	assert_true(json_integer_value(json_object_get(b, "proved")) > 1000);
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
		TEST(test_not_proved, alerting_start),
		TEST(test_vault, start_vault),
		TEST(test_vault_daily, start_vault),
		TEST(test_vault_stalls, alerting_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
