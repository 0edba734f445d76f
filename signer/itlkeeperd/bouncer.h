/*
 * Runs nodes' restart commands on request, and the one that resets the phones: one
 * at a time for a node, nodes side by side, each with a deadline.
 *
 * A request that comes while its command runs waits in the folder.
 */
#ifndef ITLKEEPERD_BOUNCER_H
#define ITLKEEPERD_BOUNCER_H

#include "cluster/cluster.h"
#include <poll.h>
#include <sys/types.h>

#define BOUNCER_MAX_JOBS (CLUSTER_MAX_NODES + 1)
#define BOUNCER_MAX_FDS (1 + BOUNCER_MAX_JOBS)

struct bouncer;

/* Watches the cluster's restart folder. `writer` is front's user. Borrows c. */
enum rc bouncer_open(const struct cluster *c, uid_t writer,
		     struct bouncer **out, struct err *e) MUST_CHECK;
/* Kills the commands that still run, as groups. */
void bouncer_free(struct bouncer *b);
CLEANUP_DEFINE(struct bouncer *, bouncer_free);

/* No command runs: it may be freed, and another one opened in its place. What was
 * asked for meanwhile waits in the folder. */
bool bouncer_idle(const struct bouncer *b);

/* Remove what lies there for long and is no request: it would have a path unit start
 * a program again and again. False: something is left. */
bool bouncer_sweep(const struct bouncer *b);

/* Take and start what was asked for; also call it once at the start. Kills what
 * is past its deadline. */
void bouncer_work(struct bouncer *b);

/* A child ended: true if it was one of ours; its answer is written. */
bool bouncer_ended(struct bouncer *b, pid_t pid, int wait_status);

/* Fills in what to poll() for, and lowers *deadline (proc_now()'s clock). */
size_t bouncer_poll(const struct bouncer *b, struct pollfd fds[BOUNCER_MAX_FDS],
		    double *deadline);
/* Read what poll() found there. */
void bouncer_polled(struct bouncer *b, const struct pollfd *fds, size_t n);

#endif
