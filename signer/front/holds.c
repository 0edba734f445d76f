#include "holds.h"
#include <stdio.h>
#include <string.h>

static struct hold_time now_of(struct service *s)
{
	struct hold_time t = {.at = clock_now(&s->clock)};

	(void)snprintf(t.boot, sizeof t.boot, "%s", s->clock.boot);
	return t;
}

/* The node whose certificate it is. */
static const char *place(struct service *s, const char *node)
{
	return node ? node : cluster_publisher(s->cluster)->id;
}

static enum rc refuse(struct service *s, const struct hold *h, unsigned left,
		      enum unit unit, struct err *e)
{
	const struct cluster_node *n;
	char why[sizeof e->why], hint[64];
	const char *host = h->node;
	struct err none;

	if (cluster_find_node(s->cluster, h->node, &n, &none) == RC_OK)
		host = n->host;
	/* The original's words (spec: commands), as it spelt them. */
	(void)snprintf(why, sizeof why,
		       "%s certificate was modified in the last 5 minutes. Please re-try regnerating %s certificate at a later time",
		       unit_name(h->unit), unit_name(unit));
	(void)snprintf(hint, sizeof hint, "%u second%s left", left, left == 1 ? "" : "s");
	err_set(e, RC_REFUSED, NULL, why, hint, "%s", host);
	(void)snprintf(e->name, sizeof e->name, HOLD_ERROR);
	e->code = left;
	return e->rc;
}

enum rc hold_check(struct service *s, enum unit unit, const char *node,
		   struct err *e)
{
	struct hold CLEANUP_FREE *holds = NULL;
	const struct hold_time now = now_of(s);
	const struct hold *longest = NULL;
	unsigned left, most = 0;
	size_t n = 0;

	if (store_holds(s->store, &holds, &n, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < n; i++) {
		left = hold_left(&holds[i].set, &now);
		if (holds[i].unit == unit || left <= most ||
		    strcmp(holds[i].node, place(s, node)) != 0)
			continue;
		longest = &holds[i];
		most = left;
	}
	return longest ? refuse(s, longest, most, unit, e) : RC_OK;
}

/* The unit's own; out->was: there is one. */
static enum rc find(struct service *s, enum unit unit, const char *node,
		    struct hold_before *out, struct err *e)
{
	struct hold CLEANUP_FREE *holds = NULL;
	size_t n = 0;

	if (store_holds(s->store, &holds, &n, e) != RC_OK)
		return e->rc;
	out->was = false;
	out->hold.unit = unit;
	(void)snprintf(out->hold.node, sizeof out->hold.node, "%s", node);
	for (size_t i = 0; i < n; i++)
		if (holds[i].unit == unit && !strcmp(holds[i].node, node)) {
			out->hold = holds[i];
			out->was = true;
		}
	return RC_OK;
}

enum rc hold_set(struct service *s, enum unit unit, const char *node,
		 struct hold_before *before, struct err *e)
{
	struct hold_before b = {0};
	struct hold h;

	if (find(s, unit, place(s, node), &b, e) != RC_OK)
		return e->rc;
	h = b.hold;
	h.set = now_of(s);
	if (store_hold_put(s->store, &h, e) != RC_OK)
		return e->rc;
	if (before)
		*before = b;
	return RC_OK;
}

enum rc hold_undo(struct service *s, const struct hold_before *before,
		  struct err *e)
{
	const struct hold *h = &before->hold;

	return before->was ? store_hold_put(s->store, h, e)
			   : store_hold_end(s->store, h->unit, h->node, e);
}

enum rc holds_show(struct service *s, json_t **out, struct err *e)
{
	struct hold CLEANUP_FREE *holds = NULL;
	const struct hold_time now = now_of(s);
	json_t *list = json_array();
	size_t n = 0;

	if (store_holds(s->store, &holds, &n, e) != RC_OK) {
		json_decref(list);
		return e->rc;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned left = hold_left(&holds[i].set, &now);

		if (left)
			(void)json_array_append_new(
				list, json_pack("{s:s, s:s, s:i}", "node",
						holds[i].node, "unit",
						unit_name(holds[i].unit), "seconds",
						(int)left));
	}
	*out = list;
	return RC_OK;
}

/* ---- after a start ---- */

/* Was this one being made when front was killed? Then keyd may have made it at any
 * time since. */
static bool was_cut_off(const struct hold *h, const struct op *o)
{
	char want[96];

	/* as generate.c writes them */
	(void)snprintf(want, sizeof want, "unit=%s node=%s ", unit_name(h->unit),
		       unit_is_of_node(h->unit) ? h->node : "-");
	return (!strcmp(o->kind, "generate") || !strcmp(o->kind, "cert-import")) &&
	       !strncmp(o->params, want, strlen(want));
}

enum rc holds_start(struct service *s, struct err *e)
{
	struct hold CLEANUP_FREE *holds = NULL;
	const struct hold_time now = now_of(s);
	struct op o = {0};
	size_t n = 0;

	if (store_holds(s->store, &holds, &n, e) != RC_OK ||
	    (store_op_running(s->store, &o, e) != RC_OK && e->rc != RC_NOTFOUND))
		return e->rc;
	for (size_t i = 0; i < n; i++) {
		bool changed = hold_rebase(&holds[i].set, &now);

		if (was_cut_off(&holds[i], &o)) {
			holds[i].set = now;
			changed = true;
		}
		if (changed && store_hold_put(s->store, &holds[i], e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}
