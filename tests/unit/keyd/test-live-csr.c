/* Requests for an authority's certificates, and those certificates, with a real keyd. */
#include "peer.h"
#include "base/file.h"
#include "base/num.h"
#include "itl/itl.h"
#include "support/ca.h"
#include <openssl/rsa.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct ca root, middle;

static void restart(void)
{
	live_kill(&live);
	live_keyd(&live);
}

static enum rc ask_csr(enum unit unit, const char *node, struct keyd_csr *out,
		       struct err *e)
{
	struct keyd_intent intent = keyd_intent_csr(unit, node);
	uint8_t ticket[KEYD_TICKET_LEN];
	struct keyd *k = client();
	enum rc rc;

	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	rc = keyd_csr(k, ticket, live_uid(&live, LIVE_ADMIN), unit, node, out, e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return rc;
}

static struct keyd_csr csr(enum unit unit, const char *node)
{
	struct keyd_csr r = {.made = 0};
	struct err e;

	assert_ok(ask_csr(unit, node, &r, &e), &e);
	assert_int_equal(X509_REQ_verify(r.req, X509_REQ_get0_pubkey(r.req)), 1);
	return r;
}

static enum rc show(enum unit unit, const char *node, struct keyd_csr *out, struct err *e)
{
	struct keyd *k = client();
	enum rc rc;

	live_be(&live, LIVE_FRONT);
	rc = keyd_csr_show(k, unit, node, out, e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return rc;
}

/* With a ticket for exactly that, unless another is given. */
static enum rc import_with(const struct keyd_intent *intent, enum unit unit,
			   const char *node, struct bytes der, struct keyd_key *out,
			   struct err *e)
{
	uint8_t ticket[KEYD_TICKET_LEN];
	struct keyd *k = client();
	enum rc rc;

	live_ticket(&live, LIVE_ADMIN, intent, ticket);
	live_be(&live, LIVE_FRONT);
	rc = keyd_cert_import(k, ticket, live_uid(&live, LIVE_ADMIN), unit, node, der,
			      out, e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	if (rc != RC_OK)
		print_message("  %s: %s; %s\n", e->what, e->why, e->hint);
	return rc;
}

static enum rc import(enum unit unit, const char *node, X509 *const *certs, size_t n,
		      struct keyd_key *out, struct err *e)
{
	struct bytes der = ca_chain(certs, n);
	struct keyd_intent intent = keyd_intent_cert_import(unit, node, der);
	enum rc rc = import_with(&intent, unit, node, der, out, e);

