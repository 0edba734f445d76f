/* A real keyd's audit log: checkpoints, rotation, a log that cannot be written. */
#include "recovery.h"
#include "audit/files.h"
#include "audit/verify.h"
#include "base/file.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the whole log is, with the newest Audit certificate (or an older one). */
static void look(struct audit_report *r, unsigned generation)
{
	struct audit_files CLEANUP(audit_files_clear) all = {0};
	struct audit_verifier CLEANUP(audit_verifier_free) *v = NULL;
	struct audit_wanted w = {.cluster = "lab"};
	struct keyd *k = client();
	struct keyd_key *keys = NULL;
	struct err e;
	size_t n;

	assert_ok(keyd_keys(k, &keys, &n, &e), &e);
	for (size_t i = 0; i < n; i++)
		if (keys[i].label.unit == UNIT_AUDIT &&
		    (generation ? keys[i].label.generation == generation
				: keys[i].current)) {
			w.certs = &keys[i].cert;
			w.ncerts = 1;
		}
	assert_int_equal(w.ncerts, 1);
	v = audit_verifier_new(&w);
	assert_ok(audit_files_find(live.audit_log, &all, &e), &e);
	for (size_t i = 0; i < all.n; i++) {
		uint8_t *text;
		size_t m;

		assert_ok(audit_verifier_file(v, all.paths[i], &e), &e);
		assert_ok(file_read(all.paths[i], 1 << 24, &text, &m, &e), &e);
		assert_ok(audit_verifier_feed(v, bytes_of(text, m), &e), &e);
		free(text);
	}
	assert_ok(audit_verifier_end(v, r, &e), &e);
	keyd_keys_free(keys, n);
	keyd_free(k);
}

/* Until all but the log's own entries is covered. */
static struct audit_report covered(unsigned generation)
{
	struct audit_report r = {0};

	for (int i = 0; i < 200; i++) {
		look(&r, generation);
		if (r.checkpoints && r.behind == 0)
			return r;
		(void)poll(NULL, 0, 100);
	}
	fail_msg("no checkpoint: %llu of %llu, %llu behind it",
		 (unsigned long long)r.covered, (unsigned long long)r.last,
		 (unsigned long long)r.behind);
	return r;
}

static void configure(const char *keys)
{
	char path[4096], CLEANUP_FREE *text = NULL;
	uint8_t *old;
	struct err e;
	char *end;
	size_t n;

	live_kill(&live);
	(void)snprintf(path, sizeof path, "%s/keyd.conf", live.dir);
	assert_ok(file_read(path, 1 << 16, &old, &n, &e), &e);
	end = strstr((char *)old, "[keyd]");
	assert_true(asprintf(&text, "%.*s[keyd]\n%s",
			     (int)(end ? (size_t)(end - (char *)old) : n),
			     (char *)old, keys) > 0);
	free(old);
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
	live_keyd(&live);
}

static void notes(struct keyd *k, int n, size_t length)
{
	char text[512];
	struct err e;

	memset(text, 'x', sizeof text);
	text[length] = '\0';
	live_be(&live, LIVE_FRONT);
	for (int i = 0; i < n; i++)
		assert_ok(keyd_note(k, "test", text, &e), &e);
	live_be(&live, LIVE_ROOT);
}

static void after_a_time(void **state)
{
	struct audit_report r, later;
	struct keyd *k;

	(void)state;
	configure("audit-checkpoint-seconds = 1\n");
	r = covered(0);
	assert_string_equal(r.cluster, "lab");
	/* while nothing happens there is none */
	(void)poll(NULL, 0, 2500);
	look(&later, 0);
	assert_int_equal(later.last, r.last);
	k = client();
	notes(k, 1, 5);
	keyd_free(k);
	later = covered(0);
	assert_true(later.last > r.last);
	assert_int_equal(later.checkpoints, r.checkpoints + 1);
}

static void after_a_thousand(void **state)
{
	struct audit_report r, later;
	struct keyd *k;

	(void)state;
	configure("audit-checkpoint-seconds = 3600\n");
	k = client();
	look(&r, 0);
	notes(k, 990, 5);
	look(&later, 0);
	assert_int_equal(later.checkpoints, r.checkpoints);
	notes(k, 20, 5);
	for (int i = 0; i < 200 && later.checkpoints == r.checkpoints; i++) {
		(void)poll(NULL, 0, 50);
		look(&later, 0);
	}
	assert_int_equal(later.checkpoints, r.checkpoints + 1);
	assert_true(later.covered - r.last >= 999);
	keyd_free(k);
}

static void a_new_audit_key(void **state)
{
	struct keyd_intent intent = keyd_intent_generate(UNIT_AUDIT, NULL);
	uint8_t ticket[KEYD_TICKET_LEN];
	struct audit_report r, old;
	struct keyd_key key = {0};
	struct keyd *k;
	struct err e;

	(void)state;
	configure("audit-checkpoint-seconds = 1\n");
	k = client();
	r = covered(0);
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_generate(k, ticket, live_uid(&live, LIVE_ADMIN), UNIT_AUDIT, NULL,
				&key, &e), &e);
	live_be(&live, LIVE_ROOT);
	assert_int_equal(key.label.generation, 2);
	X509_free(key.cert);
	r = covered(2);
	assert_true(r.strange > 0); /* the old key's: not linked backwards */
	old = covered(1);           /* but the new one follows from the old */
	assert_int_equal(old.covered, r.covered);
	assert_int_equal(old.strange, 0);
	keyd_free(k);
}

