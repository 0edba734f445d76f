/*
 * A reset of four nodes, in which one call fails: the Nth write, sync, rename or
 * connect of keyd, front or carry. Whoever waits hears what to do next; after a clean
 * start every node serves one whole list, the old one or the new one.
 */
#include "control.h"
#include "base/file.h"
#include "base/num.h"
#include <errno.h>
#include <limits.h>
#include <string.h>

static struct crash world;
static char *pages;

static const struct {
	enum fault kind;
	int error;
} faults[] = {
	{FAULT_WRITE, ENOSPC}, {FAULT_WRITE, EIO}, {FAULT_SYNC, EIO},
	{FAULT_SYNC, ENOSPC}, {FAULT_RENAME, EIO}, {FAULT_RENAME, ENOSPC},
	{FAULT_CONNECT, ECONNREFUSED},
};

/* Calls of a kind in a reset that nobody disturbs. */
static int count(enum program p, enum fault kind)
{
	struct found none[CRASH_NODES] = {0};
	int n;

	control_arm(p, kind, INT_MAX, 0);
	crash_begin(&world);
	crash_wait(&world);
	n = INT_MAX - atomic_load(&control_of[p]->left);
	control_disarm(p);
	crash_settle(&world);
	(void)crash_check(&world, none);
	return n;
}

/* Nobody died of a signal, nor by a sanitizer's word. */
static void nobody_crashed(void)
{
	static const char *const bad[] = {"signal=11", "signal=6", "Sanitizer",
					  "runtime error"};
	char path[PATH_MAX];
	uint8_t *log = NULL;
	struct err e;
	size_t n;

	assert_ok(file_path(path, sizeof path, world.dir, "log", &e), &e);
	assert_ok(file_read(path, 64u << 20, &log, &n, &e), &e);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (strstr((const char *)log, bad[i]))
			fail_msg("%s:\n%s", bad[i], (const char *)log);
	free(log);
}

static bool one_round(enum program p, size_t fault, int left, bool *new)
{
	struct found seen[CRASH_NODES];
	bool hit;

	crash_reset_prepare(&world);
	control_arm(p, faults[fault].kind, left, faults[fault].error);
	crash_begin(&world);
	crash_wait(&world);
	hit = atomic_load(&control_of[p]->hit);
	control_disarm(p);
	for (size_t i = 0; i < CRASH_NODES; i++)
		seen[i] = crash_folder(&world, i);
	crash_end(&world);
	nobody_crashed();
	crash_launch(&world);
	crash_settle(&world);
	*new = crash_check(&world, seen);
	return hit;
}

/* Of each kind of each program in turn: all of them, or a few. */
static void calls_fail(void **state)
{
	uint64_t seed = support_seed();
	size_t hits = 0, rounds = 0, news = 0;
	bool all = getenv("ITLKEEPER_LONG") != NULL, new;

	(void)state;
	for (enum program p = 0; p < PROGRAMS; p++) {
		int n[FAULTS] = {0};

		for (size_t f = 0; f < COUNT_OF(faults); f++) {
			enum fault kind = faults[f].kind;
			size_t here = 0;

			if (f == 0 || kind != faults[f - 1].kind)
				n[kind] = count(p, kind);
			print_message("%s: %d of %s\n", control_names[p], n[kind],
				      fault_names[kind]);
			for (int i = 0; i < n[kind]; i++) {
				if (!all && support_random(&seed) %
						    (2 * num_size(n[kind])) > 0)
					continue;
				rounds++;
				print_message("  %s: %s %d fails with %d\n",
					      control_names[p], fault_names[kind],
					      i + 1, faults[f].error);
				here += one_round(p, f, i, &new);
				news += new;
			}
			hits += here;
		}
	}
	print_message("%zu of %zu struck, %zu went on to the new list\n", hits, rounds,
		      news);
	assert_true(hits > 0);
}

static int start(void **state)
{
	(void)state;
	control_open(&pages);
	crash_start(&world, control_programs(pages));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	crash_stop(&world);
	control_close(pages);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_fail),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
