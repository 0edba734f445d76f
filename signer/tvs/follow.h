/* A changed cluster.conf is taken up by ending, and being started again. */
#ifndef TVS_FOLLOW_H
#define TVS_FOLLOW_H

#include "cluster/change.h"

/* dir, now: borrowed. */
void follow_open(struct cluster_watch *w, const char *dir, const struct cluster *now);

/* Look. True when another good configuration is there. */
bool follow_ends(struct cluster_watch *w);

#endif
