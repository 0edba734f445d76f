/*
 * Rates, measured. Two sides are compared by turns in one run (A B A B ...),
 * so that what else the machine does touches both.
 */
#ifndef BENCH_H
#define BENCH_H

#include "base/err.h"
#include <time.h>

#define BENCH_THREADS_MAX 256
/* Seconds of a clock, as a process's of the processor. */
double bench_clock(clockid_t clock);

#define BENCH_TURNS 8 /* of each side */

/* One operation; called again and again by each of the threads 0 .. n - 1. */
typedef enum rc bench_step(void *arg, unsigned thread, struct err *e);

/* Operations per second of `threads` threads together, over `seconds`. The
 * first error of a thread ends the run. */
enum rc bench_rate(bench_step *step, void *arg, unsigned threads,
		   double seconds, double *rate, struct err *e) MUST_CHECK;

struct bench_side {
	const char *name;
	enum rc (*measure)(void *arg, double seconds, double *rate,
			   struct err *e);
	void *arg;
	double rate; /* the mean; set by bench_compare() */
};

/* Measure both sides by turns, `seconds` for each in all. */
enum rc bench_compare(struct bench_side *a, struct bench_side *b,
		      double seconds, struct err *e) MUST_CHECK;

/* Print both rates, b's ratio to a, and the goal. */
void bench_print(const struct bench_side *a, const struct bench_side *b,
		 double goal);

#endif
