/*
 * Load on keyd from a process of its own, which runs as front's user: keyd
 * believes the kernel about who asks. Start it before a token's module is
 * loaded, because that process must not fork any more.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include "cluster/cluster.h"
#include <sys/types.h>

struct driver {
	pid_t pid; /* 0: none */
	int fd;    /* a socket to it */
};

/* What it asks for, again and again the very same: a list of the publisher, or the
 * header of a small .sgn of its. */
enum driver_load { DRIVER_LIST, DRIVER_SGN };

/* `window` requests in flight over a few connections. As root the process
 * becomes front's user; else it stays who it is. */
enum rc driver_start(const struct cluster *c, enum driver_load load,
		     unsigned window, struct driver *out, struct err *e) MUST_CHECK;
void driver_stop(struct driver *d);

struct driver_rate {
	double rate;      /* answers per second */
	double keyd, own; /* seconds of processor of both sides, for each answer */
};
enum rc driver_rate(struct driver *d, double seconds, struct driver_rate *out,
		    struct err *e) MUST_CHECK;

#define DRIVER_TIMES_MAX 256u

/* Seconds that each of n requests took, one after the other. */
enum rc driver_times(struct driver *d, double *times, unsigned n,
		     struct err *e) MUST_CHECK;

/* Ask a keyd that is not there yet, for so many seconds at most; the caller starts it
 * in between. *when: proc_now() at the first answer. */
enum rc driver_first_begin(struct driver *d, double seconds,
			   struct err *e) MUST_CHECK;
enum rc driver_first_end(struct driver *d, double *when, struct err *e) MUST_CHECK;

#endif
