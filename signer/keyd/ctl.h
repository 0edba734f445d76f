/* What the cluster's CTL holds, and who signs it (spec: itl-format). Certificates
 * are the token's, names and addresses the configuration's. */
#ifndef KEYD_CTL_H
#define KEYD_CTL_H

#include "cluster/cluster.h"
#include "itl/itl.h"
#include "keyring.h"

/* Borrows names from the configuration and certificates from the ring. */
struct ctl {
	struct held_key *signer;
	size_t n;
	/* One a node; the publisher's once more, CAPF, ITLRECOVERY. */
	struct itl_entry entries[CLUSTER_MAX_NODES + 3];
};

/* RC_NOTFOUND if the token lacks a key, RC_USAGE if the address of a node that
 * serves lists is no IPv4 address. */
enum rc ctl_contents(struct keyring *r, const struct cluster *c, struct ctl *out,
		     struct err *e) MUST_CHECK;

#endif
