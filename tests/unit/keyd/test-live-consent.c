/* The recovery key's way out and back: who may ask for it. The two passwords, the
 * tickets, and frames that the client would not send. */
#include "recovery.h"
#include "base/num.h"
#include "keyd/intent.h"
#include <string.h>

static struct keyd_passwords pw;

static int start(void **state)
{
	(void)peer_start(state);
	pw = live_passwords();
	return 0;
}

/* ---- the security password ---- */

static void before_it_is_set(void **state)
{
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	char route[KEYD_ROUTE_MAX];
	struct keyd_key key;
	struct keyd_status s = status();
	struct err e;

	(void)state;
	assert_int_equal(s.security, 0);
	assert_int_equal(s.security_set, 0);
	wrapping_begin(&w);
	assert_int_equal(admin_export(&pw, &w, &key, route, &e), RC_REFUSED);
	assert_string_equal(e.why, "none was set yet");
	assert_int_equal(w.n, 0);
	live_security(&live);
	s = status();
	assert_int_equal(s.security, 1);
	assert_true(s.security_set > (int64_t)NOW);
	assert_false(s.sealed);
}

/* RC_OK if this is the security password: an export needs it. */
static enum rc export_with(const struct secret *security, struct err *e)
{
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	const struct keyd_passwords p = {pw.admin, security};
	char route[KEYD_ROUTE_MAX];
	struct keyd_key key = {0};
	enum rc rc;

	wrapping_begin(&w);
	rc = admin_export(&p, &w, &key, route, e);
	assert_true((rc == RC_OK) == (w.n > 0));
	X509_free(key.cert);
	return rc;
}

static void it_is_checked(void **state)
{
	struct secret *wrong = softhsm_secret("battery stapler");
	struct err e;

	(void)state;
	assert_int_equal(export_with(wrong, &e), RC_REFUSED);
	assert_string_equal(e.why, "is wrong");
	assert_ok(export_with(pw.security, &e), &e);
	/* the administrator's is another */
	assert_int_equal(export_with(pw.admin, &e), RC_REFUSED);
	assert_string_equal(e.why, "is wrong");
	secret_free(wrong);
	live_kill(&live); /* forgets who must wait */
	live_keyd(&live);
}

/* Who knows the administrator password cannot use it to guess faster. */
static void a_wrong_one_waits(void **state)
{
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	struct secret *wrong = softhsm_secret("battery stapler");
	struct keyd_passwords guess = {pw.admin, wrong};
	char route[KEYD_ROUTE_MAX], label[LABEL_MAX];
	struct keyd_key key;
	uint8_t claim[KEYD_CLAIM_LEN] = {0};
	struct file f;
	struct err e;

	(void)state;
	file_make(&f, 1024);
	wrapping_begin(&w);
	assert_int_equal(admin_export(&guess, &w, &key, route, &e), RC_REFUSED);
	assert_string_equal(e.why, "is wrong");
	assert_int_equal(w.n, 0);
	/* between, the ticket was asked for with the right password */
	for (int i = 0; i < 8; i++) {
		if (i % 2)
			assert_int_equal(admin_prove(&guess, &f.w, f.cert, claim,
						     label, &e),
					 RC_REFUSED);
		else
			assert_int_equal(admin_export(&guess, &w, &key, route, &e),
					 RC_REFUSED);
		if (strstr(e.why, "wait"))
			break;
	}
	assert_non_null(strstr(e.why, "wait"));
	secret_free(wrong);
	file_clear(&f);
	live_kill(&live);
	live_keyd(&live);
}

static enum rc set_security(enum live_who who, const struct secret *admin,
			    const struct secret *old, const struct secret *next,
			    struct err *e)
{
	struct keyd_passwords p = {admin, old};
	struct keyd *k = client();
	enum rc rc;

