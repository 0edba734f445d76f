/* The trust store through the door, and its file: what keyd refuses is keyd-trust's. */
#include "asking.h"
#include "fake-keyd.h"
#include "base/file.h"
#include "base/num.h"
#include "itl/trust.h"
#include "show.h"
#include "trust.h"
#include "x509/x509.h"
#include <openssl/rsa.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static X509 *certs[2];

static int start(void **state)
{
	static EVP_PKEY *key;
	struct err e;

	if (!key)
		key = EVP_RSA_gen(1024);
	for (size_t i = 0; i < COUNT_OF(certs) && !certs[i]; i++) {
		struct x509_subject subject = {.cn = i ? "cm.old" : "ITLRECOVERY_old"};

		assert_ok(x509_self_sign(i ? X509_CALLMANAGER : X509_RECOVERY, &subject, key,
					 key, NULL, "SHA256", time(NULL) - 60, 5, &certs[i],
					 &e), &e);
	}
	(void)asking_start(state);
	if (*state)
		fake_keyd_renew(UNIT_AUDIT, "test10");
	return 0;
}

static json_t *entry(X509 *cert, const char *roles, int ttl)
{
	uint8_t *der = NULL;
	int n = i2d_X509(cert, &der);
	json_t *j = json_pack("{s:o, s:s, s:i}", "cert", show_base64(der, num_size(n)),
			      "roles", roles, "ttl", ttl);

	OPENSSL_free(der);
	return j;
}

/* "base" as state has it, unless it is given. Takes entries over. */
static json_t *order_of(struct fixture *f, json_t *entries)
{
	struct err e = {0};
	json_t *plan = fixture_ask(f, json_pack("{s:s}", "do", "trust-plan"), &e), *r;

	assert_ok(plan ? RC_OK : e.rc, &e);
	r = json_pack("{s:s, s:O, s:O, s:s, s:o, s:s}", "do", "trust-set", "timestamp",
		      json_object_get(plan, "timestamp"), "base",
		      json_object_get(plan, "sha1"), "change", "add=1 \"x\"", "entries",
		      entries, "ticket", fake_ticket);
	json_decref(plan);
	return r;
}

static json_t *one(void)
{
	return json_pack("[o]", entry(certs[0], "ITLRecovery", 86400));
}

static json_t *both(void)
{
	return json_pack("[o, o]", entry(certs[1], "CallManager", 3600),
			 entry(certs[0], "SAST", 86400));
}

