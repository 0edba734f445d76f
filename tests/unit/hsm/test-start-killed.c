/* kill -9 in the middle of logins: the token survives; without the guards it does
 * not, which shows that this test could fail. */
#include "starts.h"
#include <signal.h>
#include <string.h>
#include <time.h>

static int setup(void **state)
{
	static struct starts s;
	struct err e;

	starts_open(&s);
	assert_ok(starts_once(&s, SOFTHSM_PIN, &e), &e);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	starts_close(*state);
	return 0;
}

static enum rc once(struct starts *s, struct err *e)
{
	return starts_once(s, SOFTHSM_PIN, e);
}

/* A process that logs in for ever, killed after up to 40 ms. */
static void kill_one(struct starts *s, starts_function *start, uint64_t *seed)
{
	struct timespec t = {.tv_nsec = (long)(support_random(seed) % 40000000)};
	pid_t pid = starts_fork(s, start, true);

	(void)nanosleep(&t, NULL);
	(void)kill(pid, SIGKILL);
	(void)starts_wait(pid);
}

static void logins_are_killed(void **state)
{
	struct starts *s = *state;
	uint64_t seed = support_seed();
	unsigned back = 0;

	for (size_t i = 0; i < support_rounds(500); i++) {
		struct err e;

		kill_one(s, once, &seed);
		assert_ok(starts_once(s, SOFTHSM_PIN, &e), &e);
		back += strstr(s->said, "token-put-back") != NULL;
	}
	print_message("token.object was put back %u times\n", back);
}

static void without_guards_the_token_is_lost(void **state)
{
	struct starts *s = *state;
	uint64_t seed = support_seed();
	struct err e = {0};
	unsigned i;

	for (i = 1; i <= 1000; i++) {
		kill_one(s, starts_naked, &seed);
		if (starts_naked(s, &e) != RC_OK)
			break;
	}
	print_message("lost after %u kills\n", i);
	assert_true(i <= 1000);
	assert_int_equal(e.rc, RC_TOKEN);
	/* The guards bring it back. */
	assert_ok(starts_once(s, SOFTHSM_PIN, &e), &e);
	assert_string_equal(s->said, "token-put-back ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(logins_are_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(without_guards_the_token_is_lost,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
