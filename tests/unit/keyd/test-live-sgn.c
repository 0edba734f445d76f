/* Files in bulk: many in flight, large ones beside small ones, and a keyd that ends. */
#include "peer.h"
#include "base/num.h"
#include "itl/itl.h"
#include "keyd/sgn.h"
#include "support/phone.h"
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define FILES 400

/* Contents are pieces of this, so that none is like another. */
static uint8_t *pool;

static struct bulk {
	size_t n;
	const char *odd_name;    /* of file 1; NULL: as the others */
	size_t kill_at;          /* keyd ends with this answer; 0: never */
	size_t kill_by;          /* and each time that this file is sent; 0: never */
	size_t kills, calls;
	char names[FILES][64];
	size_t sizes[FILES];
	unsigned answers[FILES];
	size_t answered;
	struct bytes headers[FILES];
	struct err errors[FILES];
} bulk;

static void restart(void)
{
	live_be(&live, LIVE_ROOT);
	live_kill(&live);
	live_spawn(&live);
	live_be(&live, LIVE_FRONT);
	bulk.kills++;
}

static enum rc file(void *arg, size_t i, struct keyd_sgn_file *out, struct err *e)
{
	(void)arg;
	bulk.calls++;
	if (bulk.kill_by && i == bulk.kill_by)
		restart();
	if (bulk.sizes[i] == SIZE_MAX)
		return err_set(e, RC_REFUSED, "read", "it is gone", NULL, "file %zu", i);
	*out = (struct keyd_sgn_file){bulk.names[i], bytes_of(pool + i, bulk.sizes[i])};
	return RC_OK;
}

static void answered(void *arg, size_t i, struct bytes header, const struct err *e)
{
	uint8_t *copy = malloc(header.n + 1);

	(void)arg;
	bulk.answers[i]++;
	bulk.answered++;
	memcpy(copy, header.p ? header.p : copy, header.n);
	bulk.headers[i] = bytes_of(copy, header.n);
	if (header.n == 0)
		bulk.errors[i] = *e;
	if (bulk.kill_at && bulk.answered == bulk.kill_at)
		restart();
}

static int begin(void **state)
{
	(void)state;
	memset(&bulk, 0, sizeof bulk);
	bulk.n = FILES;
	for (size_t i = 0; i < FILES; i++) {
		snprintf(bulk.names[i], sizeof bulk.names[i], "%sSEP%012zX.cnf.xml",
			 i % 3 ? "" : "folder/", i);
		bulk.sizes[i] = i * 31 % 9000;
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < FILES; i++)
		free((void *)(uintptr_t)bulk.headers[i].p);
	return 0;
}

static enum rc run(const char *node, struct err *e)
{
	const struct keyd_sgn job = {.node = node,
				     .digest = ITL_SHA1,
				     .timestamp = NOW,
				     .n = bulk.n,
				     .file = file,
				     .answered = answered};
	struct keyd *k = client();
	enum rc rc;

