/*
 * Entries of the audit log that anybody in the group can cause without a password:
 * one of a user and minute, so that nobody fills the log with them. Thread-safe.
 */
#ifndef KEYD_LIMIT_H
#define KEYD_LIMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#define LIMIT_USERS 64 /* a minute; of more, none is written */
#define LIMIT_SECONDS 60

struct limit {
	pthread_mutex_t lock;
	struct {
		uid_t uid;
		double until; /* proc_now(); 0: free */
	} users[LIMIT_USERS];
	unsigned long left_out; /* since the last one that was written */
};

void limit_init(struct limit *l);

/* May an entry of this user be written? Then *left_out is how many, of all users,
 * were not since the last one. */
bool limit_pass(struct limit *l, uid_t uid, double now, unsigned long *left_out);

#endif
