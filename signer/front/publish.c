#include "publish.h"
#include "base/errjson.h"
#include "loop.h"
#include "sign_again.h"

void publish_tell(struct call *c)
{
	json_t *hosts = json_array();

	for (size_t i = 0; i < c->service->nloops; i++)
		(void)json_array_append_new(
			hosts, json_string(c->service->loops[i].node->host));
	call_event(c, json_pack("{s:s, s:o}", "event", "servers", "hosts",
				hosts));
}

enum rc publish_want(struct service *s, const struct list *list, int64_t op,
		     struct err *e)
{
	const char *nodes[CLUSTER_MAX_NODES];

	for (size_t i = 0; i < s->nloops; i++)
		nodes[i] = s->loops[i].node->id;
	return store_want(s->store, list, nodes, s->nloops, op, e);
}

/* Of a node that failed: what phones still get there. */
static void add_served(struct service *s, const char *id, enum served_file file,
		       json_t *node)
{
	const struct served *f;
	struct target t;
	struct err ignored;

	if (store_target(s->store, id, &t, &ignored) != RC_OK)
		return;
	f = target_served(&t, file);
	(void)json_object_set_new(node, "have", f->have[0] ? json_string(f->have)
							    : json_null());
	(void)json_object_set_new(node, "since", json_integer(f->since));
}

json_t *publish_outcomes(struct service *s, struct loop *const *loops, size_t n,
			 enum served_file file, enum rc *rc, struct err *e)
{
	json_t *nodes = json_array(), *node;
	size_t i;

	pthread_mutex_lock(&s->lock);
	for (i = n; i-- > 0;) {
		const struct loop *l = loops[i];
		bool ok = l->last.rc == RC_OK;

		(void)json_array_insert_new(
			nodes, 0,
			json_pack("{s:s, s:s, s:b, s:o, s:o}", "id", l->node->id, "host",
				  l->node->host, "ok", ok, "error",
				  ok ? json_null() : err_json(&l->last), "files",
				  sign_again_show(&l->again)));
		if (!ok) {
			*e = l->last;
			*rc = l->last.rc;
		}
	}
	pthread_mutex_unlock(&s->lock);
	/* The disk must not be waited for under the lock. */
	json_array_foreach(nodes, i, node)
		if (!json_is_true(json_object_get(node, "ok")))
			add_served(s, loops[i]->node->id, file, node);
	return nodes;
}

enum rc publish_wait(struct call *c, const struct list *list, json_t **result,
		     struct err *e)
{
	struct service *s = c->service;
	struct loop *loops[CLUSTER_MAX_NODES];
	enum rc rc = RC_OK;
	json_t *nodes;

	call_event(c, json_pack("{s:s, s:s, s:s, s:s}", "event", "generated",
				"sha1", list->sha1, "signer", list->signer,
				"kind", list_kind_name(list->kind)));
	call_event(c, json_pack("{s:s}", "event", "transferring"));
	for (size_t i = 0; i < s->nloops; i++)
		loops[i] = &s->loops[i];
	if (loops_work(s, loops, s->nloops, call_event, c, e) != RC_OK)
		return e->rc;
	nodes = publish_outcomes(s, loops, s->nloops, list_kind_file(list->kind), &rc,
				 e);
	*result = json_pack("{s:s, s:s, s:o}", "sha1", list->sha1, "signer",
			    list->signer, "nodes", nodes);
	return rc;
}
