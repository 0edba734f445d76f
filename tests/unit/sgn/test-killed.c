/* A run that is killed, wherever: no .sgn is half written, and the next run ends it. */
#include "tree.h"
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES 120

static void each(struct tree *t, void (*look)(struct tree *t, const char *name))
{
	DIR *d = opendir(t->dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		look(t, e->d_name);
	closedir(d);
}

static void must_be_whole(struct tree *t, const char *name)
{
	size_t n = strlen(name);
	char file[64];

	if (n < 4 || strcmp(name + n - 4, ".sgn") != 0)
		return;
	snprintf(file, sizeof file, "%.*s", (int)n - 4, name);
	tree_phone_takes(t, file, file, &alice);
}

static void must_not_be_aside(struct tree *t, const char *name)
{
	(void)t;
	assert_int_not_equal(strncmp(name, ".sgn-", 5), 0);
}

static void remove_signed(struct tree *t, const char *name)
{
	size_t n = strlen(name);

	if (n > 4 && !strcmp(name + n - 4, ".sgn"))
		(void)unlink(tree_path(t, name));
}

static void kill_at(struct tree *t, unsigned us)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(tree_run(t) == RC_OK ? 0 : 1);
	usleep(us);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void kills(void **state)
{
	uint64_t seed = support_seed();
	struct tree *t = *state;
	struct timespec a, b;
	char name[32];
	unsigned whole;

	for (size_t i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "SEP%zu.xml", i);
		tree_text(t, name, name);
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	tree_expect(t, FILES, 0, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	whole = (unsigned)((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
	for (size_t i = 0; i < support_rounds(100); i++) {
		each(t, remove_signed);
		kill_at(t, (unsigned)(support_random(&seed) % (whole + 1000)));
		each(t, must_be_whole);
		assert_ok(tree_run(t), &t->error);
		assert_int_equal(t->sum.fate[SGN_REFUSED], 0);
		each(t, must_be_whole);
		each(t, must_not_be_aside);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kills, tree_start, tree_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
