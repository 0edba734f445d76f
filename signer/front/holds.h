/* Holds as front keeps them: which certificates of a node were made, so that another
 * one of it waits (hold.h). CAPF and ITLRecovery are the publisher's. */
#ifndef FRONT_HOLDS_H
#define FRONT_HOLDS_H

#include "service.h"

/* An error of this name is a hold's; its code is the seconds that are left. */
#define HOLD_ERROR "HELD"

/*
 * May this unit's certificate change now? RC_REFUSED, in the call manager's words,
 * while another unit's of the same node is held. node: an id; NULL for the cluster's
 * units. Whatever changes a certificate asks this first.
 */
enum rc hold_check(struct service *s, enum unit unit, const char *node,
		   struct err *e) MUST_CHECK;

/* It changes: before it does, so that a kill cannot lose the hold, and again once it
 * has, for that may take minutes. *before (NULL is fine): for hold_undo(). */
struct hold_before {
	struct hold hold;
	bool was; /* there was one */
};
enum rc hold_set(struct service *s, enum unit unit, const char *node,
		 struct hold_before *before, struct err *e) MUST_CHECK;
/* It did not change after all. */
enum rc hold_undo(struct service *s, const struct hold_before *before,
		  struct err *e) MUST_CHECK;

/* As "holds" of the door's status has them: [{node, unit, seconds}]. */
enum rc holds_show(struct service *s, json_t **out, struct err *e) MUST_CHECK;

/* Before operations go on: holds of an earlier boot get this one's time, and that of a
 * generation which a kill cut off begins anew. */
enum rc holds_start(struct service *s, struct err *e) MUST_CHECK;

#endif
