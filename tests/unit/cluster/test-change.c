/* A cluster.conf that changes under a running program. */
#include "support/support.h"
#include "cluster/change.h"
#include "base/file.h"
#include "base/num.h"
#include <string.h>

#define HEAD "[cluster]\nname = t\npublisher = n1\n"
#define NODE "[node n1]\nhost = one\naddress = ::1\nfolder = /1\nrestart = true\n"
#define GOOD HEAD NODE
#define OTHER HEAD "policy = itlrecovery\n" NODE

struct bench {
	char *dir;
	struct cluster *now;
	struct cluster_watch w;
	enum rc verdict; /* of the program's own check */
	unsigned checks;
};

static void put(const struct bench *b, const char *text)
{
	char path[4096];
	struct err e;

	assert_ok(file_path(path, sizeof path, b->dir, "cluster.conf", &e), &e);
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
}

static enum rc check(void *arg, struct err *e)
{
	struct bench *b = arg;

	b->checks++;
	if (b->verdict != RC_OK)
		err_set(e, b->verdict, "check", "keyd.conf is bad", NULL, "keyd.conf");
	return b->verdict;
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	struct err e;

	assert_non_null(b);
	b->dir = support_tmpdir();
	put(b, GOOD);
	assert_ok(cluster_read(b->dir, &b->now, &e), &e);
	b->w = (struct cluster_watch){
		.dir = b->dir, .now = b->now, .check = check, .arg = b};
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	cluster_free(b->now);
	support_tmpdir_remove(b->dir);
	free(b);
	return 0;
}

/* Two looks: a file that was written this moment may not be whole yet. */
static enum rc look_twice(struct bench *b, struct cluster **next, struct err *e)
{
	enum rc rc = cluster_watch_look(&b->w, next, e);

	return rc != RC_OK || *next ? rc : cluster_watch_look(&b->w, next, e);
}

static void nothing_new(void **state)
{
	struct bench *b = *state;
	struct cluster *next = NULL;
	struct err e;

	for (int i = 0; i < 4; i++)
		assert_ok(cluster_watch_look(&b->w, &next, &e), &e);
	put(b, GOOD); /* another file that says the same */
	for (int i = 0; i < 4; i++)
		assert_ok(cluster_watch_look(&b->w, &next, &e), &e);
	assert_null(next);
	assert_int_equal(b->checks, 0);
}

static void a_change_waits_until_it_stands_still(void **state)
{
	struct bench *b = *state;
	struct cluster *next = NULL;
	struct err e;

	put(b, OTHER);
	assert_ok(cluster_watch_look(&b->w, &next, &e), &e);
	assert_null(next);
	put(b, OTHER "# more\n");
	assert_ok(cluster_watch_look(&b->w, &next, &e), &e);
	assert_null(next);
	assert_ok(cluster_watch_look(&b->w, &next, &e), &e);
	assert_non_null(next);
	assert_int_equal(next->policy, POLICY_ITLRECOVERY);
	assert_string_not_equal(next->sha256, b->now->sha256);
	assert_int_equal(strlen(next->sha256), 64);
	cluster_free(next);
	/* As long as it is there. */
	next = NULL;
	assert_ok(cluster_watch_look(&b->w, &next, &e), &e);
	assert_non_null(next);
	cluster_free(next);
	next = NULL;
	put(b, GOOD); /* taken back */
	assert_ok(look_twice(b, &next, &e), &e);
	assert_null(next);
}

static const struct {
	const char *name, *text, *said;
	enum rc rc;
} bad[] = {
	{"no INI", GOOD "nonsense\n", "cluster.conf:9: this line", RC_USAGE},
	{"an unknown key", HEAD "colour = red\n" NODE, "cluster.conf:4: colour: unknown key", RC_USAGE},
	{"half a file", HEAD, "publisher", RC_USAGE},
	{"empty", "", "[cluster]", RC_USAGE},
	{"another name", "[cluster]\nname = u\npublisher = n1\n" NODE,
	 "cluster.conf:2: name: it cannot change while the programs run", RC_REFUSED},
	{"another folder", HEAD "run = /elsewhere\n" NODE, "cluster.conf:4: run", RC_REFUSED},
	{"another state folder", HEAD "state-dir = /elsewhere\n" NODE, "state-dir", RC_REFUSED},
	{"another user", HEAD "keyd-user = root\n" NODE, "keyd-user", RC_REFUSED},
	{"another user", HEAD "front-user = root\n" NODE, "front-user", RC_REFUSED},
	{"another user", HEAD "tvs-user = root\n" NODE, "tvs-user", RC_REFUSED},
	{"another group", HEAD "group = root\n" NODE, "group", RC_REFUSED},
};

static void bad_ones_are_told_of_once(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct cluster *next = NULL;
		char text[1200];
		struct err e;

		print_message("  %s\n", bad[i].name);
		put(b, bad[i].text);
		assert_int_equal(look_twice(b, &next, &e), bad[i].rc);
		assert_non_null(strstr(err_text(&e, text, sizeof text), bad[i].said));
		for (int k = 0; k < 3; k++)
			assert_ok(cluster_watch_look(&b->w, &next, &e), &e);
		put(b, bad[i].text); /* written again, no better */
		assert_ok(look_twice(b, &next, &e), &e);
		assert_null(next);
		put(b, GOOD);
		assert_ok(look_twice(b, &next, &e), &e);
		assert_null(next);
		assert_ok(cluster_watch_look(&b->w, &next, &e), &e);
	}
	assert_int_equal(b->checks, 0);
}

static void no_file_is_told_of_too(void **state)
{
	struct bench *b = *state;
	struct cluster *next = NULL;
	char path[4096];
	struct err e;

	assert_ok(look_twice(b, &next, &e), &e);
	assert_ok(file_path(path, sizeof path, b->dir, "cluster.conf", &e), &e);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(cluster_watch_look(&b->w, &next, &e), RC_OK);
	assert_int_equal(cluster_watch_look(&b->w, &next, &e), RC_NOTFOUND);
	assert_ok(cluster_watch_look(&b->w, &next, &e), &e);
	put(b, OTHER);
	assert_ok(look_twice(b, &next, &e), &e);
	assert_non_null(next);
	cluster_free(next);
}

/* The program could not start with its other files: it is told of, and goes on as
 * soon as they are well, without another change of cluster.conf. */
static void the_program_may_refuse(void **state)
{
	struct bench *b = *state;
	struct cluster *next = NULL;
	struct err e;

	b->verdict = RC_USAGE;
	put(b, OTHER);
	assert_int_equal(look_twice(b, &next, &e), RC_USAGE);
	assert_string_equal(e.why, "keyd.conf is bad");
	assert_ok(cluster_watch_look(&b->w, &next, &e), &e);
	assert_null(next);
	b->verdict = RC_OK;
	assert_ok(cluster_watch_look(&b->w, &next, &e), &e);
	assert_non_null(next);
	cluster_free(next);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_new),
		TEST(a_change_waits_until_it_stands_still),
		TEST(bad_ones_are_told_of_once),
		TEST(no_file_is_told_of_too),
		TEST(the_program_may_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
