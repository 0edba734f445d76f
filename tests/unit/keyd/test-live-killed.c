/*
 * kill -9 of a real keyd during its start, its login and its generations: every
 * committed key is there afterwards, and signs; what was cut off never counts. The
 * same kills without the copies of the token's file lose the token, which shows that
 * this test could fail.
 */
#include "peer.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "hsm/sign.h"
#include "hsm/start.h"
#include "itl/itl.h"
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEYS_MAX 2000

/* The certificates of all keys that keyd answered for. */
static X509 *committed[KEYS_MAX];
static size_t ncommitted;

static char object[4096]; /* the token's token.object */
static char copies[4096]; /* where keyd keeps the copies of it */

static void find_object(void)
{
	char tokens[2048];
	struct dirent *f;
	DIR *d;

	(void)snprintf(tokens, sizeof tokens, "%s/tokens", live.hsm.dir);
	(void)snprintf(copies, sizeof copies, "%s/state/keyd/softhsm", live.dir);
	d = opendir(tokens);
	assert_non_null(d);
	while ((f = readdir(d)))
		if (f->d_name[0] != '.')
			(void)snprintf(object, sizeof object, "%s/%s/token.object",
				       tokens, f->d_name);
	(void)closedir(d);
}

static void remove_copies(void)
{
	DIR *d = opendir(copies);
	struct dirent *f;

	assert_non_null(d);
	while ((f = readdir(d)))
		if (f->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(d), f->d_name, 0), 0);
	(void)closedir(d);
}

static bool is_known(const X509 *cert)
{
	for (size_t i = 0; i < ncommitted; i++)
		if (X509_cmp(committed[i], cert) == 0)
			return true;
	return false;
}

/* keyd has every committed key. Others are of a kill after the certificate was
 * written and before the answer: committed too. */
static void check_keys(void)
{
	struct keyd *k = client();
	struct keyd_key *keys;
	size_t n, known = 0;
	struct err e;

	assert_ok(keyd_keys(k, &keys, &n, &e), &e);
	for (size_t i = 0; i < n; i++)
		known += is_known(keys[i].cert);
	assert_int_equal(known, ncommitted);
	for (size_t i = 0; i < n; i++)
		if (!is_known(keys[i].cert)) {
			assert_true(ncommitted < KEYS_MAX);
			assert_true(X509_up_ref(keys[i].cert));
			committed[ncommitted++] = keys[i].cert;
		}
	keyd_keys_free(keys, n);
	keyd_free(k);
}

/* Both nodes' lists, signed by their current keys. */
static void check_lists(void)
{
	static const char *const nodes[] = {"n1", "n2"};

	for (size_t i = 0; i < COUNT_OF(nodes); i++) {
		struct itl *l = NULL;
		uint8_t *list;
		struct err e;
		size_t n;

		list = own_list(nodes[i], &n);
		assert_ok(itl_parse(bytes_of(list, n), 0, &l, &e), &e);
		assert_ok(itl_verify_self(l, &e), &e);
		itl_free(l);
		free(list);
	}
}

static bool any(const char *label)
{
	return strchr(label, '/') != NULL;
}

/* Each of them, in the token itself; hsm_sign() verifies with the certificate. */
static void check_signatures(void)
{
	struct secret *pin = softhsm_secret(SOFTHSM_PIN);
	struct hsm_place place = {.module = softhsm_module(),
				  .uri = "pkcs11:token=live", .sessions = 1};
	const struct bytes text = bytes_of_text("still there");
	struct hsm_module *m = NULL;
	struct hsm_token *t = NULL;
	struct hsm_session *s;
	struct hsm_key **keys = NULL;
	uint8_t signature[HSM_SIGNATURE_MAX];
	size_t n = 0, known = 0;
	struct err e;

	assert_ok(hsm_start(&place, pin, &m, &t, &e), &e);
	s = hsm_session_take(t);
	assert_ok(hsm_keys_load(s, any, NULL, NULL, &keys, &n, &e), &e);
	for (size_t i = 0; i < n; i++) {
		assert_ok(hsm_sign(s, keys[i], "SHA256", HSM_PKCS1, &text, 1,
				   signature, keys[i]->bits / 8, &e), &e);
		known += is_known(keys[i]->cert);
	}
	assert_int_equal(known, ncommitted);
	hsm_keys_free(keys, n);
	hsm_session_give(s);
	hsm_token_free(t);
	hsm_module_free(m);
	secret_free(pin);
}

/* ---- kills ---- */

static double start_seconds, generate_seconds;

static void pause_up_to(double seconds, uint64_t *seed)
{
	double s = seconds * (double)(support_random(seed) % 1000) / 1000;
	struct timespec t = {.tv_sec = (time_t)s,
			     .tv_nsec = (long)((s - (double)(time_t)s) * 1e9)};

	(void)nanosleep(&t, NULL);
}

static void kill_start(uint64_t *seed)
{
	live_spawn(&live);
	pause_up_to(start_seconds * 1.2, seed);
	live_kill(&live);
}

/* The moment at which SoftHSM empties the file is the one at which it changes. */
static void kill_login(uint64_t *seed)
{
	int fd = inotify_init1(IN_CLOEXEC);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	(void)seed;
	assert_true(fd >= 0);
	assert_true(inotify_add_watch(fd, object, IN_MODIFY) >= 0);
	live_spawn(&live);
	assert_int_equal(poll(&p, 1, 30000), 1);
	live_kill(&live);
	(void)close(fd);
}

