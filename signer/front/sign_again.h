/*
 * A node's signed files follow its CallManager certificate: once a list is put that may
 * bring the present one to phones, each .sgn of its folder that one of this token's
 * CallManager keys signed before is signed again: the same content, under the same name
 * and hash. State says of which certificate they are, so that this is done once; the
 * files themselves say which are done, so that a kill does no harm. On an SSH server, too
 * (sign_again_ssh.h).
 */
#ifndef FRONT_SIGN_AGAIN_H
#define FRONT_SIGN_AGAIN_H

#include "service.h"

/*
 * If it is due for a node that shall serve t. out: what was done; its cert is "" if
 * nothing was due. A file that could not be signed again is counted, logged, and the
 * first one kept in out->error; a failure as a whole is returned, and the next attempt
 * goes on. tell (may be NULL) gets {"all","done","refused"} and frees it, if there is
 * any to be signed.
 */
enum rc sign_again(struct service *s, const struct cluster_node *n,
		   const struct target *t, void (*tell)(void *arg, json_t *files),
		   void *arg, struct signed_files *out, struct err *e) MUST_CHECK;

/* As answers have it: null, or {"cert" (SHA-1),"at","signed","refused","error"}. */
json_t *sign_again_show(const struct signed_files *f);

#endif
