/* The trust file's signature: what an administrator's ticket must name, and what keyd
 * refuses all the same. */
#include "recovery.h"
#include "base/num.h"
#include "itl/trust.h"
#include "x509/x509.h"
#include <openssl/rsa.h>
#include <string.h>
#include <time.h>

static EVP_PKEY *key;
static X509 *callmanager, *recovery, *expired, *ec, *audit, *own;

static X509 *certificate(enum x509_profile profile, const char *cn, EVP_PKEY *with,
			 int64_t from)
{
	struct x509_subject subject = {.cn = cn, .o = "old"};
	X509 *x = NULL;
	struct err e;

	assert_ok(x509_self_sign(profile, &subject, with, with, NULL, "SHA256", from, 5, &x,
				 &e), &e);
	return x;
}

static X509 *certificate_of(enum unit unit)
{
	struct keyd *k = client();
	struct keyd_key *keys = NULL;
	X509 *x;
	struct err e;
	size_t n = 0;

	assert_ok(keyd_keys(k, &keys, &n, &e), &e);
	x = X509_dup(keyd_key_current(keys, n, unit, NULL)->cert);
	keyd_keys_free(keys, n);
	keyd_free(k);
	return x;
}

static int start(void **state)
{
	EVP_PKEY *point = EVP_EC_gen("P-256");

	(void)peer_start(state);
	key = EVP_RSA_gen(2048);
	callmanager = certificate(X509_CALLMANAGER, "cm.old.example", key, NOW);
	recovery = certificate(X509_RECOVERY, "ITLRECOVERY_old.example", key, NOW);
	expired = certificate(X509_CALLMANAGER, "older.example", key, 1000000000);
	ec = certificate(X509_TVS, "app.old.example", point, NOW);
	EVP_PKEY_free(point);
	audit = certificate_of(UNIT_AUDIT);
	own = certificate_of(UNIT_ITLRECOVERY);
	return 0;
}

static int stop(void **state)
{
	EVP_PKEY_free(key);
	X509_free(callmanager);
	X509_free(recovery);
	X509_free(expired);
	X509_free(ec);
	X509_free(audit);
	X509_free(own);
	return peer_stop(state);
}

static const uint32_t sast = TRUST_ROLE(ITL_SAST);
static const uint32_t both = TRUST_ROLE(ITL_SAST) | TRUST_ROLE(ITL_CCM_TFTP);

#define MOST (TRUST_MAX_ENTRIES + 1)

/* As the client's, of certificates; wire_free() it. */
struct wire {
	struct keyd_trust t;
	struct keyd_trust_entry entries[MOST];
};

static void wire_of(const struct trust_entry *entries, size_t n, struct wire *w)
{
	w->t = (struct keyd_trust){NOW, "add=2", w->entries, n};
	for (size_t i = 0; i < n; i++) {
		uint8_t *der = NULL;
		int length = i2d_X509(entries[i].cert, &der);

		w->entries[i] = (struct keyd_trust_entry){
			bytes_of(der, num_size(length)), entries[i].roles, entries[i].ttl};
	}
}

static void wire_free(struct wire *w)
{
	for (size_t i = 0; i < w->t.n; i++)
		OPENSSL_free((void *)(uintptr_t)w->entries[i].cert.p);
}

/* With a ticket for `meant`; *file is the trust file, free() it. */
static enum rc sign_with(const struct keyd_trust *meant, const struct wire *w,
			 const struct trust_entry *entries, struct bytes *file,
			 struct err *e)
{
	struct keyd_intent intent = keyd_intent_trust(meant);
	uint8_t ticket[KEYD_TICKET_LEN];
	struct keyd *k = client();
	struct keyd_key by = {0};
	struct keyd_signature s = {.n = 0};
	uint8_t *out = NULL;
	size_t n = 0;
	enum rc rc;

	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	rc = keyd_trust(k, ticket, live_uid(&live, LIVE_ADMIN), &w->t, &by, &s, e);
	if (rc == RC_OK) { /* the ticket is used */
		struct err again;

		assert_int_equal(keyd_trust(k, ticket, live_uid(&live, LIVE_ADMIN), &w->t,
					    &by, &s, &again), RC_REFUSED);
	}
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	if (rc == RC_OK) {
		struct bytes signature = bytes_of(s.p, s.n);
		struct itl_signer with = trust_signer_of(&signature);

		assert_int_equal(by.label.unit, UNIT_AUDIT);
		assert_true(by.current);
		assert_int_equal(X509_cmp(by.cert, audit), 0);
		assert_ok(trust_build(entries, w->t.n, by.cert, w->t.timestamp, &with,
				      &out, &n, e), e);
		*file = bytes_of(out, n);
	}
	X509_free(by.cert);
	return rc;
}

static enum rc sign(const struct trust_entry *entries, size_t n, struct bytes *file,
		    struct err *e)
{
	struct wire w;
	enum rc rc;

