/* What keyd remembers of its users: who must wait, what was proved, and whose
 * refusals are in the log. */
#include "support/support.h"
#include "limit.h"
#include "proof.h"
#include "ticket.h"
#include <string.h>

/* ---- wrong passwords ---- */

static void wrong_passwords_wait(void **state)
{
	const double waits[] = {0, 1, 2, 4, 8, 16, 32, 60, 60};
	struct tickets t;
	double now = 1000;
	struct err e;

	(void)state;
	tickets_init(&t);
	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
		assert_ok(tickets_may_try(&t, 5, now, &e), &e);
		tickets_tried(&t, 5, PASSWORD_ADMIN, false, now);
		if (waits[i] > 0)
			assert_int_equal(tickets_may_try(&t, 5,
							 now + waits[i] - 0.1, &e),
					 RC_REFUSED);
		assert_ok(tickets_may_try(&t, 6, now, &e), &e); /* not others */
		now += waits[i];
	}
	tickets_tried(&t, 5, PASSWORD_ADMIN, true, now);
	assert_ok(tickets_may_try(&t, 5, now, &e), &e);
}

/* The right one of the one password between does not make guesses at the other
 * any faster. */
static void each_password_has_its_count(void **state)
{
	struct tickets t;
	double now = 1000;
	struct err e;

	(void)state;
	tickets_init(&t);
	for (int i = 0; i < 5; i++) {
		tickets_tried(&t, 5, PASSWORD_ADMIN, true, now);
		tickets_tried(&t, 5, PASSWORD_SECURITY, false, now);
		now += 100;
	}
	/* the fifth: 8 s, for both */
	assert_int_equal(tickets_may_try(&t, 5, now - 100 + 7.9, &e), RC_REFUSED);
	assert_ok(tickets_may_try(&t, 5, now - 100 + 8, &e), &e);
	tickets_tried(&t, 5, PASSWORD_SECURITY, true, now);
	tickets_tried(&t, 5, PASSWORD_SECURITY, false, now);
	assert_ok(tickets_may_try(&t, 5, now, &e), &e); /* a first slip again */
}

/* As many users as there are places and more, each with wrong ones until it waits
 * long. */
static void fill(struct tickets *t, uid_t first, size_t users, double now)
{
	for (uid_t uid = first; uid < first + users; uid++)
		for (int i = 0; i < 9; i++)
			tickets_tried(t, uid, PASSWORD_ADMIN, false, now);
}

static void nobody_is_pushed_out(void **state)
{
	struct tickets t;
	struct err e;

	(void)state;
	tickets_init(&t);
	/* an administrator who is known, and one who waits */
	tickets_tried(&t, 5, PASSWORD_ADMIN, true, 1000);
	for (int i = 0; i < 9; i++)
		tickets_tried(&t, 6, PASSWORD_ADMIN, false, 1000);
	fill(&t, 70000, 1000, 1000);
	assert_ok(tickets_may_try(&t, 0, 1001, &e), &e);
	assert_ok(tickets_may_try(&t, 5, 1001, &e), &e);
	/* not forgotten either: his next slip is the tenth */
	assert_int_equal(tickets_may_try(&t, 6, 1001, &e), RC_REFUSED);
	assert_ok(tickets_may_try(&t, 6, 1061, &e), &e);
	tickets_tried(&t, 6, PASSWORD_ADMIN, false, 1061);
	assert_int_equal(tickets_may_try(&t, 6, 1061 + 59, &e), RC_REFUSED);
	/* root's own slips are root's */
	for (int i = 0; i < 9; i++)
		tickets_tried(&t, 0, PASSWORD_ADMIN, false, 1100);
	assert_int_equal(tickets_may_try(&t, 0, 1101, &e), RC_REFUSED);
	assert_ok(tickets_may_try(&t, 5, 1101, &e), &e);
}

/* To ask takes no place, however many ask. */
static void asking_costs_nothing(void **state)
{
	struct tickets t;
	struct err e;

	(void)state;
	tickets_init(&t);
	for (uid_t uid = 1; uid < 1000; uid++)
		assert_ok(tickets_may_try(&t, uid, 1000, &e), &e);
	for (int i = 0; i < 9; i++)
		tickets_tried(&t, 7, PASSWORD_ADMIN, false, 1000);
	assert_int_equal(tickets_may_try(&t, 7, 1001, &e), RC_REFUSED);
	assert_ok(tickets_may_try(&t, 8, 1001, &e), &e);
}

