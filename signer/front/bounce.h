/* A TFTP server's restart, and the phones' reset, done by root on request
 * (cluster/restart.h). */
#ifndef FRONT_BOUNCE_H
#define FRONT_BOUNCE_H

#include "cluster/cluster.h"

/* Blocks until the answer, restart-seconds and a little, or stop_fd. */
enum rc bounce(const struct cluster *c, const struct cluster_node *n,
	       int stop_fd, struct err *e) MUST_CHECK;

/* The same of the command that resets the phones (phone-reset, which must be set),
 * and phone-reset-seconds. */
enum rc bounce_phones(const struct cluster *c, int stop_fd,
		      struct err *e) MUST_CHECK;

#endif
