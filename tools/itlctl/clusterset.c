/* cluster publisher, policy, domain: what cluster.conf says of the whole. */
#include "itlctl/change.h"
#include "itlctl/commands.h"
#include <string.h>

static enum rc set(struct change *ch, const char *key, const char *value,
		   bool *done, struct err *e)
{
	if (confedit_set(ch->edit, "cluster", key, value, e) != RC_OK ||
	    change_check(ch, e) != RC_OK)
		return e->rc;
	return change_apply(ch, done, e);
}

/* ---- publisher ---- */

/* Resets under policy itlrecovery, and the CTL, are signed with it. */
static enum rc check_callmanager(struct ctl *c, const struct cluster_node *n,
				 struct err *e)
{
	struct keyd_key *keys = NULL;
	size_t nkeys = 0;
	bool has;

	if (keyd_keys(c->keyd, &keys, &nkeys, e) != RC_OK)
		return e->rc;
	has = keyd_key_current(keys, nkeys, UNIT_CALLMANAGER, n->id) != NULL;
	keyd_keys_free(keys, nkeys);
	if (has)
		return RC_OK;
	return err_set(e, RC_REFUSED, "cluster publisher",
		       "the token has no CallManager key of this node",
		       "itlctl cluster init makes what is missing", "%s", n->host);
}

static void publisher_steps(struct change *ch, const struct cluster_node *n)
{
	if (confedit_changed(ch->edit))
		change_step(ch, "%s is the publisher now. CAPF and ITLRecovery are the cluster's and stay what they are (ITLRECOVERY_%s).",
			    n->host, ch->next->recovery_host);
	change_step(ch, "A reset takes %s's list from now on. Phones accept it, for every list holds the same ITLRecovery certificate; afterwards phones of other nodes hold %s's list, and accept their own node's list only through a TVS.",
		    n->host, n->host);
	change_step(ch, "If the cluster has a CTL, bring it up to date:");
	change_step(ch, "  itlctl utils ctl update CTLFile");
}

enum rc cluster_publish(struct ctl *c, struct err *e)
{
	struct change CLEANUP(change_clear) ch;
	const struct cluster_node *n;
	bool done;
	enum rc rc;

	if (change_open(c, "cluster publisher", &ch, e) != RC_OK ||
	    cluster_find_node(ch.now, c->args[0], &n, e) != RC_OK)
		return e->rc;
	if (!n->tftp)
		return err_set(e, RC_REFUSED, "cluster publisher",
			       "the publisher must serve lists, and this node does not",
			       "itlctl node set NODE tftp=yes folder=DIR", "%s",
			       n->host);
	if (check_callmanager(c, n, e) != RC_OK)
		return e->rc;
	rc = set(&ch, "publisher", n->id, &done, e);
	if (rc != RC_OK || done)
		return rc;
	publisher_steps(&ch, n);
	return change_done(&ch, e);
}

/* ---- policy ---- */

enum rc cluster_policy(struct ctl *c, struct err *e)
{
	struct change CLEANUP(change_clear) ch;
	bool done = false;
	enum rc rc = change_open(c, "cluster policy", &ch, e);

	if (rc == RC_OK)
		rc = set(&ch, "policy", c->args[0], &done, e);
	if (rc != RC_OK || done)
		return rc;
	change_step(&ch, "Ordinary lists are signed by %s from now on.",
		    ch.next->policy == POLICY_CALLMANAGER
			    ? "each node's own CallManager key"
			    : "the ITLRecovery key");
	change_step_restarts(&ch, "A node's list changes when its TFTP service is restarted; phones accept it, for the list that they hold names that key. One node at a time:", NULL);
	return change_done(&ch, e);
}

/* ---- domain ---- */

enum rc cluster_domain(struct ctl *c, struct err *e)
{
	struct change CLEANUP(change_clear) ch;
	bool done = false;
	enum rc rc = change_open(c, "cluster domain", &ch, e);

	if (rc == RC_OK)
		rc = set(&ch, "domain", c->args[0], &done, e);
	if (rc != RC_OK || done)
		return rc;
	change_step(&ch, "Certificates keep the old domain until they are made anew; ITLRecovery keeps its name, ITLRECOVERY_%s, for ever.",
		    ch.next->recovery_host);
	change_step(&ch, "Where names matter, node by node as after `node rename`: TVS and CallManager of a node never together, phones reset between (itlctl(1), node rename).");
	return change_done(&ch, e);
}
