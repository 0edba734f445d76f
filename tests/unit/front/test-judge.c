/* The judge, case by case (judge.h); what it is worth is proved by test-histories.c. */
#include "judge.h"
#include "world.h"
#include <string.h>

/* Two nodes. Phones of a node hold its own list, or the publisher's (a reset list
 * stands), or n2's phones that of an older ITLRecovery. */
enum held { OWN, RESET_LIST };

struct row {
	const char *what;
	unsigned policy;
	enum judge_tvs tvs;
	enum held held;
	enum unit pending; /* changed, and not published; UNIT_COUNT: nothing */
	const char *pending_of;
	enum unit unit; /* to be changed; UNIT_COUNT: the other policy */
	const char *of;
	enum judge_verdict verdict;
	const char *whose; /* phones of that node; NULL: nobody's */
	enum judge_remedy remedy;
};

#define CM POLICY_CALLMANAGER
#define REC POLICY_ITLRECOVERY
#define NOTHING UNIT_COUNT, NULL
#define NO JUDGE_TVS_NONE
#define AWAY JUDGE_TVS_AWAY
#define YES JUDGE_TVS_ANSWERS
#define PUB "n1"
#define SUB "n2"

static const struct row rows[] = {
	{"a CallManager that signs", CM, NO, OWN, NOTHING, UNIT_CALLMANAGER, PUB,
	 JUDGE_LOCKED, PUB, JUDGE_NONE},
	{"the subscriber's", CM, NO, OWN, NOTHING, UNIT_CALLMANAGER, SUB,
	 JUDGE_LOCKED, SUB, JUDGE_NONE},
	{"TVS vouches for it", CM, YES, OWN, NOTHING, UNIT_CALLMANAGER, PUB,
	 JUDGE_DIRECT, NULL, JUDGE_NONE},
	{"TVS alone", CM, NO, OWN, NOTHING, UNIT_TVS, PUB, JUDGE_DIRECT, NULL,
	 JUDGE_NONE},
	{"both at once lock a whole cluster", CM, YES, OWN, UNIT_CALLMANAGER, PUB,
	 UNIT_TVS, PUB, JUDGE_LOCKED, PUB, JUDGE_RESTART_FIRST},
	{"in the other order", CM, YES, OWN, UNIT_TVS, PUB, UNIT_CALLMANAGER, PUB,
	 JUDGE_LOCKED, PUB, JUDGE_RESTART_FIRST},
	{"a TVS that phones of the other node ask", CM, YES, OWN, UNIT_TVS, SUB,
	 UNIT_CALLMANAGER, PUB, JUDGE_LOCKED, PUB, JUDGE_RESTART_FIRST},
	{"TVS is down, and the new CallManager would wait for it", CM, AWAY, OWN, NOTHING,
	 UNIT_CALLMANAGER, PUB, JUDGE_LOCKED, PUB, JUDGE_TVS_FIRST},
	{"phones wait for a TVS that is down", CM, AWAY, OWN, UNIT_CALLMANAGER, PUB,
	 UNIT_TVS, PUB, JUDGE_LOCKED, PUB, JUDGE_TVS_FIRST},
	{"no phone waits for it", CM, AWAY, OWN, NOTHING, UNIT_TVS, PUB, JUDGE_DIRECT, NULL,
	 JUDGE_NONE},
	{"who never had one waits for none", CM, NO, OWN, UNIT_CALLMANAGER, PUB, UNIT_TVS,
	 PUB, JUDGE_DIRECT, NULL, JUDGE_NONE},
	{"published, TVS alone is as before", CM, YES, OWN, NOTHING, UNIT_TVS, PUB,
	 JUDGE_DIRECT, NULL, JUDGE_NONE},
	{"CAPF", CM, NO, OWN, NOTHING, UNIT_CAPF, NULL, JUDGE_DIRECT, NULL,
	 JUDGE_NONE},
	{"ITLRecovery, which comes with a list of CallManager's", CM, NO, OWN,
	 NOTHING, UNIT_ITLRECOVERY, NULL, JUDGE_DIRECT, NULL, JUDGE_NONE},
	{"both signers: the reset would be of a key that no phone has", CM, NO, OWN,
	 UNIT_ITLRECOVERY, NULL, UNIT_CALLMANAGER, PUB, JUDGE_BEYOND, PUB,
	 JUDGE_RESTART_FIRST},
	{"in the other order", CM, NO, OWN, UNIT_CALLMANAGER, PUB, UNIT_ITLRECOVERY,
	 NULL, JUDGE_BEYOND, PUB, JUDGE_RESET_FIRST},
	{"a subscriber waits with a reset list, and goes on waiting", CM, NO,
	 RESET_LIST, NOTHING, UNIT_CAPF, NULL, JUDGE_DIRECT, NULL, JUDGE_NONE},
	{"and would never learn of a new ITLRecovery", CM, NO, RESET_LIST, NOTHING,
	 UNIT_ITLRECOVERY, NULL, JUDGE_BEYOND, SUB, JUDGE_POLICY_FIRST},
	{"TVS lets it go on", CM, YES, RESET_LIST, NOTHING, UNIT_CAPF, NULL,
	 JUDGE_DIRECT, NULL, JUDGE_NONE},
	{"policy itlrecovery: CallManager does not sign", REC, NO, OWN, NOTHING,
	 UNIT_CALLMANAGER, PUB, JUDGE_DIRECT, NULL, JUDGE_NONE},
	{"its reset list holds nobody up", REC, NO, RESET_LIST, NOTHING,
	 UNIT_CALLMANAGER, SUB, JUDGE_DIRECT, NULL, JUDGE_NONE},
	{"ITLRecovery: the reset helps the publisher's phones alone", REC, NO, OWN,
	 NOTHING, UNIT_ITLRECOVERY, NULL, JUDGE_BEYOND, SUB, JUDGE_POLICY_FIRST},
	{"TVS vouches for ITLRecovery", REC, YES, OWN, NOTHING, UNIT_ITLRECOVERY, NULL,
	 JUDGE_DIRECT, NULL, JUDGE_NONE},
	{"to itlrecovery: it is in every list", CM, NO, OWN, NOTHING, NOTHING,
	 JUDGE_DIRECT, NULL, JUDGE_NONE},
	{"but a new one is not", CM, NO, OWN, UNIT_ITLRECOVERY, NULL, NOTHING,
	 JUDGE_BEYOND, SUB, JUDGE_RESTART_FIRST},
	{"to callmanager: each node's list holds its own", REC, NO, OWN, NOTHING,
	 NOTHING, JUDGE_DIRECT, NULL, JUDGE_NONE},
	{"but a reset list does not", REC, NO, RESET_LIST, NOTHING, NOTHING,
	 JUDGE_LOCKED, SUB, JUDGE_RESTART_FIRST},
};

