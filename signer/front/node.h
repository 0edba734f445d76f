/* A TFTP node's server: put a file there, restart it, fetch what phones get. Each
 * is a child's or root's job, with a deadline; errors name the node. */
#ifndef FRONT_NODE_H
#define FRONT_NODE_H

#include "service.h"

/* FOLDER/NAME is the old file or this one, whatever happens. */
enum rc node_put(struct service *s, const struct cluster_node *n,
		 const char *name, struct bytes content,
		 struct err *e) MUST_CHECK;

/* Run the node's restart command. */
enum rc node_bounce(struct service *s, const struct cluster_node *n,
		    struct err *e) MUST_CHECK;

/* What a phone gets from the node now, over TFTP and (if it has a port for
 * that) HTTP, the same over both. RC_NOTFOUND if it serves no such file. */
enum rc node_fetch(struct service *s, const struct cluster_node *n,
		   const char *name, uint8_t **out, size_t *len,
		   struct err *e) MUST_CHECK;

#endif
