/*
 * front takes up a changed cluster.conf by ending and being started again. That is
 * an operation, so that no other one runs meanwhile: it begins before the end, and
 * ends after the start, when the state was cleared of nodes that are gone and the
 * change is in the audit log. A change while front was down is found at its start.
 */
#ifndef FRONT_TAKEUP_H
#define FRONT_TAKEUP_H

#include "service.h"

struct takeup;

/* Starts the thread that looks. `dir`: the folder of the configuration. */
enum rc takeup_start(struct service *s, const char *dir, struct takeup **out,
		     struct err *e) MUST_CHECK;
/* After service_halt(). True if front ended to take a configuration up. NULL is
 * fine. */
bool takeup_join(struct takeup *t);

#endif
