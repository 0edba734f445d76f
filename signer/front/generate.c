/* set cert regen, and the keys of a new cluster (spec: cluster, Regeneration). */
#include "ops.h"
#include "show.h"
#include "watch.h"
#include <string.h>

/* *generation: of the current one; 0: there is none. */
static enum rc find_key(struct service *s, enum unit unit, const char *node,
			unsigned *generation, struct err *e)
{
	struct keyd_key *keys = NULL;
	size_t n = 0;

	if (service_keys(s, &keys, &n, e) != RC_OK)
		return e->rc;
	*generation = 0;
	for (size_t i = 0; i < n; i++)
		if (keys[i].label.unit == unit && keys[i].current &&
		    (!node || !strcmp(keys[i].label.node, node)))
			*generation = keys[i].label.generation;
	keyd_keys_free(keys, n);
	return RC_OK;
}

static enum rc unit_and_node(struct call *c, const char *unit_text,
			     json_t *node, enum unit *unit,
			     const struct cluster_node **n, struct err *e)
{
	const char *name = json_string_value(node);

	if (unit_from_name(unit_text, unit, e) != RC_OK)
		return e->rc;
	if (unit_is_of_node(*unit) != (name != NULL) ||
	    (node && !name && !json_is_null(node)))
		return err_set(e, RC_USAGE, c->name,
			       name ? "this unit is the cluster's, not a node's"
				    : "this unit is a node's: say which",
			       NULL, "%s", unit_text);
	*n = NULL;
	return name ? cluster_find_node(c->service->cluster, name, n, e) : RC_OK;
}

static enum rc generate(struct call *c, const uint8_t *ticket, enum unit unit,
			const char *node, bool force, json_t **result,
			struct err *e)
{
	struct service *s = c->service;
	struct keyd CLEANUP(keyd_free) *k = NULL;
	struct keyd_key new = {0}, *keys = NULL;
	struct err ignored;
	unsigned before = 0;
	size_t n = 0;

	if (find_key(s, unit, node, &before, e) != RC_OK)
		return e->rc;
	if (before && !force)
		return err_set(e, RC_REFUSED, c->name,
			       "there is a key already, and phones may trust it alone",
			       "use --force to replace it; then reset the phones before the next one",
			       "%s%s%s", unit_name(unit), node ? " of " : "",
			       node ? node : "");
	if (keyd_open(s->keyd, &k, e) != RC_OK ||
	    keyd_generate(k, ticket, c->peer.uid, unit, node, &new, e) != RC_OK)
		return e->rc;
	*result = show_key(&new);
	if (*result)
		(void)json_object_set_new(*result, "tries",
					  json_integer(new.tries));
	X509_free(new.cert);
	/* For the cache alone: the key is made, whatever becomes of this. */
	if (service_keys(s, &keys, &n, &ignored) == RC_OK)
		keyd_keys_free(keys, n);
	watch_poke(s); /* a new recovery key has no backup */
	return RC_OK;
}

enum rc op_generate(struct call *c, json_t **result, struct err *e)
{
	uint8_t ticket[KEYD_TICKET_LEN];
	const struct cluster_node *n = NULL;
	const char *unit_text, *hex;
	json_t *node = NULL;
	char params[96];
	unsigned before = 0;
	enum unit unit;
	int force = 0;
	int64_t op;
	enum rc rc;

	if (call_members(c, e, "{s:s, s:s, s?o, s?b}", "unit", &unit_text,
			 "ticket", &hex, "node", &node, "force",
			 &force) != RC_OK ||
	    unit_and_node(c, unit_text, node, &unit, &n, e) != RC_OK ||
	    op_ticket(hex, ticket, e) != RC_OK ||
	    find_key(c->service, unit, n ? n->id : NULL, &before, e) != RC_OK)
		return e->rc;
	/* resume.c reads it: was there a new one when all was over? */
	(void)snprintf(params, sizeof params, "unit=%s node=%s generation=%u force=%s",
		       unit_name(unit), n ? n->id : "-", before,
		       force ? "yes" : "no");
	if (op_begin(c, params, &op, e) != RC_OK)
		return e->rc;
	rc = generate(c, ticket, unit, n ? n->id : NULL, force, result, e);
	op_end(c, op, rc, e);
	return rc;
}