	live_be(&live, who);
	rc = keyd_security_set(k, &p, next, e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return rc;
}

static void it_changes(void **state)
{
	struct secret *next = softhsm_secret("new staple");
	struct keyd_status s;
	struct err e;

	(void)state;
	/* a member needs the old one */
	assert_int_equal(set_security(LIVE_ADMIN, pw.admin, NULL, next, &e),
			 RC_REFUSED);
	assert_non_null(strstr(e.why, "only root"));
	assert_int_equal(set_security(LIVE_ADMIN, pw.admin, next, next, &e),
			 RC_REFUSED);
	assert_int_equal(status().security, 1);
	assert_ok(set_security(LIVE_ADMIN, pw.admin, pw.security, next, &e), &e);
	assert_int_equal(status().security, 2);
	assert_ok(export_with(next, &e), &e);
	assert_int_equal(export_with(pw.security, &e), RC_REFUSED);
	/* root does not; but the ticket, and for that the other password */
	assert_int_equal(set_security(LIVE_ROOT, next, NULL, pw.security, &e),
			 RC_REFUSED);
	assert_ok(set_security(LIVE_ROOT, pw.admin, NULL, pw.security, &e), &e);
	s = status();
	assert_int_equal(s.security, 3);
	live_kill(&live);
	live_keyd(&live);
	assert_int_equal(status().security, 3);
	assert_int_equal(status().security_set, s.security_set);
	assert_ok(export_with(pw.security, &e), &e);
	secret_free(next);
}

/* ---- what is done all the same ---- */

/* The password, and then just this text in the log. */
static void an_override(void **state)
{
	const char *text = "op=cluster-policy config=00 verdict=locked";
	struct secret *wrong = softhsm_secret("battery stapler");
	char whole[KEYD_OVERRIDE_MAX + 1];
	struct keyd *k = client();
	struct err e;

	(void)state;
	memset(whole, 'x', sizeof whole - 1);
	whole[sizeof whole - 1] = '\0';
	live_be(&live, LIVE_ADMIN);
	assert_int_equal(keyd_override(k, wrong, "op=never", &e), RC_REFUSED);
	assert_int_equal(keyd_override(k, pw.admin, whole, &e), RC_USAGE);
	assert_ok(keyd_override(k, pw.admin, text, &e), &e);
	keyd_free(k);
	live_be(&live, LIVE_ROOT);
	assert_int_equal(times_in_log(text), 1);
	assert_int_equal(times_in_log("\"event\":\"override\""), 2); /* one malformed */
	assert_int_equal(times_in_log("op=never"), 0);
	secret_free(wrong);
}

/* front's: with a ticket for just this text, once. */
static void an_override_by_front(void **state)
{
	const char *text = "op=tftp-restart node=n1 overrode=\"locked\"",
		   *other = "op=tftp-restart node=n2 overrode=\"locked\"";
	struct keyd_intent intent = keyd_intent_override(text),
			   wrong_op = keyd_intent_generate(UNIT_TVS, "n1");
	uid_t uid = live_uid(&live, LIVE_ADMIN);
	uint8_t ticket[KEYD_TICKET_LEN] = {0};
	char whole[KEYD_OVERRIDE_MAX + 1];
	struct keyd *k = client();
	struct err e;

	(void)state;
	memset(whole, 'x', sizeof whole - 1);
	whole[sizeof whole - 1] = '\0';
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_use_override(k, ticket, uid, text, &e), RC_REFUSED);
	assert_int_equal(keyd_use_override(k, ticket, uid, whole, &e), RC_USAGE);
	live_ticket(&live, LIVE_ADMIN, &wrong_op, ticket);
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_use_override(k, ticket, uid, text, &e), RC_REFUSED);
	/* another node's; and then it is used up */
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_use_override(k, ticket, uid, other, &e), RC_REFUSED);
	assert_int_equal(keyd_use_override(k, ticket, uid, text, &e), RC_REFUSED);
	/* another user's */
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_use_override(k, ticket, uid + 1, text, &e), RC_REFUSED);
	live_be(&live, LIVE_ROOT);
	assert_int_equal(times_in_log("op=tftp-restart"), 0);

	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_use_override(k, ticket, uid, text, &e), &e);
	assert_int_equal(keyd_use_override(k, ticket, uid, text, &e), RC_REFUSED);
	live_be(&live, LIVE_ROOT);
	assert_int_equal(times_in_log("op=tftp-restart node=n1 overrode="), 1);
	keyd_free(k);
}

