/*
 * The pause between two certificates of one node, so that phones hold one that they
 * trust before the next changes (spec: cluster, Regeneration). Pure: what the clocks
 * show is given.
 */
#ifndef FRONT_HOLD_H
#define FRONT_HOLD_H

#include "clock.h"

#define HOLD_SECONDS 300

/* When a certificate was made. */
struct hold_time {
	struct moment at;      /* mono counts from this boot's begin, suspension too */
	char boot[BOOT_ID_MAX];
};

/*
 * A moment of an earlier boot said in this boot's time, where the clock on the wall
 * cannot move it any more: that clock alone knows how long ago it was. If it shows
 * an earlier time than then, or none that can be, the pause begins anew. False: it
 * is of this boot, nothing was changed.
 */
bool hold_rebase(struct hold_time *set, const struct hold_time *now);

/* The seconds that are left: 0 to HOLD_SECONDS. */
unsigned hold_left(const struct hold_time *set, const struct hold_time *now);

#endif