	live_be(&live, LIVE_FRONT);
	rc = keyd_sgn(k, &job, e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return rc;
}

static X509 *signer(struct keyd_key **keys, size_t *n, const char *node)
{
	struct keyd *k = client();
	struct err e;

	assert_ok(keyd_keys(k, keys, n, &e), &e);
	keyd_free(k);
	return keyd_key_current(*keys, *n, UNIT_CALLMANAGER, node)->cert;
}

/* Each was answered once, with what a phone takes; but for those with an error. */
static void check(const char *node, size_t refused)
{
	struct keyd_key *keys = NULL;
	size_t nkeys = 0, bad = 0;
	X509 *cert = signer(&keys, &nkeys, node);

	for (size_t i = 0; i < bulk.n; i++) {
		struct bytes h = bulk.headers[i], content = bytes_of(pool + i, bulk.sizes[i]);
		const char *why;
		uint8_t *sgn;

		assert_int_equal(bulk.answers[i], 1);
		if (h.n == 0) {
			bad++;
			continue;
		}
		sgn = malloc(h.n + content.n + 1);
		memcpy(sgn, h.p, h.n);
		memcpy(sgn + h.n, content.p, content.n);
		why = phone_file_fault(bytes_of(sgn, h.n + content.n), bulk.names[i], content,
				       cert);
		if (why)
			fail_msg("%s %s", bulk.names[i], why);
		free(sgn);
	}
	assert_int_equal(bad, refused);
	keyd_keys_free(keys, nkeys);
}

static void many_files(void **state)
{
	static const size_t sizes[] = {0, 1, KEYD_INLINE_MAX, KEYD_INLINE_MAX + 1, 1 << 20,
				       KEYD_CONTENT_MAX, KEYD_CONTENT_MAX};
	struct err e = {0};

	(void)state;
	memcpy(bulk.sizes + 50, sizes, sizeof sizes);
	assert_ok(run("n1", &e), &e);
	check("n1", 0);
	assert_int_equal(bulk.calls, FILES);
}

static void another_nodes_key(void **state)
{
	struct err e = {0};

	(void)state;
	bulk.n = 10;
	assert_ok(run("n2", &e), &e);
	check("n2", 0);
}

static void no_files(void **state)
{
	struct err e = {0};

	(void)state;
	bulk.n = 0;
	assert_ok(run("n1", &e), &e);
}

/* One that is refused is no matter for the others. */
static void some_are_refused(void **state)
{
	static const char *const names[] = {"ITLFile.tlv", "../out", "/etc/passwd", "quo\"te",
					    "back\\slash", "new\nline", ""};
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		strcpy(bulk.names[3 * i], names[i]);
	bulk.sizes[100] = SIZE_MAX;
	bulk.sizes[101] = KEYD_CONTENT_MAX + 1;
	assert_ok(run("n1", &e), &e);
	check("n1", COUNT_OF(names) + 2);
	assert_string_equal(bulk.errors[100].why, "it is gone");
	assert_string_equal(bulk.errors[101].why, "is too large");
	assert_int_equal(bulk.errors[0].rc, RC_REFUSED);
}

/* Each answer says so. */
static void of_a_node_that_is_none(void **state)
{
	struct err e = {0};

	(void)state;
	assert_ok(run("n9", &e), &e);
	for (size_t i = 0; i < FILES; i++)
		assert_int_equal(bulk.errors[i].rc, RC_NOTFOUND);
}

/* kill -9, twice, with files in flight: what was not answered is sent again. */
static void keyd_ends_in_the_middle(void **state)
{
	struct err e = {0};

	(void)state;
	bulk.kill_at = 100;
	assert_ok(run("n1", &e), &e);
	check("n1", 0);
	assert_int_equal(bulk.kills, 1);
	assert_true(bulk.calls > FILES);
	assert_true(bulk.calls <= FILES + 64);
}

/* One of which keyd ends each time is not sent for ever. */
static void one_that_keyd_ends_of(void **state)
{
	struct err e = {0};

	(void)state;
	bulk.kill_by = 30;
	assert_int_equal(run("n1", &e), RC_STALE);
	assert_int_equal(bulk.kills, 4);
	for (size_t i = 0; i < FILES; i++)
		assert_true(bulk.answers[i] <= 1);
	assert_int_equal(bulk.answers[30], 0);
}

/* An administrator's own connection signs nothing. */
static void not_for_administrators(void **state)
{
	const struct keyd_sgn job = {.node = "n1", .digest = ITL_SHA1, .n = 3, .file = file,
				     .answered = answered};
	struct keyd *k = client();
	struct err e = {0};

	(void)state;
	bulk.n = 3;
	live_be(&live, LIVE_ADMIN);
	assert_ok(keyd_sgn(k, &job, &e), &e);
	live_be(&live, LIVE_ROOT);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(bulk.errors[i].rc, RC_REFUSED);
	keyd_free(k);
}

static int start(void **state)
{
	pool = malloc(KEYD_CONTENT_MAX + FILES + 1);
	for (size_t i = 0; i < KEYD_CONTENT_MAX + FILES + 1; i++)
		pool[i] = (uint8_t)(i * 2654435761u >> 13);
	return peer_start(state);
}

static int stop(void **state)
{
	free(pool);
	return peer_stop(state);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(many_files),
		T(another_nodes_key),
		T(no_files),
		T(some_are_refused),
		T(of_a_node_that_is_none),
		T(keyd_ends_in_the_middle),
		T(one_that_keyd_ends_of),
		T(not_for_administrators),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