static void must_set(struct fixture *f, json_t *entries)
{
	struct err e = {0};
	json_t *r = fixture_ask(f, order_of(f, entries), &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	json_decref(r);
}

static void assert_refused(struct fixture *f, json_t *request, enum rc rc, const char *why)
{
	struct err e = {0};
	json_t *r = fixture_ask(f, request, &e);

	assert_null(r);
	if (e.rc != rc || !strstr(e.why, why))
		fail_msg("%s: \"%s\" instead of \"%s\"", rc_name(e.rc), e.why, why);
}

static void file_path_of(struct fixture *f, char path[CLUSTER_PATH_MAX])
{
	cluster_path(f->cluster, PATH_TRUST_FILE, path);
}

static X509 *audit(void)
{
	struct keyd *k;
	struct keyd_key *keys = NULL;
	X509 *x;
	struct err e;
	size_t n = 0;

	assert_ok(keyd_open("", &k, &e), &e);
	assert_ok(keyd_keys(k, &keys, &n, &e), &e);
	x = X509_dup(keyd_key_current(keys, n, UNIT_AUDIT, NULL)->cert);
	keyd_keys_free(keys, n);
	keyd_free(k);
	return x;
}

/* The file is there, verifies, and holds so many; the first has these roles. */
static void assert_file(struct fixture *f, size_t n, uint32_t roles)
{
	char path[CLUSTER_PATH_MAX];
	uint8_t *file = NULL;
	struct trust *t = NULL;
	X509 *by = audit();
	struct stat st;
	struct err e;
	size_t len = 0;

	file_path_of(f, path);
	assert_ok(file_read(path, ITL_MAX_STORE, &file, &len, &e), &e);
	assert_ok(trust_read(bytes_of(file, len), by, &t, &e), &e);
	assert_int_equal(t->n, n);
	if (n)
		assert_int_equal(t->entries[0].roles, roles);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	trust_free(t);
	X509_free(by);
	free(file);
}

static void assert_no_file(struct fixture *f)
{
	char path[CLUSTER_PATH_MAX];

	file_path_of(f, path);
	assert_int_not_equal(access(path, F_OK), 0);
}

static json_t *shown(struct fixture *f)
{
	struct err e = {0};
	json_t *r = fixture_ask(f, json_pack("{s:s}", "do", "trust"), &e);

	assert_ok(r ? RC_OK : e.rc, &e);
	return r;
}

static const uint32_t sast = TRUST_ROLE(ITL_SAST);
static const uint32_t of_callmanager = TRUST_ROLE(ITL_SAST) | TRUST_ROLE(ITL_CCM_TFTP);

static void test_nothing_yet(void **state)
{
	struct fixture *f = *state;
	json_t *r, *c;

	NEEDS_ROOT(state);
	r = shown(f);
	assert_true(json_is_null(json_object_get(r, "sha1")));
	assert_true(json_is_null(json_object_get(r, "fault")));
	assert_true(json_is_null(json_object_get(r, "error")));
	/* The cluster's own are there by themselves; the Audit key's never. */
	assert_int_equal(json_array_size(json_object_get(r, "certs")), 6);
	c = json_array_get(json_object_get(r, "certs"), 0);
	assert_string_equal(text(c, "own"), "CallManager/n1/1");
	assert_string_equal(text(c, "roles"), "SAST,CCM+TFTP");
	json_decref(r);
	assert_no_file(f);
}

static void test_set(void **state)
{
	struct fixture *f = *state;
	json_t *r, *c, *late;

	NEEDS_ROOT(state);
	must_set(f, one());
	assert_file(f, 1, sast);
	assert_string_equal(fake_keyd.change, "add=1 \"x\"");
	assert_non_null(strstr(fake_keyd.note, "trust-set uid=0 sha1="));
	assert_non_null(strstr(fake_keyd.note, "certificates=1 change=\"add=1 'x'\""));
	late = order_of(f, one());
	must_set(f, both());
	assert_file(f, 2, of_callmanager);
	r = shown(f);
	assert_int_equal(json_array_size(json_object_get(r, "certs")), 8);
	c = json_array_get(json_object_get(r, "certs"), 6);
	assert_true(json_is_null(json_object_get(c, "own")));
	assert_string_equal(text(c, "subject"), "CN=cm.old");
	assert_string_equal(text(c, "roles"), "SAST,CCM+TFTP");
	assert_int_equal(json_integer_value(json_object_get(c, "ttl")), 3600);
	assert_true(json_is_null(json_object_get(r, "fault")));
	json_decref(r);
	/* made from what is not there any more */
	assert_refused(f, late, RC_REFUSED, "changed meanwhile");
	assert_file(f, 2, of_callmanager);
	must_set(f, json_array());
	assert_file(f, 0, 0);
}

static json_t *changed(struct fixture *f, const char *member, json_t *value)
{
	json_t *r = order_of(f, one());

	(void)json_object_set_new(r, member, value);
	return r;
}

static json_t *with_entry(struct fixture *f, const char *member, json_t *value)
{
	json_t *r = order_of(f, one());

	(void)json_object_set_new(json_array_get(json_object_get(r, "entries"), 0), member,
				  value);
	return r;
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	char big[KEYD_TRUST_CHANGE + 1], zeros[2 * KEYD_TICKET_LEN + 1];
	json_t *many;

	NEEDS_ROOT(state);
	memset(big, 'a', KEYD_TRUST_CHANGE);
	big[KEYD_TRUST_CHANGE] = '\0';
	memset(zeros, '0', sizeof zeros - 1);
	zeros[sizeof zeros - 1] = '\0';
	many = json_array();
	for (int i = 0; i < TRUST_MAX_ENTRIES + 1; i++)
		(void)json_array_append_new(many, json_null());
	assert_refused(f, changed(f, "timestamp", json_integer(1)), RC_REFUSED, "too old");
	assert_refused(f, changed(f, "base", json_string("00")), RC_REFUSED, "changed meanwhile");
	assert_refused(f, changed(f, "change", json_string(big)), RC_USAGE, "too long");
	assert_refused(f, changed(f, "ticket", json_string(zeros)), RC_REFUSED, "not valid");
	assert_refused(f, changed(f, "ticket", json_string("00")), RC_USAGE, "64 hex");
	assert_refused(f, changed(f, "entries", json_null()), RC_REFUSED, "too many");
	assert_refused(f, changed(f, "entries", many), RC_REFUSED, "too many");
	assert_refused(f, changed(f, "entries", json_pack("[n]")), RC_USAGE, "Expected object");
	assert_refused(f, changed(f, "x", json_null()), RC_USAGE, "x");
	assert_refused(f, with_entry(f, "x", json_null()), RC_USAGE, "x");
	assert_refused(f, with_entry(f, "cert", json_string("!!")), RC_USAGE, "base64");
	assert_refused(f, with_entry(f, "cert", json_string("YSBjaGFpbg==")), RC_REFUSED,
		       "is not a DER certificate");
	assert_refused(f, with_entry(f, "cert", json_string("")), RC_REFUSED, "DER");
	assert_refused(f, with_entry(f, "roles", json_string("Audit")), RC_USAGE, "no role");
	assert_refused(f, with_entry(f, "ttl", json_integer(-1)), RC_USAGE, "time to live");
	assert_refused(f, with_entry(f, "ttl", json_integer(1LL << 33)), RC_USAGE, "time to live");
	assert_refused(f, with_entry(f, "ttl", json_integer(1)), RC_REFUSED, "time to live");
	assert_refused(f, changed(f, "entries", json_pack("[o, o]",
							  entry(certs[0], "SAST", 60),
							  entry(certs[0], "TVS", 60))),
		       RC_REFUSED, "there twice");
	/* what keyd signed is not what front built of it */
	fake_keyd.bad_list = true;
	assert_refused(f, order_of(f, one()), RC_VERIFY, "does not verify");
	fake_keyd.bad_list = false;
	fake_keyd.lost = true;
	assert_refused(f, order_of(f, one()), RC_STALE, "keyd ended");
	fake_keyd.lost = false;
	assert_no_file(f);
	must_set(f, one());
}

/* As many as may be go through the door. */
static void test_the_most(void **state)
{
	struct fixture *f = *state;
	EVP_PKEY *key;
	json_t *entries;
	size_t n = 0, total = 0;

	NEEDS_ROOT(state);
	key = EVP_RSA_gen(1024);
	entries = json_array();
	for (; n < TRUST_MAX_ENTRIES; n++) {
		X509 *x = X509_dup(certs[1]);

		assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 100 + (long)n), 1);
		assert_true(X509_sign(x, key, EVP_sha256()) > 0);
		total += num_size(i2d_X509(x, NULL));
		if (total <= TRUST_MAX_CERTS)
			(void)json_array_append_new(entries,
				entry(x, "SAST,CCM,CCM+TFTP,TFTP,CAPF,APP-SERVER,TVS", 60));
		X509_free(x);
		if (total > TRUST_MAX_CERTS)
			break;
	}
	assert_in_range(n, 50, TRUST_MAX_ENTRIES);
	must_set(f, entries);
	assert_file(f, n, TRUST_ROLES);
	EVP_PKEY_free(key);
}

