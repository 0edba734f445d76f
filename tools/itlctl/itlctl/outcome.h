/* The end of an operation on all TFTP nodes. */
#ifndef ITLCTL_OUTCOME_H
#define ITLCTL_OUTCOME_H

#include "itlctl/ctl.h"

/* Behind the dialogue (with --json nothing is printed): which list it is, and which
 * nodes do not serve it. c->exit becomes 1 if a node failed, else 0. */
void outcome_show(struct ctl *c, json_t *result);

#endif
