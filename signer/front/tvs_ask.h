/* One round of questions to the nodes' TVSs (tvs_answers.h). */
#ifndef FRONT_TVS_ASK_H
#define FRONT_TVS_ASK_H

#include "service.h"

/* Ask each node that runs a TVS, side by side, within fetch-seconds and a little. of: as
 * in cluster->nodes; rc RC_OK: it answers as it must, or runs none. */
void tvs_ask_all(struct service *s, struct err of[CLUSTER_MAX_NODES]);

#endif
