/* A node's folder on an SSH server, for node.c alone. */
#ifndef FRONT_NODE_SSH_H
#define FRONT_NODE_SSH_H

#include "node.h"

/* seconds: for the host's key and the job together. */
enum rc node_ssh_put(struct service *s, const struct cluster_node *n,
		     const char *name, struct bytes content, unsigned seconds,
		     struct err *e) MUST_CHECK;
/* The job's members: SSH, folder, max. */
enum rc node_ssh_talk(struct service *s, const struct cluster_node *n, const char *what,
		      size_t max, const struct carry_talk *talk, unsigned seconds,
		      struct err *e) MUST_CHECK;
enum rc node_ssh_restart(struct service *s, const struct cluster_node *n,
			 unsigned seconds, struct err *e) MUST_CHECK;
enum rc node_ssh_probe(struct service *s, const struct cluster_node *n,
		       struct node_key *key, unsigned seconds,
		       struct err *e) MUST_CHECK;

#endif
