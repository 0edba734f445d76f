/*
 * A reset of four nodes, and kill -9 of one of the service's processes, or of all,
 * at a random moment of it. After the next start every node serves one whole list,
 * the old one or the new one, and all the same.
 */
#include "crash.h"
#include "base/num.h"
#include "base/proc.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum victim { FRONT, KEYD, CARRY, ALL, VICTIMS };
static const char *const victims[] = {"front", "keyd", "carry", "itlkeeperd"};

static struct crash world;

/* Seconds that a reset takes that nobody disturbs: the least, of a busy machine. */
static double measure(void)
{
	double least = 60;

	for (int i = 0; i < 3; i++) {
		struct found none[CRASH_NODES] = {0};
		double begin = proc_now();

		crash_begin(&world);
		crash_wait(&world);
		if (proc_now() - begin < least)
			least = proc_now() - begin;
		crash_settle(&world);
		assert_true(crash_check(&world, none));
	}
	return least;
}

/* itlkeeperd waits longer and longer before it starts a program again that ended:
 * another one does not. */
static void forgive(enum victim v)
{
	if (v > KEYD || world.restarts[v]++ == 0)
		return;
	crash_kill_all(&world);
	crash_launch(&world);
	world.restarts[v] = 1;
}

static bool strike(enum victim v)
{
	pid_t pid;

	if (v == ALL) {
		crash_kill_all(&world);
		return true;
	}
	for (int tries = v == CARRY ? 20 : 1; tries > 0; tries--) {
		pid = crash_pid(&world, victims[v]);
		if (pid > 0 && kill(pid, SIGKILL) == 0)
			return true;
		(void)usleep(2000); /* between two of them */
	}
	return false;
}

static bool one_round(enum victim v, double wait, bool *hit)
{
	struct found seen[CRASH_NODES];

	crash_begin(&world);
	(void)usleep((useconds_t)(wait * 1e6));
	*hit = strike(v);
	for (size_t i = 0; i < CRASH_NODES; i++)
		seen[i] = crash_folder(&world, i);
	crash_wait(&world);
	if (v == ALL)
		crash_launch(&world);
	crash_settle(&world);
	return crash_check(&world, seen);
}

static void killed_anywhere(void **state)
{
	uint64_t seed = support_seed();
	size_t rounds = support_rounds(1000), hits[VICTIMS] = {0}, new[VICTIMS] = {0};
	size_t news = 0, all[VICTIMS] = {0};
	double begin, span = measure() * 1.1;

	(void)state;
	begin = proc_now();
	for (size_t i = 0; i < rounds; i++) {
		enum victim v = (enum victim)(support_random(&seed) % VICTIMS);
		/* The first steps are the short ones, and decide: more of those. */
		double u = (double)(support_random(&seed) % 1000) / 1000;
		double wait = span * u * (i % 2 ? 1 : u);
		bool hit = false;

		print_message("%zu: %s after %.0f ms\n", i, victims[v], wait * 1000);
		all[v]++;
		forgive(v);
		if (one_round(v, wait, &hit)) {
			new[v]++;
			news++;
		}
		hits[v] += hit;
	}
	for (size_t v = 0; v < VICTIMS; v++)
		print_message("%s: %zu of %zu struck, %zu went on to the new list\n",
			      victims[v], hits[v], all[v], new[v]);
	print_message("%zu rounds in %.0f s, each of %.0f ms\n", rounds,
		      proc_now() - begin, span * 1000);
	/* Not all before the first step, nor all behind the last. */
	assert_true(news > 0 && news < rounds);
}

/* The newest generation of TVS of n2: of several current ones there is none. */
static int64_t newest(void)
{
	struct err e;
	json_t *certs = crash_ask(&world, json_pack("{s:s}", "do", "certs"), &e), *cert;
	int64_t generation = 0;
	size_t i, current = 0;

	assert_ok(certs ? RC_OK : e.rc, &e);
	json_array_foreach(json_object_get(certs, "certs"), i, cert) {
		if (strcmp(json_string_value(json_object_get(cert, "unit")), "TVS") != 0 ||
		    strcmp(json_string_value(json_object_get(cert, "node")), "n2") != 0 ||
		    !json_is_true(json_object_get(cert, "current")))
			continue;
		generation = json_integer_value(json_object_get(cert, "generation"));
		current++;
	}
	json_decref(certs);
	assert_int_equal(current, 1);
	return generation;
}

/*
 * What front says of the last operation, whether it or keyd saw its end: *id is the
 * one before, then the last. A front that was killed before it took the request knows
 * no other one, and no key was made.
 */
static void check_last(json_int_t *id, bool made)
{
	struct err e;
	json_t *status = crash_ask(&world, json_pack("{s:s}", "do", "status"), &e);
	json_t *last = json_object_get(status, "last");
	const char *note = json_string_value(json_object_get(last, "note"));
	json_int_t was = *id;

	*id = json_integer_value(json_object_get(last, "id"));
	if (*id == was) {
		print_message("  not begun\n");
		assert_false(made);
		json_decref(status);
		return;
	}
	assert_string_equal(json_string_value(json_object_get(last, "kind")), "generate");
	print_message("  %s: %s\n", made ? "made" : "not made", note);
	/* A keyd that ended after it had made the key, or that is slower than front's
	 * patience, leaves front in doubt: then it says so. One that ended before it was
	 * asked does not know the ticket any more. */
	if (!json_is_true(json_object_get(last, "well")))
		assert_true(strstr(note, "show cert list own") ||
			    (!made && strstr(note, "give the command and the password again")));
	else
		assert_true(made);
	json_decref(status);
}

/* The same of a new key: it is there or not, and what is said is true. */
static void killed_while_a_key_is_made(void **state)
{
	uint64_t seed = support_seed();
	size_t rounds = support_rounds(120), begun = 0;
	double begin, span = 0;
	json_int_t last = 0;

	(void)state;
	for (size_t i = 0; i <= rounds; i++) {
		enum victim v = i == 0 ? CARRY : (enum victim)(i % 3 == 2 ? ALL : i % 3);
		int64_t before = newest(), after;
		json_int_t was = last;
		struct found none[CRASH_NODES] = {0};
		double wait = span * (double)(support_random(&seed) % 1000) / 1000;

		forgive(v);
		crash_generate_prepare(&world, UNIT_TVS, "n2");
		begin = proc_now();
		crash_begin(&world);
		(void)usleep((useconds_t)(wait * 1e6));
		if (i > 0) /* the first one is measured */
			(void)strike(v);
		crash_wait(&world);
		if (i == 0)
			span = (proc_now() - begin) * 1.1;
		if (v == ALL)
			crash_launch(&world);
		crash_settle(&world);
		(void)crash_check(&world, none);
		after = newest();
		assert_true(after >= before);
		if (i == 0)
			assert_true(after > before);
		print_message("%s after %.0f ms\n", victims[v], wait * 1000);
		check_last(&last, after > before);
		begun += last != was;
	}
	assert_true(begun > rounds / 2);
}

static int start(void **state)
{
	(void)state;
	crash_start(&world, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	crash_stop(&world);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_anywhere),
		cmocka_unit_test(killed_while_a_key_is_made),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
