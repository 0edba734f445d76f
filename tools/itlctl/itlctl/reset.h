/* A bulk reset: plan, ticket, reset, whichever key signs. */
#ifndef ITLCTL_RESET_H
#define ITLCTL_RESET_H

#include "itlctl/ctl.h"

/* What front would do; the texts belong to `answer`. */
struct reset_plan {
	enum keyd_how how;
	json_t *answer;  /* owned */
	uint8_t *source; /* owned: the publisher's list, to be signed anew */
	size_t nsource;
	const char *sha1; /* of the source, checked */
	const char *signer;
	json_int_t timestamp;
	json_t *nodes, *warnings;
};

/* *out is filled anew; reset_plan_clear() it in any case. */
enum rc reset_plan(struct ctl *c, enum keyd_how how, struct reset_plan *out,
		   struct err *e) MUST_CHECK;
void reset_plan_clear(struct reset_plan *p);
static inline void reset_plan_clear_at(struct reset_plan *p)
{
	reset_plan_clear(p);
}

/*
 * Show what the reset would do. password: to have the SHA-1 of the new list from
 * keyd; NULL: the key that would sign is not in the token yet, so that nobody can
 * know it, and `signer` says which one it is (NULL: as the plan says).
 */
enum rc reset_dry_run(struct ctl *c, const struct reset_plan *p,
		      const struct secret *password, const char *signer,
		      struct err *e) MUST_CHECK;

/* Do it, with the original's dialogue or the events as JSON. json_decref()
 * *result; c->exit becomes 1 if a node failed. */
enum rc reset_run(struct ctl *c, const struct reset_plan *p,
		  const struct secret *password, json_t **result,
		  struct err *e) MUST_CHECK;

#endif
