/* node check: whether the TFTP nodes are there, as front sees them; and the keys of
 * SSH servers that no file of known hosts has. */
#include "itlctl/answer.h"
#include "itlctl/commands.h"
#include "carry/remote.h"
#include <string.h>

static enum rc check(struct ctl *c, const char *name, json_t **answer,
		     struct err *e)
{
	json_t *request = json_pack("{s:s}", "do", "node-check");

	if (request && name)
		(void)json_object_set_new(request, "node", json_string(name));
	return ctl_call(c, request, NULL, NULL, answer, e);
}

/* front met a child that met the server: the line is looked at again before root
 * keeps it. */
static enum rc keep(const struct cluster_node *n, const struct carry_host_key *k,
		    struct err *e)
{
	if (!known_hosts_line_ok(k->entry, n->ssh.host, n->ssh.port, k->fingerprint))
		return err_set(e, RC_VERIFY, "node check",
			       "the line for known_hosts does not say what was asked",
			       "nothing was written; see the log of front", "%s",
			       n->host);
	if (known_hosts_add(n->known_hosts, k->entry, 0644, e) != RC_OK)
		return err_hint(e, "do this as root, or name another file with `known-hosts` in cluster.conf");
	return RC_OK;
}

/* *yes: the key is known from now on. */
static enum rc ask_key(struct ctl *c, const json_t *node, bool *yes, struct err *e)
{
	json_t *key = json_object_get(node, "key");
	const struct cluster_node *n = NULL;
	struct carry_host_key k;

	if (answer_unpack(key, "node-check", e, "{s:s, s:s, s:s, s:s, s:s}",
			  "ssh_host", &k.host, "address", &k.address, "type",
			  &k.type, "fingerprint", &k.fingerprint, "entry",
			  &k.entry) != RC_OK ||
	    cluster_find_node(c->cluster, answer_text(node, "id"), &n, e) != RC_OK)
		return e->rc;
	if (!n->remote || strcmp(n->ssh.host, k.host) != 0)
		return err_set(e, RC_USAGE, "node check",
			       "the service has another cluster.conf than this one",
			       "restart the service, or name its --config", "%s",
			       n->host);
	if (ask_host(ctl_words(c), &k, yes, e) != RC_OK)
		return e->rc;
	return *yes ? keep(n, &k, e) : RC_OK;
}

/* The node's row, as it is now. */
static enum rc look_again(struct ctl *c, json_t *nodes, size_t i, struct err *e)
{
	json_auto_t *answer = NULL;
	json_t *node;

	if (check(c, answer_text(json_array_get(nodes, i), "id"), &answer, e) != RC_OK)
		return e->rc;
	node = json_array_get(json_object_get(answer, "nodes"), 0);
	if (node)
		(void)json_array_set(nodes, i, node);
	return RC_OK;
}

/* A key that was accepted for one node (*kept) may be another's too: then nobody is
 * asked twice. */
static enum rc settle(struct ctl *c, json_t *nodes, size_t i, bool *kept,
		      struct err *e)
{
	bool yes = false;

	if (*kept && look_again(c, nodes, i, e) != RC_OK)
		return e->rc;
	if (!answer_has(json_array_get(nodes, i), "key"))
		return RC_OK;
	if (ask_key(c, json_array_get(nodes, i), &yes, e) != RC_OK)
		return e->rc;
	if (!yes)
		return RC_OK;
	*kept = true;
	return look_again(c, nodes, i, e);
}

static void print(struct ctl *c, const json_t *nodes)
{
	char text[1200];
	json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node) {
		bool ok = answer_true(node, "ok");

		(void)fprintf(c->out, "%-18s %-50s %s\n",
			      answer_text(node, "host"),
			      answer_text(node, "folder"), ok ? "there" : "missing");
		if (!ok)
			(void)fprintf(c->out, "    %s\n",
				      answer_any(node, "error", text, sizeof text));
	}
}

enum rc node_check(struct ctl *c, struct err *e)
{
	json_auto_t *answer = NULL;
	json_t *nodes, *node;
	bool kept = false;
	size_t i;

	if (check(c, c->nargs ? c->args[0] : NULL, &answer, e) != RC_OK ||
	    answer_unpack(answer, "node-check", e, "{s:o}", "nodes", &nodes) != RC_OK)
		return e->rc;
	for (i = 0; i < json_array_size(nodes); i++)
		if (answer_has(json_array_get(nodes, i), "key") &&
		    settle(c, nodes, i, &kept, e) != RC_OK)
			return e->rc;
	json_array_foreach(nodes, i, node)
		if (!answer_true(node, "ok"))
			c->exit = 1;
	if (c->json)
		return ctl_result(c, json_incref(answer), e);
	print(c, nodes);
	return RC_OK;
}
