/* The recovery key's way out and back, through a real keyd: what it does, and
 * what is left of it when it fails or is killed. */
#include "recovery.h"
#include "base/hex.h"
#include "base/num.h"
#include "itl/accept.h"
#include "keyd/intent.h"
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct keyd_passwords pw;

static int start(void **state)
{
	(void)peer_start(state);
	pw = live_passwords();
	live_security(&live);
	return 0;
}

/* ---- out, and proved ---- */

static void out_and_proved(void **state)
{
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	struct keyd_passwords without = {pw.admin, NULL};
	char route[KEYD_ROUTE_MAX], label[LABEL_MAX] = "", want[LABEL_MAX];
	struct keyd_key key, now = current_recovery();
	struct keyd_proof p;
	uint8_t claim[KEYD_CLAIM_LEN];
	struct err e;

	(void)state;
	randombytes_buf(claim, sizeof claim);
	wrapping_begin(&w);
	assert_ok(admin_export(&pw, &w, &key, route, &e), &e);
	assert_string_equal(route, "converted"); /* RSA-1024 on SoftHSM */
	assert_memory_equal(key.id, now.id, sizeof key.id);
	assert_int_equal(X509_cmp(key.cert, now.cert), 0);
	assert_true(key.current);

	assert_int_equal(front_proof(claim, LIVE_ADMIN, &p), RC_NOTFOUND);
	label_text(&key.label, want);
	assert_ok(admin_prove(&without, &w, key.cert, claim, label, &e), &e);
	assert_string_equal(label, want);
	assert_int_equal(front_proof(claim, LIVE_ADMIN, &p), RC_NOTFOUND); /* a test alone */
	label[0] = '\0';
	assert_ok(admin_prove(&pw, &w, key.cert, claim, label, &e), &e);
	assert_string_equal(label, want);
	/* nobody else's, and once */
	assert_int_equal(front_proof(claim, LIVE_ROOT, &p), RC_NOTFOUND);
	assert_int_equal(front_proof(claim, LIVE_STRANGER, &p), RC_NOTFOUND);
	assert_int_equal(front_proof(claim, LIVE_ADMIN, &p), RC_OK);
	assert_int_equal(p.label.unit, UNIT_ITLRECOVERY);
	assert_int_equal(p.label.generation, key.label.generation);
	assert_memory_equal(p.id, key.id, sizeof p.id);
	assert_int_equal(p.security, status().security);
	assert_true(p.proved >= (int64_t)NOW);
	assert_int_equal(front_proof(claim, LIVE_ADMIN, &p), RC_NOTFOUND);
	assert_ok(admin_prove(&pw, &w, key.cert, claim, label, &e), &e);
	claim[0] ^= 1;
	assert_int_equal(front_proof(claim, LIVE_ADMIN, &p), RC_NOTFOUND);

	/* what does not open, or is another's, is no backup */
	w.bytes[3] ^= 1;
	assert_int_equal(admin_prove(&pw, &w, key.cert, claim, label, &e), RC_VERIFY);
	w.bytes[3] ^= 1;
	w.kek->p[0] ^= 1;
	assert_int_equal(admin_prove(&pw, &w, key.cert, claim, label, &e), RC_VERIFY);
	assert_non_null(strstr(e.why, "does not open"));
	assert_int_equal(front_proof(claim, LIVE_ADMIN, &p), RC_NOTFOUND);
	X509_free(key.cert);
	X509_free(now.cert);
}

/* A good file of a key that this token has not: a test, and no backup. */
static void a_foreign_file(void **state)
{
	char label[LABEL_MAX] = "untouched";
	struct keyd_proof p;
	struct file f, g;
	struct err e;

	(void)state;
	file_make(&f, 1024);
	file_make(&g, 1024);
	assert_int_equal(admin_prove(&pw, &f.w, g.cert, f.claim, label, &e), RC_VERIFY);
	assert_string_equal(label, "untouched");
	assert_ok(admin_prove(&pw, &f.w, f.cert, f.claim, label, &e), &e);
	assert_string_equal(label, "");
	assert_int_equal(front_proof(f.claim, LIVE_ADMIN, &p), RC_NOTFOUND);
	file_clear(&f);
	file_clear(&g);
}