/* Another TVS key for n2, asked for by a process of its own. */
static pid_t ask_for_key(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct keyd_intent intent = keyd_intent_generate(UNIT_TVS, "n2");
		uint8_t ticket[KEYD_TICKET_LEN];
		struct keyd_key key;
		struct keyd *k = client();
		struct err e;

		live_ticket(&live, LIVE_ADMIN, &intent, ticket);
		live_be(&live, LIVE_FRONT);
		/* Argon2id is done: from here on it is keyd's time. */
		(void)raise(SIGSTOP);
		_exit(keyd_generate(k, ticket, live_uid(&live, LIVE_ADMIN), UNIT_TVS,
				    "n2", &key, &e) != RC_OK);
	}
	return pid;
}

static pid_t begin_generation(void)
{
	pid_t pid = ask_for_key();
	int status;

	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(kill(pid, SIGCONT), 0);
	return pid;
}

static void kill_generation(uint64_t *seed)
{
	pid_t pid;

	live_keyd(&live);
	pid = begin_generation();
	pause_up_to(generate_seconds * 1.2, seed);
	live_kill(&live);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void measure(void)
{
	double begin;
	pid_t pid;

	live_kill(&live);
	begin = proc_now();
	live_keyd(&live);
	start_seconds = proc_now() - begin;
	pid = begin_generation();
	begin = proc_now();
	(void)waitpid(pid, NULL, 0);
	generate_seconds = proc_now() - begin;
	print_message("a start takes %.3f s, a generation %.3f s\n", start_seconds,
		      generate_seconds);
}

static size_t times_put_back(void)
{
	uint8_t CLEANUP_FREE *log = NULL;
	size_t n, times = 0;
	struct err e;

	assert_ok(file_read(live.audit_log, 64u << 20, &log, &n, &e), &e);
	for (const char *s = (const char *)log; (s = strstr(s, "token-put-back=1")); s++)
		times++;
	return times;
}

static void no_committed_key_is_lost(void **state)
{
	static void (*const kinds[])(uint64_t *seed) = {
		kill_start, kill_login, kill_generation, kill_login};
	uint64_t seed = support_seed();
	size_t rounds = support_rounds(1000);

	(void)state;
	check_keys();
	measure();
	check_keys();
	for (size_t i = 0; i < rounds; i++) {
		live_kill(&live);
		kinds[i % COUNT_OF(kinds)](&seed);
		live_keyd(&live);
		check_keys();
		check_lists();
	}
	live_kill(&live);
	check_signatures();
	print_message("%zu kills, %zu keys; token.object was put back %zu times\n",
		      rounds, ncommitted, times_put_back());
	live_keyd(&live);
}

/* What the kills left is named, and goes when it is asked for. */
static void what_they_left_can_be_removed(void **state)
{
	struct keyd_passwords pw = live_passwords();
	struct keyd_half *halves = NULL;
	struct keyd *k = client();
	size_t n = 0;
	struct err e;

	(void)state;
	live_be(&live, LIVE_ADMIN);
	assert_ok(keyd_incomplete(k, &halves, &n, &e), &e);
	print_message("%zu halves\n", n);
	for (size_t i = 0; i < n; i++) {
		assert_memory_equal(halves[i].label, "TVS/n2/", 7);
		assert_ok(keyd_tidy(k, &pw, halves[i].id, false, &e), &e);
	}
	free(halves);
	halves = NULL;
	assert_ok(keyd_incomplete(k, &halves, &n, &e), &e);
	assert_int_equal(n, 0);
	free(halves);
	keyd_free(k);
	live_be(&live, LIVE_ROOT);
	check_keys();
	check_lists();
}

static void a_complete_key_is_not_tidied(void **state)
{
	struct keyd_passwords pw = live_passwords(), wrong = {pw.security, NULL};
	struct keyd *k = client();
	struct keyd_key *keys;
	uint8_t none[16] = {1};
	struct err e;
	size_t n;

	(void)state;
	live_be(&live, LIVE_ADMIN);
	assert_ok(keyd_keys(k, &keys, &n, &e), &e);
	for (size_t i = 0; i < 3 && i < n; i++) {
		assert_int_equal(keyd_tidy(k, &pw, keys[i].id, false, &e), RC_REFUSED);
		assert_non_null(strstr(e.why, "is a complete key"));
	}
	assert_int_equal(keyd_tidy(k, &pw, none, false, &e), RC_NOTFOUND);
	assert_int_equal(keyd_tidy(k, &wrong, keys[0].id, false, &e), RC_REFUSED);
	assert_null(strstr(e.why, "is a complete key"));
	keyd_keys_free(keys, n);
	keyd_free(k);
	live_be(&live, LIVE_ROOT);
	check_keys();
	check_lists();
}

static void without_copies_the_token_is_lost(void **state)
{
	struct stat st = {.st_size = 1};
	uint64_t seed = 0;
	unsigned i;

	(void)state;
	live_kill(&live);
	for (i = 1; i <= 500; i++) {
		kill_login(&seed);
		remove_copies();
		assert_int_equal(stat(object, &st), 0);
		if (st.st_size == 0)
			break;
	}
	print_message("lost after %u kills\n", i);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(live_keyd_status(&live), 4);
	assert_int_equal(stat(object, &st), 0);
	assert_int_equal(st.st_size, 0); /* and nothing was made up */
}

static int start(void **state)
{
	int rc = peer_start(state);

	find_object();
	return rc;
}

static int stop(void **state)
{
	for (size_t i = 0; i < ncommitted; i++)
		X509_free(committed[i]);
	return peer_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_committed_key_is_lost),
		cmocka_unit_test(what_they_left_can_be_removed),
		cmocka_unit_test(a_complete_key_is_not_tidied),
		cmocka_unit_test(without_copies_the_token_is_lost),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
