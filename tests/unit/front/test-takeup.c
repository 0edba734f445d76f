/* front and a changed cluster.conf: the operation, the note, the nodes that go. */
#include "fixture.h"
#include "asking.h"
#include "base/file.h"
#include "base/num.h"
#include "fake-keyd.h"
#include "takeup.h"
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* How front ends itself. */
static volatile sig_atomic_t terms;

static void on_term(int sig)
{
	(void)sig;
	terms++;
}

static int setup(void **state)
{
	if (geteuid() != 0)
		return 0;
	terms = 0;
	(void)signal(SIGTERM, on_term);
	fake_keyd_start();
	*state = fixture_new("");
	fixture_front(*state, true);
	return 0;
}

static void nap(void)
{
	const struct timespec t = {.tv_nsec = 20000000};

	(void)nanosleep(&t, NULL);
}

static struct takeup *begin(struct fixture *f)
{
	struct takeup *t = NULL;
	struct err e;

	assert_ok(takeup_start(f->service, f->dir, &t, &e), &e);
	return t;
}

/* Until this configuration is on record; ctest's limit ends a wait in vain. */
static void wait_recorded(struct fixture *f)
{
	char now[CLUSTER_HASH];
	struct err e;

	do {
		nap();
		assert_ok(store_config(f->service->store, now, &e), &e);
	} while (strcmp(now, f->cluster->sha256) != 0);
}

static bool end(struct fixture *f, struct takeup *t)
{
	service_halt(f->service);
	return takeup_join(t);
}

/* As fixture_front(), after takeup's end. */
static void again(struct fixture *f)
{
	fixture_front(f, false);
	fixture_front(f, true);
}

static void the_first_start_is_noted(void **state)
{
	struct fixture *f = *state;
	char expected[120];
	unsigned notes;

	NEEDS_ROOT(state);
	struct takeup *t = begin(f);

	wait_recorded(f);
	(void)snprintf(expected, sizeof expected, "config config=%s before=-",
		       f->cluster->sha256);
	assert_memory_equal(fake_keyd.note, expected, strlen(expected));
	notes = fake_keyd.notes;
	assert_false(end(f, t));
	again(f);
	t = begin(f); /* the same again: nothing to say */
	nap();
	nap();
	assert_int_equal(fake_keyd.notes, notes);
	assert_false(end(f, t));
}

/* A list for a node that is no node of this cluster. */
static void serve_stranger(struct fixture *f, const char *node)
{
	struct list l = {.kind = LIST_ITL, .signer = "CallManager/n7/1",
			 .bytes = (uint8_t *)(uintptr_t)"list", .n = 4, .made = 1};
	struct err e;

	memset(l.sha1, 'a', sizeof l.sha1 - 1);
	(void)snprintf(l.node, sizeof l.node, "%s", node);
	assert_ok(store_want(f->service->store, &l, &node, 1, 0, &e), &e);
	assert_ok(store_have(f->service->store, node, FILE_ITL, &l, &e), &e);
}

static bool was_served(struct fixture *f, const char *node)
{
	struct past_list CLEANUP_FREE *past = NULL;
	struct err e;
	bool is = false;
	size_t n = 0;

	assert_ok(store_past_lists(f->service->store, FILE_ITL, &past, &n, &e), &e);
	for (size_t i = 0; i < n; i++)
		is |= !strcmp(past[i].node, node);
	return is;
}

static size_t phones_due(struct fixture *f)
{
	struct phones_due CLEANUP_FREE *due = NULL;
	struct err e;
	size_t n = 9;

	assert_ok(store_phones_due(f->service->store, &due, &n, &e), &e);
	return n;
}

static void nodes_that_are_gone_are_forgotten(void **state)
{
	struct fixture *f = *state;
	struct target t;
	struct list l;
	struct err e;
	char sha1[SHA1_HEX] = "";
	size_t gone;

	NEEDS_ROOT(state);
	serve_stranger(f, "n7");
	serve_stranger(f, "n1");
	memset(sha1, 'a', sizeof sha1 - 1);
	assert_ok(store_phones_put(f->service->store, "n7", sha1, "TVS", &e), &e);
	assert_ok(store_keep_nodes(f->service->store, f->cluster, &gone, &e), &e);
	assert_int_equal(gone, 1);
	assert_ok(store_target(f->service->store, "n7", &t, &e), &e);
	assert_string_equal(t.itl.want, "");
	assert_string_equal(t.itl.have, "");
	assert_ok(store_target(f->service->store, "n1", &t, &e), &e);
	assert_string_not_equal(t.itl.want, "");
	/* The list itself stays: phones may hold it. */
	assert_ok(store_list(f->service->store, t.itl.want, &l, &e), &e);
	list_clear(&l);
	assert_ok(store_keep_nodes(f->service->store, f->cluster, &gone, &e), &e);
	assert_int_equal(gone, 0);
	/* Phones that were off may come with it for keep-days. */
	assert_true(was_served(f, "n7"));
	/* It is not for the phones of another node of that name. */
	serve_stranger(f, "n7");
	assert_int_equal(phones_due(f), 0);
}

/* `at` NULL: at the end. */
static void write_before(struct fixture *f, const char *at, const char *more)
{
	char path[512];
	uint8_t *text = NULL;
	char *whole;
	struct err e;
	size_t n, cut;

	assert_ok(file_path(path, sizeof path, f->dir, "cluster.conf", &e), &e);
	assert_ok(file_read(path, 1 << 16, &text, &n, &e), &e);
	cut = at ? (size_t)(strstr((char *)text, at) - (char *)text) : n;
	assert_true(asprintf(&whole, "%.*s%s%s", (int)cut, (char *)text, more,
			     (char *)text + cut) > 0);
	assert_ok(file_replace(path, bytes_of_text(whole), 0644, &e), &e);
	free(whole);
	free(text);
}