	wire_of(entries, n, &w);
	rc = sign_with(&w.t, &w, entries, file, e);
	wire_free(&w);
	return rc;
}

static void signed_and_noted(void **state)
{
	const struct trust_entry entries[] = {
		{callmanager, both, TRUST_TTL},
		{recovery, sast, 3600},
		{ec, TRUST_ROLE(ITL_APP_SERVER), 60},
		{expired, both, TRUST_TTL},
	};
	struct bytes file = {NULL, 0};
	struct trust *t = NULL;
	char *log;
	struct err e;

	(void)state;
	for (size_t n = 0; n <= COUNT_OF(entries); n += 2) {
		assert_ok(sign(entries, n, &file, &e), &e);
		assert_ok(trust_read(file, audit, &t, &e), &e);
		assert_int_equal(t->n, n);
		assert_int_equal(t->timestamp, NOW);
		/* No text of the audit log's, nor a certificate, begins so. */
		assert_memory_equal(file.p, "\1\0\2", 3);
		trust_free(t);
		free((void *)(uintptr_t)file.p);
	}
	/* Once signed; and once refused, for the ticket was used. */
	assert_int_equal(times_in_log("certificates=0 add=2 "), 2);
	assert_int_equal(times_in_log("certificates=4 add=2 "), 1); /* one refusal a minute */
	assert_int_equal(times_in_log("expired=1"), 1);
	log = audit_log();
	assert_non_null(strstr(log, "\"event\":\"trust\",\"key\":\"Audit/lab/1\",\"digest\":\""));
	free(log);
}

/* What may go together is signed. */
/* An older set is signed no more, whoever has a ticket for it; keyd tells which is the
 * newest, also after a restart. */
static void never_back(void **state)
{
	struct bytes file = {NULL, 0};
	struct keyd_status s;
	struct keyd *k;
	struct wire w;
	struct err e;

	(void)state;
	wire_of(NULL, 0, &w);
	w.t.timestamp = NOW + 100;
	assert_ok(sign_with(&w.t, &w, NULL, &file, &e), &e);
	free((void *)(uintptr_t)file.p);
	live_kill(&live);
	live_keyd(&live);
	k = client();
	assert_ok(keyd_status(k, &s, &e), &e);
	keyd_free(k);
	assert_int_equal(s.trust, NOW + 100);
	w.t.timestamp = NOW + 99;
	assert_int_equal(sign_with(&w.t, &w, NULL, &file, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "newer"));
	w.t.timestamp = NOW + 100;
	assert_ok(sign_with(&w.t, &w, NULL, &file, &e), &e);
	free((void *)(uintptr_t)file.p);
}

/* What is signed for a time that has not come would be the newest until then. */
static void not_yet(void **state)
{
	const uint32_t now = (uint32_t)time(NULL);
	const struct {
		uint32_t at;
		enum rc rc;
	} rows[] = {{now + 30, RC_OK}, {now + 600, RC_REFUSED}, {UINT32_MAX, RC_REFUSED}};
	struct bytes file = {NULL, 0};
	struct wire w;
	struct err e;

	(void)state;
	wire_of(NULL, 0, &w);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		w.t.timestamp = rows[i].at;
		assert_int_equal(sign_with(&w.t, &w, NULL, &file, &e), rows[i].rc);
		free((void *)(uintptr_t)file.p);
		file = (struct bytes){NULL, 0};
	}
}

static void the_most(void **state)
{
	static struct trust_entry entries[MOST];
	struct bytes file = {NULL, 0};
	size_t n = 0, total = 0;
	struct err e;

	(void)state;
	for (;; n++) {
		X509 *x = X509_dup(callmanager);

		assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 100 + (long)n), 1);
		assert_true(X509_sign(x, key, EVP_sha256()) > 0);
		total += num_size(i2d_X509(x, NULL));
		entries[n] = (struct trust_entry){x, TRUST_ROLES, TRUST_TTL_MAX};
		if (total > TRUST_MAX_CERTS)
			break;
	}
	assert_ok(sign(entries, n, &file, &e), &e);
	assert_true(file.n > SOCK_MESSAGE_MAX); /* an answer could not hold it */
	free((void *)(uintptr_t)file.p);
	assert_int_equal(sign(entries, n + 1, &file, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "too large together"));
	for (size_t i = 0; i <= n; i++)
		X509_free(entries[i].cert);
}

static void only_what_the_ticket_names(void **state)
{
	const struct trust_entry entries[] = {{callmanager, both, TRUST_TTL},
					      {recovery, sast, TRUST_TTL}};
	struct bytes file;
	struct wire w;
	struct err e;

	(void)state;
	wire_of(entries, 2, &w);
	for (int i = 0; i < 7; i++) {
		struct keyd_trust_entry other[] = {w.entries[0], w.entries[1]};
		struct keyd_trust meant = {w.t.timestamp + (i == 0),
					   i == 1 ? "add=1" : w.t.change, other,
					   i == 2 ? 1 : 2};

		other[0].roles |= i == 3 ? TRUST_ROLE(ITL_TVS) : 0;
		other[1].ttl += i == 4;
		if (i == 5)
			other[1].cert = other[0].cert;
		if (i == 6) {
			other[0] = w.entries[1];
			other[1] = w.entries[0];
		}
		assert_int_equal(sign_with(&meant, &w, entries, &file, &e), RC_REFUSED);
	}
	wire_free(&w);
}

