/* The nodes of cluster.conf: list, add, remove, rename, set (spec: cluster). */
#include "itlctl/change.h"
#include "itlctl/command.h"
#include "itlctl/commands.h"
#include "itlctl/initnode.h"
#include "base/num.h"
#include <string.h>
#include <strings.h>

/* ---- list ---- */

static json_t *node_json(const struct cluster *c, const struct cluster_node *n)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:s?, s:i, s:i, s:s?}", "id",
			 n->id, "host", n->host, "address", n->address, "publisher",
			 n == cluster_publisher(c), "tftp", n->tftp, "tvs", n->tvs,
			 "folder", n->folder, "tftp_port", num_int(n->tftp_port),
			 "http_port", num_int(n->http_port), "restart", n->restart);
}

enum rc node_list(struct ctl *c, struct err *e)
{
	const struct cluster_node *n;
	json_t *nodes = c->json ? json_array() : NULL;

	if (!c->json)
		(void)fprintf(c->out, "%-12s %-20s  %-22s %-10s %s\n", "Identifier",
			      "Host", "Address", "Services", "Folder");
	for (size_t i = 0; (n = cluster_node_at(c->cluster, i)); i++) {
		if (nodes)
			(void)json_array_append_new(nodes, node_json(c->cluster, n));
		else
			(void)fprintf(c->out, "%-12s %-20s%c %-22s %-4s %-5s %s\n",
				      n->id, n->host, i ? ' ' : '*', n->address,
				      n->tftp ? "TFTP" : "-", n->tvs ? "TVS" : "-",
				      n->folder ? n->folder : "-");
	}
	return c->json ? ctl_result(c, json_pack("{s:o}", "nodes", nodes), e) : RC_OK;
}

/* ---- add ---- */

/* At the prompt, `node NAME` stands on a node. */
static enum rc check_word(const char *command, const char *name, struct err *e)
{
	for (const struct command *row = commands; row->words; row++)
		if (!strncmp(row->words, "node ", 5) &&
		    !strcasecmp(row->words + 5, name))
			return err_set(e, RC_USAGE, command,
				       "is a word of the command `node`",
				       "give the node another name", "%s", name);
	return RC_OK;
}

static const struct {
	enum option option;
	const char *key, *value; /* value: of an option without argument */
} node_options[] = {
	{OPT_HOST, "host", NULL}, /* this and the next: no node is without */
	{OPT_ADDRESS, "address", NULL},
	{OPT_NO_TFTP, "tftp", "no"},
	{OPT_NO_TVS, "tvs", "no"},
	{OPT_FOLDER, "folder", NULL},
	{OPT_TFTP_PORT, "tftp-port", NULL},
	{OPT_HTTP_PORT, "http-port", NULL},
	{OPT_RESTART, "restart", NULL},
};