/* ---- back ---- */

/* A phone that holds `installed` takes `offered`. */
static bool phone_takes(const uint8_t *installed, size_t n,
			const uint8_t *offered, size_t m)
{
	char why[256];

	return itl_accepted(itl_accept(bytes_of(NULL, 0), bytes_of(installed, n),
				       bytes_of(offered, m), NULL, NULL, why));
}

/* Each record but the one of ITLRecovery is as it was. */
static void assert_replaced(const struct itl *before, const struct itl *after,
			    X509 *old, X509 *new)
{
	size_t replaced = 0;

	assert_int_equal(before->nrecords, after->nrecords);
	for (size_t i = 0; i < before->nrecords; i++) {
		const struct itl_record *a = &before->records[i],
					*b = &after->records[i];

		assert_int_equal(a->role, b->role);
		if (bytes_equal(bytes_of(before->file.p + a->offset, a->length),
				bytes_of(after->file.p + b->offset, b->length)))
			continue;
		assert_null(itl_record_disagrees(a, old));
		assert_null(itl_record_disagrees(b, new));
		replaced++;
	}
	assert_int_equal(replaced, 1);
}

/*
 * The disaster: phones hold lists with the recovery key of a file, and the
 * cluster has new keys. The file comes back; both ways of a reset; and phones of
 * either time.
 */
static void a_file_comes_back(void **state)
{
	struct keyd_key old = current_recovery(), key, again;
	uint8_t *before, *local, *remote, *later, *second;
	size_t nbefore, nlocal, nremote, nlater, nsecond;
	struct itl *l, *m;
	bool present = true;
	struct file f;
	struct err e;

	(void)state;
	file_make(&f, 1024);
	before = own_list("n1", &nbefore);
	assert_int_equal(admin_import(&f, false, &key, &present, &e), RC_REFUSED);
	assert_non_null(strstr(e.hint, "--replace"));
	assert_ok(admin_import(&f, true, &key, &present, &e), &e);
	assert_false(present);
	assert_true(key.current);
	assert_int_equal(key.label.generation, old.label.generation + 1);
	assert_int_equal(X509_cmp(key.cert, f.cert), 0);
	/* once more, with or without: it is there */
	for (int replace = 0; replace < 2; replace++) {
		assert_ok(admin_import(&f, replace, &again, &present, &e), &e);
		assert_true(present);
		assert_memory_equal(again.id, key.id, sizeof key.id);
		X509_free(again.cert);
	}

	/* the list of before, reset by the key that it holds, retired as it is */
	local = reset(KEYD_LOCALKEY, bytes_of(before, nbefore), NOW + 60, &nlocal);
	l = parsed(local, nlocal);
	assert_true(itl_signed_by(l, old.cert));
	itl_free(l);
	/* and by the imported one, which takes that one's place */
	remote = reset(KEYD_REMOTEKEY, bytes_of(before, nbefore), NOW + 61, &nremote);
	l = parsed(before, nbefore);
	m = parsed(remote, nremote);
	assert_true(itl_signed_by(m, f.cert));
	assert_replaced(l, m, old.cert, f.cert);
	itl_free(l);
	itl_free(m);
	/* phones that know the old cluster's key take the one, not the other */
	assert_true(phone_takes(remote, nremote, remote, nremote));
	assert_false(phone_takes(remote, nremote, local, nlocal));
	assert_true(phone_takes(before, nbefore, local, nlocal));
	assert_false(phone_takes(before, nbefore, remote, nremote));

	/* a second reset: the list holds the imported key, both ways are one */
	later = own_list("n1", &nlater);
	second = reset(KEYD_LOCALKEY, bytes_of(later, nlater), NOW + 62, &nsecond);
	assert_true(phone_takes(remote, nremote, second, nsecond));
	free(local);
	local = reset(KEYD_REMOTEKEY, bytes_of(later, nlater), NOW + 62, &nlocal);
	assert_int_equal(nlocal, nsecond);
	assert_memory_equal(local, second, nlocal);

	free(before);
	free(local);
	free(remote);
	free(later);
	free(second);
	X509_free(old.cert);
	X509_free(key.cert);
	file_clear(&f);
}

