/* A cluster without a token: keys in software from a pool that is made once, and keyd's
 * part, as its own sources have it: whose key signs what, and what it refuses. */
#ifndef WORLD_H
#define WORLD_H

#include "support/support.h"

#include "cluster/cluster.h"
#include "itl/itl.h"
#include "judge.h"
#include "keyd/client.h"
#include "support/phone.h"

#define WORLD_NODES 4
#define WORLD_GENERATIONS 10 /* of a key, in one history */

struct world {
	struct cluster cluster; /* the nodes that are members: "n1" to "n4" */
	enum judge_tvs tvs;
	unsigned generation[UNIT_COUNT][WORLD_NODES]; /* current; from 0 */
	uint32_t now;
};

/* Members n1 to nN, n1 the publisher. Nothing needs to be freed. */
void world_start(struct world *w, size_t nodes, unsigned policy, enum judge_tvs tvs);
/* The pool's end. */
void world_stop(void);

/* "n3" is 2; and back. */
size_t world_number(const char *id);
/* A member by number: its place in cluster.nodes, or nnodes. */
size_t world_at(const struct cluster *c, size_t number);
void world_add(struct cluster *c, size_t number);
void world_remove(struct cluster *c, size_t number);
void world_publish(struct cluster *c, size_t number); /* it is the publisher */

/* Current keys, as keyd would tell them. keyd_keys_free() them. */
struct keyd_key *world_keys(const struct world *w, size_t *n);

/* A node's own list. malloc()ed. */
struct bytes world_itl(const struct world *w, size_t number, uint32_t timestamp);
/* What keyd makes of a reset localkey, by *signer (borrowed); n == 0: it refuses. */
struct bytes world_reset(const struct world *w, const struct itl *source,
			 uint32_t timestamp, X509 **signer);
/* The nodes whose TVS, of whatever generation, a list names; a bit each. */
unsigned world_named(const struct itl *l);
/* The TVSs of these members that answer: they vouch for every key of the token, retired
 * ones too. Borrowed until the next call. */
size_t world_tvs(const struct world *w, unsigned group, struct phone_tvs *out);

#endif