/* Files of 1 MiB, and a kill -9 in between. */
static void rotation_while_it_signs(void **state)
{
	struct audit_files CLEANUP(audit_files_clear) all = {0};
	struct audit_report r, later;
	struct keyd *k;
	struct stat st;
	struct err e;

	(void)state;
	configure("audit-checkpoint-seconds = 1\naudit-rotate-mib = 1\n");
	k = client();
	look(&r, 0);
	notes(k, 800, 500);
	free(own_list("n1", &(size_t){0}));
	notes(k, 700, 500);
	live_kill(&live);
	live_keyd(&live);
	notes(k, 10, 500);
	later = covered(0);
	assert_true(later.last >= r.last + 1510);
	assert_ok(audit_files_find(live.audit_log, &all, &e), &e);
	assert_true(all.older >= 1);
	assert_int_equal(stat(all.paths[0], &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(st.st_gid, live.group);
	assert_true(st.st_size >= 1 << 20);
	keyd_free(k);
}

/* Of keyd, as its own user: root need not have that right. Below 0: none. */
static void limit(off_t size)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct rlimit l;

		if (setresgid(live.group, live.group, live.group) != 0 ||
		    setresuid(live.keyd_uid, live.keyd_uid, live.keyd_uid) != 0 ||
		    prlimit(live.keyd, RLIMIT_FSIZE, NULL, &l) != 0)
			_exit(2);
		l.rlim_cur = size < 0 ? l.rlim_max : (rlim_t)size;
		_exit(prlimit(live.keyd, RLIMIT_FSIZE, &l, NULL) != 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* No room (RLIMIT_FSIZE stands in): nothing is signed or made, everyone hears why,
 * what may be known is still told, and with room it goes on by itself. */
static void a_full_log(void **state)
{
	struct keyd_intent intent = keyd_intent_generate(UNIT_AUDIT, NULL);
	uint8_t ticket[KEYD_TICKET_LEN], *list = NULL;
	struct keyd_status before, now;
	struct keyd_key key = {0};
	struct audit_report r;
	size_t n, objects;
	struct stat st;
	struct keyd *k;
	struct err e;
	enum rc rc = RC_ERROR;

	(void)state;
	configure("audit-checkpoint-seconds = 3600\n");
	k = client();
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	before = status();
	objects = objects_in_token();
	assert_int_equal(stat(live.audit_log, &st), 0);
	limit(st.st_size + 100);
	live_be(&live, LIVE_FRONT);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(keyd_sign_itl(k, "n1", NOW, &list, &n, &e), RC_ERROR);
		assert_string_equal(e.name, "EFBIG");
		assert_non_null(strstr(e.what, live.audit_log));
		assert_non_null(strstr(e.hint, "nothing is signed until"));
	}
	assert_int_equal(keyd_generate(k, ticket, live_uid(&live, LIVE_ADMIN), UNIT_AUDIT,
				       NULL, &key, &e), RC_ERROR);
	live_be(&live, LIVE_ROOT);
	assert_int_equal(objects_in_token(), objects);
	now = status();
	assert_int_equal(now.audit_entries, before.audit_entries);
	assert_int_equal(now.started, before.started);
	assert_int_equal(stat(live.audit_log, &st), 0);
	limit(-1);
	live_be(&live, LIVE_FRONT);
	for (int i = 0; i < 100 && rc != RC_OK; i++) {
		(void)poll(NULL, 0, 100);
		rc = keyd_sign_itl(k, "n1", NOW, &list, &n, &e);
	}
	assert_ok(rc, &e);
	free(list);
	/* the ticket was not used up: nothing was done for it */
	assert_ok(keyd_generate(k, ticket, live_uid(&live, LIVE_ADMIN), UNIT_AUDIT, NULL,
				&key, &e), &e);
	X509_free(key.cert);
	live_be(&live, LIVE_ROOT);
	look(&r, 0);
	assert_true(times_in_log("\"event\":\"log-stuck\",\"detail\":\"refused=") > 0);
	keyd_free(k);
}

/* An entry that a generation needs first: the log fills just then. */
static void full_in_the_middle(void **state)
{
	struct keyd_intent intent = keyd_intent_generate(UNIT_CAPF, NULL);
	uint8_t ticket[KEYD_TICKET_LEN];
	struct keyd_key key = {0};
	struct stat st;
	struct keyd *k = client();
	size_t objects;
	struct err e;

	(void)state;
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	objects = objects_in_token();
	assert_int_equal(stat(live.audit_log, &st), 0);
	limit(st.st_size + 10);
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_generate(k, ticket, live_uid(&live, LIVE_ADMIN), UNIT_CAPF,
				       NULL, &key, &e), RC_ERROR);
	live_be(&live, LIVE_ROOT);
	assert_string_equal(e.name, "EFBIG");
	assert_int_equal(objects_in_token(), objects);
	limit(-1);
	keyd_free(k);
}

/* It starts without room, too: no loop of restarts, and a clear answer. */
static void started_with_a_full_log(void **state)
{
	uint8_t *list = NULL;
	struct stat st;
	struct keyd *k;
	struct err e;
	size_t n;

	(void)state;
	live_kill(&live);
	assert_int_equal(stat(live.audit_log, &st), 0);
	live.file_limit = (size_t)st.st_size + 10;
	live_keyd(&live);
	live.file_limit = 0;
	k = client();
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_sign_itl(k, "n1", NOW, &list, &n, &e), RC_ERROR);
	assert_string_equal(e.name, "EFBIG");
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	live_kill(&live);
	live_keyd(&live);
	free(own_list("n1", &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_time),
		cmocka_unit_test(after_a_thousand),
		cmocka_unit_test(a_new_audit_key),
		cmocka_unit_test(a_full_log),
		cmocka_unit_test(full_in_the_middle),
		cmocka_unit_test(started_with_a_full_log),
		cmocka_unit_test(rotation_while_it_signs),
	};

	return cmocka_run_group_tests(tests, peer_start, peer_stop);
}
