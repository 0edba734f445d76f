/*
 * The dialogue of `utils itl reset`, of `utils ctl update` and `rollback` in the same
 * words, and of a TFTP restart (spec: commands).
 *
 * Nodes report in any order; the lines are printed in configured order, the
 * publisher first: those of a node as soon as all nodes before it are done,
 * what comes too early is kept.
 */
#ifndef ITLCTL_DIALOGUE_H
#define ITLCTL_DIALOGUE_H

#include "cluster/cluster.h"
#include "itlctl/ctl.h"
#include <jansson.h>
#include <stdio.h>

struct dialogue;

/* Of a reset or a CTL (only == NULL: the nodes that the event "servers" names report),
 * or of one node's restart. out and c must outlive it. NULL out of memory. */
struct dialogue *dialogue_new(FILE *out, const struct cluster *c,
			      const struct cluster_node *only);
/* Prints what is still kept. NULL is fine. */
void dialogue_free(struct dialogue *d);
CLEANUP_DEFINE(struct dialogue *, dialogue_free);

/* An event of the door; arg is the struct dialogue. */
void dialogue_event(void *arg, json_t *event);

/* ctl_call() with the dialogue of it, or (--json) with its events as they are; what was
 * kept is printed when it returns. request is taken over. */
enum rc dialogue_call(struct ctl *c, const struct cluster_node *only, json_t *request,
		      json_t **result, struct err *e) MUST_CHECK;

/* A line for a node that --all-or-none misses; nothing for other events. */
void dialogue_missing(FILE *out, const json_t *event);

#endif
