/* Operations and loops, against real TFTP servers, with keys in software. */
#include "asking.h"
#include "base/errjson.h"
#include "base/file.h"
#include "fake-keyd.h"
#include "itl/accept.h"
#include "itl/itl.h"
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* ---- the story ---- */

static void test_first_lists(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *r, *n;

	NEEDS_ROOT(state);
	n = fixture_node(f, 0);
	assert_true(json_is_null(json_object_get(n, "have")));
	json_decref(n);
	r = fixture_ask(f, json_pack("{s:s, s:s}", "do", "list", "node", "n1"), &e);
	assert_null(r);
	assert_int_equal(e.rc, RC_NOTFOUND);
	r = fixture_ask(f, json_pack("{s:s}", "do", "init-plan"), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_int_equal(json_array_size(json_object_get(r, "nodes")), 2);
	/* CallManager of two, TVS of three, CAPF, ITLRecovery, Audit. */
	assert_int_equal(json_array_size(json_object_get(r, "keys")), 8);
	json_decref(r);

	must_restart(f, "n1", true);
	assert_non_null(strstr(fake_keyd.note, "tftp-restart node=n1 uid=0 force=no built=yes"));
	assert_int_equal(f->bounces[0], 1);
	assert_want(f, 0, "have", "kind", "itl");
	assert_want(f, 0, "have", "signer", "CallManager/n1/1");
	must_restart(f, "n1", false); /* up to date: bounced alone */
	assert_int_equal(f->bounces[0], 2);
	assert_int_equal(f->bounces[1], 0);
	fake_keyd_renew(UNIT_TVS, "n2"); /* a certificate changed */
	must_restart(f, "n1", true);
	must_restart(f, "n1", false);
}

/* Under policy itlrecovery the two keys change places. */
static void test_policy_itlrecovery(void **state)
{
	struct fixture *f = *state;
	struct bytes list;

	NEEDS_ROOT(state);
	fixture_front(f, false);
	list = fake_own_list("n1", 5);
	fixture_serve(f, 0, list);
	free((void *)(uintptr_t)list.p);
	fixture_front(f, true);
	fixture_wait_settled(f, 0, true);
	assert_want(f, 0, "have", "kind", "reset");
}

/* ---- adopting, healing, resuming ---- */

static void remove_state(struct fixture *f)
{
	static const char *const names[] = {"state.db", "state.db-wal", "state.db-shm"};
	char path[256];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/state/front/%s", f->dir, names[i]);
		(void)unlink(path);
	}
}

/* Until its loop has recorded what the node serves. */
static void wait_have(struct fixture *f, int node)
{
	for (bool has = false; !has;) {
		json_t *n = fixture_node(f, node);

		has = json_is_object(json_object_get(n, "have"));
		json_decref(n);
		usleep(20000);
	}
}

