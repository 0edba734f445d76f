/* A TFTP server's restart, done by root on request (cluster/restart.h). */
#ifndef FRONT_BOUNCE_H
#define FRONT_BOUNCE_H

#include "cluster/cluster.h"

/* Blocks until the answer, restart-seconds and a little, or stop_fd. */
enum rc bounce(const struct cluster *c, const struct cluster_node *n,
	       int stop_fd, struct err *e) MUST_CHECK;

#endif
