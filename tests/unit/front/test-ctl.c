/* utils ctl update: one CTL on all nodes, against real TFTP servers. */
#include "asking.h"
#include "base/errjson.h"
#include "fake-keyd.h"
#include "itl/itl.h"
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CTL "CTLFile.tlv"
#define GIVE(b) free((void *)(uintptr_t)(b).p)

static json_t *request(int64_t timestamp, const char *ticket, bool force)
{
	return json_pack("{s:s, s:s, s:I, s:s, s:b}", "do", "ctl-update", "node",
			 "n1", "timestamp", (json_int_t)timestamp, "ticket",
			 ticket, "force", force);
}

static json_t *update(struct fixture *f, bool force, struct err *e)
{
	return fixture_ask(f, request(time(NULL), fake_ticket, force), e);
}

static json_t *must_update(struct fixture *f, bool force)
{
	struct err e = {0};
	json_t *r = update(f, force, &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	return r;
}

static void refused(struct fixture *f, enum rc rc, const char *why)
{
	struct err e = {0};

	assert_null(update(f, false, &e));
	assert_int_equal(e.rc, rc);
	if (!strstr(e.why, why))
		fail_msg("%s", e.why);
}

static void assert_ctl(struct fixture *f, int node, const char *sha1)
{
	struct bytes list = fixture_read(f, node, CTL);
	char hex[SHA1_HEX];

	assert_string_equal(itl_sha1_hex(list, hex), sha1);
	GIVE(list);
}

/* A member of the node's CTL in "status"; NULL: it has none. */
static void assert_status(struct fixture *f, int node, const char *which,
			  const char *member, const char *value)
{
	json_t *n = fixture_node(f, node);
	json_t *at = json_object_get(json_object_get(n, "ctl"), which);

	if (value)
		assert_string_equal(text(at, member), value);
	else
		assert_true(json_is_null(at));
	json_decref(n);
}

static bool warns(json_t *result, const char *host, const char *of)
{
	json_t *w;
	size_t i;

	json_array_foreach(json_object_get(result, "warnings"), i, w)
		if (strstr(json_string_value(w), host) &&
		    strstr(json_string_value(w), of))
			return true;
	return false;
}

/* ---- what it does ---- */

static void check_events(json_t *events)
{
	static const char *const first[] = {"servers", "generated", "transferring"};
	static const char *const each[] = {"transferred", "restarting", "restarted",
					   "verified"};
	size_t at[2] = {0}, i;
	json_t *ev;

	assert_int_equal(json_array_size(events), 3 + 2 * 4);
	json_array_foreach(events, i, ev) {
		size_t node = !strcmp(text(ev, "node"), "n2");

		if (i < 3) {
			assert_string_equal(text(ev, "event"), first[i]);
			continue;
		}
		assert_string_equal(text(ev, "event"), each[at[node]++]);
		if (!strcmp(text(ev, "event"), "transferred"))
			assert_string_equal(text(ev, "file"), "ctl");
	}
	assert_string_equal(text(json_array_get(events, 1), "kind"), "ctl");
}

static json_t *list(struct fixture *f, const char *node, const char *file,
		    struct err *e)
{
	return fixture_ask(f, json_pack("{s:s, s:s, s:s*}", "do", "list", "node",
					node, "file", file), e);
}

static void check_list(struct fixture *f, const char *sha1)
{
	struct err e = {0};
	json_t *r = list(f, "n2", "ctl", &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	assert_string_equal(text(r, "sha1"), sha1);
	assert_string_equal(text(r, "kind"), "ctl");
	json_decref(r);
	r = list(f, "n2", NULL, &e);
	assert_string_equal(text(r, "kind"), "itl");
	json_decref(r);
	assert_null(list(f, "n2", "itl2", &e));
	assert_int_equal(e.rc, RC_USAGE);
}

/* What identifies the ITL's file itself: nobody wrote it anew. */
static ino_t inode(struct fixture *f, int node)
{
	char path[300];
	struct stat st;

	fixture_path(f, node, "ITLFile.tlv", path);
	assert_return_code(stat(path, &st), 0);
	return st.st_ino;
}

static void test_update(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *r, *events;
	unsigned bounces;
	ino_t itl;

	NEEDS_ROOT(state);
	assert_null(list(f, "n1", "ctl", &e));
	assert_int_equal(e.rc, RC_NOTFOUND);
	assert_non_null(strstr(e.hint, "utils ctl update"));
	assert_status(f, 0, "want", "sha1", NULL);
	itl = inode(f, 1);
	bounces = f->bounces[1];

	r = fixture_ask_events(f, request(time(NULL), fake_ticket, false), &events,
			       &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	check_events(events);
	json_decref(events);
	assert_string_equal(text(r, "signer"), "CallManager/n1/1");
	assert_int_equal(fake_keyd.uid, 0);
	assert_non_null(strstr(fake_keyd.note, "ctl-update uid=0 force=no sha1="));
	assert_non_null(strstr(fake_keyd.note, text(r, "sha1")));
	for (int node = 0; node < 2; node++) {
		assert_ctl(f, node, text(r, "sha1"));
		assert_status(f, node, "have", "kind", "ctl");
		assert_status(f, node, "want", "sha1", text(r, "sha1"));
	}
	assert_int_equal(f->bounces[1], bounces + 1);
	assert_int_equal(inode(f, 1), itl);
	check_list(f, text(r, "sha1"));
	/* The subscriber's own list names other signers (callmanager). */
	assert_false(warns(r, "test10pub", ""));
	assert_true(warns(r, "test10sub", "the lists served there"));
	assert_true(warns(r, "test10sub", "a phone without lists"));
	json_decref(r);
	/* A restart of a node's own list leaves it. */
	must_restart(f, "n2", false);
	assert_status(f, 1, "have", "kind", "ctl");
}

static void test_policy_itlrecovery(void **state)
{
	struct fixture *f = *state;
	json_t *r;

	NEEDS_ROOT(state);
	refused(f, RC_VERIFY, "another key signed it"); /* the fake's CallManager */
	assert_status(f, 0, "want", "sha1", NULL);
	fake_keyd.ctl_by = UNIT_ITLRECOVERY;
	r = must_update(f, false);
	assert_string_equal(text(r, "signer"), "ITLRecovery/test10/1");
	assert_status(f, 1, "have", "kind", "ctl");
	json_decref(r);
}

static void test_refusals(void **state)
{
	const int64_t now = time(NULL);
	const struct {
		json_t *request;
		enum rc rc;
		const char *why;
	} rows[] = {
		{request(now, "00", false), RC_USAGE, "64 hex digits"},
		{request(now - 1900, fake_ticket, true), RC_REFUSED, "too old"},
		{request(now + 100, fake_ticket, true), RC_REFUSED, "too old"},
		{request(-1, fake_ticket, true), RC_REFUSED, "too old"},
		{json_pack("{s:s, s:s, s:I, s:s}", "do", "ctl-update", "node", "n2",
			   "timestamp", (json_int_t)now, "ticket", fake_ticket),
		 RC_REFUSED, "This is not publisher node"},
		{json_pack("{s:s, s:s, s:s}", "do", "ctl-update", "node", "n1",
			   "ticket", fake_ticket), RC_USAGE, "timestamp"},
	};
	struct fixture *f = *state;
	char ticket[sizeof fake_ticket];
	struct err e = {0};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!f) {
			json_decref(rows[i].request);
			continue;
		}
		assert_null(fixture_ask(f, rows[i].request, &e));
		assert_int_equal(e.rc, rows[i].rc);
		assert_non_null(strstr(e.why, rows[i].why));
	}
	NEEDS_ROOT(state);
	strcpy(ticket, fake_ticket);
	ticket[0] ^= 1;
	assert_null(fixture_ask(f, request(now, ticket, false), &e));
	assert_int_equal(e.rc, RC_REFUSED);
	fake_keyd.bad_list = true;
	refused(f, RC_VERIFY, "");
	/* None of them began, or left, anything. */
	assert_status(f, 0, "want", "sha1", NULL);
	assert_int_equal(fixture_read(f, 0, CTL).n, 0);
	assert_ok(store_op_idle(f->service->store, "x", &e), &e);
}

/* ---- phones that hold the CTL of before ---- */

static void reset(struct fixture *f)
{
	struct err e = {0};
	json_t *p = plan(f, &e), *r;

	assert_ok(p ? RC_OK : e.rc, &e);
	r = fixture_ask(f, order("reset", p, fake_ticket), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(p);
	json_decref(r);
}

static void test_phones_that_would_not_follow(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *first, *r;

	NEEDS_ROOT(state);
	first = must_update(f, false);
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	assert_null(update(f, false, &e));
	assert_int_equal(e.rc, RC_REFUSED);
	assert_string_equal(e.what, "test10pub");
	assert_non_null(strstr(e.hint, "utils itl reset localkey"));
	assert_non_null(strstr(e.hint, "--force"));
	assert_status(f, 0, "want", "sha1", text(first, "sha1"));

	/* The publisher's new list helps its own phones alone. */
	force_restart(f, "n1");
	assert_null(update(f, false, &e));
	assert_int_equal(e.rc, RC_REFUSED);
	assert_string_equal(e.what, "test10sub");
	reset(f); /* it names the new signer, on every node; the CTL stays */
	assert_status(f, 1, "have", "sha1", text(first, "sha1"));
	r = must_update(f, false);
	assert_string_equal(text(r, "signer"), "CallManager/n1/2");
	assert_int_equal(json_array_size(json_object_get(r, "warnings")), 0);
	json_decref(r);
	json_decref(first);
}

static void test_forced(void **state)
{
	struct fixture *f = *state;
	json_t *r;

	NEEDS_ROOT(state);
	json_decref(must_update(f, false));
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	r = must_update(f, true);
	assert_true(warns(r, "test10pub", "only through a TVS"));
	assert_non_null(strstr(fake_keyd.note, "force=yes"));
	assert_status(f, 0, "have", "signer", "CallManager/n1/2");
	json_decref(r);
	/* A node that lost its file: its phones hold it still. */
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	char path[300];

	fixture_path(f, 0, CTL, path);
	fixture_front(f, false);
	assert_return_code(unlink(path), 0);
	f->status[0] = 1; /* and it cannot come back */
	fixture_front(f, true);
	fixture_wait_settled(f, 0, false);
	refused(f, RC_REFUSED, "would not accept the new CTL");
	f->status[0] = 0;
}

/* ---- the loops ---- */

static void lose_state(struct fixture *f)
{
	char path[300];

	fixture_front(f, false);
	for (int i = 0; i < 3; i++) {
		static const char *const ends[] = {"", "-wal", "-shm"};

		snprintf(path, sizeof path, "%s/state/front/state.db%s", f->dir,
			 ends[i]);
		(void)unlink(path);
	}
}

static void settle(struct fixture *f)
{
	fixture_wait_settled(f, 0, true);
	fixture_wait_settled(f, 1, true);
}

static void test_state_lost(void **state)
{
	struct fixture *f = *state;
	struct bytes foreign;
	json_t *r;

	NEEDS_ROOT(state);
	r = must_update(f, false);
	lose_state(f);
	foreign = fake_foreign_ctl();
	fixture_write(f, 1, CTL, foreign);
	fixture_front(f, true);
	settle(f);
	assert_status(f, 0, "want", "sha1", text(r, "sha1"));
	assert_status(f, 0, "have", "kind", "ctl");
	/* A stranger's is seen, and no more. */
	assert_status(f, 1, "want", "sha1", NULL);
	assert_status(f, 1, "have", "kind", "other");
	json_decref(r);
	/* Its phones hold it, and n2's own list, which names no signer of ours. */
	refused(f, RC_REFUSED, "would not accept the new CTL");
	r = must_update(f, true);
	assert_ctl(f, 1, text(r, "sha1"));
	assert_status(f, 1, "have", "kind", "ctl");
	json_decref(r);
	GIVE(foreign);
}

/* A cluster without a CTL does not pay for those that have one. */
static void test_nobody_asks_for_nothing(void **state)
{
	struct fixture *f = *state;
	struct bytes ctl;

	NEEDS_ROOT(state);
	ctl = fake_ctl(1);
	fixture_write(f, 0, CTL, ctl); /* whoever asked would take it over */
	must_restart(f, "n1", false);
	assert_status(f, 0, "have", "sha1", NULL);
	fixture_front(f, false);
	fixture_front(f, true);
	settle(f);
	assert_status(f, 0, "have", "sha1", NULL);
	GIVE(ctl);
}

static void test_heals(void **state)
{
	struct fixture *f = *state;
	struct bytes itl;
	json_t *r;

	NEEDS_ROOT(state);
	r = must_update(f, false);
	/* A known list in the other's place is none. */
	itl = fixture_served(f, 0);
	fixture_front(f, false);
	fixture_write(f, 0, CTL, itl);
	fixture_front(f, true);
	settle(f);
	assert_ctl(f, 0, text(r, "sha1"));
	GIVE(itl);
	/* What was changed behind front's back since it looked. */
	itl = fake_own_list("n1", 1);
	fixture_serve(f, 0, itl);
	must_restart(f, "n1", false);
	assert_want(f, 0, "have", "kind", "itl");
	GIVE(itl);
	json_decref(r);
}

/* Where no ITL is wanted yet, a CTL of ours does not become one. */
static void test_ctl_in_the_itls_place(void **state)
{
	struct fixture *f = *state;
	struct bytes ctl;

	NEEDS_ROOT(state);
	json_decref(must_update(f, false));
	ctl = fixture_read(f, 0, CTL);
	fixture_front(f, false);
	fixture_serve(f, 0, ctl);
	fixture_front(f, true);
	fixture_wait_settled(f, 0, false);
	assert_want(f, 0, "want", "sha1", "(none)");
	GIVE(ctl);
}

static void test_server_down(void **state)
{
	struct fixture *f = *state;
	json_t *r, *n;
	struct err e;

	NEEDS_ROOT(state);
	fixture_tftpd(f, 1, false);
	r = must_update(f, false);
	n = json_array_get(json_object_get(r, "nodes"), 1);
	assert_true(json_is_false(json_object_get(n, "ok")));
	assert_int_not_equal(err_from_json(json_object_get(n, "error"), &e), RC_OK);
	assert_non_null(strstr(e.what, "test10sub"));
	assert_non_null(strstr(e.what, "File.tlv"));
	assert_ctl(f, 0, text(r, "sha1"));
	fixture_wait_settled(f, 1, false);
	fixture_tftpd(f, 1, true);
	fixture_wait_settled(f, 1, true);
	assert_ctl(f, 1, text(r, "sha1"));
	assert_status(f, 1, "have", "sha1", text(r, "sha1"));
	json_decref(r);
}

static struct list list_of(enum list_kind kind, struct bytes b)
{
	struct list l = {.kind = kind, .node = "n1", .signer = "x",
			 .bytes = (uint8_t *)(uintptr_t)b.p, .n = b.n};

	itl_sha1_hex(b, l.sha1);
	return l;
}

/* As a kill leaves it: both files of a node wanted, nothing put. One bounce. */
static void test_resumed(void **state)
{
	struct fixture *f = *state;
	const char *const nodes[] = {"n1", "n2"};
	struct list ctl, itl;
	char path[CLUSTER_PATH_MAX];
	struct store *s = NULL;
	struct err e = {0};
	unsigned bounces;
	int64_t id;

	NEEDS_ROOT(state);
	fixture_front(f, false);
	ctl = list_of(LIST_CTL, fake_ctl(5));
	itl = list_of(LIST_ITL, fake_own_list("n1", 77));
	cluster_path(f->cluster, PATH_STATE_DB, path);
	assert_ok(store_open(path, &s, &e), &e);
	assert_ok(store_op_begin(s, "ctl-update", "alice (uid 7)", "", &id, &e), &e);
	assert_ok(store_want(s, &itl, nodes, 1, id, &e), &e);
	assert_ok(store_want(s, &ctl, nodes, 2, id, &e), &e);
	store_free(s);

	bounces = f->bounces[0];
	fixture_front(f, true);
	settle(f);
	while (store_op_idle(f->service->store, "reset", &e) != RC_OK)
		usleep(10000);
	assert_serves(f, 0, itl.sha1);
	assert_ctl(f, 0, ctl.sha1);
	assert_ctl(f, 1, ctl.sha1);
	assert_status(f, 1, "have", "sha1", ctl.sha1);
	assert_int_equal(f->bounces[0], bounces + 1);
	list_clear(&ctl);
	list_clear(&itl);
}

static json_t *ctl_plan(struct fixture *f)
{
	struct err e = {0};
	json_t *r = fixture_ask(f, json_pack("{s:s, s:s}", "do", "ctl-plan", "node", "n1"),
				&e);

	assert_ok(r ? RC_OK : e.rc, &e);
	return r;
}

/* These names, and no others. */
static void assert_names(json_t *in, const char *which, const char *const names[])
{
	json_t *array = json_object_get(in, which);
	size_t n = 0;

	for (; names[n]; n++)
		assert_string_equal(json_string_value(json_array_get(array, n)), names[n]);
	assert_int_equal(json_array_size(array), n);
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The alert's text; "" if it does not stand. */
static void alert_text(struct fixture *f, char to[ALERT_TEXT_MAX])
{
	struct err e = {0};
	json_t *r = fixture_ask(f, json_pack("{s:s}", "do", "alerts-check"), &e), *a;
	size_t i;

	assert_ok(r ? RC_OK : e.rc, &e);
	to[0] = '\0';
	json_array_foreach(json_object_get(r, "alerts"), i, a)
		if (!strcmp(text(a, "name"), "CTLOutdated"))
			snprintf(to, ALERT_TEXT_MAX, "%s", text(a, "text"));
	json_decref(r);
}

/* A CTL names what was; front says so until it is made anew. */
static void test_old(void **state)
{
	struct fixture *f = *state;
	char alert[ALERT_TEXT_MAX], other[] = "n2", *publisher;
	json_t *r, *n;

	NEEDS_ROOT(state);
	publisher = f->cluster->publisher;
	r = ctl_plan(f); /* there is none: nobody needs one */
	assert_true(json_is_null(json_object_get(r, "sha1")));
	assert_names(r, "adds", NAMES("CallManager/n1/1 as SAST", "CallManager/n1/1 as CCM+TFTP",
				      "CallManager/n2/1 as CCM+TFTP", "CAPF/test10/1 as CAPF",
				      "ITLRecovery/test10/1 as SAST"));
	assert_names(r, "drops", NAMES(NULL));
	json_decref(r);
	alert_text(f, alert);
	assert_string_equal(alert, "");

	json_decref(must_update(f, false));
	r = ctl_plan(f);
	assert_names(r, "adds", NAMES(NULL));
	assert_names(r, "drops", NAMES(NULL));
	json_decref(r);
	assert_status(f, 1, "old", NULL, NULL);

	fake_keyd_renew(UNIT_CALLMANAGER, "n2");
	fake_keyd_renew(UNIT_CAPF, "test10");
	fake_keyd_renew(UNIT_TVS, "n1"); /* it stands in no CTL */
	r = ctl_plan(f);
	assert_names(r, "adds", NAMES("CallManager/n2/2 as CCM+TFTP", "CAPF/test10/2 as CAPF"));
	assert_names(r, "drops", NAMES("CallManager/n2/1 as CCM+TFTP", "CAPF/test10/1 as CAPF"));
	json_decref(r);
	n = fixture_node(f, 1);
	assert_names(json_object_get(json_object_get(n, "ctl"), "old"), "adds",
		     NAMES("CallManager/n2/2 as CCM+TFTP", "CAPF/test10/2 as CAPF"));
	json_decref(n);
	alert_text(f, alert);
	assert_string_equal(alert, "CTL of test10pub: it lacks CallManager/n2/2 as CCM+TFTP, "
				   "CAPF/test10/2 as CAPF; it names CallManager/n2/1 as CCM+TFTP, "
				   "CAPF/test10/1 as CAPF");

	json_decref(must_update(f, false));
	assert_status(f, 1, "old", NULL, NULL);
	/* The same certificate, as something else. */
	f->cluster->publisher = other;
	r = fixture_node(f, 1);
	n = json_object_get(json_object_get(r, "ctl"), "old");
	assert_names(n, "adds", NAMES("CallManager/n2/2 as SAST"));
	assert_names(n, "drops", NAMES("CallManager/n1/1 as SAST"));
	json_decref(r);
	f->cluster->publisher = publisher;
	alert_text(f, alert);
	assert_string_equal(alert, "");
}

/* Another cluster's CTL is not old: it is not ours. */
static void test_foreign_is_not_old(void **state)
{
	struct fixture *f = *state;
	struct bytes foreign = fake_foreign_ctl();
	char alert[ALERT_TEXT_MAX];

	NEEDS_ROOT(state);
	fixture_write(f, 0, CTL, foreign);
	GIVE(foreign);
	lose_state(f);
	fixture_front(f, true);
	settle(f);
	assert_status(f, 0, "have", "kind", "other");
	assert_status(f, 0, "old", NULL, NULL);
	alert_text(f, alert);
	assert_string_equal(alert, "");
}

int main(void)
{
#define TEST(f, s) cmocka_unit_test_setup_teardown(f, s, fixture_stop)
	const struct CMUnitTest tests[] = {
		TEST(test_update, asking_start_served),
		TEST(test_policy_itlrecovery, asking_start_recovery),
		TEST(test_refusals, asking_start),
		TEST(test_phones_that_would_not_follow, asking_start_served),
		TEST(test_forced, asking_start_served),
		TEST(test_state_lost, asking_start_served),
		TEST(test_nobody_asks_for_nothing, asking_start_served),
		TEST(test_heals, asking_start_served),
		TEST(test_ctl_in_the_itls_place, asking_start),
		TEST(test_server_down, asking_start_served),
		TEST(test_resumed, asking_start_served),
		TEST(test_old, asking_start_served),
		TEST(test_foreign_is_not_old, asking_start_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
