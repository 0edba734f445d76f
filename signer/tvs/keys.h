/* The cluster's keys, as keyd has them: asked for now and then. */
#ifndef TVS_KEYS_H
#define TVS_KEYS_H

#include "keyd/client.h"

struct keys { /* of zeros at first */
	struct keyd_key *all; /* owned */
	size_t n;
	uint8_t digest[32]; /* of them all */
};

void keys_clear(struct keys *k);

/* Ask. *changed: they are others than before. */
enum rc keys_look(struct keys *k, struct keyd *from, bool *changed, struct err *e) MUST_CHECK;

/* The current key of a unit, and of this node; NULL: there is none. */
const struct keyd_key *keys_current(const struct keys *k, enum unit unit, const char *node);

#endif
