/*
 * keyd's service without threads, socket and log: the cluster "t" (nodes n1, the
 * publisher, n2, and n3, which serves nothing), the software token (token.h), one pair
 * that waits, one proof. Each input finds it as it was.
 */
#ifndef KEYD_WORLD_H
#define KEYD_WORLD_H

#include "service.h"
#include "token.h"

extern struct service world;
extern unsigned world_notes; /* entries beside a request's own */

#define WORLD_UID 1000u
#define WORLD_DERIVED 0x41 /* each byte of what both passwords derive to */
#define WORLD_CLAIM 0x43   /* each byte of the proof's claim */

/* passwords: they are set. */
void world_start(bool passwords);

/* What no request may change unless it is meant to. */
struct world_state {
	struct token_counts token;
	unsigned notes;
	struct keyd_password passwords[PASSWORD_COUNT];
	size_t keys, waiting, proofs, tickets, generations;
	bool sealed;
};
void world_look(struct world_state *out); /* comparable byte by byte */

#endif
