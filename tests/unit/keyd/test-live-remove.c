/* A retired key's end: who may, which keys, and who signs meanwhile. */
#include "recovery.h"
#include "base/file.h"
#include "base/num.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static void renew(enum unit unit, const char *node)
{
	struct keyd_intent intent = keyd_intent_generate(unit, node);
	uint8_t ticket[KEYD_TICKET_LEN];
	struct keyd *k = client();
	struct keyd_key key;
	struct err e;

	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_generate(k, ticket, live_uid(&live, LIVE_ADMIN), unit, node,
				&key, &e), &e);
	live_be(&live, LIVE_ROOT);
	X509_free(key.cert);
	keyd_free(k);
}

/* With a ticket for `meant`, for `owner`. */
static enum rc remove_key(const char *label, const char *meant,
			  enum live_who owner, struct err *e)
{
	struct keyd_intent intent = keyd_intent_remove(meant);
	uint8_t ticket[KEYD_TICKET_LEN];
	struct keyd *k = client();
	enum rc rc;

	live_ticket(&live, owner, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	rc = keyd_remove(k, ticket, live_uid(&live, LIVE_ADMIN), label, e);
	if (rc == RC_OK) { /* the ticket is used */
		struct err again;

		assert_int_equal(keyd_remove(k, ticket, live_uid(&live, LIVE_ADMIN),
					     label, &again), RC_REFUSED);
	}
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return rc;
}

static bool has(const char *label)
{
	struct keyd *k = client();
	struct keyd_key *keys;
	char text[LABEL_MAX];
	bool found = false;
	struct err e;
	size_t n;

	assert_ok(keyd_keys(k, &keys, &n, &e), &e);
	for (size_t i = 0; i < n; i++) {
		label_text(&keys[i].label, text);
		found |= !strcmp(text, label);
	}
	keyd_keys_free(keys, n);
	keyd_free(k);
	return found;
}

static void restart(void)
{
	live_kill(&live);
	live_keyd(&live);
}

static void only_with_its_ticket(void **state)
{
	struct keyd *k = client();
	uint8_t none[KEYD_TICKET_LEN] = {0};
	struct err e;

	(void)state;
	renew(UNIT_CALLMANAGER, "n1");
	renew(UNIT_TVS, "n1");
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_remove(k, none, live_uid(&live, LIVE_ADMIN),
				     "CallManager/n1/1", &e), RC_REFUSED);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	/* another label's; another user's */
	assert_int_equal(remove_key("CallManager/n1/1", "TVS/n1/1", LIVE_ADMIN, &e),
			 RC_REFUSED);
	assert_int_equal(remove_key("CallManager/n1/1", "CallManager/n1/1", LIVE_ROOT,
				    &e), RC_REFUSED);
	assert_true(has("CallManager/n1/1"));
}

static void never_a_current_one(void **state)
{
	static const char *const current[] = {"CallManager/n1/2", "CallManager/n2/1",
					      "TVS/n1/2", "TVS/n2/1", "CAPF/lab/1",
					      "ITLRecovery/lab/1", "Audit/lab/1"};
	static const struct {
		const char *label;
		enum rc rc;
	} others[] = {{"CallManager/n1/9", RC_NOTFOUND}, {"CallManager/n1", RC_USAGE},
		      {"CallManager/n1/01", RC_USAGE}, {"", RC_USAGE}};
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(current); i++) {
		print_message("%s\n", current[i]);
		assert_int_equal(remove_key(current[i], current[i], LIVE_ADMIN, &e),
				 RC_REFUSED);
		assert_string_equal(e.why, "is the current key of its unit");
		assert_true(has(current[i]));
	}
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_int_equal(remove_key(others[i].label, others[i].label,
					    LIVE_ADMIN, &e), others[i].rc);
}

/* How many removals of this key the log has that ended so. */
static unsigned entries(char *log, const char *label, const char *rc)
{
	char want[128], end[32];
	unsigned n = 0;

	(void)snprintf(want, sizeof want, "\"event\":\"remove\",\"key\":\"%s\"", label);
	(void)snprintf(end, sizeof end, "\"rc\":\"%s\"", rc);
	for (char *at = log; (at = strstr(at, want)); at++) {
		char *last = strchr(at, '\n'), *found = strstr(at, end);

		n += found && (!last || found < last);
	}
	return n;
}

/* As tvs asks; a phone may have been shown the certificate before this one. */
static enum rc shake_hands(const char *label)
{
	uint8_t message[100] = {0}, signature[KEYD_TLS_SIGNATURE_MAX];
	size_t n = sizeof signature;
	struct keyd *k;
	struct err e;
	enum rc rc;

	memcpy(message + 64, "\3\0\35\40", 4); /* an X25519 key exchange */
	live_be(&live, LIVE_TVS);
	k = client();
	rc = keyd_tls_sign(k, label, "SHA256", false, bytes_of(message, sizeof message),
			   signature, &n, &e);
	keyd_free(k);
	live_be(&live, LIVE_ROOT);
	return rc;
}

static void retired_it_shakes_hands(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(shake_hands("TVS/n1/2"), RC_OK);
	assert_int_equal(shake_hands("TVS/n1/1"), RC_OK);
	assert_ok(remove_key("TVS/n1/1", "TVS/n1/1", LIVE_ADMIN, &e), &e);
	assert_int_equal(shake_hands("TVS/n1/1"), RC_NOTFOUND);
	assert_int_equal(shake_hands("TVS/n1/2"), RC_OK);
}

