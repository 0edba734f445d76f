/* Regeneration through the door: holds, --force, what phones are reset for, and the end
 * of retired keys. */
#include "asking.h"
#include "fake-keyd.h"
#include "base/num.h"
#include "holds.h"
#include "phones.h"
#include "retired.h"
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY (24 * 3600)

static json_t *generate(struct fixture *f, const char *unit, const char *node,
			bool force, struct err *e)
{
	return fixture_ask(f, json_pack("{s:s, s:s, s:s?, s:s, s:b, s:b}", "do",
					"generate", "unit", unit, "node", node, "ticket",
					fake_ticket, "regenerate", 1, "force", force), e);
}

static void regenerate(struct fixture *f, const char *unit, const char *node)
{
	struct err e = {0};
	json_t *r = generate(f, unit, node, false, &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	assert_true(json_is_null(json_object_get(r, "overrode")));
	json_decref(r);
}

static void is_held(struct fixture *f, const char *unit, const char *node,
		    const char *by, unsigned left)
{
	char why[200];
	struct err e = {0};
	json_t *r;

	(void)snprintf(why, sizeof why,
		       "%s certificate was modified in the last 5 minutes. Please re-try regnerating %s certificate at a later time",
		       by, unit);
	r = generate(f, unit, node, false, &e);
	assert_null(r);
	assert_int_equal(e.rc, RC_REFUSED);
	assert_string_equal(e.why, why);
	assert_string_equal(e.name, HOLD_ERROR);
	assert_int_equal(e.code, left);
	/* the plan says so too, and changes nothing */
	r = fixture_ask(f, json_pack("{s:s, s:s, s:s?}", "do", "generate-plan", "unit",
				     unit, "node", node), &e);
	assert_null(r);
	assert_string_equal(e.why, why);
	assert_int_equal(e.code, left);
}

static unsigned held_for(struct fixture *f, const char *unit)
{
	struct err e;
	json_t *s = fixture_ask(f, json_pack("{s:s}", "do", "status"), &e), *hold;
	unsigned left = 0;
	size_t i;

	assert_non_null(s);
	json_array_foreach(json_object_get(s, "holds"), i, hold)
		if (!strcmp(text(hold, "unit"), unit))
			left = (unsigned)json_integer_value(
				json_object_get(hold, "seconds"));
	json_decref(s);
	return left;
}

static void test_holds(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	regenerate(f, "CallManager", "n1");
	is_held(f, "TVS", "n1", "CallManager", 300);
	is_held(f, "CAPF", NULL, "CallManager", 300);        /* the publisher's */
	is_held(f, "ITLRecovery", NULL, "CallManager", 300);
	assert_int_equal(held_for(f, "CallManager"), 300);
	regenerate(f, "TVS", "n2"); /* another node */
	is_held(f, "CallManager", "n2", "TVS", 300);
	fixture_pass(f, 100);
	is_held(f, "TVS", "n1", "CallManager", 200);
	regenerate(f, "CallManager", "n1"); /* the same again, and its pause */
	is_held(f, "TVS", "n1", "CallManager", 300);
	is_held(f, "CallManager", "n2", "TVS", 200);
	fixture_set_back(f, 1000000);
	is_held(f, "TVS", "n1", "CallManager", 300);
	fixture_set_back(f, -2000000);
	is_held(f, "TVS", "n1", "CallManager", 300);
	fixture_pass(f, 299);
	is_held(f, "TVS", "n1", "CallManager", 1);
	fixture_pass(f, 1);
	assert_int_equal(held_for(f, "CallManager"), 0);
	regenerate(f, "CAPF", NULL);
	is_held(f, "TVS", "n1", "CAPF", 300);
	regenerate(f, "TVS", "n2"); /* CAPF is not a subscriber's */
	fixture_pass(f, 300);
	regenerate(f, "ITLRecovery", NULL);
	is_held(f, "CallManager", "n1", "ITLRecovery", 300);
}

/* Over a restart of front; of the machine, on whose clock it then depends. */
static void test_restarts(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	regenerate(f, "CallManager", "n1");
	fixture_pass(f, 100);
	fixture_front(f, false);
	fixture_front(f, true);
	is_held(f, "TVS", "n1", "CallManager", 200);

	fixture_front(f, false); /* a reboot of 50 s */
	strcpy(f->boot, "second");
	f->wall += 50;
	f->mono = 10;
	fixture_front(f, true);
	is_held(f, "TVS", "n1", "CallManager", 150);
	f->wall += DAY; /* a clock that is set later does not end it */
	is_held(f, "TVS", "n1", "CallManager", 150);

	fixture_front(f, false); /* a machine that comes up in 1970 */
	strcpy(f->boot, "third");
	f->wall = 12;
	f->mono = 5;
	fixture_front(f, true);
	is_held(f, "TVS", "n1", "CallManager", 300);
	f->wall = 1764000000; /* and learns what time it is */
	f->mono += 299;
	is_held(f, "TVS", "n1", "CallManager", 1);
	f->mono += 1;
	regenerate(f, "TVS", "n1");
}

static void test_first_ones_are_free(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *r;

	NEEDS_ROOT(state);
	/* The fake has no TVS of n3, and no Audit. */
	r = fixture_ask(f, json_pack("{s:s, s:s, s:s, s:s}", "do", "generate", "unit",
				     "TVS", "node", "n3", "ticket", fake_ticket), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
	assert_int_equal(held_for(f, "TVS"), 0);
	assert_int_equal(fake_keyd.notes, 0);
	/* nor do they wait */
	regenerate(f, "CallManager", "n1");
	r = fixture_ask(f, json_pack("{s:s, s:s, s:s}", "do", "generate", "unit",
				     "Audit", "ticket", fake_ticket), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
	/* Audit is no phone's: it holds nobody and waits for nobody. */
	regenerate(f, "Audit", NULL);
	assert_int_equal(held_for(f, "Audit"), 0);
	/* Without "regenerate" force replaces nothing. */
	r = fixture_ask(f, json_pack("{s:s, s:s, s:s, s:s, s:b}", "do", "generate",
				     "unit", "TVS", "node", "n2", "ticket", fake_ticket,
				     "force", 1), &e);
	assert_null(r);
	assert_int_equal(e.rc, RC_REFUSED);
	assert_non_null(strstr(e.why, "a key already"));
}

static void test_force(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *r;

	NEEDS_ROOT(state);
	regenerate(f, "CallManager", "n1");
	assert_string_equal(fake_keyd.note,
			    "regenerate unit=CallManager node=n1 uid=0 force=no overrode=\"\"");
	fixture_pass(f, 10);
	r = fixture_ask(f, json_pack("{s:s, s:s, s:s, s:b}", "do", "generate-plan",
				     "unit", "TVS", "node", "n1", "force", 1), &e);
	assert_non_null(strstr(text(r, "overrides"), "CallManager certificate was modified"));
	json_decref(r);
	r = generate(f, "TVS", "n1", true, &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_non_null(strstr(text(r, "overrode"), "CallManager certificate was modified"));
	assert_non_null(strstr(fake_keyd.note, "regenerate unit=TVS node=n1 uid=0 force=yes overrode=\"CallManager certificate was modified"));
	assert_non_null(strstr(fake_keyd.note, "290 seconds left"));
	json_decref(r);
	/* both hold, the longest says so */
	is_held(f, "CAPF", NULL, "TVS", 300);
	is_held(f, "CallManager", "n1", "TVS", 300);
	is_held(f, "TVS", "n1", "CallManager", 290);
	/* force without a need for it */
	r = generate(f, "CallManager", "n2", true, &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_non_null(strstr(fake_keyd.note, "force=yes overrode=\"\""));
	json_decref(r);
}

/* Set before keyd is asked; undone only if it clearly made nothing. */
static void test_what_keyd_refused(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	NEEDS_ROOT(state);
	fake_keyd.busy = true;
	assert_null(generate(f, "CallManager", "n1", false, &e));
	assert_int_equal(e.rc, RC_BUSY);
	assert_int_equal(held_for(f, "CallManager"), 0);
	fake_keyd.busy = false;
	regenerate(f, "CallManager", "n1");
	fixture_pass(f, 100);
	fake_keyd.busy = true; /* the older hold is there again */
	assert_null(generate(f, "CallManager", "n1", false, &e));
	assert_int_equal(held_for(f, "CallManager"), 200);
	fake_keyd.busy = false;
	fake_keyd.lost = true; /* nobody knows: it holds */
	assert_null(generate(f, "CallManager", "n1", false, &e));
	assert_int_equal(e.rc, RC_STALE);
	assert_int_equal(held_for(f, "CallManager"), 300);
}

/* Each of them leaves entries in the audit log, and a row in the state: a member of the
 * group without the password does not fill either. */
static void test_tickets_of_nobody(void **state)
{
	struct fixture *f = *state;
	char zeros[2 * KEYD_TICKET_LEN + 1];
	struct err e = {0};
	unsigned before;

	NEEDS_ROOT(state);
	memset(zeros, '0', sizeof zeros - 1);
	zeros[sizeof zeros - 1] = '\0';
	before = fake_keyd.notes;
	for (int i = 0; i < 40; i++) {
		assert_null(fixture_ask(f, json_pack("{s:s, s:s, s:s, s:b}", "do", "generate",
						     "unit", "CAPF", "ticket", zeros,
						     "regenerate", 1), &e));
		assert_int_equal(e.rc, RC_REFUSED);
	}
	assert_string_equal(e.why, "too many tickets that keyd did not take");
	assert_in_range(fake_keyd.notes - before, SLIPS_FREE + 1, SLIPS_FREE + 4);
	/* Another operation waits with it: the door is the same. */
	assert_null(generate(f, "CallManager", "n1", true, &e));
	assert_string_equal(e.why, "too many tickets that keyd did not take");
}

/* front was killed while keyd made the key: it may have been made just now. */
static void test_cut_off(void **state)
{
	struct fixture *f = *state;
	struct hold h = {.unit = UNIT_CALLMANAGER, .node = "n1"};
	struct err e;
	int64_t op;

	NEEDS_ROOT(state);
	assert_ok(store_op_begin(f->service->store, "generate", "root (uid 0)",
				 "unit=CallManager node=n1 regenerate=yes force=no", &op,
				 &e), &e);
	h.set = (struct hold_time){{f->wall, (double)f->mono}, "first"};
	assert_ok(store_hold_put(f->service->store, &h, &e), &e);
	h.unit = UNIT_TVS;
	strcpy(h.node, "n2");
	assert_ok(store_hold_put(f->service->store, &h, &e), &e);
	fixture_front(f, false);
	fixture_pass(f, 250);
	fixture_front(f, true);
	assert_int_equal(held_for(f, "CallManager"), 300);
	assert_int_equal(held_for(f, "TVS"), 50); /* another one's */
}

/* ---- phones ---- */

/* Whether phones can follow is the judge's, and not of interest here. */
static json_t *restarted(struct fixture *f, const char *node)
{
	struct err e = {0};
	json_t *r = tftp_restart(f, node, true, &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	return r;
}

static void must_reset(struct fixture *f, const char *node, const char *units,
		       const char *how)
{
	json_t *r = restarted(f, node), *phones = json_object_get(r, "phones");

	if (!units)
		assert_true(json_is_null(phones));
	else {
		assert_string_equal(text(phones, "units"), units);
		assert_string_equal(text(phones, "reset"), how);
	}
	json_decref(r);
}

static void test_phones(void **state)
{
	struct fixture *f = *state;
	json_t *r;

	NEEDS_ROOT(state);
	assert_int_equal(f->phone_resets, 0); /* first lists change nothing */
	must_reset(f, "n1", NULL, NULL);      /* nothing changed */
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	must_reset(f, "n1", "CallManager", "done");
	assert_int_equal(f->phone_resets, 1);
	must_reset(f, "n1", NULL, NULL);      /* once */
	assert_int_equal(f->phone_resets, 1);
	/* A TVS is in every node's list. */
	fake_keyd_renew(UNIT_TVS, "n2");
	fake_keyd_renew(UNIT_CAPF, "test10");
	must_reset(f, "n1", "TVS CAPF", "done");
	must_reset(f, "n2", "TVS CAPF", "done");
	assert_int_equal(f->phone_resets, 3);
	/* Never for ITLRecovery alone. */
	fake_keyd_renew(UNIT_ITLRECOVERY, "test10");
	r = restarted(f, "n1");
	assert_true(json_is_true(json_object_get(r, "built")));
	assert_true(json_is_null(json_object_get(r, "phones")));
	json_decref(r);
	assert_int_equal(f->phone_resets, 3);
	/* Its failure is a warning. */
	f->phone_status = 1;
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	r = restarted(f, "n1");
	assert_string_equal(text(json_object_get(r, "phones"), "reset"), "failed");
	assert_string_equal(text(json_object_get(json_object_get(r, "phones"), "error"),
				 "op"), "phone-reset");
	json_decref(r);
	assert_int_equal(f->phone_resets, 4);
	phones_later(f->service); /* and is not tried again */
	assert_int_equal(f->phone_resets, 4);
}

/* A node that fails at the restart, and heals: then. */
static void test_phones_later(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	NEEDS_ROOT(state);
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	f->status[0] = 1;
	assert_null(tftp_restart(f, "n1", true, &e));
	phones_later(f->service);
	assert_int_equal(f->phone_resets, 0);
	f->status[0] = 0;
	fixture_wait_settled(f, 0, true);
	/* the loop's last word may still be on its way */
	for (int i = 0; i < 500 && f->phone_resets == 0; i++) {
		phones_later(f->service);
		usleep(20000);
	}
	phones_later(f->service);
	assert_int_equal(f->phone_resets, 1);
}

/* After a reset the node's own list comes back: what changed since is new, and no
 * more. */
static void test_phones_and_resets(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *p = NULL, *r;

	NEEDS_ROOT(state);
	for (int i = 0; i < 2; i++) {
		p = plan(f, &e);
		assert_ok(p ? RC_OK : e.rc, &e);
		r = fixture_ask(f, order("reset", p, fake_ticket), &e);
		assert_ok(r ? RC_OK : e.rc, &e);
		json_decref(r);
		json_decref(p);
		if (i)
			fake_keyd_renew(UNIT_CAPF, "test10");
		must_reset(f, "n1", i ? "CAPF" : NULL, "done");
		assert_int_equal(f->phone_resets, i);
	}
	/* The subscriber's, which phones would take through a TVS alone. */
	r = tftp_restart(f, "n2", true, &e);
	assert_string_equal(text(json_object_get(r, "phones"), "units"), "CAPF");
	json_decref(r);
}

static void test_phones_by_hand(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	must_reset(f, "n1", "CallManager", "by-hand");
	assert_int_equal(f->phone_resets, 0);
}

/* ---- retired keys ---- */

static json_t *key_of(struct fixture *f, const char *label)
{
	struct err e = {0};
	json_t *r = fixture_ask(f, json_pack("{s:s}", "do", "keys"), &e), *key;
	json_t *found = NULL;
	size_t i;

	assert_ok(r ? RC_OK : e.rc, &e);
	json_array_foreach(json_object_get(r, "keys"), i, key)
		if (!strcmp(text(key, "label"), label))
			found = json_incref(key);
	json_decref(r);
	return found;
}

static enum rc remove_key(struct fixture *f, const char *label, bool force,
			  struct err *e)
{
	json_t *r = fixture_ask(f, json_pack("{s:s, s:s, s:s, s:b}", "do", "key-remove",
					     "label", label, "ticket", fake_ticket,
					     "force", force), e);
	enum rc rc = r ? RC_OK : e->rc;

	json_decref(r);
	return rc;
}

static bool removable(struct fixture *f, const char *label, const char *why,
		      int64_t at)
{
	json_t *k = key_of(f, label);
	bool is = json_is_true(json_object_get(k, "removable"));

	assert_non_null(k);
	assert_non_null(strstr(text(k, "why"), why));
	if (at >= 0)
		assert_int_equal(json_integer_value(json_object_get(k, "removable_at")), at);
	json_decref(k);
	return is;
}

static void test_retired(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *k;

	NEEDS_ROOT(state);
	f->wall = time(NULL);
	assert_false(removable(f, "CallManager/n1/1", "current", 0));
	assert_int_equal(remove_key(f, "CallManager/n1/1", true, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "current key"));
	assert_int_equal(remove_key(f, "CallManager/n1/7", true, &e), RC_NOTFOUND);
	assert_int_equal(remove_key(f, "CallManager", true, &e), RC_USAGE);

	/* Its list is served still; then it is what was wanted before. */
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	assert_false(removable(f, "CallManager/n1/1", "n1 needs it still", 0));
	force_restart(f, "n1");
	assert_false(removable(f, "CallManager/n1/1", "n1 needs it still", 0));
	k = key_of(f, "CallManager/n1/1");
	assert_int_equal(json_array_size(json_object_get(k, "lists")), 1);
	assert_true(json_is_true(json_object_get(
		json_array_get(json_object_get(k, "lists"), 0), "signed")));
	json_decref(k);
	assert_int_equal(remove_key(f, "CallManager/n1/1", false, &e), RC_REFUSED);
	assert_non_null(strstr(e.hint, "--force"));

	/* Two generations later only the history needs it, for keep-days. */
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	force_restart(f, "n1");
	assert_false(removable(f, "CallManager/n1/1", "phones may hold list", -1));
	assert_int_equal(remove_key(f, "CallManager/n1/1", false, &e), RC_REFUSED);
	assert_non_null(strstr(e.hint, "it can be removed from 20"));
	f->wall = time(NULL) + 89 * DAY;
	assert_false(removable(f, "CallManager/n1/1", "phones may hold list", -1));
	f->wall = time(NULL) + 91 * DAY;
	assert_true(removable(f, "CallManager/n1/1", "", 0));
	assert_false(removable(f, "CallManager/n1/2", "n1 needs it still", 0));
	assert_ok(remove_key(f, "CallManager/n1/1", false, &e), &e);
	assert_null(key_of(f, "CallManager/n1/1"));
	assert_non_null(strstr(fake_keyd.note, "key-remove key=CallManager/n1/1 uid=0 force=no overrode=\"\""));
	assert_int_equal(remove_key(f, "CallManager/n1/1", false, &e), RC_NOTFOUND);
	/* force, and an answer that was lost though it was done */
	fake_keyd.lost = true;
	assert_ok(remove_key(f, "CallManager/n1/2", true, &e), &e);
	assert_non_null(strstr(fake_keyd.note, "force=yes overrode=\"n1 needs it still"));
	assert_null(key_of(f, "CallManager/n1/2"));
}

/* A certificate in a list of another node counts as much as a signature. */
static void test_retired_named(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	fake_keyd_renew(UNIT_TVS, "n2");
	must_restart(f, "n2", true);
	fake_keyd_renew(UNIT_CAPF, "test10");
	must_restart(f, "n2", true);
	f->wall = time(NULL) + 91 * DAY;
	/* n2's own history is over; n1's list of today names it */
	assert_false(removable(f, "TVS/n2/1", "n1 needs it still", 0));
	f->wall = time(NULL);
	must_restart(f, "n1", true);
	fake_keyd_renew(UNIT_CAPF, "test10");
	must_restart(f, "n1", true);
	f->wall = time(NULL) + 91 * DAY;
	assert_true(removable(f, "TVS/n2/1", "", 0));
	/* What is not needed is forgotten, and no more. */
	retired_prune(f->service);
	must_restart(f, "n1", false);
	assert_true(removable(f, "TVS/n2/1", "", 0));
	assert_false(removable(f, "CAPF/test10/2", "needs it still", 0));
}

/* Nobody can renew a key of a node that went: the newest is retired too. */
static void test_retired_with_its_node(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *certs, *cert;
	size_t i, found = 0;

	NEEDS_ROOT(state);
	fake_keyd_renew(UNIT_CALLMANAGER, "n9");
	fake_keyd_renew(UNIT_TVS, "n9");
	assert_true(removable(f, "CallManager/n9/1", "", 0));
	assert_true(removable(f, "TVS/n9/1", "", 0));
	assert_false(removable(f, "CAPF/test10/1", "current", 0));
	certs = fixture_ask(f, json_pack("{s:s}", "do", "certs"), &e);
	json_array_foreach(json_object_get(certs, "certs"), i, cert) {
		const char *node = json_string_value(json_object_get(cert, "node"));
		bool went = node && !strcmp(node, "n9");

		found += went;
		assert_int_equal(json_is_true(json_object_get(cert, "current")), !went);
	}
	json_decref(certs);
	assert_int_equal(found, 2);
	assert_ok(remove_key(f, "CallManager/n9/1", false, &e), &e);
	assert_null(key_of(f, "CallManager/n9/1"));
	assert_int_equal(remove_key(f, "CAPF/test10/1", true, &e), RC_REFUSED);
}

static void test_retired_with_a_backup(void **state)
{
	struct fixture *f = *state;
	struct backup b = {.vault = "/v", .name = "ITLRecovery-4a01.envelope",
			   .key = "ITLRecovery/test10/1", .route = ""};
	struct keyd_key *keys = NULL;
	struct err e;
	size_t n = 0;

	NEEDS_ROOT(state);
	assert_ok(service_keys(f->service, &keys, &n, &e), &e);
	for (size_t i = 0; i < n; i++)
		if (keys[i].label.unit == UNIT_ITLRECOVERY)
			memcpy(b.key_id, keys[i].id, sizeof b.key_id);
	keyd_keys_free(keys, n);
	assert_ok(store_backup_put(f->service->store, &b, &e), &e);
	for (int i = 0; i < 2; i++) {
		fake_keyd_renew(UNIT_ITLRECOVERY, "test10");
		must_restart(f, "n1", true);
		must_restart(f, "n2", true);
	}
	f->wall = time(NULL) + 91 * DAY;
	assert_false(removable(f, "ITLRecovery/test10/1", "its backup ITLRecovery-4a01.envelope in /v counts on it", 0));
	assert_int_equal(remove_key(f, "ITLRecovery/test10/1", false, &e), RC_REFUSED);
	assert_ok(store_backup_remove(f->service->store, b.vault, b.name, &e), &e);
	assert_true(removable(f, "ITLRecovery/test10/1", "", 0));
}

int main(void)
{
#define TEST(f, s) cmocka_unit_test_setup_teardown(f, s, fixture_stop)
	const struct CMUnitTest tests[] = {
		TEST(test_holds, asking_start),
		TEST(test_restarts, asking_start),
		TEST(test_first_ones_are_free, asking_start),
		TEST(test_force, asking_start),
		TEST(test_what_keyd_refused, asking_start),
		TEST(test_tickets_of_nobody, asking_start),
		TEST(test_cut_off, asking_start),
		TEST(test_phones, asking_start_phones),
		TEST(test_phones_later, asking_start_phones),
		TEST(test_phones_and_resets, asking_start_phones),
		TEST(test_phones_by_hand, asking_start_served),
		TEST(test_retired, asking_start_served),
		TEST(test_retired_named, asking_start_served),
		TEST(test_retired_with_its_node, asking_start_served),
		TEST(test_retired_with_a_backup, asking_start_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
