/* What a new key's certificate and an authority's have in common: what is said of a
 * unit's certificate that is replaced (regen.c). */
#ifndef ITLCTL_REGEN_H
#define ITLCTL_REGEN_H

#include "itlctl/certs.h"

struct regen {
	struct ctl *c;
	const char *name; /* the command's */
	enum unit unit;
	const char *node; /* NULL: the cluster's */
	json_t *plan;     /* owned: the door's answer to generate-plan */
};
static inline void regen_clear_at(struct regen *r)
{
	json_decref(r->plan);
}

/* The first argument, and the node one stands on. */
enum rc regen_unit(struct ctl *c, struct regen *r, struct err *e) MUST_CHECK;
/* Before anybody is asked for a password: may it be? The door decides again. */
enum rc regen_plan(struct regen *r, struct err *e) MUST_CHECK;
/* The door's refusal: a hold, in the original's two lines and ours. Returns e->rc. */
enum rc regen_refused(const struct regen *r, struct err *e);
enum rc regen_agree(const struct regen *r, const char *question, const char *hint,
		    struct err *e) MUST_CHECK;
/* What takes effect when (spec: cluster, Regeneration). */
void regen_next(const struct regen *r);

#endif