/* A ticket for the one way is none for the other; a third way there is not. */
static void how_is_bound(void **state)
{
	uint8_t ticket[KEYD_TICKET_LEN], *source, *list = NULL;
	uid_t admin = live_uid(&live, LIVE_ADMIN);
	struct keyd *k = client();
	struct keyd_intent intent;
	struct frame *f;
	struct err e;
	size_t n, m;

	(void)state;
	source = own_list("n1", &n);
	intent = keyd_intent_reset(KEYD_LOCALKEY, false, bytes_of(source, n), NOW);
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_reset(k, ticket, admin, KEYD_REMOTEKEY,
				    bytes_of(source, n), NOW, &list, &m, &e),
			 RC_REFUSED);
	live_be(&live, LIVE_ROOT);
	f = frame_of(KEYD_RESET);
	write_bytes(&f->w, bytes_of(ticket, sizeof ticket));
	write_u32(&f->w, admin);
	write_u8(&f->w, 2);
	write_u32(&f->w, NOW);
	write_bytes32(&f->w, bytes_of(source, n));
	assert_int_equal(ask_frame(LIVE_FRONT, f, &e), RC_USAGE);
	free(source);
	keyd_free(k);
}

/* What cannot be the recovery key: nothing is imported, and no object stays. */
static void files_that_are_none(void **state)
{
	static const struct {
		const char *name;
		unsigned bits;
		bool kek, modulus, other_cert;
		enum rc rc;
	} rows[] = {
		{"another password", 1024, true, false, false, RC_VERIFY},
		{"a changed bit", 1024, false, true, false, RC_VERIFY},
		{"another certificate", 1024, false, false, true, RC_VERIFY},
		{"RSA-3072", 3072, false, false, false, RC_REFUSED},
	};
	struct keyd_key before = current_recovery(), after, key;
	size_t objects = objects_in_token();
	unsigned keys = status().keys;
	struct err e;
	bool present;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct file f, other;

		print_message("  %s\n", rows[i].name);
		file_make(&f, rows[i].bits);
		file_make(&other, 1024);
		f.w.kek->p[5] ^= rows[i].kek;
		f.w.bytes[100] ^= rows[i].modulus;
		if (rows[i].other_cert) {
			X509 *mine = f.cert;

			f.cert = other.cert;
			other.cert = mine;
		}
		assert_int_equal(admin_import(&f, true, &key, &present, &e), rows[i].rc);
		after = current_recovery();
		assert_memory_equal(after.id, before.id, sizeof after.id);
		assert_int_equal(status().keys, keys);
		assert_int_equal(objects_in_token(), objects);
		X509_free(after.cert);
		file_clear(&f);
		file_clear(&other);
	}
	X509_free(before.cert);
}

/* ---- memory ---- */

#ifndef __has_feature
#define __has_feature(x) 0 /* clang's */
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define READABLE false /* the sanitizer maps terabytes */
#else
#define READABLE true
#endif

/* How often `needle` stands in what keyd can write to. */
static size_t times_in_keyd(const void *needle, size_t n)
{
	char path[64], line[512], perm[8];
	unsigned long from, to;
	size_t times = 0;
	FILE *maps;
	int mem;

	(void)snprintf(path, sizeof path, "/proc/%d/maps", live.keyd);
	maps = fopen(path, "re");
	(void)snprintf(path, sizeof path, "/proc/%d/mem", live.keyd);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	assert_non_null(maps);
	assert_true(mem >= 0);
	while (fgets(line, sizeof line, maps)) {
		uint8_t *bytes, *p;
		ssize_t got;

		if (sscanf(line, "%lx-%lx %7s", &from, &to, perm) != 3 ||
		    strncmp(perm, "rw", 2) != 0)
			continue;
		bytes = malloc(to - from);
		assert_non_null(bytes);
		got = pread(mem, bytes, to - from, (off_t)from);
		for (p = bytes; got > 0 && (p = memmem(p, num_size(bytes + got - p),
						       needle, n)); p++)
			times++;
		free(bytes);
	}
	(void)fclose(maps);
	close(mem);
	return times;
}

