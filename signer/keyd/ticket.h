/*
 * Tickets: an administrator's consent to one operation with one set of
 * parameters, for 60 seconds, once, by one user. And the door that asks for the
 * passwords before, which opens slower after each refusal. Thread-safe.
 */
#ifndef KEYD_TICKET_H
#define KEYD_TICKET_H

#include "keyd/client.h"
#include "state.h"
#include <pthread.h>

#define TICKETS_MAX 64      /* open at once; the oldest gives way */
#define TICKET_GUESSERS 64  /* users whose refusals are remembered; others share */
#define TICKET_FORGET 3600u /* seconds after which a place is free again */
#define TICKET_WAIT_MAX 60u /* seconds that a refused user waits at most */

struct ticket {
	bool open;
	uint8_t secret[KEYD_TICKET_LEN];
	struct keyd_intent intent;
	uid_t uid;
	double ends; /* proc_now() */
};

struct guesser {
	uid_t uid;
	/* Apart: who knows the one password must not guess the other faster by
	 * giving the right one between. */
	unsigned failures[PASSWORD_COUNT];
	double until; /* no try before */
	double ends;  /* then the place is free; 0: it is */
};

struct tickets {
	pthread_mutex_t lock;
	struct ticket all[TICKETS_MAX];
	struct guesser guessers[TICKET_GUESSERS];
	struct guesser root, shared;
};

void tickets_init(struct tickets *t);

/* May this user try a password now? RC_REFUSED with the seconds to wait. Asking
 * takes no place. */
enum rc tickets_may_try(struct tickets *t, uid_t uid, double now,
			struct err *e) MUST_CHECK;
void tickets_tried(struct tickets *t, uid_t uid, enum which_password which,
		   bool right, double now);

void tickets_issue(struct tickets *t, uid_t uid,
		   const struct keyd_intent *intent, double now,
		   uint8_t out[KEYD_TICKET_LEN]);

/* Use a ticket up. RC_REFUSED if there is none such, it was used or has
 * expired, or it was given to another user, for another operation or other
 * parameters. Whatever the reason, a ticket that was named is used up. *issued:
 * there was one such, still open. */
enum rc tickets_use(struct tickets *t, const uint8_t *ticket, uid_t uid,
		    const struct keyd_intent *intent, double now, bool *issued,
		    struct err *e) MUST_CHECK;

#endif
