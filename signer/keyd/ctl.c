#include "ctl.h"
#include <arpa/inet.h>

static void add_entry(struct ctl *ctl, struct itl_entry server, unsigned role,
		      const struct held_key *k)
{
	server.role = role;
	server.cert = k->key->cert;
	ctl->entries[ctl->n++] = server;
}

/* The cluster's own keys, which are the publisher's to hold. */
struct units {
	struct held_key *capf, *recovery;
};

static void add_units(struct ctl *ctl, struct itl_entry publisher,
		      const struct units *u)
{
	add_entry(ctl, publisher, ITL_CAPF, u->capf);
	add_entry(ctl, publisher, ITL_SAST, u->recovery);
}

/* What a node's records have in common: its name as people type it, and its
 * address. Nobody resolves a name here: a phone would go where DNS points. */
static enum rc server_of(const struct cluster_node *node, struct itl_entry *out,
			 struct err *e)
{
	struct itl_entry server = {.whole = true, .dns = node->host,
				   .has_address = true};

	if (inet_pton(AF_INET, node->address, server.address) != 1)
		return err_set(e, RC_USAGE, "ctl",
			       "is no IPv4 address, and a CTL can name a server by no other",
			       "write its IPv4 address in cluster.conf, or tftp = no if phones are not to know this node",
			       "node %s: address = %s", node->id, node->address);
	*out = server;
	return RC_OK;
}

/* The order of a call manager's: the publisher as SAST, then as server, the
 * second server, CAPF, ITLRECOVERY, further servers; CAPF and ITLRECOVERY under
 * the publisher's name. (spec: itl-format, "What a CTL holds") */
static enum rc fill(struct ctl *ctl, struct keyring *r, const struct cluster *c,
		    const struct units *units, struct err *e)
{
	const struct cluster_node *node;
	struct itl_entry publisher = {0}, server = {0};
	struct held_key *k;
	size_t servers = 0;

	if (server_of(cluster_publisher(c), &publisher, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; (node = cluster_node_at(c, i)); i++) {
		if (!node->tftp)
			continue;
		if (keyring_current(r, UNIT_CALLMANAGER, node->id, &k, e) != RC_OK ||
		    server_of(node, &server, e) != RC_OK)
			return e->rc;
		if (i == 0)
			add_entry(ctl, server, ITL_SAST, k);
		add_entry(ctl, server, ITL_CCM_TFTP, k);
		if (++servers == 2)
			add_units(ctl, publisher, units);
	}
	if (servers == 1) /* the publisher alone */
		add_units(ctl, publisher, units);
	return RC_OK;
}

enum rc ctl_contents(struct keyring *r, const struct cluster *c, struct ctl *out,
		     struct err *e)
{
	struct held_key *callmanager;
	struct units units = {0};
	struct ctl ctl = {.n = 0};

	if (keyring_current(r, UNIT_CAPF, NULL, &units.capf, e) != RC_OK ||
	    keyring_current(r, UNIT_ITLRECOVERY, NULL, &units.recovery, e) !=
		    RC_OK ||
	    keyring_current(r, UNIT_CALLMANAGER, c->publisher, &callmanager, e) !=
		    RC_OK ||
	    fill(&ctl, r, c, &units, e) != RC_OK)
		return e->rc;
	ctl.signer = c->policy == POLICY_ITLRECOVERY ? units.recovery : callmanager;
	*out = ctl;
	return RC_OK;
}
