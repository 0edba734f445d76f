/* What would lock phones is refused, said, forced and noted (lockout.h); what a reset
 * is of (source.h). */
#include "asking.h"
#include "base/errjson.h"
#include "base/file.h"
#include "fake-keyd.h"
#include "front/client.h"
#include "itl/accept.h"
#include "lockout.h"
#include <errno.h>
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
	assert_non_null(strstr(fake_keyd.note, "regenerate unit=CallManager node=n1 uid=0 force=yes"));
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
	refused(tftp_restart(f, "n2", false, &e), &e, "test10sub",
		"the TVS of test10pub and of 2 more do not answer",
		"leave the reset list in place");
	/* Now it waits; whatever changes, it still would. */
	fixture_pass(f, 301); /* no hold any more */
	must_generate(f, "CAPF", NULL, false);
	free((void *)(uintptr_t)phone[0].p);
	free((void *)(uintptr_t)phone[1].p);
	free((void *)(uintptr_t)held.p);
}

/* What a restart is forced against takes a ticket, and nothing is done before keyd has
 * it. */
static void test_forced_restart(void **state)
{
	struct fixture *f = *state;
	char text_of[KEYD_OVERRIDE_MAX], none[sizeof fake_ticket];
	struct err e = {0}, against;
	struct bytes before, after;
	json_t *r;

	NEEDS_ROOT(state);
	must_generate(f, "CallManager", "n1", true);
	before = fixture_served(f, 0);
	refused(tftp_restart(f, "n1", false, &against), &against, "test10pub",
		"they would be locked", "utils itl reset localkey");
	assert_string_equal(against.name, FRONT_UNFORCED);

	/* without one, and with one that is none */
	refused(fixture_ask(f, json_pack("{s:s, s:s, s:b}", "do", "tftp-restart", "node",
					 "n1", "force", 1), &e), &e, "test10pub",
		"the administrator's ticket", "--force");
	memset(none, '0', sizeof none - 1);
	none[sizeof none - 1] = '\0';
	assert_null(fixture_ask(f, json_pack("{s:s, s:s, s:b, s:s}", "do", "tftp-restart",
					     "node", "n1", "force", 1, "ticket", none), &e));
	assert_int_equal(e.rc, RC_REFUSED);
	assert_string_equal(e.op, "ticket");
	/* a ticket alone is no force */
	refused(fixture_ask(f, json_pack("{s:s, s:s, s:s}", "do", "tftp-restart", "node",
					 "n1", "ticket", fake_ticket), &e), &e, "test10pub",
		"they would be locked", "utils itl reset localkey");
	assert_string_equal(fake_keyd.override, "");
	assert_null(strstr(fake_keyd.note, "tftp-restart"));
	after = fixture_served(f, 0);
	assert_int_equal(before.n, after.n);
	assert_memory_equal(before.p, after.p, after.n);
	free((void *)(uintptr_t)after.p);

	r = tftp_restart(f, "test10pub", true, &e); /* its id is in the text all the same */
	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
	assert_string_equal(fake_keyd.override,
			    keyd_override_text("tftp-restart", "n1", against.why, text_of));
	assert_non_null(strstr(fake_keyd.note, "tftp-restart node=n1 uid=0 force=yes built=yes"));
	assert_non_null(strstr(fake_keyd.note, " phones=present node=n1 list="));
	assert_false(takes(f, before, 0));
	free((void *)(uintptr_t)before.p);

	/* Nothing to override: no ticket is used. */
	fake_keyd.override[0] = '\0';
	r = tftp_restart(f, "n1", true, &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
	assert_string_equal(fake_keyd.override, "");
}

/* What locks nobody is not refused. */
static void test_harmless(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	must_generate(f, "TVS", "n2", false);
	must_generate(f, "CAPF", NULL, false);
	fixture_pass(f, 301); /* what was modified holds others for so long */
	must_generate(f, "ITLRecovery", NULL, false);
	must_generate(f, "Audit", NULL, false);
	assert_int_equal(fake_keyd.generated, 4);
	/* Of the two restarts of the start, and of the three; nothing was forced. */
	assert_int_equal(fake_keyd.notes, 5);
	assert_null(strstr(fake_keyd.note, "locked"));
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
	char finding[LOCKOUT_FINDING_MAX];
	struct err e = {0}, locks;
	struct bytes held;
	unsigned notes;

	NEEDS_ROOT(state);
	c.service = f->service;
	notes = fake_keyd.notes;
	next = *f->cluster;
	next.policy = POLICY_ITLRECOVERY;
	assert_ok(lockout_conf(&c, &next, &locks, finding, &e), &e);
	assert_int_equal(locks.rc, RC_OK);
	assert_string_equal(finding, "");
	next = *f->cluster;
	next.nodes[1] = next.nodes[--next.nnodes];
	assert_ok(lockout_conf(&c, &next, &locks, finding, &e), &e);
	refused(NULL, &locks, "test10sub", "locked", "reset localkey");
	assert_memory_equal(finding, "phones=present node=n2 list=", 28);
	assert_non_null(strstr(finding, "verdict=locked"));
	assert_int_equal(fake_keyd.notes, notes);

	/* After the reset that the words advise it is safe. Until their TVS runs, n2's
	 * phones wait then whatever cluster.conf says: that refuses nothing. */
	held = reset(f, false, false);
	assert_ok(lockout_conf(&c, &next, &locks, finding, &e), &e);
	assert_int_equal(locks.rc, RC_OK);
	assert_ok(lockout_conf(&c, f->cluster, &locks, finding, &e), &e);
	assert_int_equal(locks.rc, RC_OK);
	free((void *)(uintptr_t)held.p);
}

/* The file that lies beside cluster.conf, and no other. */
static void test_conf_check(void **state)
{
	struct fixture *f = *state;
	char text_of[8192], wrong[CLUSTER_HASH], path[512];
	struct cluster *next = NULL;
	struct err e = {0}, locks;
	uint8_t *conf = NULL;
	const char *at;
	json_t *r;
	size_t n;

	NEEDS_ROOT(state);
	memset(wrong, '0', sizeof wrong - 1);
	wrong[sizeof wrong - 1] = '\0';
	r = fixture_ask(f, json_pack("{s:s, s:s}", "do", "conf-check", "sha256", wrong), &e);
	assert_null(r);
	assert_int_equal(e.code, ENOENT);

	assert_ok(file_path(path, sizeof path, f->dir, CLUSTER_FILE, &e), &e);
	assert_ok(file_read(path, 8000, &conf, &n, &e), &e);
	/* n2 serves no lists any more: its phones go to the publisher. */
	at = strstr((char *)conf, "host = test10sub\n");
	assert_non_null(at);
	(void)snprintf(text_of, sizeof text_of, "%.*stftp = no\n%s",
		       (int)(at - (char *)conf), (char *)conf, at);
	assert_ok(file_path(path, sizeof path, f->dir, CLUSTER_NEXT_FILE, &e), &e);
	assert_ok(file_replace(path, bytes_of_text(text_of), 0644, &e), &e);
	assert_ok(cluster_read_file(path, &next, &e), &e);
	r = fixture_ask(f, json_pack("{s:s, s:s}", "do", "conf-check", "sha256", wrong), &e);
	assert_null(r);
	assert_int_equal(e.rc, RC_STALE);
	r = fixture_ask(f, json_pack("{s:s, s:s}", "do", "conf-check", "sha256",
				     next->sha256), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	(void)err_from_json(json_object_get(r, "locks"), &locks);
	refused(NULL, &locks, "test10sub", "locked", "reset localkey");
	assert_non_null(strstr(text(r, "finding"), "node=n2"));
	json_decref(r);

	assert_ok(file_replace(path, bytes_of(conf, n), 0644, &e), &e);
	r = fixture_ask(f, json_pack("{s:s, s:s}", "do", "conf-check", "sha256",
				     f->cluster->sha256), &e);
	assert_ok(r ? RC_OK : e.rc, &e);
	assert_true(json_is_null(json_object_get(r, "locks")));
	json_decref(r);
	cluster_free(next);
	free(conf);
}

int main(void)
{
#define TEST(f, s) cmocka_unit_test_setup_teardown(f, s, fixture_stop)
	const struct CMUnitTest tests[] = {
		TEST(test_safe_order, asking_start_served),
		TEST(test_forced_restart, asking_start_served),
		TEST(test_harmless, asking_start_served),
		TEST(test_recovery_pending, asking_start_served),
		TEST(test_conf_check, asking_start_served),
		TEST(test_conf, asking_start_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