	free((void *)(uintptr_t)der.p);
	return rc;
}

static X509 *issued(const struct keyd_csr *r)
{
	return ca_issue(&middle, r->req, NULL, &(struct ca_whim){.serial_len = 20});
}

static unsigned current(enum unit unit, const char *node, X509 **cert)
{
	struct keyd *k = client();
	struct keyd_key *keys;
	unsigned generation = 0;
	struct err e;
	size_t n;

	assert_ok(keyd_keys(k, &keys, &n, &e), &e);
	for (size_t i = 0; i < n; i++)
		if (keys[i].label.unit == unit && keys[i].current &&
		    !strcmp(keys[i].label.node, node)) {
			generation = keys[i].label.generation;
			if (cert) {
				*cert = keys[i].cert;
				assert_true(X509_up_ref(*cert));
			}
		}
	keyd_keys_free(keys, n);
	keyd_free(k);
	return generation;
}

/* What the token has that is no key: how many of them wait. */
static size_t halves(size_t *waiting)
{
	struct keyd *k = client();
	struct keyd_half *all = NULL;
	struct err e;
	size_t n = 0;

	live_be(&live, LIVE_ADMIN);
	assert_ok(keyd_incomplete(k, &all, &n, &e), &e);
	live_be(&live, LIVE_ROOT);
	*waiting = 0;
	for (size_t i = 0; i < n; i++)
		*waiting += all[i].waits;
	free(all);
	keyd_free(k);
	return n;
}

static void expect_halves(size_t n, size_t waiting)
{
	size_t wait;

	assert_int_equal(halves(&wait), n);
	assert_int_equal(wait, waiting);
}

static void it_waits(void **state)
{
	struct keyd_csr r = csr(UNIT_CALLMANAGER, "n1"), again = {.made = 0}, other;
	struct keyd_passwords pw = live_passwords();
	struct keyd *k = client();
	struct err e;

	(void)state;
	assert_int_equal(r.label.generation, 2);
	assert_int_equal(current(UNIT_CALLMANAGER, "n1", NULL), 1);
	expect_halves(1, 1);
	assert_int_equal(show(UNIT_CALLMANAGER, "n2", &again, &e), RC_NOTFOUND);
	assert_int_equal(show(UNIT_TVS, "n1", &again, &e), RC_NOTFOUND);
	restart();
	expect_halves(1, 1);
	assert_ok(show(UNIT_CALLMANAGER, "n1", &again, &e), &e);
	assert_memory_equal(again.id, r.id, sizeof r.id);
	assert_int_equal(again.made, r.made);
	assert_int_equal(EVP_PKEY_eq(X509_REQ_get0_pubkey(again.req),
				     X509_REQ_get0_pubkey(r.req)), 1);
	X509_REQ_free(again.req);
	live_be(&live, LIVE_ADMIN);
	assert_int_equal(keyd_tidy(k, &pw, r.id, false, &e), RC_REFUSED);
	live_be(&live, LIVE_ROOT);
	assert_string_equal(e.why, "waits for its certificate");
	expect_halves(1, 1);
	/* another takes its place, and its pair is gone */
	other = csr(UNIT_CALLMANAGER, "n1");
	assert_memory_not_equal(other.id, r.id, sizeof r.id);
	assert_int_equal(other.label.generation, 3);
	expect_halves(1, 1);
	restart();
	expect_halves(1, 1);
	live_be(&live, LIVE_ADMIN);
	assert_int_equal(keyd_tidy(k, &pw, r.id, true, &e), RC_NOTFOUND);
	/* and is given up */
	assert_ok(keyd_tidy(k, &pw, other.id, true, &e), &e);
	live_be(&live, LIVE_ROOT);
	expect_halves(0, 0);
	assert_int_equal(show(UNIT_CALLMANAGER, "n1", &again, &e), RC_NOTFOUND);
	restart();
	expect_halves(0, 0);
	assert_int_equal(show(UNIT_CALLMANAGER, "n1", &again, &e), RC_NOTFOUND);
	X509_REQ_free(r.req);
	X509_REQ_free(other.req);
	keyd_free(k);
}

static void some_units_never(void **state)
{
	struct keyd_csr r;
	struct keyd_key key;
	struct err e;

	(void)state;
	for (enum unit u = UNIT_ITLRECOVERY; u <= UNIT_AUDIT; u++) {
		assert_int_equal(ask_csr(u, NULL, &r, &e), RC_REFUSED);
		assert_non_null(strstr(e.why, "no authority"));
		assert_int_equal(show(u, NULL, &r, &e), RC_REFUSED);
		assert_int_equal(import(u, NULL, &root.cert, 1, &key, &e), RC_REFUSED);
		assert_non_null(strstr(e.why, "no authority"));
	}
	assert_int_equal(ask_csr(UNIT_TVS, "n9", &r, &e), RC_NOTFOUND);
	expect_halves(0, 0);
}

static void only_with_its_ticket(void **state)
{
	struct keyd_csr r = csr(UNIT_TVS, "n2");
	X509 *certs[] = {issued(&r), middle.cert, root.cert};
	struct bytes der = ca_chain(certs, 3), less = ca_chain(certs, 2);
	const struct keyd_intent intents[] = {
		keyd_intent_generate(UNIT_TVS, "n2"), keyd_intent_csr(UNIT_TVS, "n2"),
		keyd_intent_cert_import(UNIT_TVS, "n2", less),
		keyd_intent_cert_import(UNIT_TVS, "n1", der),
		keyd_intent_cert_import(UNIT_CALLMANAGER, "n2", der),
	};
	uint8_t none[KEYD_TICKET_LEN] = {0};
	struct keyd *k = client();
	struct keyd_key key;
	struct keyd_csr other;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(intents); i++)
		assert_int_equal(import_with(&intents[i], UNIT_TVS, "n2", der, &key, &e),
				 RC_REFUSED);
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_csr(k, none, live_uid(&live, LIVE_ADMIN), UNIT_TVS, "n2",
				  &other, &e), RC_REFUSED);
	live_be(&live, LIVE_ROOT);
	assert_int_equal(current(UNIT_TVS, "n2", NULL), 1);
	assert_ok(import(UNIT_TVS, "n2", certs, 3, &key, &e), &e);
	assert_int_equal(key.label.generation, 2);
	X509_free(key.cert);
	/* it waits no more */
	assert_int_equal(import(UNIT_TVS, "n2", certs, 3, &key, &e), RC_NOTFOUND);
	X509_free(certs[0]);
	X509_REQ_free(r.req);
	free((void *)(uintptr_t)der.p);
	free((void *)(uintptr_t)less.p);
	keyd_free(k);
}

/* Which certificate n1's list is signed with; the whole list verifies. */
static bool signs_list(X509 *cert)
{
	struct itl *l = NULL;
	uint8_t *list;
	struct err e;
	bool is;
	size_t n;

	list = own_list("n1", &n);
	assert_ok(itl_parse(bytes_of(list, n), 0, &l, &e), &e);
	assert_ok(itl_verify_self(l, &e), &e);
	is = itl_signed_by(l, cert);
	itl_free(l);
	free(list);
	return is;
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *name;
		struct ca_whim whim;
		bool other;
		size_t n; /* of the chain: leaf, middle, root */
		enum rc rc;
		const char *why;
	} rows[] = {
		{"another key", {0}, true, 3, RC_REFUSED, "another key's"},
		{"no chain", {0}, false, 1, RC_VERIFY, "CN=Middle of tests"},
		{"no root", {0}, false, 2, RC_VERIFY, "CN=Root of tests"},
		{"expired", {.from = -100, .to = -10}, false, 3, RC_VERIFY, "has expired"},
		{"not yet", {.from = 1000, .to = 2000}, false, 3, RC_VERIFY, "not valid yet"},
		{"serial", {.serial_len = 64}, false, 3, RC_REFUSED, "no list could hold"},
		{"nameless", {.cn = ""}, false, 3, RC_REFUSED, "no list could hold"},
		{"usages", {.usage = "cRLSign"}, false, 3, RC_REFUSED, "key usage"},
	};
	struct keyd_csr r = csr(UNIT_CALLMANAGER, "n1");
	EVP_PKEY *other = EVP_RSA_gen(1024);
	X509 *certs[] = {NULL, middle.cert, root.cert}, *selfsigned = NULL;
	struct keyd_key key;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		certs[0] = ca_issue(&middle, r.req, rows[i].other ? other : NULL,
				    &rows[i].whim);
		print_message("%s\n", rows[i].name);
		e = (struct err){0};
		assert_int_equal(import(UNIT_CALLMANAGER, "n1", certs, rows[i].n, &key, &e),
				 rows[i].rc);
		assert_non_null(strstr(e.why, rows[i].why));
		X509_free(certs[0]);
	}
	/* the present one's own, self-signed; and the right one as another unit's */
	assert_int_equal(current(UNIT_CALLMANAGER, "n1", &selfsigned), 1);
	assert_int_equal(import(UNIT_CALLMANAGER, "n1", &selfsigned, 1, &key, &e),
			 RC_REFUSED);
	X509_free(selfsigned);
	certs[0] = issued(&r);
	assert_int_equal(import(UNIT_TVS, "n1", certs, 3, &key, &e), RC_NOTFOUND);
	assert_int_equal(current(UNIT_CALLMANAGER, "n1", NULL), 1);
	expect_halves(1, 1);
	/* none of it was in the way of the good one, in whatever order */
	X509 *const good[] = {certs[0], root.cert, middle.cert};

	assert_ok(import(UNIT_CALLMANAGER, "n1", good, 3, &key, &e), &e);
	assert_true(key.current);
	X509_free(key.cert);
	expect_halves(0, 0);
	assert_true(signs_list(certs[0]));
	restart();
	expect_halves(0, 0);
	assert_true(signs_list(certs[0]));
	X509_free(certs[0]);
	X509_REQ_free(r.req);
	EVP_PKEY_free(other);
}

