/* The programs that the launcher keeps alive. */
#ifndef ITLKEEPERD_SERVICE_H
#define ITLKEEPERD_SERVICE_H

#include "cluster/cluster.h"
#include <sys/types.h>

#define SERVICE_COUNT 3
#define SERVICE_MAX_PAUSE 10.0   /* seconds */
#define SERVICE_STABLE 30.0      /* alive so long: the next end is a first one */
#define SERVICE_STOP_SECONDS 5.0 /* between SIGTERM and SIGKILL */

struct service {
	const struct service_kind *kind;
	char path[4096];
	const char *user;
	uid_t uid;
	gid_t gid;
	pid_t pid;         /* 0: not running */
	double started;    /* proc_now()'s clock */
	double next_start;
	double pause;      /* before the start after the next one */
	bool wanted;       /* the cluster has a use for it: tvs, with a node that runs one */
	bool given_up;     /* it ended with PROGRAM_EXIT_PIN: never started again */
};

struct services {
	const char *config; /* folder, absolute */
	const struct cluster *cluster; /* of the start */
	struct service all[SERVICE_COUNT];
};

/* Find the programs and their users; starts nothing. Borrows c. */
enum rc services_open(const struct cluster *c, const char *config,
		      struct services *out, struct err *e) MUST_CHECK;

/* The cluster changed: what it has no use for any more is stopped, and what it has
 * found a use for is due. */
void services_follow(struct services *s, const struct cluster *c);

/* Run each with -n, one after the other: the first failure's exit status. */
enum rc services_check(struct services *s, int *status,
		       struct err *e) MUST_CHECK;

/* Start what is due, and lower *deadline to when the next is. */
void services_work(struct services *s, double *deadline);

/* A child ended: true if it was one of ours; it is planned anew. */
bool services_ended(struct services *s, pid_t pid, int wait_status);

/* SIGTERM, then SIGKILL, and wait for all. */
void services_stop(struct services *s);

/* The pause before the next start of a program that lived for `life` seconds;
 * *pause is what to remember. */
double service_next_pause(double life, double *pause);

#endif