/* A flood of users has as many guesses as there are places, and one more. */
static void a_flood_guesses_no_more(void **state)
{
	struct tickets t;
	size_t guesses = 0;
	struct err e;

	(void)state;
	tickets_init(&t);
	fill(&t, 70000, TICKET_GUESSERS, 1000);
	/* a minute of newcomers, each once, as fast as it goes */
	for (uid_t uid = 80000; uid < 140000; uid++) {
		double now = 1000 + (uid - 80000) * 0.001;

		if (tickets_may_try(&t, uid, now, &e) != RC_OK)
			continue;
		guesses++;
		tickets_tried(&t, uid, PASSWORD_ADMIN, false, now);
	}
	assert_in_range(guesses, 1, 7);
	/* one's right password does not help the others who share */
	tickets_tried(&t, 80001, PASSWORD_ADMIN, true, 1100);
	tickets_tried(&t, 80002, PASSWORD_ADMIN, false, 1100);
	assert_int_equal(tickets_may_try(&t, 80003, 1101, &e), RC_REFUSED);
	/* places that nobody used for long are new ones */
	assert_ok(tickets_may_try(&t, 80003, 1000 + TICKET_FORGET, &e), &e);
	tickets_tried(&t, 80003, PASSWORD_ADMIN, false, 1000 + TICKET_FORGET);
	assert_ok(tickets_may_try(&t, 80003, 1000 + TICKET_FORGET, &e), &e);
}

/* ---- proofs ---- */

static void proofs_end(void **state)
{
	struct keyd_proof p = {.security = 3, .label = {.generation = 7}}, got;
	uint8_t claim[KEYD_CLAIM_LEN] = {0};
	struct proofs all;

	(void)state;
	proofs_init(&all);
	/* an empty place is not the proof of a claim of zeros, by root */
	assert_false(proofs_take(&all, claim, 0, 0, &got));
	proofs_add(&all, claim, 5, &p, 100);
	assert_false(proofs_take(&all, claim, 5, 100 + PROOF_SECONDS, &got));
	assert_true(proofs_take(&all, claim, 5, 100 + PROOF_SECONDS - 1, &got));
	assert_int_equal(got.security, 3);
	assert_int_equal(got.label.generation, 7);
	/* the same again takes its own place */
	for (int i = 0; i < PROOFS_MAX; i++) {
		claim[0] = (uint8_t)i;
		proofs_add(&all, claim, 5, &p, 200 + i);
	}
	claim[0] = 0;
	proofs_add(&all, claim, 5, &p, 300);
	/* one more: the oldest gives way, which is the second */
	claim[0] = 99;
	proofs_add(&all, claim, 5, &p, 302);
	for (int i = 0; i < PROOFS_MAX; i++) {
		claim[0] = (uint8_t)i;
		assert_int_equal(proofs_take(&all, claim, 5, 303, &got), i != 1);
	}
}

/* Once, and by who proved it; another's question does not use it up. */
static void a_proof_is_ones_own(void **state)
{
	struct keyd_proof p = {.security = 3}, got;
	uint8_t claim[KEYD_CLAIM_LEN] = {1, 2, 3};
	struct proofs all;

	(void)state;
	proofs_init(&all);
	proofs_add(&all, claim, 5, &p, 100);
	assert_false(proofs_take(&all, claim, 6, 101, &got));
	assert_false(proofs_take(&all, claim, 0, 101, &got));
	claim[31] ^= 1;
	assert_false(proofs_take(&all, claim, 5, 101, &got));
	claim[31] ^= 1;
	assert_true(proofs_take(&all, claim, 5, 101, &got));
	assert_false(proofs_take(&all, claim, 5, 101, &got));
	/* two users' proofs of one thing are two */
	proofs_add(&all, claim, 5, &p, 100);
	proofs_add(&all, claim, 6, &p, 100);
	assert_true(proofs_take(&all, claim, 6, 101, &got));
	assert_true(proofs_take(&all, claim, 5, 101, &got));
}

/* ---- the log ---- */

static void one_entry_a_minute(void **state)
{
	unsigned long left_out = 99;
	struct limit l;
	size_t passed = 0;

	(void)state;
	limit_init(&l);
	assert_true(limit_pass(&l, 5, 1000, &left_out));
	assert_int_equal(left_out, 0);
	for (int i = 0; i < 7; i++)
		assert_false(limit_pass(&l, 5, 1000 + i, &left_out));
	/* others have their own, and tell of what was left out */
	assert_true(limit_pass(&l, 0, 1010, &left_out));
	assert_int_equal(left_out, 7);
	assert_true(limit_pass(&l, 5, 1000 + LIMIT_SECONDS, &left_out));
	assert_int_equal(left_out, 0);
	/* so many users, so many entries */
	for (uid_t uid = 70000; uid < 80000; uid++)
		passed += limit_pass(&l, uid, 2000, &left_out);
	assert_int_equal(passed, LIMIT_USERS);
	assert_true(limit_pass(&l, 5, 2000 + LIMIT_SECONDS, &left_out));
	assert_int_equal(left_out, 10000 - LIMIT_USERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_passwords_wait),
		cmocka_unit_test(each_password_has_its_count),
		cmocka_unit_test(nobody_is_pushed_out),
		cmocka_unit_test(asking_costs_nothing),
		cmocka_unit_test(a_flood_guesses_no_more),
		cmocka_unit_test(proofs_end),
		cmocka_unit_test(a_proof_is_ones_own),
		cmocka_unit_test(one_entry_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
