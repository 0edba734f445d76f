/*
 * A TFTP node's server: put a file there, restart it, fetch what phones get. Each
 * is a child's or root's job, with a deadline; errors name the node. Two jobs of one
 * node never run at once: the second waits. Any thread.
 *
 * A folder is written here, and root restarts its server (bounce.h). One on an SSH
 * server is met by carry, to a host whose key is known: put-seconds and
 * restart-seconds hold for looking at that key and the job together.
 */
#ifndef FRONT_NODE_H
#define FRONT_NODE_H

#include "service.h"

/* FOLDER/NAME is the old file or this one, whatever happens; but where an SSH login
 * runs no commands there is a moment without it, which is logged. */
enum rc node_put(struct service *s, const struct cluster_node *n,
		 const char *name, struct bytes content,
		 struct err *e) MUST_CHECK;

/* A dialogue with carry about the folder on the SSH server (a job of SSH, folder, max: bytes
 * of a file). It has put-seconds from one message to the next. */
struct carry_talk;
enum rc node_talk(struct service *s, const struct cluster_node *n, const char *what,
		  size_t max, const struct carry_talk *talk, struct err *e) MUST_CHECK;

/* Run the node's restart command, if it has one. */
enum rc node_bounce(struct service *s, const struct cluster_node *n,
		    struct err *e) MUST_CHECK;

/* What a phone gets from the node now, over TFTP and (if it has a port for
 * that) HTTP, the same over both; fetch-seconds for both together. RC_NOTFOUND if it
 * serves no such file. */
enum rc node_fetch(struct service *s, const struct cluster_node *n,
		   const char *name, uint8_t **out, size_t *len,
		   struct err *e) MUST_CHECK;

/* What a probe saw of an SSH server that no file of known hosts has. */
struct node_key {
	bool unknown; /* the rest is only set then */
	char type[32], fingerprint[128], address[64];
	char entry[2048]; /* its line for known_hosts; checked */
};

/* Change nothing, and see whether a put could be made and a phone would be answered:
 * the login and the folder, or that this user may write there; any answer of its
 * TFTP server. *key is set in each case. */
enum rc node_probe(struct service *s, const struct cluster_node *n,
		   struct node_key *key, struct err *e) MUST_CHECK;

/* ---- how long it takes ---- */

/* A loop's attempt begins, in this thread: its puts and fetches together with a
 * bounce get `seconds`, however many files there are. 0: there is no such bound. */
void node_attempt(double seconds);
/* What an attempt gets: each step's deadline once. */
unsigned node_attempt_seconds(const struct cluster *c);

/* The seconds after which a node that was down serves what it shall, at worst, from
 * the moment on when it keeps the deadlines again: the step that just fails, a pause
 * of retry-seconds, a whole attempt. */
unsigned node_return_seconds(const struct cluster *c, unsigned retry_seconds);
#define NODE_RETURN_SECONDS 60u /* what is promised with the defaults */

#endif