static void next_of(const struct world *w, const struct cluster *c, enum unit unit,
		    const char *node, struct judge_next *out)
{
	size_t n;
	struct keyd_key *keys = world_keys(w, &n);

	judge_next_of(c, keys, n, w->tvs, unit, node, out);
	keyd_keys_free(keys, n);
}

static void change(struct world *w, enum unit unit, const char *of)
{
	if (unit != UNIT_COUNT)
		w->generation[unit][of ? world_number(of) : 0]++;
}

static void hold(const struct world *w, size_t number, enum held held,
		 struct judge_held *out)
{
	struct bytes list = world_itl(w, held == RESET_LIST ? 0 : number, w->now);
	struct itl *l;
	struct err e;

	*out = (struct judge_held){.now = true};
	snprintf(out->node, sizeof out->node, "n%zu", number + 1);
	assert_ok(itl_parse(list, 0, &l, &e), &e);
	judge_trust_add(&out->trust, l);
	itl_free(l);
	free((void *)(uintptr_t)list.p);
}

static void test_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		struct judge_next before, after;
		struct judge_held held[2];
		struct judge_finding f;
		struct cluster next;
		struct world w;

		print_message("%s: %s\n", r->policy == CM ? "callmanager" : "itlrecovery",
			      r->what);
		world_start(&w, 2, r->policy, r->tvs);
		for (size_t k = 0; k < 2; k++)
			hold(&w, k, r->held, &held[k]);
		change(&w, r->pending, r->pending_of);
		next = w.cluster;
		if (r->unit == UNIT_COUNT)
			next.policy = !next.policy;
		next_of(&w, &w.cluster, UNIT_COUNT, NULL, &before);
		next_of(&w, &next, r->unit, r->of, &after);
		f = judge_change(held, 2, &before, &after);
		assert_string_equal(judge_verdict_name(f.verdict),
				    judge_verdict_name(r->verdict));
		assert_int_equal(f.held != NULL, r->whose != NULL);
		if (r->whose)
			assert_string_equal(f.held->node, r->whose);
		assert_int_equal(judge_remedy(&f, &before, &after), r->remedy);
	}
}

