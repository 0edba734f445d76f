/* The audit log's head beside each published list: a log that was replaced, or
 * whose end was cut off, does not have it. (audit/audit.h) */
#ifndef FRONT_HEADS_H
#define FRONT_HEADS_H

#include "door.h"

/* After an operation: the present head, for the lists that nodes want since then. A
 * keyd that does not answer is logged; the next operation tries again. */
void heads_record(struct service *s);

/* The door's "audit". */
enum rc show_audit(struct call *c, json_t **result, struct err *e) MUST_CHECK;

#endif
