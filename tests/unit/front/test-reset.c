/* utils itl reset, by both keys, against real TFTP servers. */
#include "asking.h"
#include "fake-keyd.h"
#include "itl/accept.h"
#include "itl/itl.h"
#include <string.h>

static void check_events(json_t *events)
{
	static const char *const first[] = {"servers", "generated", "transferring"};
	static const char *const each[] = {"transferred", "restarting", "restarted",
					   "verified"};
	size_t at[2] = {0}, i;
	json_t *ev;

	json_array_foreach(events, i, ev) {
		size_t node = !strcmp(text(ev, "node"), "n2");

		if (i < 3) {
			assert_string_equal(text(ev, "event"), first[i]);
			continue;
		}
		assert_true(at[node] < 4);
		assert_string_equal(text(ev, "event"), each[at[node]++]);
	}
	assert_int_equal(at[0], 4);
	assert_int_equal(at[1], 4);
}

static void test_reset(void **state)
{
	struct fixture *f = *state;
	json_t *p, *again, *preview, *r, *events;
	struct bytes before, after;
	struct err e = {0};
	char why[256];

	NEEDS_ROOT(state);
	before = fixture_served(f, 0);
	fake_keyd_renew(UNIT_CALLMANAGER, "n1"); /* the accident */
	fake_keyd_renew(UNIT_CALLMANAGER, "n2");
	force_restart(f, "n1");
	force_restart(f, "n2");
	after = fixture_served(f, 0);
	assert_false(itl_accepted(itl_accept(bytes_of(NULL, 0), before, after, NULL,
					     NULL, why)));
	free((void *)(uintptr_t)after.p);

	p = plan(f, &e);
	assert_ok(p ? RC_OK : e.rc, &e);
	assert_string_equal(text(p, "signer"), "ITLRecovery/test10/1");
	assert_int_equal(json_array_size(json_object_get(p, "nodes")), 2);
	again = plan(f, &e);
	assert_int_equal(json_integer_value(json_object_get(p, "timestamp")),
			 json_integer_value(json_object_get(again, "timestamp")));
	json_decref(again);
	preview = fixture_ask(f, order("reset-preview", p, fake_ticket), &e);
	assert_ok(preview ? RC_OK : e.rc, &e);
	assert_want(f, 0, "have", "kind", "itl"); /* nothing was changed */

	r = fixture_ask_events(f, order("reset", p, fake_ticket), &events, &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	check_events(events);
	json_decref(events);
	assert_int_equal(fake_keyd.uid, 0);
	assert_string_equal(text(r, "sha1"), text(preview, "sha1"));
	assert_serves(f, 0, text(r, "sha1"));
	assert_serves(f, 1, text(r, "sha1"));
	assert_want(f, 1, "have", "kind", "reset");
	after = fixture_served(f, 1);
	assert_true(itl_accepted(itl_accept(bytes_of(NULL, 0), before, after, NULL,
					    NULL, why)));
	free((void *)(uintptr_t)after.p);
	free((void *)(uintptr_t)before.p);
	json_decref(p);
	json_decref(preview);
	json_decref(r);

	/* A subscriber's own list would lock phones again. */
	assert_null(tftp_restart(f, "n2", false, &e));
	assert_int_equal(e.rc, RC_REFUSED);
	assert_non_null(strstr(e.why, "TVS"));
	assert_non_null(strstr(e.hint, "--force"));
	assert_want(f, 1, "want", "kind", "reset");
	r = tftp_restart(f, "n2", true, &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_non_null(strstr(fake_keyd.note, "force=yes"));
	assert_want(f, 1, "have", "signer", "CallManager/n2/2");
	json_decref(r);
	must_restart(f, "test10pub", true); /* the publisher's is accepted */
	assert_want(f, 0, "have", "kind", "itl");
}

static bool warns(json_t *p, const char *of)
{
	json_t *w;
	size_t i;

	json_array_foreach(json_object_get(p, "warnings"), i, w)
		if (strstr(json_string_value(w), of))
			return true;
	return false;
}

/* Would a phone that holds `phone` take what the node serves? */
static bool accepts(struct fixture *f, struct bytes phone, int node)
{
	struct bytes list = fixture_served(f, node);
	char why[256];
	bool is = itl_accepted(itl_accept(bytes_of(NULL, 0), phone, list, NULL, NULL,
					  why));

	free((void *)(uintptr_t)list.p);
	return is;
}

/* Plan, preview and reset; the plan's signer. */
static void reset_by(struct fixture *f, const char *how, const char *signer)
{
	struct err e = {0};
	json_t *p = plan_by(f, how, &e), *preview, *r;

	assert_ok(p ? RC_OK : e.rc, &e);
	assert_string_equal(text(p, "signer"), signer);
	assert_false(warns(p, "the same as localkey"));
	preview = fixture_ask(f, order_by("reset-preview", how, p, fake_ticket), &e);
	assert_ok(preview ? RC_OK : e.rc, &e);
	r = fixture_ask(f, order_by("reset", how, p, fake_ticket), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_string_equal(text(r, "sha1"), text(preview, "sha1"));
	assert_string_equal(text(r, "signer"), signer);
	assert_serves(f, 0, text(r, "sha1"));
	assert_serves(f, 1, text(r, "sha1"));
	assert_want(f, 0, "have", "kind", "reset");
	json_decref(p);
	json_decref(preview);
	json_decref(r);
}

/* A cluster was made anew; the key that its phones trust comes back. */
static void test_remotekey(void **state)
{
	struct fixture *f = *state;
	struct bytes phone, held;
	struct err e = {0};
	json_t *p;

	NEEDS_ROOT(state);
	phone = fixture_served(f, 1);
	for (enum unit u = 0; u < UNIT_AUDIT; u++) {
		fake_keyd_renew(u, unit_is_of_node(u) ? "n1" : "test10");
		if (unit_is_of_node(u))
			fake_keyd_renew(u, "n2");
	}
	force_restart(f, "n1");
	force_restart(f, "n2");
	assert_false(accepts(f, phone, 0));
	p = plan_by(f, "remotekey", &e); /* nothing was imported */
	assert_ok(p ? RC_OK : e.rc, &e);
	json_decref(p);
	fake_keyd_import_first();
	p = plan(f, &e); /* localkey is still the new cluster's own */
	assert_ok(p ? RC_OK : e.rc, &e);
	assert_string_equal(text(p, "signer"), "ITLRecovery/test10/2");
	assert_true(warns(p, "older ITLRecovery"));
	json_decref(p);

	reset_by(f, "remotekey", "ITLRecovery/test10/3");
	assert_int_equal(fake_keyd.how, KEYD_REMOTEKEY);
	assert_true(accepts(f, phone, 0));
	assert_true(accepts(f, phone, 1));
	held = fixture_served(f, 0);
	fake_keyd_renew(UNIT_CALLMANAGER, "n1"); /* the next accident */
	fake_keyd_renew(UNIT_TVS, "n1");
	force_restart(f, "n1");
	assert_false(accepts(f, held, 0));
	reset_by(f, "localkey", "ITLRecovery/test10/3");
	assert_true(accepts(f, held, 0));
	assert_true(accepts(f, held, 1));
	free((void *)(uintptr_t)held.p);
	free((void *)(uintptr_t)phone.p);
}

/* Under policy itlrecovery it is the recovery key that signs a remotekey reset,
 * though that is who signs every day; the list is a reset's all the same. */
static void test_remotekey_itlrecovery(void **state)
{
	struct fixture *f = *state;
	struct bytes list;
	struct err e = {0};
	json_t *p, *r;

	NEEDS_ROOT(state);
	fixture_front(f, false);
	list = fake_own_list("n1", 5);
	fixture_serve(f, 0, list);
	fixture_serve(f, 1, list);
	free((void *)(uintptr_t)list.p);
	fixture_front(f, true);
	fixture_wait_settled(f, 0, true);
	fixture_wait_settled(f, 1, true);
	p = plan(f, &e);
	assert_ok(p ? RC_OK : e.rc, &e);
	assert_string_equal(text(p, "signer"), "CallManager/n1/1");
	/* The fake signs as it would under the other policy: it is refused. */
	r = fixture_ask(f, order("reset", p, fake_ticket), &e);
	assert_null(r);
	assert_int_equal(e.rc, RC_VERIFY);
	assert_non_null(strstr(e.why, "another key signed it"));
	json_decref(p);
	reset_by(f, "remotekey", "ITLRecovery/test10/1");
}

static void test_reset_refused(void **state)
{
	struct fixture *f = *state;
	json_t *p, *r;
	char whole[1200];
	struct err e = {0};
	struct {
		const char *how, *node, *member;
		json_t *value;
		enum rc rc;
		const char *says;
	} rows[] = {
		{"localkey", "n2", NULL, NULL, RC_REFUSED, "This is not publisher node"},
		{"localkey", "n3", NULL, NULL, RC_REFUSED, "serves no lists"},
		{"localkey", "n9", NULL, NULL, RC_NOTFOUND, ""},
		{"otherkey", "n1", NULL, NULL, RC_USAGE, "is not supported"},
		{"remotekey", "n2", NULL, NULL, RC_REFUSED, "This is not publisher node"},
		{"remotekey", "n1", "source_sha1",
		 json_string("0123456789abcdef0123456789abcdef01234567"), RC_REFUSED,
		 "has changed since the plan"},
		{"localkey", "n1", "ticket", json_string("00"), RC_USAGE, "64 hex digits"},
		{"localkey", "n1", "ticket",
		 json_string("ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
		 RC_REFUSED, "ticket"},
		{"localkey", "n1", "timestamp", json_integer(1), RC_REFUSED, "too old"},
		{"localkey", "n1", "timestamp", json_integer(INT64_MAX), RC_REFUSED, "too old"},
		{"localkey", "n1", "source_sha1", json_string("ab"), RC_USAGE,
		 "is no SHA-1"},
		{"localkey", "n1", "source_sha1",
		 json_string("0123456789abcdef0123456789abcdef01234567"), RC_REFUSED,
		 "has changed since the plan"},
		{"localkey", "n1", "surprise", json_true(), RC_USAGE, "surprise"},
	};

	NEEDS_ROOT(state);
	p = plan(f, &e);
	assert_ok(p ? RC_OK : e.rc, &e);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *request = order("reset", p, fake_ticket);

		json_object_set_new(request, "how", json_string(rows[i].how));
		json_object_set_new(request, "node", json_string(rows[i].node));
		if (rows[i].member)
			json_object_set_new(request, rows[i].member, rows[i].value);
		r = fixture_ask(f, request, &e);
		print_message("%zu: %s\n", i, e.why);
		assert_null(r);
		assert_int_equal(e.rc, rows[i].rc);
		assert_non_null(strstr(e.why, rows[i].says));
		assert_want(f, 0, "want", "kind", "itl");
	}
	r = fixture_ask(f, json_pack("{s:s, s:s, s:s}", "do", "reset-plan", "how",
				     "localkey", "node", "test10sub"), &e);
	assert_null(r);
	assert_string_equal(err_text(&e, whole, sizeof whole),
			    "This is not publisher node");
	json_decref(p);
}

/* keyd's list must verify here too; if not, nothing changes. */
static void test_reset_bad_list(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *p;

	NEEDS_ROOT(state);
	p = plan(f, &e);
	assert_ok(p ? RC_OK : e.rc, &e);
	fake_keyd.bad_list = true;
	assert_null(fixture_ask(f, order("reset", p, fake_ticket), &e));
	assert_int_equal(e.rc, RC_VERIFY);
	assert_null(tftp_restart(f, "n2", false, &e));
	assert_int_equal(e.rc, RC_VERIFY);
	fake_keyd.bad_list = false;
	assert_want(f, 0, "want", "kind", "itl");
	json_decref(p);
}

/* Somebody put another list there: both SHA-1s, and nothing changes. */
static void test_reset_foreign_list(void **state)
{
	struct fixture *f = *state;
	char *sha1, other[SHA1_HEX];
	struct bytes foreign;
	struct err e = {0};
	json_t *p;

	NEEDS_ROOT(state);
	p = plan(f, &e);
	assert_ok(p ? RC_OK : e.rc, &e);
	sha1 = strdup(text(p, "source_sha1"));
	json_decref(p);
	foreign = fake_foreign_list();
	fixture_serve(f, 0, foreign);
	itl_sha1_hex(foreign, other);
	assert_null(plan(f, &e));
	assert_int_equal(e.rc, RC_REFUSED);
	assert_non_null(strstr(e.why, sha1));
	assert_non_null(strstr(e.why, other));
	assert_serves(f, 0, other);
	must_restart(f, "n1", false); /* as the hint says */
	assert_serves(f, 0, sha1);
	p = plan(f, &e);
	assert_non_null(p);
	json_decref(p);
	free(sha1);
	free((void *)(uintptr_t)foreign.p);
}

/* A node that went between plan and reset is still looked for. */
static void test_all_or_none(void **state)
{
	struct fixture *f = *state;
	json_t *p, *r, *events;
	struct err e = {0};

	NEEDS_ROOT(state);
	p = plan(f, &e);
	assert_ok(p ? RC_OK : e.rc, &e);
	fixture_tftpd(f, 1, false);
	r = order("reset", p, fake_ticket);
	json_object_set_new(r, "all_or_none", json_true());
	assert_null(fixture_ask_events(f, r, &events, &e));
	assert_int_equal(e.rc, RC_REFUSED);
	assert_string_equal(e.what, "test10sub");
	assert_non_null(strstr(e.why, "1 of 2 TFTP nodes is missing"));
	assert_int_equal(json_array_size(events), 1);
	assert_string_equal(text(json_array_get(events, 0), "event"), "missing");
	assert_string_equal(text(json_array_get(events, 0), "node"), "n2");
	json_decref(events);
	assert_want(f, 0, "want", "kind", "itl");
	assert_want(f, 1, "want", "kind", "itl");
	json_decref(p);

	/* The plan says so too, before anything else is done. */
	r = json_pack("{s:s, s:s, s:s, s:b}", "do", "reset-plan", "how", "localkey",
		      "node", "n1", "all_or_none", 1);
	assert_null(fixture_ask(f, r, &e));
	assert_int_equal(e.rc, RC_REFUSED);

	/* Without it the other is served, and this one is told with what it has. */
	p = plan(f, &e);
	r = fixture_ask(f, order("reset", p, fake_ticket), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_serves(f, 0, text(r, "sha1"));
	json_t *node = json_array_get(json_object_get(r, "nodes"), 1);
	assert_true(json_is_false(json_object_get(node, "ok")));
	assert_int_equal(strlen(text(node, "have")), 40);
	assert_string_not_equal(text(node, "have"), text(r, "sha1"));
	assert_true(json_integer_value(json_object_get(node, "since")) > 0);
	json_decref(p);
	json_decref(r);
	fixture_tftpd(f, 1, true);
	fixture_wait_settled(f, 1, true);
}

int main(void)
{
#define TEST(f, s) cmocka_unit_test_setup_teardown(f, s, fixture_stop)
	const struct CMUnitTest tests[] = {
		TEST(test_reset, asking_start_served),
		TEST(test_remotekey, asking_start_served),
		TEST(test_remotekey_itlrecovery, asking_start_recovery),
		TEST(test_reset_refused, asking_start_served),
		TEST(test_all_or_none, asking_start_served),
		TEST(test_reset_bad_list, asking_start_served),
		TEST(test_reset_foreign_list, asking_start_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