static void tamper(struct fixture *f, const char *with)
{
	char path[CLUSTER_PATH_MAX];
	struct err e;

	file_path_of(f, path);
	if (with)
		assert_ok(file_replace(path, bytes_of_text(with), 0644, &e), &e);
	else
		assert_int_equal(unlink(path), 0);
}

static void test_file_is_kept(void **state)
{
	static const char *const withs[] = {NULL, "", "something else"};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	must_set(f, both());
	for (size_t i = 0; i < COUNT_OF(withs); i++) {
		tamper(f, withs[i]);
		trust_keep(f->service); /* every minute */
		assert_file(f, 2, of_callmanager);
		fixture_front(f, false);
		tamper(f, withs[i]);
		fixture_front(f, true);
		assert_file(f, 2, of_callmanager);
	}
}

static void move_folder(struct fixture *f, bool away)
{
	char there[300], aside[310];

	snprintf(there, sizeof there, "%s/state/trust", f->dir);
	snprintf(aside, sizeof aside, "%s.aside", there);
	assert_int_equal(rename(away ? there : aside, away ? aside : there), 0);
}

/* A folder that is not there is an error, and the set is kept for later. */
static void test_no_folder(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	NEEDS_ROOT(state);
	move_folder(f, true);
	assert_null(fixture_ask(f, order_of(f, one()), &e));
	assert_non_null(strstr(e.hint, "itlkeeperd makes the folder"));
	fixture_front(f, false);
	fixture_front(f, true); /* it starts all the same */
	move_folder(f, false);
	trust_keep(f->service);
	assert_file(f, 1, sast);
}

