/* The one table of requests, with a service that has no token: what is refused
 * before one is asked, and what the log will say of it. */
#include "support/support.h"
#include "base/num.h"
#include "base/proc.h"
#include "keyd/intent.h"
#include "service.h"
#include "x509/x509.h"
#include <string.h>
#include <unistd.h>

#define ADMIN 5u

static struct service s;

static int start(void **state)
{
	struct err e;

	(void)state;
	memset(&s, 0, sizeof s);
	tickets_init(&s.tickets);
	proofs_init(&s.proofs);
	limit_init(&s.limit);
	assert_ok(requests_init(&s, &e), &e);
	(void)pthread_mutex_init(&s.state.lock, NULL);
	return 0;
}

/* What one asked, and what became of it. */
static enum rc handle(enum role role, uid_t uid, unsigned what,
		      const struct writer *body, struct note *note, struct err *e)
{
	static uint8_t out[4096];
	struct conn conn = {.role = role, .peer = {.uid = uid}};
	struct request q = {
		.service = &s,
		.conn = &conn,
		.what = (enum keyd_request)what,
		.in = reader_of(writer_bytes(body)),
		.fd = -1,
		.out = writer_of(out, sizeof out),
	};
	enum rc rc = request_handle(&q, e);

	*note = q.note;
	return rc;
}

static uint8_t body[8192];

static struct writer begin(const struct keyd_intent *intent, uid_t uid)
{
	struct writer w = writer_of(body, sizeof body);

	memset(body, 0, KEYD_TICKET_LEN);
	if (intent)
		tickets_issue(&s.tickets, uid, intent, proc_now(), body);
	w.n = KEYD_TICKET_LEN;
	return w;
}

/* ---- the log ---- */

/* Nothing that took a password: one entry, and no more. */
static void a_member_cannot_fill_the_log(void **state)
{
	static const struct {
		const char *name;
		unsigned what;
		size_t n; /* bytes of zeros */
		enum rc rc;
	} rows[] = {
		{"a ticket of zeros", KEYD_SEAL, KEYD_TICKET_LEN, RC_REFUSED},
		{"a malformed import", KEYD_IMPORT, 33, RC_USAGE},
		{"a malformed proof", KEYD_PROVE, 0, RC_USAGE},
		{"a malformed password", KEYD_PASSWORD, 3, RC_USAGE},
		{"a malformed question for a ticket", KEYD_TICKET, 1, RC_USAGE},
		{"what it may not ask", KEYD_ITL, 0, RC_REFUSED},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct writer w = writer_of(body, sizeof body);
		size_t written = 0;
		struct note note;
		struct err e;

		print_message("  %s\n", rows[i].name);
		(void)start(state);
		memset(body, 0, sizeof body);
		w.n = rows[i].n;
		for (int k = 0; k < 50; k++) {
			assert_int_equal(handle(ROLE_ADMIN, ADMIN, rows[i].what, &w,
						&note, &e), rows[i].rc);
			written += note.wanted;
		}
		assert_int_equal(written, 1);
		/* the next one, of another, tells how many there were */
		(void)!handle(ROLE_ADMIN, 0, rows[i].what, &w, &note, &e);
		assert_true(note.wanted);
		assert_non_null(strstr(note.detail, "left-out=49"));
	}
}

/* What tvs is refused is in it, once a minute: phones may make it ask. front's own
 * are all in it, and nobody's none. */
static void refusals_by_role(void **state)
{
	static const struct {
		enum role role;
		unsigned what;
		size_t written;
	} rows[] = {
		{ROLE_TVS, KEYD_ITL, 1},      {ROLE_TVS, KEYD_TICKET, 1},
		{ROLE_TVS, 4711, 1},          {ROLE_FRONT, KEYD_TLS_SIGN, 10},
		{ROLE_FRONT, 4711, 10},       {ROLE_ADMIN, 4711, 1},
		{ROLE_NONE, KEYD_TLS_SIGN, 0}, {ROLE_NONE, 4711, 0},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct writer w = writer_of(body, sizeof body);
		size_t written = 0;
		struct note note;
		struct err e;

		(void)start(state);
		for (int k = 0; k < 10; k++) {
			assert_int_not_equal(handle(rows[i].role, 7, rows[i].what, &w,
						    &note, &e), RC_OK);
			written += note.wanted;
			assert_true(note.event[0] != '\0');
		}
		assert_int_equal(written, rows[i].written);
	}
}

/* The same by way of front, in the name of the user at its door. */
static void nor_through_front(void **state)
{
	struct writer w = writer_of(body, sizeof body);
	size_t written = 0;
	struct note note;
	struct err e;

	(void)state;
	memset(body, 0, sizeof body);
	w.n = KEYD_TICKET_LEN;
	write_u32(&w, ADMIN);
	write_u8(&w, UNIT_CAPF);
	write_text(&w, "");
	for (int k = 0; k < 50; k++) {
		assert_int_equal(handle(ROLE_FRONT, 999, KEYD_GENERATE, &w, &note,
					&e), RC_REFUSED);
		assert_string_equal(e.op, "ticket");
		written += note.wanted;
	}
	assert_int_equal(written, 1);
}

