/*
 * What would lock phones is refused, in words (judge.h decides). Each of these looks
 * at the token's keys, and at what nodes serve and served within keep-days. RC_REFUSED
 * names the node, what its phones would meet, and the safe order; `force` overrides
 * it, and then keyd's audit log says so before anything is done.
 */
#ifndef FRONT_LOCKOUT_H
#define FRONT_LOCKOUT_H

#include "door.h"
#include "judge.h"

/* Before a unit gets a new certificate: a key that is to be made, or one that a CA
 * signed. node: an id; NULL for the cluster's units. The caller overrides it. */
enum rc lockout_generate(struct call *c, enum unit unit, const char *node,
			 struct err *e) MUST_CHECK;

#define LOCKOUT_FINDING_MAX 160

/* Before c->node's own list is published, of the present keys and policy. *locks: why
 * its phones would be locked; rc RC_OK: they would not. finding: the same for the audit
 * log. The caller refuses it, or overrides it. */
enum rc lockout_restart(struct call *c, struct err *locks,
			char finding[LOCKOUT_FINDING_MAX], struct err *e) MUST_CHECK;

/* Before cluster.conf becomes `next`: its policy, publisher, nodes. Phones of a node
 * that is not in it any more are thought to go to its publisher. *locks: why it would
 * lock phones; rc RC_OK: it locks none. finding: the same for the audit log. The file
 * is root's, so nothing is refused here. */
enum rc lockout_conf(struct call *c, const struct cluster *next, struct err *locks,
		     char finding[LOCKOUT_FINDING_MAX], struct err *e) MUST_CHECK;

/* ---- reset localkey ---- */

/* *fresh: the reset is of the publisher's next list, and not of `served`, the one in
 * force. */
enum rc lockout_reset_source(struct call *c, enum keyd_how how,
			     const struct itl *served, bool *fresh,
			     struct err *e) MUST_CHECK;

/* Before it is done. signer: the certificate that will sign. */
enum rc lockout_reset(struct call *c, const struct itl *source, const X509 *signer,
		      bool force, struct err *e) MUST_CHECK;

/* The same for phones that were off: a sentence, or "". */
enum rc lockout_reset_warning(struct call *c, const struct itl *source,
			      const X509 *signer, char to[256],
			      struct err *e) MUST_CHECK;

#endif