static size_t number_in_keyd(EVP_PKEY *key, const char *name)
{
	uint8_t bytes[512];
	BIGNUM *b = NULL;
	size_t times;

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &b), 1);
	assert_true(BN_num_bytes(b) >= 32);
	(void)BN_bn2bin(b, bytes);
	times = times_in_keyd(bytes, 32);
	BN_free(b);
	return times;
}

/* After an import by way of a conversion, an export and a proof: no number of the
 * key, no key-encryption key, no password. */
static void nothing_stays_in_memory(void **state)
{
	static const char *const numbers[] = {
		OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_D,
	};
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	char route[KEYD_ROUTE_MAX], label[LABEL_MAX];
	struct keyd_key key;
	struct file f;
	struct err e;
	bool present;

	(void)state;
	if (!READABLE)
		skip();
	file_make(&f, 1024);
	wrapping_begin(&w);
	assert_ok(admin_prove(&pw, &f.w, f.cert, f.claim, label, &e), &e);
	assert_ok(admin_import(&f, true, &key, &present, &e), &e);
	X509_free(key.cert);
	assert_ok(admin_export(&pw, &w, &key, route, &e), &e);
	/* what is looked for can be found: the certificate stays */
	assert_true(number_in_keyd(f.key, OSSL_PKEY_PARAM_RSA_N) > 0);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		if (number_in_keyd(f.key, numbers[i]))
			fail_msg("%s is in keyd's memory", numbers[i]);
	assert_int_equal(times_in_keyd(w.kek->p, 16), 0);
	assert_int_equal(times_in_keyd(f.w.kek->p, 16), 0);
	assert_int_equal(times_in_keyd(LIVE_PASSWORD, strlen(LIVE_PASSWORD)), 0);
	assert_int_equal(times_in_keyd(LIVE_SECURITY, strlen(LIVE_SECURITY)), 0);
	X509_free(key.cert);
	file_clear(&f);
}

/* ---- killed ---- */

/* Killed in the middle of an import, at many moments: what is found afterwards is
 * the old key or the new one, whole; a half never counts, and the log knew. */
static void killed_in_an_import(void **state)
{
	size_t begun = times_in_log("\"event\":\"import-begin\"");
	size_t done = 0, undone = 0;

	(void)state;
	for (long round = 0; round < 12; round++) {
		const struct timespec pause = {.tv_nsec = round * round * 1000000};
		struct frame *q = frame_of(KEYD_IMPORT);
		struct keyd_key before = current_recovery(), after;
		unsigned keys = status().keys;
		struct keyd_intent intent;
		uint8_t *list;
		struct file f;
		struct err e;
		int fd = -1;
		size_t n;

		file_make(&f, 1024);
		write_bytes(&q->w, bytes_of((uint8_t[32]){0}, KEYD_TICKET_LEN));
		write_body(&q->w, KEYD_IMPORT, &f);
		q->bytes[BODY + 3] = 1; /* replace, behind unit and node */
		intent = keyd_intent_body(KEYD_OP_IMPORT,
					  bytes_of(q->bytes + BODY, q->w.n - BODY));
		live_ticket(&live, LIVE_ADMIN, &intent, q->bytes + KEYD_HEADER_LEN);
		live_be(&live, LIVE_ADMIN);
		assert_ok(sock_connect(live.keyd_socket, &fd, &e), &e);
		live_be(&live, LIVE_ROOT);
		assert_ok(sock_send(fd, writer_bytes(&q->w), -1, 0, &e), &e);
		(void)nanosleep(&pause, NULL);
		live_kill(&live);
		close(fd);
		live_keyd(&live);

		after = current_recovery();
		if (memcmp(after.id, before.id, sizeof after.id) == 0) {
			assert_int_equal(status().keys, keys);
			undone++;
		} else {
			assert_int_equal(X509_cmp(after.cert, f.cert), 0);
			assert_int_equal(status().keys, keys + 1);
			list = own_list("n1", &n);
			free(reset(KEYD_LOCALKEY, bytes_of(list, n), NOW + 70, &n));
			free(list);
			done++;
		}
		X509_free(before.cert);
		X509_free(after.cert);
		file_clear(&f);
	}
	print_message("  %zu imported, %zu not, %zu begun\n", done, undone,
		      times_in_log("\"event\":\"import-begin\"") - begun);
	assert_true(undone > 0); /* the first is killed at once */
	assert_true(times_in_log("\"event\":\"import-begin\"") - begun >= done);
}

