/* What `cluster init` does, of one node alone. */
#ifndef ITLCTL_INITNODE_H
#define ITLCTL_INITNODE_H

#include "itlctl/ctl.h"

/* Asked for before anything is changed, and checked by keyd, if the node lacks a
 * key: *out stays NULL if it does not. */
enum rc init_node_password(struct ctl *c, const struct cluster_node *n,
			   struct secret **out, struct err *e) MUST_CHECK;

/* Make its keys that are missing, and its first list; what was done is appended to
 * the two arrays. *password is taken over; NULL: asked for if it is needed. */
enum rc init_node(struct ctl *c, const char *id, struct secret **password,
		  json_t *generated, json_t *restarted, struct err *e) MUST_CHECK;

#endif
