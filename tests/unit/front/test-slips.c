/* Who may begin an operation after tickets that keyd did not take. */
#include "support/support.h"
#include "slips.h"
#include <math.h>

#define NOW 1000.0

static void waits_grow_and_end(void **state)
{
	static const double waits[] = {0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60};
	struct slips s = {0};

	(void)state;
	for (uid_t uid = 0; uid <= 1000; uid += 1000) {
		double now = NOW;

		for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
			slips_add(&s, uid, now);
			assert_true(fabs(slips_wait(&s, uid, now) - waits[i]) < 1e-6);
			assert_true(slips_wait(&s, uid + 1, now) == 0);
			now += waits[i];
			assert_true(slips_wait(&s, uid, now) == 0);
		}
		now += SLIPS_FORGET; /* the first ones are free again */
		slips_add(&s, uid, now);
		assert_true(slips_wait(&s, uid, now) == 0);
	}
}

/* Where all places are taken newcomers share one; it is nobody else's, nor root's. */
static void many_users(void **state)
{
	struct slips s = {0};

	(void)state;
	for (uid_t uid = 1; uid <= SLIPS_USERS; uid++)
		slips_add(&s, uid, NOW);
	for (uid_t uid = 1001; uid <= 1001 + SLIPS_FREE; uid++)
		slips_add(&s, uid, NOW);
	assert_true(slips_wait(&s, 2000, NOW) > 0);
	assert_true(slips_wait(&s, 1, NOW) == 0);
	assert_true(slips_wait(&s, 0, NOW) == 0);
	assert_true(slips_wait(&s, 2000, NOW + SLIPS_FORGET) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_grow_and_end),
		cmocka_unit_test(many_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