static void write_conf(struct fixture *f, const char *more)
{
	write_before(f, NULL, more);
}

/* It ends as SIGTERM does, with an operation that the next front ends; while another
 * operation runs it waits. */
static void a_change_is_an_operation(void **state)
{
	struct fixture *f = *state;
	struct takeup *t;
	int64_t other;
	char from[CLUSTER_HASH];
	struct cluster *old;
	struct op o;
	struct err e;

	NEEDS_ROOT(state);
	t = begin(f);
	wait_recorded(f);
	strcpy(from, f->cluster->sha256);
	assert_ok(store_op_begin(f->service->store, "reset", "root", "", &other, &e), &e);
	write_conf(f, "# a word\n");
	for (int i = 0; i < 175; i++) /* longer than a change takes to be seen */
		nap();
	assert_int_equal(terms, 0);
	assert_ok(store_op_end(f->service->store, other, true, "", &e), &e);
	while (terms == 0)
		nap();
	assert_ok(store_op_running(f->service->store, &o, &e), &e);
	assert_string_equal(o.kind, STORE_CONFIG_OP);
	assert_non_null(strstr(o.params, from));
	assert_int_equal(store_op_begin(f->service->store, "reset", "root", "", &other, &e),
			 RC_BUSY);
	assert_true(end(f, t));

	/* The next front, with keyd away at first. */
	fixture_front(f, false);
	old = f->cluster; /* the thread of root's part may have it in hand */
	assert_ok(cluster_read(f->dir, &f->cluster, &e), &e);
	fake_keyd.away = true;
	fixture_front(f, true);
	t = begin(f);
	nap();
	assert_ok(store_op_running(f->service->store, &o, &e), &e);
	fake_keyd.away = false;
	wait_recorded(f);
	assert_int_equal(store_op_running(f->service->store, &o, &e), RC_NOTFOUND);
	assert_non_null(strstr(fake_keyd.note, from)); /* before= */
	assert_non_null(strstr(fake_keyd.note, f->cluster->sha256));
	assert_false(end(f, t));
	cluster_free(old);
}

/* Of all that was logged from here on; stderr is the log. */
static int log_begin(void)
{
	int kept = dup(2), fd = memfd_create("log", 0);

	assert_true(kept >= 0 && fd >= 0 && dup2(fd, 2) == 2);
	close(fd);
	return kept;
}

static char *log_end(int kept)
{
	char *all = calloc(1, 1 << 16);

	assert_true(pread(2, all, (1 << 16) - 1, 0) >= 0);
	assert_int_equal(dup2(kept, 2), 2);
	close(kept);
	(void)fputs(all, stderr);
	return all;
}

/* It is the administrator's file: said, and taken up. keyd, which may be taking it up
 * itself, is waited for a little. */
static void what_locks_phones_is_said(void **state)
{
	static const struct {
		const char *line;
		bool locks;
	} rows[] = {{"# a word\n", false}, {"tftp = no\n", true}};
	struct fixture *f = *state;

	NEEDS_ROOT(state);
	for (int i = 0; i < 2; i++)
		json_decref(tftp_restart(f, i ? "n2" : "n1", false, &(struct err){0}));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct takeup *t = begin(f);
		char *log;
		int kept, early;

		wait_recorded(f);
		terms = 0;
		fake_keyd.away = true;
		kept = log_begin();
		write_before(f, "host = test10sub\n", rows[i].line);
		for (int k = 0; k < 175; k++)
			nap();
		early = terms;
		fake_keyd.away = false;
		for (int k = 0; k < 500 && terms == 0; k++)
			nap();
		log = log_end(kept);
		assert_int_equal(early, 0);
		assert_int_equal(terms, 1);
		assert_int_equal(strstr(log, "event=config-locks") != NULL, rows[i].locks);
		assert_int_equal(strstr(log, "node=n2 list=") != NULL, rows[i].locks);
		assert_int_equal(strstr(log, "test10sub: its phones would be locked") != NULL,
				 rows[i].locks);
		free(log);
		assert_true(end(f, t));
		fixture_front(f, false);
		if (i + 1 == COUNT_OF(rows))
			break;
		cluster_free(f->cluster);
		assert_ok(cluster_read(f->dir, &f->cluster, &(struct err){0}), &(struct err){0});
		fixture_front(f, true);
	}
}

/* The operation was begun for a file that is not there any more. */
static void taken_back_before_the_start(void **state)
{
	struct fixture *f = *state;
	struct takeup *t;
	unsigned notes;
	int64_t op;
	struct op o;
	struct err e;

	NEEDS_ROOT(state);
	t = begin(f);
	wait_recorded(f);
	assert_false(end(f, t));
	notes = fake_keyd.notes;
	again(f);
	assert_ok(store_op_begin(f->service->store, STORE_CONFIG_OP, "front",
				 "config=00 before=11", &op, &e), &e);
	again(f); /* does not resume it as an operation on nodes */
	assert_ok(store_op_running(f->service->store, &o, &e), &e);
	t = begin(f);
	while (store_op_running(f->service->store, &o, &e) == RC_OK)
		nap();
	assert_int_equal(fake_keyd.notes, notes);
	assert_false(end(f, t));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_start_is_noted),
		TEST(nodes_that_are_gone_are_forgotten),
		TEST(a_change_is_an_operation),
		TEST(what_locks_phones_is_said),
		TEST(taken_back_before_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