/* ---- sealed ---- */

static void sealed_for_good(void **state)
{
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	struct keyd_intent intent = keyd_intent_generate(UNIT_ITLRECOVERY, NULL);
	uint8_t ticket[KEYD_TICKET_LEN];
	char route[KEYD_ROUTE_MAX];
	struct keyd *k = client();
	struct keyd_key key;
	struct err e;
	size_t n;

	(void)state;
	assert_false(status().sealed);
	live_be(&live, LIVE_ADMIN);
	assert_ok(keyd_seal(k, &pw, &e), &e);
	live_be(&live, LIVE_ROOT);
	assert_true(status().sealed);
	wrapping_begin(&w);
	assert_int_equal(admin_export(&pw, &w, &key, route, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "cannot leave"));
	free(own_list("n1", &n));
	live_kill(&live);
	live_keyd(&live);
	assert_true(status().sealed);
	/* a new key is another */
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_generate(k, ticket, live_uid(&live, LIVE_ADMIN),
				UNIT_ITLRECOVERY, NULL, &key, &e), &e);
	live_be(&live, LIVE_ROOT);
	assert_int_equal(key.tries, 1); /* no RSA-1024 fits: one is as good */
	X509_free(key.cert);
	assert_false(status().sealed);
	assert_ok(admin_export(&pw, &w, &key, route, &e), &e);
	X509_free(key.cert);
	keyd_free(k);
}

/* ---- the log ---- */

static bool holds(const char *log, const void *p, size_t n)
{
	char hex[2 * 64 + 1];

	return memmem(log, strlen(log), p, n) ||
	       strstr(log, hex_of(bytes_of(p, n), hex, sizeof hex));
}

static void the_log_holds_no_secret(void **state)
{
	static const char *const said[] = {
		"\"event\":\"export\"", "\"event\":\"prove\"",
		"\"event\":\"import-begin\"", "\"event\":\"import\"",
		"\"event\":\"seal\"", "\"event\":\"security\"",
		"how=remotekey", "how=localkey",
		"route=converted", "replaces=ITLRecovery/lab/1", "present=1",
	};
	struct wrapped_key CLEANUP(wrapped_key_clear) w;
	struct keyd_key key;
	char route[KEYD_ROUTE_MAX], label[LABEL_MAX], *log;
	struct file f;
	struct err e;

	(void)state;
	wrapping_begin(&w);
	file_make(&f, 1024);
	assert_ok(admin_export(&pw, &w, &key, route, &e), &e);
	assert_ok(admin_prove(&pw, &f.w, f.cert, f.claim, label, &e), &e);
	X509_free(key.cert);
	log = audit_log();
	for (size_t i = 0; i < COUNT_OF(said); i++)
		if (!strstr(log, said[i]))
			fail_msg("the log lacks %s", said[i]);
	assert_false(holds(log, LIVE_PASSWORD, strlen(LIVE_PASSWORD)));
	assert_false(holds(log, LIVE_SECURITY, strlen(LIVE_SECURITY)));
	assert_false(holds(log, w.kek->p, 16));
	assert_false(holds(log, f.w.kek->p, 16));
	assert_false(holds(log, w.bytes, 16));
	/* but what was proved */
	assert_true(holds(log, f.claim, sizeof f.claim));
	free(log);
	file_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out_and_proved),
		cmocka_unit_test(a_foreign_file),
		cmocka_unit_test(a_file_comes_back),
		cmocka_unit_test(how_is_bound),
		cmocka_unit_test(files_that_are_none),
		cmocka_unit_test(nothing_stays_in_memory),
		cmocka_unit_test(killed_in_an_import),
		cmocka_unit_test(sealed_for_good),
		cmocka_unit_test(the_log_holds_no_secret),
	};

	return cmocka_run_group_tests(tests, start, peer_stop);
}
