/* A list that every TFTP node shall serve: what operations on all of them share. */
#ifndef FRONT_PUBLISH_H
#define FRONT_PUBLISH_H

#include "door.h"

/* The event "servers": whom the operation is about. */
void publish_tell(struct call *c);

/* In one transaction, before anything is put: a kill loses no list. It was verified
 * (lists.h). */
enum rc publish_want(struct service *s, const struct list *list, int64_t op,
		     struct err *e) MUST_CHECK;

/* What became of each node that was asked ({id,host,ok,error; if not ok: have (what
 * it served last; null), since}, of this file), in the order of loops; the first
 * failure in *rc and *e, which stay as they are if there is none. */
json_t *publish_outcomes(struct service *s, struct loop *const *loops, size_t n,
			 enum served_file file, enum rc *rc, struct err *e);

/*
 * The events "generated" and "transferring", and those of the nodes, until each was
 * tried once. *result: {"sha1", "signer", "nodes"}; once it is there, a failure
 * returned is that of the first node that has one. RC_STALE without a result if
 * front is being stopped: the list stays wanted.
 */
enum rc publish_wait(struct call *c, const struct list *list, json_t **result,
		     struct err *e) MUST_CHECK;

#endif
