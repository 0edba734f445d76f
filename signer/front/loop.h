/*
 * A thread for each TFTP node makes the node serve what state wants: put the
 * files that differ, bounce once, fetch each as a phone would, compare. What fails
 * is tried again, with growing pauses, for ever. An operation is no more than a new
 * `want`.
 */
#ifndef FRONT_LOOP_H
#define FRONT_LOOP_H

#include "service.h"

enum rc loops_start(struct service *s, struct err *e) MUST_CHECK;
void loops_join(struct service *s); /* after service_halt() */

/* NULL if the node serves no lists. */
struct loop *loop_of(struct service *s, const struct cluster_node *n);

/*
 * Ask these loops for an attempt and wait until each has ended one. `event`
 * (or NULL) gets {"event","node","host"...}, without the lock, and frees it.
 * RC_STALE if the service ends meanwhile.
 */
enum rc loops_work(struct service *s, struct loop *const *loops, size_t n,
		   void (*event)(void *arg, json_t *event), void *arg,
		   struct err *e) MUST_CHECK;

#endif