/* ---- frames that the client would not send ---- */

static const struct {
	unsigned what;
	enum keyd_op op;
} consented[] = {
	{KEYD_EXPORT, KEYD_OP_EXPORT}, {KEYD_PROVE, KEYD_OP_PROVE},
	{KEYD_IMPORT, KEYD_OP_IMPORT}, {KEYD_SEAL, KEYD_OP_SEAL},
	{KEYD_SECURITY, KEYD_OP_SECURITY}, {KEYD_OVERRIDE, KEYD_OP_OVERRIDE},
};

/* Send what is in f with a ticket that `owner` got for `op` and the body `meant`. */
static enum rc ask_with(enum live_who who, enum live_who owner, enum keyd_op op,
			struct bytes meant, struct frame *f, struct err *e)
{
	struct keyd_intent intent = keyd_intent_body(op, meant);

	live_ticket(&live, owner, &intent, f->bytes + KEYD_HEADER_LEN);
	return ask_frame(who, f, e);
}

static void tickets_are_bound(void **state)
{
	uint8_t zero[KEYD_TICKET_LEN] = {0}, meant[KEYD_SECRET_MAX];
	struct file f;
	struct err e;

	(void)state;
	file_make(&f, 1024);
	for (size_t i = 0; i < COUNT_OF(consented); i++) {
		struct frame *q = frame_of(consented[i].what);
		size_t n;

		write_bytes(&q->w, bytes_of(zero, sizeof zero));
		write_body(&q->w, consented[i].what, &f);
		n = q->w.n - BODY;
		memcpy(meant, q->bytes + BODY, n);
		/* none */
		assert_int_equal(ask_frame(LIVE_ADMIN, q, &e), RC_REFUSED);
		assert_string_equal(e.op, "ticket");
		/* another user's: the kernel says who asks */
		assert_int_equal(ask_with(LIVE_ROOT, LIVE_ADMIN, consented[i].op,
					  bytes_of(meant, n), q, &e), RC_REFUSED);
		assert_string_equal(e.op, "ticket");
		/* for another operation */
		assert_int_equal(ask_with(LIVE_ADMIN, LIVE_ADMIN, KEYD_OP_CTL,
					  bytes_of(meant, n), q, &e), RC_REFUSED);
		assert_string_equal(e.op, "ticket");
		/* for other parameters */
		if (n > 0) {
			meant[n / 2] ^= 1;
			assert_int_equal(ask_with(LIVE_ADMIN, LIVE_ADMIN,
						  consented[i].op,
						  bytes_of(meant, n), q, &e),
					 RC_REFUSED);
			assert_string_equal(e.op, "ticket");
		}
	}
	file_clear(&f);
}

/* A good one goes through once. */
static void tickets_are_good_once(void **state)
{
	struct frame *q = frame_of(KEYD_PROVE);
	struct file f;
	struct err e;

	(void)state;
	file_make(&f, 1024);
	write_bytes(&q->w, bytes_of((uint8_t[KEYD_TICKET_LEN]){0}, KEYD_TICKET_LEN));
	write_body(&q->w, KEYD_PROVE, &f);
	assert_int_equal(ask_with(LIVE_ADMIN, LIVE_ADMIN, KEYD_OP_PROVE,
				  bytes_of(q->bytes + BODY, q->w.n - BODY), q, &e),
			 RC_OK);
	assert_int_equal(ask_frame(LIVE_ADMIN, q, &e), RC_REFUSED);
	assert_string_equal(e.op, "ticket");
	file_clear(&f);
}

