/*
 * Which entries of the audit log a checkpoint covers, and when the next one is due.
 * Entries are counted since the start, without the log's own. Not locked: this is a part
 * of release.c, under its lock.
 */
#ifndef KEYD_COVERAGE_H
#define KEYD_COVERAGE_H

#include <stdbool.h>
#include <stdint.h>

#define COVERAGE_MOST 1000u /* entries that want a checkpoint at once */

struct coverage { /* of zeros at first, but for seconds */
	unsigned seconds; /* that an entry may wait for a checkpoint */
	uint64_t notes, synced;  /* made; on disk */
	uint64_t point, covered; /* by the one being made; by the last one */
	double since; /* proc_now() when the first that is not covered was made; 0 */
	double not_before;
	bool busy, hurry;
};

/* An entry was made. */
void coverage_note(struct coverage *c);

/* Entries that are not on disk never will be; a checkpoint may have been among them. */
void coverage_give_up(struct coverage *c);

/* Is a checkpoint due? Then it is being made, until coverage_end(). */
bool coverage_begin(struct coverage *c);

/* It will cover what is on disk now. False: nothing is new. */
bool coverage_point(struct coverage *c);

/* It was made; or it is tried again later. */
void coverage_end(struct coverage *c, bool done);

#endif
