/* The signed files of a node whose folder is on an SSH server, for sign_again.c alone. */
#ifndef FRONT_SIGN_AGAIN_SSH_H
#define FRONT_SIGN_AGAIN_SSH_H

#include "service.h"
#include "sgn/sgn.h"

/*
 * As sgn_run() of a job of SGN_AGAIN, by one worker; but its tree is the node's folder
 * there, through carry, which has no keys and decides nothing. It is given up when
 * nothing came of it for put-seconds, or front ends (RC_STALE).
 */
enum rc sign_again_ssh_run(struct service *s, const struct cluster_node *n,
		      const struct sgn_job *job, struct sgn_sum *sum,
		      struct err *e) MUST_CHECK;

#endif
