/* Whether the nodes' TVSs answer, and what is allowed then (tvs_answers.h): real ones that
 * speak TLS, on this machine. n1 and n2 run one; n3 does in one test. */
#include "tvs_answers.h"
#include "asking.h"
#include "base/num.h"
#include "fake-keyd.h"
#include "support/tvs.h"
#include <string.h>
#include <sys/socket.h>

static struct tvs_fake tvs[2];
static const char *const ids[] = {"n1", "n2"};

static int start(void **state)
{
	struct fixture *f;

	if (geteuid() != 0)
		return 0;
	fake_keyd_start();
	f = fixture_new("");
	*state = f;
	for (int i = 0; i < 2; i++)
		f->cluster->nodes[i].tvs_port = port_unused(SOCK_STREAM);
	f->cluster->nodes[2].tvs = false;
	fixture_front(f, true);
	must_restart(f, "n1", true);
	must_restart(f, "n2", true);
	return 0;
}

static void tvs_stop(int i)
{
	tvs_fake_stop(&tvs[i]);
}

static int stop(void **state)
{
	for (int i = 0; i < 2; i++)
		tvs_stop(i);
	return fixture_stop(state);
}

/* It knows the keys of now, retired ones too, as the real one would. */
static void tvs_run(struct fixture *f, int i)
{
	static struct tvs_known known[64];
	struct tvs_plan plan = {.known = known};
	struct keyd_key *keys;
	struct err e;
	size_t n;

	tvs_stop(i);
	assert_ok(keyd_keys(NULL, &keys, &n, &e), &e);
	for (size_t k = 0; k < n; k++)
		if (keys[k].label.unit == UNIT_CALLMANAGER ||
		    keys[k].label.unit == UNIT_ITLRECOVERY)
			known[plan.nknown++] =
				(struct tvs_known){keys[k].cert, {ITL_SAST}, 1};
	plan.key = fake_keyd_pair(UNIT_TVS, ids[i], &plan.cert);
	tvs[i] = tvs_fake_start(&plan);
	f->cluster->nodes[i].tvs_port = tvs[i].port;
	keyd_keys_free(keys, n);
}

static void run_both(struct fixture *f)
{
	tvs_run(f, 0);
	tvs_run(f, 1);
}

static json_t *generate(struct fixture *f, const char *unit, const char *node,
			bool force, struct err *e)
{
	return fixture_ask(f, json_pack("{s:s, s:s, s:s?, s:s, s:b, s:b}", "do",
					"generate", "unit", unit, "node", node, "ticket",
					fake_ticket, "regenerate", 1, "force", force), e);
}

static void must(json_t *r, const struct err *e)
{
	assert_ok(r ? RC_OK : e->rc, e);
	json_decref(r);
}

static void must_generate(struct fixture *f, const char *unit, const char *node)
{
	struct err e = {0};
	json_t *r = generate(f, unit, node, false, &e);

	must(r, &e);
}

static void refused(json_t *r, const struct err *e, const char *why, const char *hint)
{
	char whole[1200];

	assert_null(r);
	print_message("%s\n", err_text(e, whole, sizeof whole));
	assert_int_equal(e->rc, RC_REFUSED);
	assert_non_null(strstr(e->why, why));
	assert_non_null(strstr(e->hint, hint));
	assert_true(strlen(e->why) < sizeof e->why - 1);
}

/* Something that depends on TVS asks it. */
static void look(struct fixture *f)
{
	struct err e = {0};
	json_t *r = fixture_ask(f, json_pack("{s:s, s:s, s:b}", "do", "generate-plan",
					     "unit", "CAPF", "force", 1), &e);

	must(r, &e);
}

static void state_is(struct fixture *f, int i, bool answers, bool seen, const char *service)
{
	json_t *node = fixture_node(f, i), *a = json_object_get(node, "tvs_answers"), *s;
	struct err e;
	bool found = false;
	size_t k;

	assert_int_equal(json_is_true(json_object_get(a, "answers")), answers);
	assert_int_equal(json_is_true(json_object_get(a, "seen")), seen);
	assert_int_equal(json_is_null(json_object_get(a, "error")), answers);
	assert_true(json_integer_value(json_object_get(a, "checked")) > 0);
	json_decref(node);
	node = fixture_ask(f, json_pack("{s:s}", "do", "services"), &e);
	json_array_foreach(json_object_get(node, "services"), k, s)
		if (!strcmp(text(s, "name"), "Cisco Trust Verification Service") &&
		    !strcmp(text(s, "node"), ids[i])) {
			assert_string_equal(text(s, "state"), service);
			assert_int_equal(text(s, "detail")[0] != '\0', !answers);
			found = true;
		}
	assert_true(found);
	json_decref(node);
}

