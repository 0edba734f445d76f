/* utils itl rollback: the lists of before the last reset come back. Nothing is
 * signed; each list must still verify, and phones must take it. */
#include "base/errjson.h"
#include "itl/itl.h"
#include "lists.h"
#include "loop.h"
#include "ops.h"
#include "phone_accepts.h"
#include "publish.h"
#include "tvs_answers.h"
#include <string.h>

/* What a node gets back. */
struct back {
	const struct cluster_node *node;
	struct target target;
	struct list list; /* of before the reset */
	struct err kept;  /* why the node keeps what it has; rc RC_OK: it does not */
};

struct backs {
	size_t n, going; /* all nodes, and those that get a list back */
	struct back each[CLUSTER_MAX_NODES];
};

static void backs_free(struct backs *b)
{
	for (size_t i = 0; b && i < b->n; i++)
		list_clear(&b->each[i].list);
	free(b);
}
CLEANUP_DEFINE(struct backs *, backs_free);

/* As it was when it was signed. */
static enum rc still_verifies(const struct back *b, struct err *e)
{
	struct itl CLEANUP(itl_free) *l = NULL;
	struct bytes bytes = bytes_of(b->list.bytes, b->list.n);
	char sha1[SHA1_HEX];

	if (strcmp(itl_sha1_hex(bytes, sha1), b->list.sha1) != 0)
		return err_set(e, RC_VERIFY, "rollback",
			       "the list of before the reset is damaged in state.db",
			       "`utils service restart Cisco Tftp` gives the node a new list of its own",
			       "%s: %s, not %s", b->node->host, sha1, b->list.sha1);
	if (itl_parse(bytes, 0, &l, e) == RC_OK && itl_verify_self(l, e) == RC_OK)
		return RC_OK;
	(void)err_hint(e, "`utils service restart Cisco Tftp` gives the node a new list of its own");
	return err_within(e, b->node->host);
}

/* Fails if state cannot be read; why the node keeps its list is in b->kept. */
static enum rc look(struct store *s, struct back *b, struct err *e)
{
	struct list CLEANUP(list_clear) standing = {0};

	if (store_target(s, b->node->id, &b->target, e) != RC_OK)
		return e->rc;
	if (!b->target.itl.before[0]) {
		err_set(&b->kept, RC_NOTFOUND, "rollback",
			"no reset changed its list since the last rollback", NULL,
			"%s", b->node->host);
		return RC_OK;
	}
	if (store_list(s, b->target.itl.want, &standing, e) != RC_OK ||
	    store_list(s, b->target.itl.before, &b->list, e) != RC_OK)
		return e->rc;
	if (standing.kind != LIST_RESET)
		err_set(&b->kept, RC_REFUSED, "rollback",
			"its reset list was replaced since", NULL, "%s",
			b->node->host);
	else
		(void)!still_verifies(b, &b->kept);
	return RC_OK;
}

static enum rc gather(struct call *c, struct backs **out, struct err *e)
{
	struct service *s = c->service;
	struct backs CLEANUP(backs_free) *b = calloc(1, sizeof *b);

	if (!b)
		return err_errno(e, RC_ERROR, "calloc", NULL, "rollback");
	for (; b->n < s->nloops; b->n++) {
		struct back *at = &b->each[b->n];

		at->node = s->loops[b->n].node;
		if (look(s->store, at, e) != RC_OK)
			return e->rc;
		b->going += at->kept.rc == RC_OK;
	}
	if (b->going == 0) {
		*e = b->each[0].kept;
		return err_hint(e, "there is nothing to put back; `show itl` shows what a node serves");
	}
	*out = b;
	b = NULL;
	return RC_OK;
}

/*
 * Phones hold the reset list by now (or some do, where the node failed half way). A
 * list that they would not take locks them.
 */
static enum rc phones_take(struct call *c, const struct back *b, struct err *e)
{
	struct list CLEANUP(list_clear) held = {0};
	char why[256], no[TVS_ANSWERS_TEXT], text[sizeof e->why];

	if (store_list(c->service->store, b->target.itl.want, &held, e) != RC_OK)
		return e->rc;
	if (phone_accepts(c, bytes_of(NULL, 0), bytes_of(held.bytes, held.n),
			  bytes_of(b->list.bytes, b->list.n), why))
		return RC_OK;
	tvs_answers_missing(c->service, no);
	(void)snprintf(text, sizeof text,
		       "phones hold the reset list, and would accept this node's list of before only through a TVS, and %.130s",
		       no[0] ? no : "it names no TVS that is sure to vouch for it");
	return err_set(e, RC_REFUSED, "rollback", text,
		       "leave the reset list in place until each TVS answers (`systemctl restart itlkeeper-tvs`, `show cluster`); or use --force, and reset afterwards",
		       "%s: %s, signed by %s", b->node->host, b->list.sha1,
		       b->list.signer);
}

/* ---- plan ---- */

static json_t *plan_node(struct call *c, const struct back *b)
{
	bool goes = b->kept.rc == RC_OK;
	struct err locks;
	bool locked = goes && phones_take(c, b, &locks) != RC_OK;
	json_t *then = goes ? json_pack("{s:s, s:s, s:s, s:I}", "sha1", b->list.sha1,
					"kind", list_kind_name(b->list.kind),
					"signer", b->list.signer, "made",
					(json_int_t)b->list.made)
			    : json_null();

	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "id", b->node->id, "host",
			 b->node->host, "sha1", b->target.itl.want, "then", then,
			 "kept", err_json(&b->kept), "locks",
			 locked ? err_json(&locks) : json_null());
}

