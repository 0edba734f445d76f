/* One round of questions to the nodes' TVSs (answers.h). */
#ifndef FRONT_ANSWERS_ASK_H
#define FRONT_ANSWERS_ASK_H

#include "service.h"

/* Ask each node that runs a TVS, side by side, within fetch-seconds and a little. of: as
 * in cluster->nodes; rc RC_OK: it answers as it must, or runs none. */
void answers_ask(struct service *s, struct err of[CLUSTER_MAX_NODES]);

#endif