static void reset(struct fixture *f)
{
	struct err e = {0};
	json_t *p = plan(f, &e), *r;

	assert_ok(p ? RC_OK : e.rc, &e);
	r = fixture_ask(f, order("reset", p, fake_ticket), &e);
	must(r, &e);
	json_decref(p);
}

/* The last step after a reset: a subscriber's own list comes back. */
static void test_subscriber(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	json_t *n;

	NEEDS_ROOT(state);
	look(f);
	state_is(f, 0, false, false, "STOPPED");
	n = fixture_node(f, 2); /* it runs none */
	assert_true(json_is_null(json_object_get(n, "tvs_answers")));
	json_decref(n);
	reset(f);
	refused(tftp_restart(f, "n2", false, &e), &e,
		"the TVS of test10pub and of 1 more do not answer",
		"leave the reset list in place until each TVS answers");
	must_restart(f, "n1", true);

	tvs_run(f, 0);
	refused(tftp_restart(f, "n2", false, &e), &e,
		"the TVS of test10sub does not answer", "systemctl restart itlkeeper-tvs");
	state_is(f, 0, true, true, "STARTED");
	state_is(f, 1, false, false, "STOPPED");
	tvs_run(f, 1);
	must_restart(f, "n2", true);
	state_is(f, 1, true, true, "STARTED");
	assert_int_equal(tvs[1].asked->query, 3); /* two CallManagers and ITLRecovery */

	/* What it was, it is not for ever. */
	reset(f);
	tvs_stop(0);
	refused(tftp_restart(f, "n2", false, &e), &e,
		"the TVS of test10pub does not answer", "first let each TVS answer");
	state_is(f, 0, false, true, "FAILED");
	run_both(f);
	must_restart(f, "n2", true);
}

/* A new certificate of CallManager, or of TVS: one at a time, and phones follow. */
static void test_certificates(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	NEEDS_ROOT(state);
	run_both(f);
	must_generate(f, "CallManager", "n1");
	run_both(f);
	fixture_pass(f, 301); /* the holds have gone */
	/* Each TVS that the phones' list names. */
	refused(generate(f, "TVS", "n1", false, &e), &e, "its phones would be locked",
		"first `utils service restart Cisco Tftp` there");
	refused(generate(f, "TVS", "n2", false, &e), &e, "its phones would be locked",
		"first `utils service restart Cisco Tftp` there");
	/* And while it is down, too: it would be too late when it is back. */
	tvs_stop(0);
	tvs_stop(1);
	refused(generate(f, "TVS", "n1", false, &e), &e,
		"the TVS of test10pub and of 1 more do not answer", "first let each TVS answer");
	refused(generate(f, "CallManager", "n2", false, &e), &e, "do not answer",
		"first let each TVS answer");
	refused(tftp_restart(f, "n1", false, &e), &e, "do not answer",
		"first let each TVS answer");
	fixture_front(f, false); /* which is kept */
	fixture_front(f, true);
	refused(generate(f, "TVS", "n1", false, &e), &e, "do not answer",
		"first let each TVS answer");

	/* A TVS that has not heard of the new key is no help. */
	tvs_run(f, 0);
	fake_keyd_renew(UNIT_CALLMANAGER, "n1");
	tvs_run(f, 1);
	refused(tftp_restart(f, "n1", false, &e), &e,
		"does not vouch for a certificate of this cluster",
		"first let each TVS answer");
	tvs_run(f, 0);
	must_restart(f, "n1", true);
	must_generate(f, "TVS", "n1");
	look(f); /* it shows the old one */
	state_is(f, 0, false, true, "FAILED");
	tvs_run(f, 0);
	fixture_pass(f, 301);
	/* Phones hold the old one's SHA-1 until they fetch. */
	refused(generate(f, "CallManager", "n1", false, &e), &e,
		"it names no TVS that is sure to vouch for it",
		"first `utils service restart Cisco Tftp` there");
	must_restart(f, "n1", true);
	must_restart(f, "n2", true);
	must_generate(f, "CallManager", "n1");
}

/* Each request of a connection asks for itself. */
static void test_one_connection(void **state)
{
	struct fixture *f = *state;
	json_t *r = json_pack("{s:s, s:s}", "do", "tftp-restart", "node", "n2"), *out = NULL;
	char path[CLUSTER_PATH_MAX];
	struct front *door = NULL;
	struct err e = {0};

	NEEDS_ROOT(state);
	run_both(f);
	reset(f);
	tvs_stop(0);
	cluster_path(f->cluster, PATH_FRONT_SOCKET, path);
	assert_ok(front_open(path, &door, &e), &e);
	assert_int_equal(front_call(door, r, NULL, NULL, &out, &e), RC_REFUSED);
	tvs_run(f, 0);
	assert_ok(front_call(door, r, NULL, NULL, &out, &e), &e);
	json_decref(out);
	json_decref(r);
	front_free(door);
}