static void a_newer_key_wins(void **state)
{
	struct keyd_csr r = csr(UNIT_CAPF, NULL), again;
	struct keyd_intent intent = keyd_intent_generate(UNIT_CAPF, NULL);
	uint8_t ticket[KEYD_TICKET_LEN];
	X509 *certs[] = {issued(&r), middle.cert, root.cert};
	struct keyd *k = client();
	struct keyd_key key;
	struct err e;

	(void)state;
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_generate(k, ticket, live_uid(&live, LIVE_ADMIN), UNIT_CAPF, NULL,
				&key, &e), &e);
	live_be(&live, LIVE_ROOT);
	X509_free(key.cert);
	assert_int_equal(import(UNIT_CAPF, NULL, certs, 3, &key, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "a newer key"));
	assert_int_equal(current(UNIT_CAPF, "lab", NULL), 3);
	X509_free(certs[0]);
	again = csr(UNIT_CAPF, NULL);
	certs[0] = issued(&again);
	assert_ok(import(UNIT_CAPF, NULL, certs, 3, &key, &e), &e);
	assert_int_equal(current(UNIT_CAPF, "lab", NULL), 4);
	X509_free(key.cert);
	X509_free(certs[0]);
	X509_REQ_free(r.req);
	X509_REQ_free(again.req);
	keyd_free(k);
}