enum rc op_rollback_plan(struct call *c, json_t **result, struct err *e)
{
	struct backs CLEANUP(backs_free) *b = NULL;
	json_t *nodes;

	if (call_members(c, e, "{}") != RC_OK ||
	    store_op_idle(c->service->store, c->name, e) != RC_OK ||
	    gather(c, &b, e) != RC_OK)
		return e->rc;
	nodes = json_array();
	for (size_t i = 0; i < b->n; i++)
		(void)json_array_append_new(nodes, plan_node(c, &b->each[i]));
	*result = json_pack("{s:o}", "nodes", nodes);
	return RC_OK;
}

/* ---- rollback ---- */

struct order {
	json_t *lists; /* borrowed: each node's SHA-1, as the plan had it */
	uint8_t ticket[KEYD_TICKET_LEN];
	bool force;
};

/* What the administrator agreed to is what would be done now. */
static enum rc check_order(struct call *c, const struct order *o,
			   const struct backs *b, struct err *e)
{
	bool same = json_object_size(o->lists) == b->going;

	for (size_t i = 0; i < b->n; i++) {
		const struct back *at = &b->each[i];
		const char *sha1 = json_string_value(
			json_object_get(o->lists, at->node->id));

		if (at->kept.rc != RC_OK)
			continue;
		same = same && sha1 && !strcmp(sha1, at->list.sha1);
		if (!o->force && phones_take(c, at, e) != RC_OK)
			return e->rc;
	}
	if (!same)
		return err_set(e, RC_REFUSED, c->name,
			       "the lists that would come back have changed since the plan",
			       "give the command again", "%s", "the nodes");
	return RC_OK;
}

/* The administrator's consent goes into the audit log before anything changes. */
static enum rc agree(struct call *c, const struct order *o, const struct backs *b,
		     struct err *e)
{
	struct keyd CLEANUP(keyd_free) *k = NULL;
	struct keyd_place places[CLUSTER_MAX_NODES];
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (b->each[i].kept.rc != RC_OK)
			continue;
		(void)snprintf(places[n].node, sizeof places[n].node, "%s",
			       b->each[i].node->id);
		if (!hex_read(b->each[i].list.sha1, places[n++].sha1, SHA1_LEN))
			return err_set(e, RC_ERROR, c->name, "is no SHA-1", NULL,
				       "%s", b->each[i].list.sha1);
	}
	if (keyd_open(c->service->keyd, &k, e) != RC_OK)
		return e->rc;
	return keyd_rollback(k, o->ticket, c->peer.uid, places, n, e);
}

static enum rc want_back(struct call *c, int64_t op, const struct backs *b,
			 struct loop **loops, struct err *e)
{
	struct store_place places[CLUSTER_MAX_NODES];
	json_t *hosts = json_array();
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct back *at = &b->each[i];

		if (at->kept.rc != RC_OK)
			continue;
		(void)json_array_append_new(hosts, json_string(at->node->host));
		loops[n] = loop_of(c->service, at->node);
		places[n++] = (struct store_place){at->node->id, at->list.sha1};
	}
	call_event(c, json_pack("{s:s, s:o}", "event", "servers", "hosts", hosts));
	if (store_rollback(c->service->store, places, n, op, e) != RC_OK)
		return e->rc;
	call_event(c, json_pack("{s:s}", "event", "restoring"));
	return RC_OK;
}

static enum rc rollback(struct call *c, int64_t op, const struct order *o,
			json_t **result, struct err *e)
{
	struct backs CLEANUP(backs_free) *b = NULL;
	struct loop *loops[CLUSTER_MAX_NODES];
	enum rc rc = RC_OK;
	json_t *nodes;

	if (gather(c, &b, e) != RC_OK || check_order(c, o, b, e) != RC_OK ||
	    agree(c, o, b, e) != RC_OK || want_back(c, op, b, loops, e) != RC_OK ||
	    loops_work(c->service, loops, b->going, call_event, c, e) != RC_OK)
		return e->rc;
	nodes = publish_outcomes(c->service, loops, b->going, FILE_ITL, &rc,
				 e);
	for (size_t i = 0; i < json_array_size(nodes); i++) {
		json_t *node = json_array_get(nodes, i);
		const char *id = json_string_value(json_object_get(node, "id"));

		(void)json_object_set(node, "sha1", json_object_get(o->lists, id));
	}
	*result = json_pack("{s:o}", "nodes", nodes);
	return rc;
}

enum rc op_rollback(struct call *c, json_t **result, struct err *e)
{
	struct order o = {0};
	const char *hex;
	int force = 0;
	int64_t op;
	enum rc rc;

	if (call_members(c, e, "{s:o, s:s, s?b}", "lists", &o.lists, "ticket", &hex,
			 "force", &force) != RC_OK ||
	    op_ticket(hex, o.ticket, e) != RC_OK)
		return e->rc;
	if (!json_is_object(o.lists))
		return err_set(e, RC_USAGE, "request", "is no object", NULL,
			       "\"lists\"");
	o.force = force;
	if (op_begin(c, force ? "force=yes" : "force=no", &op, e) != RC_OK)
		return e->rc;
	rc = rollback(c, op, &o, result, e);
	op_end(c, op, rc, e);
	/* A node that failed is part of the result. */
	return *result ? RC_OK : rc;
}
