/* The phones of one reset: reset.c plays them, think.c lets them decide at the same time,
 * report.c shows what became of them. */
#ifndef FLEET_H
#define FLEET_H

#include "fetch.h"
#include "itlphone.h"
#include "phone.h"
#include "vouch.h"
#include <pthread.h>

/* What a phone asks for, in its order. */
enum step { STEP_CTL, STEP_OWN_ITL, STEP_ITL, STEP_SGN, STEP_XML, STEP_END };

/* From good to bad: of a phone's two lists the worse one counts. */
enum outcome { SAME, ACCEPTED, UNANSWERED, REJECTED, OUTCOMES };

/* A phone while it resets. */
struct visit {
	struct phone phone;
	unsigned index; /* among the phones */
	enum step step;
	bool virgin; /* had no list at all */
	bool concluded;
	enum outcome outcome;
	json_t *report, *status, *fetched, *tvs; /* the last three are the report's */
	struct fetched came; /* what it decides about */
	struct fleet *fleet;
	bool thinks; /* in this thread, until it is joined */
	pthread_t thread;
	enum rc rc; /* of the decision, when it is in the fleet's `decided` */
	struct err e;
	struct visit *next;
};

struct fleet {
	const struct settings *s;
	struct fetcher *fetcher;
	struct vouch vouch;
	struct visit *visits; /* one per lane */
	json_t **reports;     /* of phones that are done and not yet printed */
	unsigned started, done, printed;
	unsigned counts[OUTCOMES];
	char first_why[600]; /* of the first phone that did not succeed */
	double drawn;        /* when the progress line was */
	pthread_mutex_t lock;
	struct visit *decided; /* under the lock; the rest is the main thread's, and a
				  visit its own thread's while it thinks */
};

/* What a phone makes of v->came, and its next step. From the thread that it thinks in. */
enum rc visit_decide(struct visit *v, struct err *e) MUST_CHECK;

/* Let it decide in a thread, for it may ask TVS; false: there is none for it. */
bool think_begin(struct visit *v);
/* One that has decided, with its rc and e; NULL: none has. */
struct visit *think_next(struct fleet *fl);
/* Wait for it, if it thinks. */
void think_end(struct visit *v);

/* Phones end in any order and are printed in theirs: those that can be now. */
void fleet_print_done(struct fleet *fl);
/* The counts, and the first reason, on standard error. */
void fleet_print_summary(const struct fleet *fl);

#endif