static void test_state_lost(void **state)
{
	struct fixture *f = *state;
	json_t *p, *r;
	struct err e = {0};
	struct bytes foreign;
	char sha1[SHA1_HEX];

	NEEDS_ROOT(state);
	p = plan(f, &e);
	r = fixture_ask(f, order("reset", p, fake_ticket), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	snprintf(sha1, sizeof sha1, "%s", text(r, "sha1"));
	json_decref(r);
	json_decref(p);
	fixture_front(f, false);
	remove_state(f);
	foreign = fake_foreign_list();
	fixture_serve(f, 1, foreign);
	fake_keyd.away = true;
	fixture_front(f, true);
	fixture_wait_settled(f, 0, false); /* nobody can say whose list it is */
	fake_keyd.away = false;
	fixture_wait_settled(f, 0, true);
	assert_want(f, 0, "want", "sha1", sha1);
	assert_want(f, 0, "have", "kind", "reset");
	assert_want(f, 0, "have", "signer", "ITLRecovery/test10/1");
	assert_int_equal(f->bounces[0], 2); /* adopted, not put */

	/* A stranger's list is named, and neither adopted nor touched. The error of
	 * the time without keyd is not yet about this list. */
	wait_have(f, 1);
	fixture_wait_settled(f, 1, false);
	assert_want(f, 1, "have", "kind", "other");
	assert_want(f, 1, "want", "kind", "(none)");
	must_restart(f, "n2", true);
	fixture_wait_settled(f, 1, true);
	free((void *)(uintptr_t)foreign.p);
}

static void test_heals_at_start(void **state)
{
	struct fixture *f = *state;
	struct bytes own;
	char sha1[SHA1_HEX];

	NEEDS_ROOT(state);
	own = fixture_served(f, 0);
	itl_sha1_hex(own, sha1);
	fixture_front(f, false);
	fixture_serve(f, 0, bytes_of_text("rubbish"));
	fixture_front(f, true);
	fixture_wait_settled(f, 0, true);
	assert_serves(f, 0, sha1);
	assert_want(f, 0, "have", "kind", "itl");
	free((void *)(uintptr_t)own.p);
}

/* As a kill leaves it: an operation that runs, its list wanted, nothing put. */
static void test_resumed(void **state)
{
	struct fixture *f = *state;
	const char *const nodes[] = {"n1", "n2"};
	struct list list = {.kind = LIST_ITL, .node = "n1", .signer = "x"};
	char path[CLUSTER_PATH_MAX];
	struct store *s = NULL;
	struct bytes own;
	struct err e = {0};
	int64_t id;

	NEEDS_ROOT(state);
	fixture_front(f, false);
	own = fake_own_list("n1", 77);
	list.bytes = (uint8_t *)(uintptr_t)own.p;
	list.n = own.n;
	itl_sha1_hex(own, list.sha1);
	cluster_path(f->cluster, PATH_STATE_DB, path);
	assert_ok(store_open(path, &s, &e), &e);
	assert_ok(store_op_begin(s, "reset", "alice (uid 7)", "", &id, &e), &e);
	assert_ok(store_want(s, &list, nodes, 2, id, &e), &e);
	store_free(s);

	fixture_front(f, true);
	fixture_wait_settled(f, 0, true);
	fixture_wait_settled(f, 1, true);
	assert_serves(f, 0, list.sha1);
	assert_serves(f, 1, list.sha1);
	assert_true(f->bounces[0] >= 2); /* the first list's, and this one's */
	while (store_op_idle(f->service->store, "reset", &e) != RC_OK)
		usleep(10000);
	free((void *)(uintptr_t)own.p);
}

/* ---- what goes wrong on a node ---- */

enum fault { NO_FOLDER, NOT_A_FOLDER, DISK_FULL, RESTART_FAILS, TFTP_DOWN, FAULTS };

/* One page of disk, and that is taken. in.tftpd sees the folder below it.
 * False where nothing may be mounted. */
static bool fill_disk(const char *folder, bool on)
{
	static const char page[4096] = "full";
	char path[300];
	struct err e;

	if (!on)
		return umount(folder) == 0;
	if (mount("tmpfs", folder, "tmpfs", 0, "size=4096") != 0)
		return false;
	snprintf(path, sizeof path, "%s/full", folder);
	assert_ok(file_replace(path, bytes_of(page, sizeof page), 0644, &e), &e);
	return true;
}

/* False where this fault cannot be had. */
static bool set_fault(struct fixture *f, enum fault fault, bool on)
{
	char away[300];

	snprintf(away, sizeof away, "%s.away", f->folder[1]);
	switch (fault) {
	case NO_FOLDER:
		assert_int_equal(on ? rename(f->folder[1], away)
				    : rename(away, f->folder[1]), 0);
		break;
	case NOT_A_FOLDER:
		if (on) {
			assert_int_equal(rename(f->folder[1], away), 0);
			fclose(fopen(f->folder[1], "w"));
		} else {
			assert_int_equal(unlink(f->folder[1]), 0);
			assert_int_equal(rename(away, f->folder[1]), 0);
		}
		break;
	case DISK_FULL:
		return fill_disk(f->folder[1], on);
	case RESTART_FAILS:
		f->status[1] = on ? 3 : 0;
		break;
	case TFTP_DOWN:
		fixture_tftpd(f, 1, !on);
		break;
	case FAULTS:
		break;
	}
	return true;
}

static void test_faults(void **state)
{
	static const struct {
		const char *op, *why, *hint;
	} rows[FAULTS] = {
		[NO_FOLDER] = {"open folder", "No such file", "make the folder"},
		[NOT_A_FOLDER] = {"open folder", "Not a directory", "cluster.conf"},
		[DISK_FULL] = {"write", "No space left", "make room"},
		[RESTART_FAILS] = {"restart", "no such service, status 3", "by hand"},
		[TFTP_DOWN] = {"fetch", "", "is the server running"},
	};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	for (enum fault i = 0; i < FAULTS; i++) {
		json_t *p, *r, *n, *nodes;
		struct err e = {0};

		p = plan(f, &e);
		assert_ok(p ? RC_OK : e.rc, &e);
		if (!set_fault(f, i, true)) {
			print_message("fault %d cannot be had here\n", i);
			json_decref(p);
			continue;
		}
		r = fixture_ask(f, order("reset", p, fake_ticket), &e);
		assert_ok(r ? RC_OK : e.rc, &e);
		nodes = json_object_get(r, "nodes");
		assert_true(json_is_true(
			json_object_get(json_array_get(nodes, 0), "ok")));
		n = json_array_get(nodes, 1);
		assert_true(json_is_false(json_object_get(n, "ok")));
		assert_int_not_equal(err_from_json(json_object_get(n, "error"), &e),
				     RC_OK);
		print_message("%s | %s | %s | %s\n", e.op, e.what, e.why, e.hint);
		assert_string_equal(e.op, rows[i].op);
		assert_non_null(strstr(e.what, "test10sub"));
		assert_non_null(strstr(e.why, rows[i].why));
		assert_non_null(strstr(e.hint, rows[i].hint));
		assert_serves(f, 0, text(r, "sha1"));
		fixture_wait_settled(f, 1, false); /* `show status` names it */

		assert_true(set_fault(f, i, false));
		fixture_wait_settled(f, 1, true); /* by itself */
		assert_serves(f, 1, text(r, "sha1"));
		json_decref(r);
		json_decref(p);
	}
}

static void test_nobody_restarts(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	char path[256];

	NEEDS_ROOT(state);
	f->root_deaf = true;
	assert_null(tftp_restart(f, "n2", false, &e));
	assert_non_null(strstr(e.why, "nobody answered"));
	assert_non_null(strstr(e.hint, "itlkeeperd"));
	assert_non_null(strstr(e.what, "test10sub"));
	/* A helper that comes much later finds nothing that it should not do. */
	fixture_front(f, false);
	snprintf(path, sizeof path, "%s/run/restart/n2", f->dir);
	assert_int_not_equal(access(path, F_OK), 0);
	f->root_deaf = false;
	fixture_front(f, true);
	fixture_wait_settled(f, 1, true);
}

/* ---- keys ---- */

static void test_generate(void **state)
{
	static const struct {
		const char *unit, *node;
		bool regenerate;
		enum rc rc;
		const char *says;
	} rows[] = {
		{"CallManager", NULL, true, RC_USAGE, "say which"},
		{"CAPF", "n1", true, RC_USAGE, "the cluster's"},
		{"Capfish", NULL, true, RC_USAGE, ""},
		{"TVS", "n9", true, RC_NOTFOUND, ""},
	};
	struct fixture *f = *state;
	struct err e = {0};
	json_t *r;

	NEEDS_ROOT(state);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		r = fixture_ask(f, json_pack("{s:s, s:s, s:s?, s:s, s:b}", "do",
					     "generate", "unit", rows[i].unit,
					     "node", rows[i].node, "ticket",
					     fake_ticket, "regenerate",
					     rows[i].regenerate),
				&e);
		assert_null(r);
		assert_int_equal(e.rc, rows[i].rc);
		assert_non_null(strstr(e.why, rows[i].says));
	}
	r = fixture_ask(f, json_pack("{s:s, s:s, s:s, s:s}", "do", "generate", "unit",
				     "Audit", "node", "n1", "ticket", fake_ticket), &e);
	assert_null(r);
	r = fixture_ask(f, json_pack("{s:s, s:s, s:s}", "do", "generate", "unit",
				     "Audit", "ticket", fake_ticket), &e);
	assert_ok(r ? RC_OK : e.rc, &e); /* the first replaces none */
	assert_int_equal(json_integer_value(json_object_get(r, "generation")), 1);
	assert_true(json_is_null(json_object_get(r, "node")));
	json_decref(r);
	r = fixture_ask(f, json_pack("{s:s, s:s, s:s, s:s, s:b}", "do", "generate",
				     "unit", "callmanager", "node", "test10sub",
				     "ticket", fake_ticket, "regenerate", 1), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_string_equal(text(r, "node"), "n2");
	assert_int_equal(json_integer_value(json_object_get(r, "generation")), 2);
	assert_int_equal(json_integer_value(json_object_get(r, "tries")), 3);
	assert_int_equal(strlen(text(r, "sha256")), 64);
	assert_non_null(strstr(text(r, "pem"), "BEGIN CERTIFICATE"));
	json_decref(r);

	/* The cache answers when keyd does not. */
	fake_keyd.away = true;
	r = fixture_ask(f, json_pack("{s:s}", "do", "certs"), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_int_equal(json_array_size(json_object_get(r, "certs")), 8);
	assert_string_equal(text(json_object_get(r, "error"), "rc"), "stale");
	json_decref(r);
	assert_null(tftp_restart(f, "n1", false, &e));
	assert_int_equal(e.rc, RC_STALE);
}

int main(void)
{
#define TEST(f, s) cmocka_unit_test_setup_teardown(f, s, fixture_stop)
	const struct CMUnitTest tests[] = {
		TEST(test_first_lists, asking_start),
		TEST(test_policy_itlrecovery, asking_start_recovery),
		TEST(test_state_lost, asking_start_served),
		TEST(test_heals_at_start, asking_start_served),
		TEST(test_resumed, asking_start_served),
		TEST(test_faults, asking_start_served),
		TEST(test_nobody_restarts, asking_start_served),
		TEST(test_generate, asking_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