static enum rc write_options(struct change *ch, const char *id, struct err *e)
{
	for (size_t i = 0; i < COUNT_OF(node_options); i++) {
		const char *given = ch->c->opt.value[node_options[i].option];

		if (given && change_node(ch, id, node_options[i].key,
					 node_options[i].value ? node_options[i].value
							       : given, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

static enum rc write_pairs(struct change *ch, const char *id, size_t from,
			   struct err *e)
{
	for (size_t i = from; i < ch->c->nargs; i++)
		if (change_pair(ch, id, ch->c->args[i], e) != RC_OK)
			return e->rc;
	return RC_OK;
}

static enum rc write_new_node(struct change *ch, const char *id, struct err *e)
{
	const char *host = ch->c->opt.value[OPT_HOST];
	char section[CLUSTER_ID_MAX + 8];
	bool there;

	if (strlen(id) > CLUSTER_ID_MAX)
		return err_set(e, RC_USAGE, ch->command,
			       "an identifier has at most 32 characters", NULL,
			       "%.80s", id);
	(void)snprintf(section, sizeof section, "node %s", id);
	there = confedit_has_section(ch->edit, section);
	if (!there && (check_word(ch->command, id, e) != RC_OK ||
		       (host && check_word(ch->command, host, e) != RC_OK)))
		return e->rc;
	if ((!there && confedit_add_section(ch->edit, section, e) != RC_OK) ||
	    write_options(ch, id, e) != RC_OK || write_pairs(ch, id, 1, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < 2; i++)
		if (!confedit_get(ch->edit, section, node_options[i].key))
			return err_set(e, RC_USAGE, ch->command, "a node needs it",
				       NULL, "--%s", node_options[i].key);
	/* Again, as it was: what is left of it is done. */
	if (there && confedit_changed(ch->edit))
		return err_set(e, RC_REFUSED, ch->command,
			       "there is such a node, with other values",
			       "itlctl node set, or node rename, changes it", "%s", id);
	return RC_OK;
}

static void add_steps(struct change *ch, const struct cluster_node *n)
{
	if (n->tvs)
		change_step_restarts(ch, "The other nodes' lists name its TVS once their TFTP service was restarted, one node at a time:", n->id);
	if (n->tftp)
		change_step(ch, "New phones take %s's list as it is. Phones that hold another node's list accept it only through a TVS that they trust: let those fetch from %s only where a TVS runs.",
			    n->host, n->host);
	change_step(ch, "If the cluster has a CTL, bring it up to date:");
	change_step(ch, "  itlctl utils ctl update CTLFile");
}

/* Keys and list of what the node is now; the command's last word. */
static enum rc finish_node(struct change *ch, const char *id,
			   struct secret **password, struct err *e)
{
	if (init_node(ch->c, id, password, ch->generated, ch->restarted, e) != RC_OK)
		return e->rc;
	return change_done(ch, e);
}

enum rc node_add(struct ctl *c, struct err *e)
{
	struct change CLEANUP(change_clear) ch;
	struct secret CLEANUP(secret_free) *password = NULL;
	const struct cluster_node *n;
	bool done;
	enum rc rc;

	if (change_open(c, "node add", &ch, e) != RC_OK ||
	    write_new_node(&ch, c->args[0], e) != RC_OK ||
	    change_check(&ch, e) != RC_OK ||
	    cluster_find_node(ch.next, c->args[0], &n, e) != RC_OK)
		return e->rc;
	if (!c->opt.value[OPT_DRY_RUN] &&
	    init_node_password(c, n, &password, e) != RC_OK)
		return e->rc;
	rc = change_apply(&ch, &done, e);
	if (rc != RC_OK || done)
		return rc;
	add_steps(&ch, n);
	return finish_node(&ch, n->id, &password, e);
}

/* ---- set ---- */

enum rc node_set(struct ctl *c, struct err *e)
{
	struct change CLEANUP(change_clear) ch;
	struct secret CLEANUP(secret_free) *password = NULL;
	const struct cluster_node *n;
	bool done;
	enum rc rc;

	if (change_open(c, "node set", &ch, e) != RC_OK ||
	    cluster_find_node(ch.now, c->args[0], &n, e) != RC_OK ||
	    write_pairs(&ch, n->id, 1, e) != RC_OK ||
	    change_check(&ch, e) != RC_OK ||
	    cluster_find_node(ch.next, n->id, &n, e) != RC_OK)
		return e->rc;
	if (!c->opt.value[OPT_DRY_RUN] &&
	    init_node_password(c, n, &password, e) != RC_OK)
		return e->rc;
	rc = change_apply(&ch, &done, e);
	if (rc != RC_OK || done)
		return rc;
	change_step_restarts(&ch, "What lists say of the node changes when TFTP services are restarted, one node at a time:", NULL);
	return finish_node(&ch, n->id, &password, e);
}

/* ---- remove ---- */

static void remove_steps(struct change *ch, const struct cluster_node *n)
{
	if (n->tvs)
		change_step_restarts(ch, "The other nodes' lists lose its TVS record when their TFTP service is restarted, one node at a time:", NULL);
	if (n->tftp) {
		change_step(ch, "The files in %s on %s were left where they are: stop its TFTP server, so that no phone goes on with an old list.",
			    n->folder, n->host);
		change_step(ch, "Phones that hold %s's list accept another node's only through a TVS. For them, after they point at another node: itlctl utils itl reset localkey, and reset the phones.",
			    n->host);
	}
	change_step(ch, "Its keys stay in the token, and are in no list any more; `node add %s` would take them again.",
		    n->id);
	change_step(ch, "If the cluster has a CTL, bring it up to date:");
	change_step(ch, "  itlctl utils ctl update CTLFile");
}

enum rc node_remove(struct ctl *c, struct err *e)
{
	struct change CLEANUP(change_clear) ch;
	const struct cluster_node *n;
	bool done;
	enum rc rc;

	if (change_open(c, "node remove", &ch, e) != RC_OK ||
	    cluster_find_node(ch.now, c->args[0], &n, e) != RC_OK)
		return e->rc;
	if (n == cluster_publisher(ch.now))
		return err_set(e, RC_REFUSED, ch.command,
			       "it is the publisher, whose list every reset takes",
			       "make another node the publisher first: itlctl cluster publisher NODE",
			       "%s", n->host);
	(void)snprintf(ch.section, sizeof ch.section, "node %s", n->id);
	if (confedit_remove_section(ch.edit, ch.section, e) != RC_OK ||
	    change_check(&ch, e) != RC_OK)
		return e->rc;
	rc = change_apply(&ch, &done, e);
	if (rc != RC_OK || done)
		return rc;
	remove_steps(&ch, n);
	return change_done(&ch, e);
}

/* ---- rename ---- */

/* TVS first: CallManager, which phones hold, still vouches for the list then. */
static void rename_steps(struct change *ch, const struct cluster_node *old,
			 const struct cluster_node *n)
{
	if (confedit_changed(ch->edit))
		change_step(ch, "%s is called %s from now on. Its certificates keep the old name until they are made anew; ITLRecovery keeps its name, ITLRECOVERY_%s, for ever.",
			    old->host, n->host, ch->next->recovery_host);
	change_step(ch, "To have the new name in certificates, in this order, and never TVS and CallManager together: phones would lose every certificate that they trust.");
	if (n->tvs) {
		change_step(ch, "  itlctl --node %s set cert regen TVS", n->host);
		change_step_restarts(ch, "Then, so that lists name it:", NULL);
	}
	if (n->tftp) {
		change_step(ch, "Wait until the phones were reset and have registered, at least 5 minutes; then:");
		change_step(ch, "  itlctl --node %s set cert regen CallManager", n->host);
		change_step(ch, "  itlctl --node %s utils service restart Cisco Tftp", n->host);
	}
	change_step(ch, "If the cluster has a CTL, bring it up to date:");
	change_step(ch, "  itlctl utils ctl update CTLFile");
}

enum rc node_rename(struct ctl *c, struct err *e)
{
	struct change CLEANUP(change_clear) ch;
	const char *host = c->opt.value[OPT_HOST];
	const struct cluster_node *old, *n;
	bool done;
	enum rc rc;

	if (change_open(c, "node rename", &ch, e) != RC_OK ||
	    cluster_find_node(ch.now, c->args[0], &old, e) != RC_OK)
		return e->rc;
	if (!host)
		return err_set(e, RC_USAGE, ch.command, "the new name is missing",
			       NULL, "--host NAME");
	if ((strcasecmp(old->host, host) != 0 &&
	     check_word(ch.command, host, e) != RC_OK) ||
	    write_options(&ch, old->id, e) != RC_OK ||
	    change_check(&ch, e) != RC_OK ||
	    cluster_find_node(ch.next, old->id, &n, e) != RC_OK)
		return e->rc;
	rc = change_apply(&ch, &done, e);
	if (rc != RC_OK || done)
		return rc;
	rename_steps(&ch, old, n);
	return change_done(&ch, e);
}
