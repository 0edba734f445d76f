/* What would lock phones is refused, said, forced and noted (lockout.h); what a reset
 * is of (source.h). */
#include "asking.h"
#include "fake-keyd.h"
#include "itl/accept.h"
#include "lockout.h"
#include <string.h>

static json_t *generate(struct fixture *f, const char *unit, const char *node,
			bool force, struct err *e)
{
	return fixture_ask(f, json_pack("{s:s, s:s, s:s?, s:s, s:b, s:b}", "do",
					"generate", "unit", unit, "node", node, "ticket",
					fake_ticket, "regenerate", 1, "force", force),
			   e);
}

static void must_generate(struct fixture *f, const char *unit, const char *node,
			  bool force)
{
	struct err e = {0};
	json_t *r = generate(f, unit, node, force, &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
}

static void refused(json_t *r, const struct err *e, const char *what, const char *why,
		    const char *hint)
{
	char whole[1200];

	assert_null(r);
	print_message("%s\n", err_text(e, whole, sizeof whole));
	assert_int_equal(e->rc, RC_REFUSED);
	assert_string_equal(e->what, what);
	assert_non_null(strstr(e->why, why));
	assert_non_null(strstr(e->hint, hint));
	/* Nothing of it is cut off. */
	assert_true(strlen(e->why) < sizeof e->why - 1);
	assert_true(strlen(e->hint) < sizeof e->hint - 1);
}

static bool takes(struct fixture *f, struct bytes phone, int node)
{
	struct bytes list = fixture_served(f, node);
	char why[256];
	bool is = itl_accepted(itl_accept(bytes_of(NULL, 0), phone, list, NULL, NULL,
					  why));

	free((void *)(uintptr_t)list.p);
	return is;
}

/* The list that phones then hold; free() it. */
static struct bytes reset(struct fixture *f, bool force, bool other_source)
{
	struct err e = {0};
	json_t *p = plan(f, &e), *preview, *o, *r, *have = fixture_node(f, 0);

	assert_ok(p ? RC_OK : e.rc, &e);
	assert_int_equal(strcmp(text(p, "source_sha1"),
				text(json_object_get(have, "have"), "sha1")) != 0,
			 other_source);
	preview = fixture_ask(f, order("reset-preview", p, fake_ticket), &e);
	assert_ok(preview ? RC_OK : e.rc, &e);
	o = order("reset", p, fake_ticket);
	(void)json_object_set_new(o, "force", json_boolean(force));
	r = fixture_ask(f, o, &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_string_equal(text(r, "sha1"), text(preview, "sha1"));
	assert_serves(f, 1, text(r, "sha1"));
	json_decref(have);
	json_decref(p);
	json_decref(preview);
	json_decref(r);
	return fixture_served(f, 0);
}

/* The safe order without TVS, from the refusal to the publisher's own list. */
static void test_safe_order(void **state)
{
	struct fixture *f = *state;
	struct bytes phone[2], held;
	struct err e = {0};

	NEEDS_ROOT(state);
	phone[0] = fixture_served(f, 0);
	phone[1] = fixture_served(f, 1);
	refused(generate(f, "CallManager", "n1", false, &e), &e, "test10pub",
		"its phones would be locked", "utils itl reset localkey");
	assert_int_equal(fake_keyd.generated, 0);
	must_generate(f, "CallManager", "n1", true);
	assert_int_equal(fake_keyd.generated, 1);
	assert_non_null(strstr(fake_keyd.note,
			       "regenerate unit=CallManager node=n1 uid=0 force=yes"));
	assert_non_null(strstr(fake_keyd.note, "its phones would be locked"));

	refused(tftp_restart(f, "n1", false, &e), &e, "test10pub", "they would be locked",
		"utils itl reset localkey");
	must_restart(f, "n2", false); /* the other node is as it was */

	/* The reset brings the new certificate, which accepts what comes next. */
	held = reset(f, false, true);
	assert_true(takes(f, phone[0], 0));
	assert_true(takes(f, phone[1], 1));
	must_restart(f, "n1", true);
	assert_true(takes(f, held, 0));
	refused(tftp_restart(f, "n2", false, &e), &e, "test10sub", "no TVS",
		"leave the reset list in place");
	/* Now it waits; whatever changes, it still would. */
	refused(generate(f, "TVS", "n2", false, &e), &e, "test10sub", "locked",
		"--force");
	free((void *)(uintptr_t)phone[0].p);
	free((void *)(uintptr_t)phone[1].p);
	free((void *)(uintptr_t)held.p);
}

/* What locks nobody is not refused. */
static void test_harmless(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	must_generate(f, "TVS", "n2", false);
	must_generate(f, "ITLRecovery", NULL, false);
	must_generate(f, "Audit", NULL, false);
	assert_int_equal(fake_keyd.generated, 3);
	assert_non_null(strstr(fake_keyd.note, "force=no overrode=\"\""));
}

/* CAPF's hold is the publisher's, as ITLRecovery's is. */
static void test_harmless_too(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	must_generate(f, "CAPF", NULL, false);
	assert_int_equal(fake_keyd.generated, 1);
}

/* A new ITLRecovery that is not published yet. */
static void test_recovery_pending(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	struct bytes held;
	json_t *p, *o;

	NEEDS_ROOT(state);
	fake_keyd_renew(UNIT_ITLRECOVERY, "test10");
	refused(generate(f, "CallManager", "n1", false, &e), &e, "test10pub",
		"nor would `utils itl reset localkey` help", "first `utils service restart");
	/* A reset of the list in force: the subscriber's phones would never learn. */
	p = plan(f, &e);
	assert_string_equal(text(p, "signer"), "ITLRecovery/test10/1");
	refused(fixture_ask(f, order("reset", p, fake_ticket), &e), &e, "test10sub",
		"a newer ITLRecovery is not published yet", "first `utils service restart");
	json_decref(p);
	must_restart(f, "n1", true);
	/* Now the publisher's phones and the subscriber's hold different ones. */
	p = plan(f, &e);
	assert_string_equal(text(p, "signer"), "ITLRecovery/test10/2");
	o = order("reset", p, fake_ticket);
	refused(fixture_ask(f, json_incref(o), &e), &e, "test10sub",
		"another ITLRecovery certificate", "first `utils service restart");
	assert_want(f, 1, "have", "kind", "itl");
	must_restart(f, "n2", true);
	/* Phones that were off hold the first one. */
	json_decref(p);
	p = plan(f, &e);
	assert_non_null(strstr(json_string_value(json_array_get(
				       json_object_get(p, "warnings"), 0)),
			       "phones that were off since"));
	refused(generate(f, "CallManager", "n1", false, &e), &e, "test10pub",
		"phones that were off since", "--force does it");
	held = reset(f, false, false);
	free((void *)(uintptr_t)held.p);
	json_decref(p);
	json_decref(o);
}

/* cluster.conf as it would be. */
static void test_conf(void **state)
{
	struct fixture *f = *state;
	struct cluster next;
	struct call c = {.name = "node-remove"};
	struct err e = {0};

	NEEDS_ROOT(state);
	c.service = f->service;
	next = *f->cluster;
	next.policy = POLICY_ITLRECOVERY;
	assert_ok(lockout_conf(&c, &next, false, &e), &e);
	next = *f->cluster;
	next.nodes[1] = next.nodes[--next.nnodes];
	assert_int_equal(lockout_conf(&c, &next, false, &e), RC_REFUSED);
	assert_string_equal(e.what, "test10sub");
	assert_ok(lockout_conf(&c, &next, true, &e), &e);
	assert_non_null(strstr(fake_keyd.note, "forced op=node-remove"));
}

int main(void)
{
#define TEST(f, s) cmocka_unit_test_setup_teardown(f, s, fixture_stop)
	const struct CMUnitTest tests[] = {
		TEST(test_safe_order, asking_start_served),
		TEST(test_harmless, asking_start_served),
		TEST(test_harmless_too, asking_start_served),
		TEST(test_recovery_pending, asking_start_served),
		TEST(test_conf, asking_start_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
