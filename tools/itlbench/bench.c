#include "bench.h"
#include "base/num.h"
#include "base/proc.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

double bench_clock(clockid_t clock)
{
	struct timespec t = {0};

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct run {
	bench_step *step;
	void *arg;
	atomic_bool stop;
	pthread_barrier_t start;
};

struct worker {
	struct run *run;
	pthread_t thread;
	unsigned number;
	unsigned long done;
	enum rc rc;
	struct err e;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct run *r = w->run;

	(void)pthread_barrier_wait(&r->start);
	do {
		w->rc = r->step(r->arg, w->number, &w->e);
		if (w->rc)
			atomic_store(&r->stop, true);
		else
			w->done++;
	} while (!atomic_load_explicit(&r->stop, memory_order_relaxed));
	return NULL;
}

/* Sleep for so long, or until a worker failed. */
static void let_run(struct run *r, double seconds)
{
	const struct timespec tick = {.tv_nsec = 5000000};
	double end = proc_now() + seconds;

	while (proc_now() < end && !atomic_load(&r->stop))
		(void)nanosleep(&tick, NULL);
	atomic_store(&r->stop, true);
}

enum rc bench_rate(bench_step *step, void *arg, unsigned threads,
		   double seconds, double *rate, struct err *e)
{
	struct worker workers[BENCH_THREADS_MAX] = {{0}};
	struct run r = {.step = step, .arg = arg};
	unsigned long done = 0;
	double began;

	assert(threads >= 1 && threads <= BENCH_THREADS_MAX);
	(void)pthread_barrier_init(&r.start, NULL, threads + 1);
	for (unsigned i = 0; i < threads; i++) {
		workers[i].run = &r;
		workers[i].number = i;
		/* Those that wait at the barrier cannot be called back. */
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) {
			(void)fputs("itlbench: cannot start a thread\n", stderr);
			_exit(1);
		}
	}
	(void)pthread_barrier_wait(&r.start);
	began = proc_now();
	let_run(&r, seconds);
	for (unsigned i = 0; i < threads; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
	}
	seconds = proc_now() - began;
	(void)pthread_barrier_destroy(&r.start);
	for (unsigned i = 0; i < threads; i++)
		if (workers[i].rc) {
			*e = workers[i].e;
			return e->rc;
		}
	*rate = (double)done / seconds;
	return RC_OK;
}

enum rc bench_compare(struct bench_side *a, struct bench_side *b,
		      double seconds, struct err *e)
{
	struct bench_side *const sides[] = {a, b};

	a->rate = b->rate = 0;
	for (int turn = 0; turn < BENCH_TURNS; turn++)
		for (size_t i = 0; i < COUNT_OF(sides); i++) {
			double rate;

			if (sides[i]->measure(sides[i]->arg, seconds / BENCH_TURNS,
					      &rate, e))
				return e->rc;
			sides[i]->rate += rate / BENCH_TURNS;
		}
	return RC_OK;
}

void bench_print(const struct bench_side *a, const struct bench_side *b,
		 double goal)
{
	double ratio = a->rate > 0 ? b->rate / a->rate : 0;

	(void)printf("%-44s %12.1f /s\n%-44s %12.1f /s\n", a->name, a->rate,
		     b->name, b->rate);
	(void)printf("%-44s %12.2f    (goal %.2f: %s)\n", "ratio", ratio, goal,
		     ratio >= goal ? "met" : "missed");
}