static json_t *rollback(struct fixture *f, struct err *e)
{
	json_t *p = fixture_ask(f, json_pack("{s:s, s:s}", "do", "rollback-plan", "node",
					     "n1"), e);
	json_t *lists = json_object(), *node;
	size_t i;

	if (!p)
		return NULL;
	json_array_foreach(json_object_get(p, "nodes"), i, node)
		json_object_set(lists, text(node, "id"),
				json_object_get(json_object_get(node, "then"), "sha1"));
	json_decref(p);
	return fixture_ask(f, json_pack("{s:s, s:s, s:o, s:s}", "do", "rollback", "node",
					"n1", "lists", lists, "ticket", fake_ticket), e);
}

/* What TVS vouches for phones take back. */
static void test_rollback(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	NEEDS_ROOT(state);
	reset(f);
	refused(rollback(f, &e), &e, "the TVS of test10pub and of 1 more do not answer",
		"itlkeeper-tvs");
	run_both(f);
	/* The phones' list names a TVS certificate that is not shown any more. */
	fake_keyd_renew(UNIT_TVS, "n1");
	tvs_run(f, 0);
	refused(rollback(f, &e), &e, "it names no TVS that is sure to vouch for it", "force");
	reset(f); /* its list, of now, does */
	must(rollback(f, &e), &e);
}

static bool alarmed(struct fixture *f, const char *node)
{
	struct err e = {0};
	json_t *r = fixture_ask(f, json_pack("{s:s}", "do", "alerts-check"), &e), *a;
	char name[64];
	bool is = false;
	size_t i;

	assert_ok(r ? RC_OK : e.rc, &e);
	(void)snprintf(name, sizeof name, "TVSNotAnswering/%s", node);
	json_array_foreach(json_object_get(r, "alerts"), i, a)
		is |= !strcmp(text(a, "name"), name);
	json_decref(r);
	return is;
}

/* Five minutes after one that has answered does not. */
static void test_alert(void **state)
{
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	look(f);
	fixture_pass(f, 3600);
	assert_false(alarmed(f, "n1")); /* it never did */
	tvs_run(f, 0);
	look(f);
	tvs_stop(0);
	assert_false(alarmed(f, "n1"));
	look(f);
	fixture_pass(f, 299);
	look(f);
	assert_false(alarmed(f, "n1"));
	fixture_pass(f, 1);
	assert_true(alarmed(f, "n1"));
	assert_false(alarmed(f, "n2"));
	/* A restart of front is not its beginning. */
	fixture_front(f, false);
	fixture_front(f, true);
	look(f);
	assert_true(alarmed(f, "n1"));
	tvs_run(f, 0);
	look(f);
	assert_false(alarmed(f, "n1"));
}

/* A node without a certificate for it has no TVS that phones could trust. */
static void test_no_certificate(void **state)
{
	struct fixture *f = *state;
	struct call c = {.name = "test"};
	char why[TVS_ANSWERS_TEXT];

	NEEDS_ROOT(state);
	c.service = f->service;
	run_both(f);
	assert_int_equal(tvs_answers_now(&c), JUDGE_TVS_ANSWERS);
	tvs_answers_missing(f->service, why);
	assert_string_equal(why, "");
	tvs_stop(0);
	assert_int_equal(tvs_answers_now(&c), JUDGE_TVS_ANSWERS); /* in one call the same */
	c.tvs_asked = false;
	assert_int_equal(tvs_answers_now(&c), JUDGE_TVS_AWAY);
	tvs_run(f, 0);
	f->cluster->nodes[2].tvs = true;
	c.tvs_asked = false;
	assert_int_equal(tvs_answers_now(&c), JUDGE_TVS_AWAY);
	tvs_answers_missing(f->service, why);
	assert_string_equal(why, "the TVS of test10tvs does not answer: it has no certificate yet");
	f->cluster->nodes[2].tvs = false;
	fake_keyd.away = true;
	c.tvs_asked = false;
	assert_int_equal(tvs_answers_now(&c), JUDGE_TVS_AWAY);
	fake_keyd.away = false;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_subscriber), TEST(test_certificates), TEST(test_one_connection),
		TEST(test_rollback),
		TEST(test_alert),      TEST(test_no_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
