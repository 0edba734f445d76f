/* What a reset is of: the publisher's list. */
#ifndef FRONT_SOURCE_H
#define FRONT_SOURCE_H

#include "door.h"
#include "itl/itl.h"

/*
 * A reset's source, and what is known of it: the list that the publisher serves; or,
 * where its next one would hold other records, that one, which nobody ever serves
 * (judge.h says why, and when not).
 */
struct source {
	struct list list;
	struct itl *itl; /* into list.bytes */
	uint32_t timestamp; /* of the reset; the next list, if it is that, has it too */
};

void source_clear_at(struct source *s); /* for CLEANUP(source_clear) */

/* What an earlier plan named. */
struct source_plan {
	const char *sha1; /* of the source */
	uint32_t timestamp;
};

/*
 * What c->node, the publisher, serves is fetched first: it must be what state holds.
 * plan: NULL for a new plan, whose time is then chosen; the same list keeps it for a
 * while. RC_REFUSED if it is another source now than the plan's.
 */
enum rc source_open(struct call *c, enum keyd_how how, const struct source_plan *plan,
		    struct source *out, struct err *e) MUST_CHECK;

#endif