static void malformed_frames(void **state)
{
	static uint8_t whole[KEYD_FRAME_MAX];
	struct reader r;
	struct file f;
	struct err e;

	(void)state;
	file_make(&f, 1024);
	for (size_t i = 0; i < COUNT_OF(consented); i++) {
		struct frame *q = frame_of(consented[i].what);
		size_t n;

		write_bytes(&q->w, bytes_of(whole, KEYD_TICKET_LEN));
		write_body(&q->w, consented[i].what, &f);
		n = q->w.n;
		for (size_t cut = KEYD_HEADER_LEN; cut < n; cut++)
			assert_int_equal(ask(LIVE_ADMIN, bytes_of(q->bytes, cut), -1,
					     &r, &e), RC_USAGE);
		q->bytes[n] = 0;
		assert_int_equal(ask(LIVE_ADMIN, bytes_of(q->bytes, n + 1), -1, &r,
				     &e), RC_USAGE);
		memset(q->bytes + n, 0, KEYD_SECRET_MAX);
		assert_int_equal(ask(LIVE_ADMIN, bytes_of(q->bytes, KEYD_SECRET_MAX + 1),
				     -1, &r, &e), RC_USAGE);
		assert_non_null(strstr(e.why, "too long"));
	}
	/* more wrapped bytes, or a longer certificate, than there may be */
	for (int cert = 0; cert < 2; cert++) {
		struct frame *q = frame_of(KEYD_IMPORT);

		write_bytes(&q->w, bytes_of(whole, KEYD_TICKET_LEN));
		write_u8(&q->w, UNIT_ITLRECOVERY);
		write_text(&q->w, "");
		write_bytes(&q->w, bytes_of(whole, 1 + 48));
		write_bytes32(&q->w, bytes_of(whole, cert ? 16 : WRAPPED_MAX + 1));
		write_bytes32(&q->w, bytes_of(whole, cert ? KEYD_CERT_MAX + 1 : 16));
		assert_int_equal(ask_frame(LIVE_ADMIN, q, &e), RC_USAGE);
	}
	/* short ones that need no ticket */
	for (size_t n = 0; n < 38; n++) {
		struct frame *q = frame_of(KEYD_PROOF);

		write_bytes(&q->w, bytes_of(whole, n));
		assert_int_equal(ask_frame(LIVE_FRONT, q, &e),
				 n == 36 ? RC_NOTFOUND : RC_USAGE);
	}
	file_clear(&f);
}

/* Bytes in the place of the certificate: with a good ticket, and refused. */
static void certificates_that_are_none(void **state)
{
	struct file f;
	struct err e;
	unsigned keys = status().keys;
	unsigned char *der = NULL;

	(void)state;
	file_make(&f, 1024);
	size_t n = num_size(i2d_X509(f.cert, &der));

	for (int row = 0; row < 4; row++) {
		struct frame *q = frame_of(KEYD_IMPORT);
		uint8_t bad[4096];
		size_t len = n;

		memcpy(bad, der, n);
		if (row == 0)
			len = 0;
		else if (row == 1)
			len = n - 1;
		else if (row == 2)
			bad[len++] = 0;
		else
			bad[n - 1] ^= 1; /* its signature */
		write_bytes(&q->w, bytes_of((uint8_t[32]){0}, KEYD_TICKET_LEN));
		write_u8(&q->w, UNIT_ITLRECOVERY);
		write_text(&q->w, "");
		write_u8(&q->w, 1);
		write_bytes(&q->w, bytes_of(f.w.kek->p, 32));
		write_bytes(&q->w, bytes_of(f.w.iv, sizeof f.w.iv));
		write_bytes32(&q->w, wrapped_bytes(&f.w));
		write_bytes32(&q->w, bytes_of(bad, len));
		assert_int_equal(ask_with(LIVE_ADMIN, LIVE_ADMIN, KEYD_OP_IMPORT,
					  bytes_of(q->bytes + BODY, q->w.n - BODY), q,
					  &e), RC_REFUSED);
		assert_string_equal(e.op, "certificate");
	}
	assert_int_equal(status().keys, keys);
	OPENSSL_free(der);
	file_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_it_is_set),
		cmocka_unit_test(it_is_checked),
		cmocka_unit_test(a_wrong_one_waits),
		cmocka_unit_test(it_changes),
		cmocka_unit_test(an_override),
		cmocka_unit_test(an_override_by_front),
		cmocka_unit_test(tickets_are_bound),
		cmocka_unit_test(tickets_are_good_once),
		cmocka_unit_test(malformed_frames),
		cmocka_unit_test(certificates_that_are_none),
	};

	return cmocka_run_group_tests(tests, start, peer_stop);
}
