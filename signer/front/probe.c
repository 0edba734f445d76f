#include "probe.h"
#include "base/errjson.h"
#include "node.h"
#include <errno.h>
#include <string.h>

struct probe {
	struct service *service;
	const struct cluster_node *node;
	struct node_key key;
	struct err error; /* rc RC_OK: it is there */
	pthread_t thread;
};

struct probes {
	size_t n;
	struct probe p[CLUSTER_MAX_NODES];
};

CLEANUP_DEFINE(struct probes *, free);

static void *run(void *arg)
{
	struct probe *p = arg;

	if (node_probe(p->service, p->node, &p->key, &p->error) == RC_OK)
		p->error = (struct err){0};
	return NULL;
}

/* only: NULL for all TFTP nodes, in the order of dialogues. free() them. */
static enum rc probe(struct service *s, const struct cluster_node *only,
		     struct probes **out, struct err *e)
{
	struct probes CLEANUP(free) *all = calloc(1, sizeof *all);
	const struct cluster_node *n;

	if (!all)
		return err_errno(e, RC_ERROR, "calloc", NULL, "probes");
	for (size_t i = 0; (n = cluster_node_at(s->cluster, i)); i++) {
		struct probe *p = &all->p[all->n];

		if (!n->tftp || (only && n != only))
			continue;
		*p = (struct probe){.service = s, .node = n};
		errno = pthread_create(&p->thread, NULL, run, p);
		if (errno) {
			err_errno(e, RC_ERROR, "pthread_create", NULL, "%s",
				  n->host);
			break;
		}
		all->n++;
	}
	for (size_t i = 0; i < all->n; i++)
		(void)pthread_join(all->p[i].thread, NULL);
	if (n)
		return e->rc;
	*out = all;
	all = NULL;
	return RC_OK;
}

enum rc nodes_all_there(struct call *c, struct err *e)
{
	struct probes CLEANUP(free) *all = NULL;
	char why[sizeof e->why], names[sizeof e->what] = "";
	size_t missing = 0, n = 0;

	if (probe(c->service, NULL, &all, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < all->n; i++) {
		const struct probe *p = &all->p[i];

		if (p->error.rc == RC_OK)
			continue;
		call_event(c, json_pack("{s:s, s:s, s:s, s:o}", "event",
					"missing", "node", p->node->id, "host",
					p->node->host, "error",
					err_json(&p->error)));
		if (n < sizeof names)
			n += (size_t)snprintf(names + n, sizeof names - n, "%s%s",
					      missing ? ", " : "",
					      p->node->host);
		missing++;
	}
	if (!missing)
		return RC_OK;
	(void)snprintf(why, sizeof why,
		       "%zu of %zu TFTP nodes %s missing, so nothing was changed",
		       missing, all->n, missing == 1 ? "is" : "are");
	return err_set(e, RC_REFUSED, c->name, why,
		       "see `itlctl node check`; without --all-or-none the others are served, and those follow when they are back",
		       "%s", names);
}

/* ---- for the door ---- */

static json_t *show_key(const struct probe *p)
{
	const struct cluster_node *n = p->node;

	if (!p->key.unknown)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "ssh_host", n->ssh.host,
			 "address", p->key.address, "type", p->key.type,
			 "fingerprint", p->key.fingerprint, "entry",
			 p->key.entry);
}

enum rc op_node_check(struct call *c, json_t **result, struct err *e)
{
	struct probes CLEANUP(free) *all = NULL;
	const struct cluster_node *only = NULL;
	const char *name = NULL;
	json_t *nodes;

	if (call_members(c, e, "{s?s}", "node", &name) != RC_OK ||
	    (name && cluster_find_node(c->service->cluster, name, &only, e) != RC_OK))
		return e->rc;
	if (only && !only->tftp)
		return err_set(e, RC_USAGE, c->name, "the node serves no lists",
			       "`show status` names those that do", "%s",
			       only->host);
	if (probe(c->service, only, &all, e) != RC_OK)
		return e->rc;
	nodes = json_array();
	for (size_t i = 0; i < all->n; i++) {
		const struct probe *p = &all->p[i];

		(void)json_array_append_new(
			nodes, json_pack("{s:s, s:s, s:o, s:b, s:o, s:o}", "id",
					 p->node->id, "host", p->node->host,
					 "folder", json_words(p->node->folder), "ok",
					 p->error.rc == RC_OK, "error",
					 err_json(&p->error), "key", show_key(p)));
	}
	*result = json_pack("{s:o}", "nodes", nodes);
	return RC_OK;
}
