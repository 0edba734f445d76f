/*
 * cluster init --import DIR: the keys of a running cluster go into the token.
 *
 * DIR and its folders, which are named after nodes (identifier or host), hold
 *
 *   UNIT.p12, UNIT.pfx               key and certificate
 *   UNIT.pem                         key and certificate; or the certificate alone
 *   UNIT.crt, UNIT.cer               the certificate
 *   UNIT.key                         its key, PEM
 *
 * UNIT is CallManager, TVS, CAPF, ITLRecovery or SAST (which is ITLRecovery), in
 * either case of letters. What lies in DIR itself is the publisher's.
 */
#ifndef ITLCTL_ADOPT_H
#define ITLCTL_ADOPT_H

#include "itlctl/passwords.h"

/*
 * Import all that there is, each proved by a test signature in the token. `adopted`
 * gets {unit,node (null),label,present,files: [path]} of each. Files whose names say
 * nothing are named, so that none is forgotten by a slip of the pen; they stay where
 * they are, all of them. Nothing is imported, and it is RC_NOTFOUND if there is no key
 * at all; RC_USAGE if a folder is no node's; RC_REFUSED, but for OPT_FORCE, if neither
 * the files nor the token have the CallManager of a node that serves lists.
 */
enum rc adopt_keys(struct ctl *c, const char *dir, const struct passwords *pw,
		   json_t *adopted, struct err *e) MUST_CHECK;

/* What is left to do by hand, in words. */
void adopt_tell_end(const struct ctl *c, const json_t *adopted);

#endif