static void lose_state(struct fixture *f)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[300];

	fixture_front(f, false);
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		snprintf(path, sizeof path, "%s/state/front/state.db%s", f->dir, ends[i]);
		(void)unlink(path);
	}
}

static void test_state_lost(void **state)
{
	struct fixture *f = *state;
	json_t *r;

	NEEDS_ROOT(state);
	must_set(f, both());
	lose_state(f);
	fixture_front(f, true);
	assert_file(f, 2, of_callmanager);
	r = shown(f);
	assert_int_equal(json_array_size(json_object_get(r, "certs")), 8);
	json_decref(r);
	/* one that is none is not taken up, and not touched */
	lose_state(f);
	tamper(f, "something else");
	fixture_front(f, true);
	r = shown(f);
	assert_int_equal(json_array_size(json_object_get(r, "certs")), 6);
	json_decref(r);
	must_set(f, one());
	assert_file(f, 1, sast);
}

/* What state has cannot be read, as by a version that is stricter: it is told, and does
 * not stand in the way of another one. */
static void test_unreadable(void **state)
{
	struct fixture *f = *state;
	struct err e;
	json_t *r;

	NEEDS_ROOT(state);
	assert_ok(store_trust_set(f->service->store, bytes_of("what", 4), &e), &e);
	r = shown(f);
	assert_string_equal(text(json_object_get(r, "fault"), "rc"), "verify");
	assert_int_equal(json_array_size(json_object_get(r, "certs")), 6);
	json_decref(r);
	must_set(f, one());
	assert_file(f, 1, sast);
}

static void test_another_audit_key(void **state)
{
	struct fixture *f = *state;
	json_t *r;

	NEEDS_ROOT(state);
	must_set(f, both());
	fake_keyd_renew(UNIT_AUDIT, "test10");
	r = shown(f);
	assert_string_equal(text(json_object_get(r, "fault"), "rc"), "verify");
	assert_non_null(strstr(text(json_object_get(r, "fault"), "hint"), "trust add"));
	json_decref(r);
	must_set(f, both());
	assert_file(f, 2, of_callmanager);
	r = shown(f);
	assert_true(json_is_null(json_object_get(r, "fault")));
	json_decref(r);
	/* without the token: what it said last */
	fake_keyd.away = true;
	r = shown(f);
	assert_string_equal(text(json_object_get(r, "error"), "why"), "keyd is away");
	assert_int_equal(json_array_size(json_object_get(r, "certs")), 8);
	json_decref(r);
	fake_keyd.away = false;
}

/* Front was killed in the middle of one: done, if state has the file of its time. */
static void test_cut_off(void **state)
{
	struct fixture *f = *state;
	json_t *r = NULL, *last = NULL;
	char params[64];
	struct err e;
	int64_t op;

	NEEDS_ROOT(state);
	must_set(f, one());
	for (int well = 0; well < 2; well++) {
		r = shown(f);
		snprintf(params, sizeof params, "timestamp=%lld certificates=1",
			 (long long)json_integer_value(json_object_get(r, "made")) - !well);
		json_decref(r);
		assert_ok(store_op_begin(f->service->store, "trust-set", "a (uid 1)", params,
					 &op, &e), &e);
		assert_refused(f, json_pack("{s:s}", "do", "trust-plan"), RC_BUSY, "");
		fixture_front(f, false);
		fixture_front(f, true);
		for (;;) {
			r = fixture_ask(f, json_pack("{s:s}", "do", "status"), &e);
			last = json_object_get(r, "last");
			if (json_is_null(json_object_get(r, "op")))
				break;
			json_decref(r);
			usleep(20000);
		}
		assert_string_equal(text(last, "kind"), "trust-set");
		assert_int_equal(json_is_true(json_object_get(last, "well")), well);
		assert_non_null(strstr(text(last, "note"), well ? "all the same" : "as it was"));
		json_decref(r);
	}
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, start, fixture_stop)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_yet),	 TEST(test_set),
		TEST(test_refused),	 TEST(test_the_most),
		TEST(test_file_is_kept), TEST(test_no_folder),
		TEST(test_state_lost),	 TEST(test_another_audit_key),
		TEST(test_cut_off),	 TEST(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
