/*
 * Tickets that keyd did not take, by user. Each costs entries of the audit log and
 * of the state, and keeps others from an operation: a member of the group without
 * the password must not be able to fill or to hold them.
 */
#ifndef FRONT_SLIPS_H
#define FRONT_SLIPS_H

#include <sys/types.h>

#define SLIPS_USERS 32    /* with slips at a time; further ones share a place */
#define SLIPS_FREE 4u     /* that cost nothing: a ticket is soon too old */
#define SLIPS_WAIT_MAX 60 /* seconds */
#define SLIPS_FORGET 600  /* seconds after the last one */

struct slip {
	uid_t uid;
	unsigned n;
	double until, forget; /* by the clock of `now` */
};

/* All zero at the begin. The caller has the lock. */
struct slips {
	struct slip root, shared, users[SLIPS_USERS];
};

/* Seconds that this user must still wait; 0: none. */
double slips_wait(struct slips *s, uid_t uid, double now);
void slips_add(struct slips *s, uid_t uid, double now);

#endif