/* A file of no use is left, and stops nothing. */
static void what_else_lies_there(void **state)
{
	char path[300];
	struct keyd_csr r;
	struct err e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof path, "%s/state/keyd/csr/%s", live.dir,
			       i ? "TVS.n1" : "notes");
		assert_ok(file_replace(path, bytes_of_text("nothing of keyd's"), 0644, &e),
			  &e);
	}
	restart();
	assert_int_equal(show(UNIT_TVS, "n1", &r, &e), RC_NOTFOUND);
	r = csr(UNIT_TVS, "n1"); /* in its place */
	X509_REQ_free(r.req);
	restart();
	expect_halves(1, 1);
}

/* ---- kills ---- */

/* A request and its import, by a process of its own, as often as it lives. */
static pid_t begin_work(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	while (pid == 0) {
		struct keyd_intent intent = keyd_intent_csr(UNIT_TVS, "n1");
		uint8_t ticket[KEYD_TICKET_LEN];
		struct keyd *k = client();
		struct keyd_csr r;
		struct keyd_key key;
		struct err e;

		live_ticket(&live, LIVE_ADMIN, &intent, ticket);
		live_be(&live, LIVE_FRONT);
		if (keyd_csr(k, ticket, live_uid(&live, LIVE_ADMIN), UNIT_TVS, "n1", &r,
			     &e) != RC_OK)
			_exit(0);
		X509 *certs[] = {issued(&r), middle.cert, root.cert};

		if (import(UNIT_TVS, "n1", certs, 3, &key, &e) != RC_OK)
			_exit(0);
	}
	return pid;
}

/* At most one pair waits; it has its request; the current key is there; and what is
 * garbage can be told. */
static void kills(void **state)
{
	uint64_t seed = support_seed();
	size_t rounds = support_rounds(100), waited = 0, garbage = 0;
	unsigned last = current(UNIT_TVS, "n1", NULL);

	(void)state;
	for (size_t i = 0; i < rounds; i++) {
		pid_t pid = begin_work();
		struct keyd_csr r = {.made = 0};
		size_t wait, n;
		unsigned now;
		struct err e;

		(void)poll(NULL, 0, 100 + num_int(support_random(&seed) % 900));
		live_kill(&live);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		live_keyd(&live);
		now = current(UNIT_TVS, "n1", NULL);
		assert_true(now >= last);
		last = now;
		n = halves(&wait);
		assert_true(wait <= 1);
		assert_int_equal(show(UNIT_TVS, "n1", &r, &e), wait ? RC_OK : RC_NOTFOUND);
		waited += wait;
		garbage += n - wait;
		X509_REQ_free(r.req);
	}
	print_message("%zu kills: %zu waited, %zu halves, generation %u\n", rounds, waited,
		      garbage, last);
}

static int start(void **state)
{
	root = ca_new("Root of tests", NULL);
	middle = ca_new("Middle of tests", &root);
	return peer_start(state);
}

static int stop(void **state)
{
	ca_clear(&root);
	ca_clear(&middle);
	return peer_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_waits),
		cmocka_unit_test(some_units_never),
		cmocka_unit_test(only_with_its_ticket),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_newer_key_wins),
		cmocka_unit_test(what_else_lies_there),
		cmocka_unit_test(kills),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
