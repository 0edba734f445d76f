/*
 * Whether phones that ask a TVS are answered: each node that runs one (cluster.conf:
 * tvs = yes) is asked as a phone asks, at tvs-port of its address, by a child (carry's
 * job tvs). It answers if it shows the node's current TVS certificate and vouches for
 * the ITLRecovery and for the CallManager of each node that serves lists.
 *
 * All are asked every five minutes, every minute while one does not answer, and by
 * each operation that depends on it. That a node's TVS has answered, once, is kept in
 * the state: from then on somebody counts on it. A cluster that never ran one is told
 * so where it matters, and has no alerts.
 */
#ifndef FRONT_TVS_ANSWERS_H
#define FRONT_TVS_ANSWERS_H

#include "door.h"

struct tvs_answer {
	bool seen;        /* it has answered, now or ever */
	int64_t since;    /* it is as it is: Unix time; 0: nobody has asked yet */
	int64_t checked;  /* 0: not since front began */
	struct err error; /* why it does not answer; rc RC_OK: it does */
};

enum rc tvs_answers_start(struct service *s, struct err *e) MUST_CHECK;
void tvs_answers_join(struct service *s); /* after service_halt(); never started: fine */

/* What is known of this node. All zero if it runs none. */
void tvs_answers_of(struct service *s, const struct cluster_node *n, struct tvs_answer *out);

/*
 * Ask them all, side by side, and say what that means for lists that phones would take
 * through TVS. It takes fetch-seconds, or twice that if others ask at the same time;
 * the second time in one call it costs nothing, and says the same.
 *
 * JUDGE_TVS_ANSWERS: all of them answer, for nobody here knows which one a phone asks.
 * A node that is down counts too: its phones may have no other.
 */
enum judge_tvs tvs_answers_now(struct call *c);

#define TVS_ANSWERS_TEXT 192
/* Whose does not answer, and why: "the TVS of HOST does not answer: WHY"; "" if all do,
 * or the cluster runs none. */
void tvs_answers_missing(struct service *s, char to[TVS_ANSWERS_TEXT]);

/* Of "status": null without a TVS. */
json_t *tvs_answers_show(struct service *s, const struct cluster_node *n);

#endif