/* A ticket that was issued, and a password that was tried, are always in it. */
static void the_rest_is_in_the_log(void **state)
{
	const struct keyd_intent other = keyd_intent_ctl(1);
	struct note note;
	struct err e;

	(void)state;
	for (int k = 0; k < 5; k++) {
		struct writer w = begin(&other, ADMIN);

		assert_int_equal(handle(ROLE_ADMIN, ADMIN, KEYD_SEAL, &w, &note, &e),
				 RC_REFUSED);
		assert_true(note.wanted);
		/* of another user: whose it was does not matter */
		w = begin(&other, ADMIN + 1);
		assert_int_equal(handle(ROLE_ADMIN, ADMIN, KEYD_SEAL, &w, &note, &e),
				 RC_REFUSED);
		assert_true(note.wanted);
	}
	s.state.passwords[PASSWORD_ADMIN].set = true;
	for (int k = 0; k < 2; k++) { /* the second waits for the next */
		struct writer w = writer_of(body, sizeof body);

		memset(body, 0, sizeof body);
		w.n = 1 + 32 + KEYD_DERIVED_LEN;
		assert_int_equal(handle(ROLE_ADMIN, ADMIN, KEYD_TICKET, &w, &note,
					&e), RC_REFUSED);
		assert_string_equal(e.why, "is wrong");
		assert_true(note.wanted);
	}
}

/* ---- one at a time ---- */

static struct writer import_body(void)
{
	const struct x509_subject subject = {.cn = "ITLRECOVERY_elsewhere"};
	struct writer w = begin(NULL, ADMIN);
	EVP_PKEY *key = EVP_RSA_gen(1024);
	unsigned char *der = NULL;
	X509 *cert = NULL;
	struct err e;
	int n;

	assert_ok(x509_self_sign(X509_RECOVERY, &subject, key, key, NULL, "SHA1",
				 1763900000, 5, &cert, &e), &e);
	n = i2d_X509(cert, &der);
	assert_true(n > 0);
	write_u8(&w, UNIT_ITLRECOVERY);
	write_text(&w, "");
	memset(body + w.n, 0, 1 + 48);
	w.n += 1 + 48;
	write_bytes32(&w, bytes_of(body, 16));
	write_bytes32(&w, bytes_of(der, (size_t)n));
	OPENSSL_free(der);
	X509_free(cert);
	EVP_PKEY_free(key);
	return w;
}

/* While another runs, for however long, the answer comes at once: nobody waits
 * until the watchdog ends keyd. */
static void another_runs(void **state)
{
	static const struct {
		enum role role;
		unsigned what;
		enum keyd_op op;
	} rows[] = {
		{ROLE_ADMIN, KEYD_SEAL, KEYD_OP_SEAL},
		{ROLE_ADMIN, KEYD_IMPORT, KEYD_OP_IMPORT},
		{ROLE_FRONT, KEYD_GENERATE, KEYD_OP_GENERATE},
		{ROLE_FRONT, KEYD_REMOVE, KEYD_OP_REMOVE},
	};

	(void)state;
	(void)pthread_mutex_lock(&s.generating);
	(void)alarm(20); /* a mutex that is waited for is never free */
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct keyd_intent intent = keyd_intent_generate(UNIT_CAPF, NULL);
		struct writer w = rows[i].what == KEYD_IMPORT ? import_body()
							      : begin(NULL, ADMIN);
		struct note note;
		struct err e;

		if (rows[i].what == KEYD_GENERATE) {
			write_u32(&w, ADMIN);
			write_u8(&w, UNIT_CAPF);
			write_text(&w, "");
		} else if (rows[i].what == KEYD_REMOVE) {
			write_u32(&w, ADMIN);
			write_text(&w, "CAPF/test10/1");
			intent = keyd_intent_remove("CAPF/test10/1");
		} else {
			intent = keyd_intent_body(
				rows[i].op, bytes_of(body + KEYD_TICKET_LEN,
						     w.n - KEYD_TICKET_LEN));
		}
		/* without a ticket nobody learns that it runs */
		assert_int_equal(handle(rows[i].role, ADMIN, rows[i].what, &w, &note,
					&e), RC_REFUSED);
		tickets_issue(&s.tickets, ADMIN, &intent, proc_now(), body);
		assert_int_equal(handle(rows[i].role, ADMIN, rows[i].what, &w, &note,
					&e), RC_BUSY);
		assert_non_null(strstr(e.hint, "wait"));
		assert_true(note.wanted);
		assert_false(request_is_fatal(&e));
	}
	(void)alarm(0);
	(void)pthread_mutex_unlock(&s.generating);
}

/* ---- being alone ---- */

static void *be_alone(void *arg)
{
	struct request q = {.service = &s};

	/* as request_handle() does */
	(void)pthread_rwlock_rdlock(&s.keys_used);
	request_alone_begin(&q);
	__atomic_store_n((bool *)arg, true, __ATOMIC_SEQ_CST);
	request_alone_end(&q);
	(void)pthread_rwlock_unlock(&s.keys_used);
	return NULL;
}

/* Who removes a key waits for those that may have it, and they do not come again
 * and again before it. */
static void a_removal_waits_for_others(void **state)
{
	bool alone = false;
	pthread_t thread;

	(void)state;
	(void)alarm(20);
	(void)pthread_rwlock_rdlock(&s.keys_used); /* a request is being handled */
	assert_int_equal(pthread_create(&thread, NULL, be_alone, &alone), 0);
	while (pthread_rwlock_tryrdlock(&s.keys_used) == 0) {
		(void)pthread_rwlock_unlock(&s.keys_used);
		(void)sched_yield();
	}
	assert_false(__atomic_load_n(&alone, __ATOMIC_SEQ_CST));
	(void)pthread_rwlock_unlock(&s.keys_used);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(alone);
	(void)alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_member_cannot_fill_the_log, start),
		cmocka_unit_test_setup(refusals_by_role, start),
		cmocka_unit_test_setup(nor_through_front, start),
		cmocka_unit_test_setup(the_rest_is_in_the_log, start),
		cmocka_unit_test_setup(another_runs, start),
		cmocka_unit_test_setup(a_removal_waits_for_others, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
