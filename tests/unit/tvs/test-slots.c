/* How many connections there may be, and of whom. */
#include "support/support.h"
#include "base/num.h"
#include "slots.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct slots_who who(const char *address)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, address, &four.sin_addr) == 1)
		return slots_who((const struct sockaddr *)&four);
	assert_int_equal(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
	return slots_who((const struct sockaddr *)&six);
}

static bool same(const char *a, const char *b)
{
	struct slots_who x = who(a), y = who(b);

	return !memcmp(&x, &y, sizeof x);
}

static void who_counts_as_whom(void **state)
{
	(void)state;
	assert_true(same("192.0.2.1", "192.0.2.1"));
	assert_false(same("192.0.2.1", "192.0.2.2"));
	assert_true(same("192.0.2.1", "::ffff:192.0.2.1"));
	assert_false(same("192.0.2.1", "::ffff:192.0.2.2"));
	assert_true(same("2001:db8::1", "2001:db8::2:3:4:5"));
	assert_false(same("2001:db8::1", "2001:db8:0:1::1"));
	assert_false(same("::1", "192.0.2.1"));
}

static void limits(void **state)
{
	struct slots *s = NULL;
	struct err e;

	(void)state;
	assert_ok(slots_new(5, 3, &s, &e), &e);
	for (int i = 0; i < 3; i++)
		assert_int_equal(slots_take(s, who("192.0.2.1")), SLOTS_OK);
	assert_int_equal(slots_take(s, who("192.0.2.1")), SLOTS_ADDRESS);
	assert_false(slots_full(s));
	assert_int_equal(slots_take(s, who("192.0.2.2")), SLOTS_OK);
	assert_int_equal(slots_take(s, who("192.0.2.3")), SLOTS_OK);
	assert_true(slots_full(s));
	assert_int_equal(slots_used(s), 5);
	assert_int_equal(slots_take(s, who("192.0.2.4")), SLOTS_FULL);
	slots_give(s, who("192.0.2.1"));
	assert_int_equal(slots_take(s, who("192.0.2.1")), SLOTS_OK);
	slots_give(s, who("192.0.2.3"));
	/* its holder's place is free for another */
	assert_int_equal(slots_take(s, who("2001:db8::1")), SLOTS_OK);
	assert_true(slots_full(s));
	slots_free(s);
	slots_free(NULL);
}

/* Against a plain table: thousands of takes and gives in any order. */
static void at_random(void **state)
{
	enum { TOTAL = 300, EACH = 7, ADDRESSES = 120 };
	uint64_t random = support_seed();
	unsigned held[ADDRESSES] = {0}, all = 0;
	struct slots *s = NULL;
	struct err e;

	(void)state;
	assert_ok(slots_new(TOTAL, EACH, &s, &e), &e);
	for (size_t i = 0; i < support_rounds(500000); i++) {
		unsigned at = (unsigned)(support_random(&random) % ADDRESSES);
		char address[32];

		(void)snprintf(address, sizeof address, "10.0.%u.%u", at % 7, at);
		if (support_random(&random) % 16 < 9) {
			enum slots_answer want = all == TOTAL	      ? SLOTS_FULL
						 : held[at] == EACH ? SLOTS_ADDRESS
								    : SLOTS_OK;

			assert_int_equal(slots_take(s, who(address)), want);
			held[at] += want == SLOTS_OK;
			all += want == SLOTS_OK;
		} else if (held[at]) {
			slots_give(s, who(address));
			held[at]--;
			all--;
		}
		assert_int_equal(slots_used(s), all);
	}
	slots_free(s);
}

static void *use(void *arg)
{
	struct slots *s = arg;

	for (int i = 0; i < 20000; i++)
		if (slots_take(s, who("192.0.2.1")) == SLOTS_OK)
			slots_give(s, who("192.0.2.1"));
	return NULL;
}

static void by_threads(void **state)
{
	struct slots *s = NULL;
	pthread_t threads[3];
	struct err e;

	(void)state;
	assert_ok(slots_new(2, 2, &s, &e), &e);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use, s), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(slots_used(s), 0);
	assert_int_equal(slots_take(s, who("192.0.2.1")), SLOTS_OK);
	slots_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_counts_as_whom),
		cmocka_unit_test(limits),
		cmocka_unit_test(at_random),
		cmocka_unit_test(by_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
