/* utils itl rollback, and what becomes of an operation that a kill cut off. */
#include "asking.h"
#include "fake-keyd.h"
#include "itl/itl.h"
#include <sqlite3.h>
#include <string.h>

/* A reset of all nodes; its SHA-1, which the caller frees. */
static char *reset(struct fixture *f)
{
	static int n;
	struct err e = {0};
	json_t *p = plan(f, &e), *r;
	char *sha1;

	assert_ok(p ? RC_OK : e.rc, &e);
	/* Two resets of one second would make the same list. */
	json_object_set_new(p, "timestamp",
			    json_integer(json_integer_value(json_object_get(
						 p, "timestamp")) + ++n));
	r = fixture_ask(f, order("reset", p, fake_ticket), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	sha1 = strdup(text(r, "sha1"));
	json_decref(p);
	json_decref(r);
	return sha1;
}

static char *wants(struct fixture *f, int node)
{
	json_t *n = fixture_node(f, node);
	char *sha1 = strdup(text(json_object_get(n, "want"), "sha1"));

	json_decref(n);
	return sha1;
}

static json_t *ask_plan(struct fixture *f, struct err *e)
{
	return fixture_ask(f, json_pack("{s:s, s:s}", "do", "rollback-plan", "node",
					"n1"), e);
}

static json_t *planned(struct fixture *f, size_t node)
{
	struct err e = {0};
	json_t *p = ask_plan(f, &e), *out;

	assert_ok(p ? RC_OK : e.rc, &e);
	out = json_incref(json_array_get(json_object_get(p, "nodes"), node));
	json_decref(p);
	return out;
}

/* Each node's list by the plan ("": not in it). */
static json_t *back(struct fixture *f, const char *n1, const char *n2, bool force,
		    struct err *e)
{
	json_t *lists = json_object();

	if (n1[0])
		json_object_set_new(lists, "n1", json_string(n1));
	if (n2[0])
		json_object_set_new(lists, "n2", json_string(n2));
	return fixture_ask(f, json_pack("{s:s, s:s, s:o, s:s, s:b}", "do", "rollback",
					"node", "n1", "lists", lists, "ticket",
					fake_ticket, "force", force), e);
}

static void nothing_to_put_back(struct fixture *f)
{
	struct err e = {0};

	assert_null(ask_plan(f, &e));
	assert_int_equal(e.rc, RC_NOTFOUND);
	assert_non_null(strstr(e.hint, "nothing to put back"));
	assert_null(back(f, "", "", true, &e));
	assert_int_equal(e.rc, RC_NOTFOUND);
}

/* Two resets: phones of the second one's list take the first one's. */
static void test_back(void **state)
{
	struct fixture *f = *state;
	char *first, *second;
	struct err e = {0};
	json_t *p, *r;

	NEEDS_ROOT(state);
	nothing_to_put_back(f);
	first = reset(f);
	second = reset(f);
	p = planned(f, 1);
	assert_string_equal(text(p, "host"), "test10sub");
	assert_string_equal(text(p, "sha1"), second);
	assert_string_equal(text(json_object_get(p, "then"), "sha1"), first);
	assert_string_equal(text(json_object_get(p, "then"), "signer"),
			    "ITLRecovery/test10/1");
	assert_true(json_integer_value(json_object_get(json_object_get(p, "then"),
						       "made")) > 0);
	json_decref(p);
	f->bounces[0] = 0;
	r = back(f, first, first, false, &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_int_equal(json_array_size(json_object_get(r, "nodes")), 2);
	p = json_array_get(json_object_get(r, "nodes"), 0);
	assert_true(json_is_true(json_object_get(p, "ok")));
	assert_string_equal(text(p, "sha1"), first);
	json_decref(r);
	assert_serves(f, 0, first);
	assert_serves(f, 1, first);
	assert_int_equal(f->bounces[0], 1);
	assert_int_equal(fake_keyd.places, 2);
	nothing_to_put_back(f);
	free(first);
	free(second);
}

/* A subscriber's own list would lock its phones: all or none. */
static void test_phones_first(void **state)
{
	struct fixture *f = *state;
	char *own[2], *standing;
	struct err e = {0};
	json_t *r;

	NEEDS_ROOT(state);
	own[0] = wants(f, 0);
	own[1] = wants(f, 1);
	standing = reset(f);
	/* The plan says it before. */
	r = planned(f, 0);
	assert_true(json_is_null(json_object_get(r, "locks")));
	json_decref(r);
	r = planned(f, 1);
	assert_string_equal(text(json_object_get(r, "locks"), "rc"), "refused");
	assert_non_null(strstr(text(json_object_get(r, "locks"), "what"), "test10sub"));
	assert_string_equal(text(json_object_get(r, "then"), "sha1"), own[1]);
	json_decref(r);
	assert_null(back(f, own[0], own[1], false, &e));
	assert_int_equal(e.rc, RC_REFUSED);
	assert_non_null(strstr(e.why, "TVS"));
	assert_non_null(strstr(e.what, "test10sub"));
	assert_non_null(strstr(e.hint, "--force"));
	assert_int_equal(fake_keyd.places, 0);
	assert_serves(f, 0, standing);
	r = back(f, own[0], own[1], true, &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_serves(f, 0, own[0]);
	assert_serves(f, 1, own[1]);
	assert_want(f, 1, "have", "signer", "CallManager/n2/1");
	json_decref(r);
	/* What is there now is the nodes' own again: a reset goes from it. */
	free(standing);
	standing = reset(f);
	assert_serves(f, 1, standing);
	free(standing);
	free(own[0]);
	free(own[1]);
}

static void test_changed_since(void **state)
{
	static const char other[] = "0123456789abcdef0123456789abcdef01234567";
	struct fixture *f = *state;
	char *first, *second;
	struct err e = {0};

	NEEDS_ROOT(state);
	first = reset(f);
	second = reset(f);
	assert_null(back(f, first, "", false, &e));
	assert_int_equal(e.rc, RC_REFUSED);
	assert_non_null(strstr(e.why, "since the plan"));
	assert_null(back(f, first, other, false, &e));
	assert_non_null(strstr(e.why, "since the plan"));
	assert_null(fixture_ask(f, json_pack("{s:s, s:s, s:{s:s, s:s}, s:s}", "do",
					     "rollback", "node", "n1", "lists", "n1",
					     first, "n2", first, "ticket",
					     "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
				&e));
	assert_non_null(strstr(e.why, "ticket"));
	assert_null(fixture_ask(f, json_pack("{s:s, s:s, s:s, s:s}", "do", "rollback",
					     "node", "n1", "lists", "x", "ticket",
					     fake_ticket), &e));
	assert_int_equal(e.rc, RC_USAGE);
	assert_null(fixture_ask(f, json_pack("{s:s, s:s}", "do", "rollback-plan",
					     "node", "n2"), &e));
	assert_string_equal(e.why, "This is not publisher node");
	assert_serves(f, 0, second);
	assert_serves(f, 1, second);
	free(first);
	free(second);
}

static void sql(struct fixture *f, const char *statement)
{
	char path[CLUSTER_PATH_MAX];
	sqlite3 *db = NULL;

	cluster_path(f->cluster, PATH_STATE_DB, path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* One node's former list is damaged: it keeps the reset list, and says why. */
static void test_kept(void **state)
{
	static const struct {
		const char *statement, *why;
	} rows[] = {
		{"UPDATE list SET bytes = zeroblob(length(bytes)) WHERE sha1 ="
		 " (SELECT before FROM served WHERE node = 'n2' AND file = 'itl')",
		 "is damaged in state.db"},
		{"UPDATE served SET before = (SELECT sha1 FROM list WHERE kind = 'other')"
		 " WHERE node = 'n2' AND file = 'itl'", NULL},
	};
	struct fixture *f = *state;
	char *own[2], *standing, bad[SHA1_HEX];
	struct bytes list;
	struct err e = {0};
	json_t *p, *r;

	NEEDS_ROOT(state);
	for (size_t i = 0; i < 2; i++) {
		own[0] = wants(f, 0);
		standing = reset(f);
		fixture_front(f, false);
		if (i == 1) { /* one that no signature fits */
			struct store *s = NULL;
			char path[CLUSTER_PATH_MAX];
			struct list l = {.kind = LIST_OTHER, .node = "n2"};

			list = fake_own_list("n2", 5);
			l.bytes = (uint8_t *)(uintptr_t)list.p;
			l.n = list.n;
			l.bytes[l.n / 2] ^= 1;
			itl_sha1_hex(list, bad);
			strcpy(l.sha1, bad);
			cluster_path(f->cluster, PATH_STATE_DB, path);
			assert_ok(store_open(path, &s, &e), &e);
			assert_ok(store_have(s, "n2", FILE_ITL, &l, &e), &e);
			store_free(s);
			free(l.bytes);
		}
		sql(f, "DROP TRIGGER IF EXISTS list_immutable");
		sql(f, rows[i].statement);
		fixture_front(f, true);
		fixture_wait_settled(f, 1, true);
		p = planned(f, 1);
		assert_true(json_is_null(json_object_get(p, "then")));
		if (rows[i].why)
			assert_non_null(strstr(text(json_object_get(p, "kept"), "why"),
					       rows[i].why));
		assert_string_equal(text(json_object_get(p, "kept"), "rc"), "verify");
		assert_non_null(strstr(text(json_object_get(p, "kept"), "what"),
				       "test10sub"));
		json_decref(p);
		r = back(f, own[0], "", false, &e);
		assert_ok(r ? RC_OK : e.rc, &e);
		assert_int_equal(json_array_size(json_object_get(r, "nodes")), 1);
		json_decref(r);
		assert_serves(f, 0, own[0]);
		assert_serves(f, 1, standing);
		nothing_to_put_back(f);
		free(own[0]);
		free(standing);
	}
}

static void test_replaced_since(void **state)
{
	struct fixture *f = *state;
	char *first, *second, *own;
	struct err e = {0};
	json_t *p, *r;

	NEEDS_ROOT(state);
	first = reset(f);
	second = reset(f);
	must_restart(f, "n1", true);
	own = wants(f, 0);
	p = planned(f, 0);
	assert_non_null(strstr(text(json_object_get(p, "kept"), "why"), "replaced since"));
	json_decref(p);
	r = back(f, "", first, false, &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
	assert_serves(f, 0, own);
	assert_serves(f, 1, first);
	free(first);
	free(second);
	free(own);
}

/* ---- what a kill left ---- */

static const struct {
	const char *kind, *params;
	bool key_made, away, well;
	const char *note;
} left[] = {
	{"reset", "how=localkey", false, false, false, "before anything was changed"},
	{"rollback", "force=no", false, false, false, "give the command again"},
	{"generate", "unit=TVS node=n2 generation=1 force=yes", true, false, true, "TVS/n2/2"},
	{"generate", "unit=TVS node=n1 generation=1 force=yes", false, false, false,
	 "has no new key yet"},
	{"generate", "unit=CAPF node=- generation=1 force=no", true, false, true, "CAPF/test10/2"},
	{"generate", "unit=CAPF node=- force=no", false, false, false, "could not be asked"},
	{"key-remove", "key=CAPF/test10/1 force=no", false, false, false,
	 "the token has the key still"},
	{"key-remove", "key=CAPF/test10/9 force=yes", false, false, true,
	 "removed all the same: CAPF/test10/9"},
	{"key-remove", "key=CAPF/test10/9 force=no", false, true, false,
	 "could not be asked whether it has the key still"},
	{"generate", "unit=CAPF node=- generation=2 force=no", false, true, false,
	 "could not be asked"},
};

static void test_cut_off(void **state)
{
	struct fixture *f = *state;
	char path[CLUSTER_PATH_MAX];
	struct err e = {0};

	NEEDS_ROOT(state);
	for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
		struct op_ended o = {0};
		struct store *s = NULL;
		int64_t id;

		print_message("%s %s\n", left[i].kind, left[i].params);
		fixture_front(f, false);
		cluster_path(f->cluster, PATH_STATE_DB, path);
		assert_ok(store_open(path, &s, &e), &e);
		assert_ok(store_op_begin(s, left[i].kind, "alice (uid 7)",
					 left[i].params, &id, &e), &e);
		store_free(s);
		if (left[i].key_made)
			fake_keyd_renew(strstr(left[i].params, "TVS") ? UNIT_TVS : UNIT_CAPF,
					strstr(left[i].params, "TVS") ? "n2" : "test10");
		fake_keyd.away = left[i].away;
		fixture_front(f, true);
		while (store_op_idle(f->service->store, "reset", &e) != RC_OK)
			usleep(10000);
		assert_ok(store_op_last(f->service->store, &o, &e), &e);
		fake_keyd.away = false;
		assert_int_equal(o.op.id, id);
		assert_int_equal(o.well, left[i].well);
		assert_non_null(strstr(o.note, left[i].note));
	}
	json_t *status = fixture_ask(f, json_pack("{s:s}", "do", "status"), &e);

	assert_non_null(strstr(text(json_object_get(status, "last"), "note"),
			       "could not be asked"));
	json_decref(status);
}

int main(void)
{
#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, asking_start_served, fixture_stop)
	const struct CMUnitTest tests[] = {
		TEST(test_back),
		TEST(test_phones_first),
		TEST(test_changed_since),
		TEST(test_kept),
		TEST(test_replaced_since),
		TEST(test_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
