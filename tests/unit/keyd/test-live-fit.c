/* A cluster whose recovery key is of another size, and whose policy another. */
#include "recovery.h"
#include <stdio.h>

static struct keyd_passwords pw;

static int start(void **state)
{
	(void)state;
	live_start(&live, "recovery-bits = 2048\npolicy = itlrecovery\n");
	live_keyd(&live);
	live_init(&live);
	pw = live_passwords();
	live_security(&live);
	return 0;
}

/* A recovery key is made again until it can leave by the token's own means: one
 * in five can, and 60 that cannot are one in 600,000. */
static void made_to_fit(void **state)
{
	struct keyd_intent intent = keyd_intent_generate(UNIT_ITLRECOVERY, NULL);
	struct keyd *k = client();

	(void)state;
	/* three: a keyd that does not look would hardly be as lucky */
	for (unsigned round = 0; round < 3; round++) {
		struct wrapped_key CLEANUP(wrapped_key_clear) w;
		size_t begun = times_in_log("\"event\":\"generate-begin\""),
		       objects = objects_in_token();
		char route[KEYD_ROUTE_MAX], note[64];
		uint8_t ticket[KEYD_TICKET_LEN];
		struct keyd_key key, exported;
		struct err e;

		live_ticket(&live, LIVE_ADMIN, &intent, ticket);
		live_be(&live, LIVE_FRONT);
		assert_ok(keyd_generate(k, ticket, live_uid(&live, LIVE_ADMIN),
					UNIT_ITLRECOVERY, NULL, &key, &e), &e);
		live_be(&live, LIVE_ROOT);
		assert_in_range(key.tries, 1, 60);
		assert_int_equal(key.label.generation, round + 2);
		/* the others are gone; each was in the log before it was made */
		assert_int_equal(objects_in_token(), objects + 3);
		assert_int_equal(times_in_log("\"event\":\"generate-begin\"") - begun,
				 key.tries);
		wrapping_begin(&w);
		assert_ok(admin_export(&pw, &w, &exported, route, &e), &e);
		assert_string_equal(route, "token-cbc");
		(void)snprintf(note, sizeof note, "tries=%u route=token-cbc",
			       key.tries);
		assert_true(times_in_log(note) >= 1);
		X509_free(key.cert);
		X509_free(exported.cert);
	}
	keyd_free(k);
}

/* Under this policy the publisher's CallManager signs a local reset; a remote one
 * the recovery key signs under every policy. */
static void remote_under_itlrecovery(void **state)
{
	struct keyd_key now = current_recovery();
	uint8_t *source, *list;
	struct itl *l;
	size_t n, m;

	(void)state;
	source = own_list("n1", &n);
	list = reset(KEYD_LOCALKEY, bytes_of(source, n), NOW, &m);
	l = parsed(list, m);
	assert_false(itl_signed_by(l, now.cert));
	itl_free(l);
	free(list);
	list = reset(KEYD_REMOTEKEY, bytes_of(source, n), NOW, &m);
	l = parsed(list, m);
	assert_true(itl_signed_by(l, now.cert));
	itl_free(l);
	free(list);
	free(source);
	X509_free(now.cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_to_fit),
		cmocka_unit_test(remote_under_itlrecovery),
	};

	return cmocka_run_group_tests(tests, start, peer_stop);
}