static void it_is_gone_for_good(void **state)
{
	uint8_t CLEANUP_FREE *log = NULL;
	struct err e;
	size_t n;

	(void)state;
	assert_ok(remove_key("CallManager/n1/1", "CallManager/n1/1", LIVE_ADMIN, &e), &e);
	assert_false(has("CallManager/n1/1"));
	assert_true(has("CallManager/n1/2"));
	assert_int_equal(remove_key("CallManager/n1/1", "CallManager/n1/1", LIVE_ADMIN,
				    &e), RC_NOTFOUND);
	restart(); /* the token has not got it */
	assert_false(has("CallManager/n1/1"));
	assert_true(has("CallManager/n1/2"));
	assert_true(has("TVS/n1/1"));
	renew(UNIT_CALLMANAGER, "n1");
	assert_true(has("CallManager/n1/3"));
	assert_false(has("CallManager/n1/1"));

	assert_ok(file_read(live.audit_log, 8u << 20, &log, &n, &e), &e);
	assert_int_equal(entries((char *)log, "CallManager/n1/1", "ok"), 1);
	assert_true(entries((char *)log, "CallManager/n1/1", "refused") >= 3);
	assert_int_equal(entries((char *)log, "TVS/n1/2", "ok"), 0);
}

/* ---- while it signs ---- */

static atomic_bool enough;

static void *sign_on(void *arg)
{
	struct keyd *k = arg;
	uint8_t *list;
	struct err e;
	size_t n;

	while (!atomic_load(&enough)) {
		assert_ok(keyd_sign_itl(k, "n2", NOW, &list, &n, &e), &e);
		free(list);
	}
	return NULL;
}

static enum rc reset_of(struct bytes list, struct err *e)
{
	struct keyd_intent intent =
		keyd_intent_reset(KEYD_LOCALKEY, false, list, NOW + 1);
	uint8_t ticket[KEYD_TICKET_LEN], *out = NULL;
	struct keyd *k = client();
	enum rc rc;
	size_t n;

	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	rc = keyd_reset(k, ticket, live_uid(&live, LIVE_ADMIN), KEYD_LOCALKEY, list,
			NOW + 1, &out, &n, e);
	live_be(&live, LIVE_ROOT);
	free(out);
	keyd_free(k);
	return rc;
}

/* keyd neither ends nor hands out what is gone, though others sign at that time. */
static void others_sign_meanwhile(void **state)
{
	struct keyd *k = client(), *signers[3];
	struct keyd_status before, after;
	pthread_t threads[3];
	uint8_t *list;
	struct err e;
	size_t n;

	(void)state;
	list = own_list("n1", &n);
	renew(UNIT_ITLRECOVERY, NULL);
	assert_ok(reset_of(bytes_of(list, n), &e), &e); /* retired, it still signs */
	assert_ok(keyd_status(k, &before, &e), &e);
	live_be(&live, LIVE_FRONT);
	for (size_t i = 0; i < COUNT_OF(signers); i++) {
		uint8_t *one;
		size_t len;

		/* Connected as front, and so it stays. */
		signers[i] = client();
		assert_ok(keyd_sign_itl(signers[i], "n2", NOW, &one, &len, &e), &e);
		free(one);
	}
	live_be(&live, LIVE_ROOT);
	for (size_t i = 0; i < COUNT_OF(signers); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_on,
						signers[i]), 0);
	assert_ok(remove_key("ITLRecovery/lab/1", "ITLRecovery/lab/1", LIVE_ADMIN,
			     &e), &e);
	assert_int_equal(reset_of(bytes_of(list, n), &e), RC_REFUSED);
	assert_string_equal(e.why, "is no certificate of this token");
	atomic_store(&enough, true);
	for (size_t i = 0; i < COUNT_OF(signers); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		keyd_free(signers[i]);
	}
	assert_ok(keyd_status(k, &after, &e), &e);
	assert_int_equal(before.started, after.started);
	assert_int_equal(before.keys - 1, after.keys);
	keyd_free(k);
	free(list);
}

/* ---- a node goes ---- */

/* Nobody can renew its keys: they are current no more. */
static void of_a_node_that_went(void **state)
{
	uint8_t CLEANUP_FREE *conf = NULL;
	char path[512], *section;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(remove_key("TVS/n2/1", "TVS/n2/1", LIVE_ADMIN, &e), RC_REFUSED);
	assert_ok(file_path(path, sizeof path, live.dir, "cluster.conf", &e), &e);
	assert_ok(file_read(path, 1 << 16, &conf, &n, &e), &e);
	section = strstr((char *)conf, "[node n2]"); /* the last one */
	assert_non_null(section);
	assert_null(strstr(section + 1, "[node"));
	*section = '\0';
	assert_ok(file_replace(path, bytes_of_text((char *)conf), 0644, &e), &e);
	restart();
	assert_ok(remove_key("TVS/n2/1", "TVS/n2/1", LIVE_ADMIN, &e), &e);
	assert_false(has("TVS/n2/1"));
	assert_true(has("CallManager/n2/1"));
	assert_int_equal(remove_key("TVS/n1/2", "TVS/n1/2", LIVE_ADMIN, &e), RC_REFUSED);
	assert_int_equal(remove_key("CAPF/lab/1", "CAPF/lab/1", LIVE_ADMIN, &e),
			 RC_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_with_its_ticket),
		cmocka_unit_test(never_a_current_one),
		cmocka_unit_test(it_is_gone_for_good),
		cmocka_unit_test(retired_it_shakes_hands),
		cmocka_unit_test(others_sign_meanwhile),
		cmocka_unit_test(of_a_node_that_went),
	};

	return cmocka_run_group_tests(tests, peer_start, peer_stop);
}
