/*
 * keyd takes up a changed cluster.conf by ending, when nothing is in flight, and
 * being started again. What is asked meanwhile is answered; after TAKEUP_PATIENCE
 * without a quiet moment nothing more is read: clients ask again of the next keyd.
 */
#ifndef KEYD_TAKEUP_H
#define KEYD_TAKEUP_H

#include "cluster/change.h"
#include "config.h"

#define TAKEUP_PATIENCE 5.0 /* seconds */
#define TAKEUP_STEP_MS 100  /* so long nobody asks anything: a quiet moment */

struct takeup {
	struct cluster_watch watch;
	double next_look, since; /* since: it is wanted; 0: it is not */
};

/* dir, config: borrowed. */
void takeup_open(struct takeup *t, const char *dir, const struct keyd_config *config);

/* Look, if it is time. True while another good configuration is there. */
bool takeup_wanted(struct takeup *t);
/* Whether requests are still to be read. */
bool takeup_may_read(const struct takeup *t);

#endif
