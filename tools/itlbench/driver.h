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

/* `window` requests in flight over a few connections. As root the process
 * becomes front's user; else it stays who it is. */
enum rc driver_start(const struct cluster *c, unsigned window,
		     struct driver *out, struct err *e) MUST_CHECK;
void driver_stop(struct driver *d);

/* Lists of the publisher per second. */
enum rc driver_rate(struct driver *d, double seconds, double *rate,
		    struct err *e) MUST_CHECK;

#endif