static void refused(void **state)
{
	const struct trust_entry rows[] = {
		{own, sast, TRUST_TTL},
		{audit, sast, TRUST_TTL},
		{ec, sast, TRUST_TTL},
		{callmanager, 0, TRUST_TTL},
		{callmanager, 1u << 9, TRUST_TTL},
		{callmanager, sast, TRUST_TTL_MIN - 1},
		{callmanager, sast, UINT32_MAX},
	};
	static const char *const why[] = {
		"this cluster's own", "this cluster's own", "RSA keys", "no role",
		"no role", "time to live", "time to live",
	};
	struct trust_entry twice[] = {{callmanager, sast, 60}, {callmanager, both, 60}};
	struct bytes file;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(sign(&rows[i], 1, &file, &e), RC_REFUSED);
		if (!strstr(e.why, why[i]))
			fail_msg("\"%s\" instead of \"%s\"", e.why, why[i]);
	}
	assert_int_equal(sign(twice, 2, &file, &e), RC_REFUSED);
	assert_string_equal(e.why, "the certificate is there twice");
}

/* One with the issuer and serial number of the token's own, of somebody else's key. */
static void a_double_of_an_own_one(void **state)
{
	X509 *x = X509_dup(own);
	const struct trust_entry entry = {x, sast, TRUST_TTL};
	struct bytes file;
	struct err e;

	(void)state;
	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	assert_int_equal(sign(&entry, 1, &file, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "issuer and serial number"));
	assert_string_equal(e.what, "ITLRecovery/lab/1");
	X509_free(x);
}

/* ---- frames that the client would not make ---- */

static struct frame *begun(uint32_t count)
{
	struct frame *f = frame_of(KEYD_TRUST);
	static const uint8_t ticket[KEYD_TICKET_LEN];

	write_bytes(&f->w, bytes_of(ticket, sizeof ticket));
	write_u32(&f->w, live_uid(&live, LIVE_ADMIN));
	write_u32(&f->w, NOW);
	write_text(&f->w, "add=1");
	write_u32(&f->w, count);
	return f;
}

static void add(struct frame *f, struct bytes der)
{
	write_u32(&f->w, sast);
	write_u32(&f->w, 60);
	write_bytes32(&f->w, der);
}

static void odd_frames(void **state)
{
	const struct trust_entry entry = {callmanager, sast, 60};
	struct wire w;
	struct frame *f;
	struct reader r;
	struct err e;
	size_t whole;

	(void)state;
	wire_of(&entry, 1, &w);
	struct bytes der = w.entries[0].cert;

	f = begun(1);
	add(f, der);
	assert_int_equal(ask_frame(LIVE_FRONT, f, &e), RC_REFUSED); /* no such ticket */
	whole = f->w.n;
	for (size_t n = KEYD_HEADER_LEN; n < whole; n += n < 80 || n > whole - 9 ? 1 : 50)
		assert_int_not_equal(ask(LIVE_FRONT, bytes_of(f->bytes, n), -1, &r, &e), RC_OK);
	f->bytes[whole] = 0;
	assert_int_equal(ask(LIVE_FRONT, bytes_of(f->bytes, whole + 1), -1, &r, &e), RC_USAGE);
	f = begun(2);
	add(f, der);
	assert_int_equal(ask_frame(LIVE_FRONT, f, &e), RC_USAGE);
	f = begun(UINT32_MAX);
	add(f, der);
	assert_int_equal(ask_frame(LIVE_FRONT, f, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "too many"));
	f = begun(1);
	add(f, bytes_of("a certificate", 13));
	assert_int_equal(ask_frame(LIVE_FRONT, f, &e), RC_REFUSED);
	assert_string_equal(e.why, "is not a DER certificate");
	f = begun(1);
	add(f, bytes_of(der.p, der.n - 1));
	assert_int_equal(ask_frame(LIVE_FRONT, f, &e), RC_REFUSED);
	f = begun(1);
	add(f, bytes_of(NULL, 0));
	assert_int_equal(ask_frame(LIVE_FRONT, f, &e), RC_REFUSED);
	wire_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signed_and_noted),
		cmocka_unit_test(the_most),
		cmocka_unit_test(only_what_the_ticket_names),
		cmocka_unit_test(refused),
		cmocka_unit_test(a_double_of_an_own_one),
		cmocka_unit_test(odd_frames),
		cmocka_unit_test(never_back),
		cmocka_unit_test(not_yet), /* the last one: now is newer than NOW */
	};

	return cmocka_run_group_tests(tests, start, stop);
}