/* A node that goes: its phones are the publisher's from then on. */
static void test_removed(void **state)
{
	static const struct {
		unsigned policy;
		enum judge_tvs tvs;
		enum held held;
		enum judge_verdict verdict;
	} cases[] = {
		{CM, NO, OWN, JUDGE_LOCKED},
		{CM, NO, RESET_LIST, JUDGE_DIRECT},
		{REC, NO, OWN, JUDGE_DIRECT},
		/* Its TVS goes with it, and phones may ask just that one. */
		{CM, YES, OWN, JUDGE_LOCKED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct judge_next before, after;
		struct judge_held held[2];
		struct cluster next;
		struct world w;

		world_start(&w, 2, cases[i].policy, cases[i].tvs);
		for (size_t k = 0; k < 2; k++)
			hold(&w, k, cases[i].held, &held[k]);
		next = w.cluster;
		world_remove(&next, 1);
		next_of(&w, &w.cluster, UNIT_COUNT, NULL, &before);
		next_of(&w, &next, UNIT_COUNT, NULL, &after);
		assert_int_equal(judge_change(held, 2, &before, &after).verdict,
				 cases[i].verdict);
	}
}

/* Whichever node that is. */
static void test_publisher_takes_them(void **state)
{
	struct judge_held held;
	struct judge_next next;
	struct world w;

	(void)state;
	world_start(&w, 3, CM, NO);
	world_publish(&w.cluster, 1);
	hold(&w, 1, OWN, &held);
	strcpy(held.node, "n3");
	world_remove(&w.cluster, 2);
	next_of(&w, &w.cluster, UNIT_COUNT, NULL, &next);
	assert_int_equal(judge_phone(&held, &next), JUDGE_DIRECT);
}

/* Phones that were off count when they come to be beyond a reset, and only then. */
static void test_past(void **state)
{
	struct judge_next before, after;
	struct judge_held held[2];
	struct judge_finding f;
	struct world w;

	(void)state;
	world_start(&w, 1, CM, NO);
	hold(&w, 0, OWN, &held[1]);
	held[1].now = false;
	change(&w, UNIT_ITLRECOVERY, NULL);
	hold(&w, 0, OWN, &held[0]);
	next_of(&w, &w.cluster, UNIT_COUNT, NULL, &before);
	next_of(&w, &w.cluster, UNIT_CAPF, NULL, &after);
	f = judge_change(held, 2, &before, &after);
	assert_null(f.held);
	next_of(&w, &w.cluster, UNIT_CALLMANAGER, PUB, &after);
	f = judge_change(held, 2, &before, &after);
	assert_int_equal(f.verdict, JUDGE_BEYOND);
	assert_ptr_equal(f.held, &held[1]);
	/* It was forced, and published: that is what they are, from now on. */
	change(&w, UNIT_CALLMANAGER, PUB);
	hold(&w, 0, OWN, &held[0]);
	next_of(&w, &w.cluster, UNIT_COUNT, NULL, &before);
	next_of(&w, &w.cluster, UNIT_CALLMANAGER, PUB, &after);
	f = judge_change(held, 2, &before, &after);
	assert_int_equal(f.verdict, JUDGE_LOCKED);
	assert_ptr_equal(f.held, &held[0]);
}

/* A node whose own list waits behind a reset list: phones that were off cannot have the
 * one that they would accept. */
static void test_past_waits(void **state)
{
	struct judge_next before, after;
	struct judge_held held[3];
	struct judge_finding f;
	struct world w;

	(void)state;
	world_start(&w, 2, CM, YES);
	hold(&w, 1, OWN, &held[2]);
	held[2].now = false;
	change(&w, UNIT_ITLRECOVERY, NULL);
	hold(&w, 0, OWN, &held[0]);
	hold(&w, 1, RESET_LIST, &held[1]);
	next_of(&w, &w.cluster, UNIT_COUNT, NULL, &before);
	next_of(&w, &w.cluster, UNIT_TVS, PUB, &after);
	f = judge_change(held, 3, &before, &after);
	assert_int_equal(f.verdict, JUDGE_BEYOND);
	assert_ptr_equal(f.held, &held[2]);
}

/* Only a CallManager's reset list passes by those who hold another node's list. */
static void test_kept(void **state)
{
	static const struct {
		unsigned policy;
		size_t holder;
		bool kept;
	} cases[] = {{REC, 1, true}, {REC, 0, false}, {CM, 1, false}, {CM, 0, false}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bytes list, reset;
		struct itl *l, *standing;
		struct judge_held held;
		struct world w;
		X509 *signer;
		struct err e;

		world_start(&w, 2, cases[i].policy, NO);
		hold(&w, cases[i].holder, OWN, &held);
		list = world_itl(&w, 0, w.now);
		assert_ok(itl_parse(list, 0, &l, &e), &e);
		reset = world_reset(&w, l, w.now, &signer);
		assert_ok(itl_parse(reset, 0, &standing, &e), &e);
		assert_int_equal(judge_kept(&held.trust, standing), cases[i].kept);
		itl_free(standing);
		itl_free(l);
		free((void *)(uintptr_t)list.p);
		free((void *)(uintptr_t)reset.p);
	}
}

static int stop(void **state)
{
	(void)state;
	world_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_past),
		cmocka_unit_test(test_past_waits),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_publisher_takes_them),
	};

	return cmocka_run_group_tests(tests, NULL, stop);
}
