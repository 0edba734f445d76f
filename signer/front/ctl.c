/* utils ctl update CTLFile: one CTL for all nodes (spec: itl-format, What a CTL
 * holds). */
#include "lists.h"
#include "ops.h"
#include "phone_accepts.h"
#include "probe.h"
#include "publish.h"
#include <string.h>

struct order {
	uint8_t ticket[KEYD_TICKET_LEN];
	uint32_t timestamp;
	bool force;
	bool all_or_none; /* every node, or no update at all */
};

static enum rc read_order(struct call *c, struct order *o, struct err *e)
{
	json_int_t timestamp;
	const char *hex;
	int force = 0, all = 0;

	if (call_members(c, e, "{s:I, s:s, s?b, s?b}", "timestamp", &timestamp,
			 "ticket", &hex, "force", &force, "all_or_none",
			 &all) != RC_OK ||
	    op_ticket(hex, o->ticket, e) != RC_OK ||
	    op_timestamp(c, timestamp, &o->timestamp, e) != RC_OK)
		return e->rc;
	o->force = force;
	o->all_or_none = all;
	return RC_OK;
}

static enum rc make_ctl(struct call *c, const struct order *o, struct list *out,
			struct err *e)
{
	struct service *s = c->service;
	struct keyd CLEANUP(keyd_free) *k = NULL;
	struct itl CLEANUP(itl_free) *l = NULL;
	uint8_t *bytes = NULL;
	size_t len = 0;

	if (keyd_open(s->keyd, &k, e) != RC_OK ||
	    keyd_ctl(k, o->ticket, c->peer.uid, o->timestamp, &bytes, &len, e) !=
		    RC_OK ||
	    list_signed(s, c->node, LIST_CTL, list_signer(s->cluster, LIST_CTL),
			bytes, len, out, e) != RC_OK ||
	    itl_parse(bytes_of(out->bytes, out->n), 0, &l, e) != RC_OK)
		return e->rc;
	return list_fits_phones(c->name, c->node, l, o->force, e);
}

/* ---- what phones will say of it ---- */

/* The lists that a node serves, or shall serve if it lost them: its phones hold
 * them. Empty: none. */
struct held {
	struct list itl, ctl;
};

static void held_clear_at(struct held *h)
{
	list_clear(&h->itl);
	list_clear(&h->ctl);
}

static enum rc read_list(struct store *s, const struct served *f,
			 struct list *out, struct err *e)
{
	const char *sha1 = f->have[0] ? f->have : f->want;

	return sha1[0] ? store_list(s, sha1, out, e) : RC_OK;
}

static enum rc read_held(struct store *s, const struct cluster_node *n,
			 struct held *out, struct err *e)
{
	struct target t;

	if (store_target(s, n->id, &t, e) != RC_OK ||
	    read_list(s, &t.itl, &out->itl, e) != RC_OK)
		return e->rc;
	return read_list(s, &t.ctl, &out->ctl, e);
}

static struct bytes content(const struct list *l)
{
	return bytes_of(l->bytes, l->n);
}

static bool accepts(struct call *c, const struct list *ctl,
		    const struct list *itl, const struct list *offered, char why[256])
{
	return phone_accepts(c, content(ctl), content(itl), content(offered), why);
}

static void warn(json_t *warnings, const struct cluster_node *n,
		 const char *what, const char *why)
{
	(void)json_array_append_new(
		warnings, json_sprintf("%s: %s: %s", n->host, what, why));
}

/* Phones that hold a CTL must be able to follow it; the others lose nothing by a
 * CTL that they do not take, but whoever sees them should know. */
static enum rc ask_phones(struct call *c, const struct cluster_node *n,
			  const struct list *fresh, bool force,
			  json_t *warnings, struct err *e)
{
	const struct list none = {0};
	struct held held CLEANUP(held_clear) = {0};
	char why[256];

	if (read_held(c->service->store, n, &held, e) != RC_OK)
		return e->rc;
	if (!accepts(c, &held.ctl, &held.itl, fresh, why)) {
		if (held.ctl.n && !force)
			return err_set(e, RC_REFUSED, c->name,
				       "phones that hold the CTL and ITL served there would not accept the new CTL",
				       "first let them hold a list that names its signer: `utils itl reset localkey`, then reset the phones; or use --force",
				       "%s", n->host);
		warn(warnings, n,
		     "phones that hold the lists served there accept the new CTL only through a TVS",
		     why);
	}
	if (held.itl.n && !accepts(c, fresh, &none, &held.itl, why))
		warn(warnings, n,
		     "a phone without lists takes the new CTL, and then the ITL served there only through a TVS",
		     why);
	return RC_OK;
}

static enum rc ask_all_phones(struct call *c, const struct list *fresh,
			      bool force, json_t *warnings, struct err *e)
{
	for (size_t i = 0; i < c->service->nloops; i++)
		if (ask_phones(c, c->service->loops[i].node, fresh, force,
			       warnings, e) != RC_OK)
			return e->rc;
	return RC_OK;
}

/* ---- the operation ---- */

static enum rc note(struct call *c, const struct order *o, const struct list *l,
		    struct err *e)
{
	char text[160];

	(void)snprintf(text, sizeof text, "uid=%u force=%s sha1=%s", c->peer.uid,
		       o->force ? "yes" : "no", l->sha1);
	return service_note(c->service, "ctl-update", text, e);
}

static enum rc update(struct call *c, int64_t op, const struct order *o,
		      json_t *warnings, json_t **result, struct err *e)
{
	struct list CLEANUP(list_clear) list = {0};

	if (o->all_or_none && nodes_all_there(c, e) != RC_OK)
		return e->rc;
	publish_tell(c);
	if (make_ctl(c, o, &list, e) != RC_OK ||
	    ask_all_phones(c, &list, o->force, warnings, e) != RC_OK ||
	    note(c, o, &list, e) != RC_OK ||
	    publish_want(c->service, &list, op, e) != RC_OK)
		return e->rc;
	return publish_wait(c, &list, result, e);
}

enum rc op_ctl_update(struct call *c, json_t **result, struct err *e)
{
	json_t *warnings;
	struct order o;
	char params[64];
	int64_t op;
	enum rc rc;

	if (read_order(c, &o, e) != RC_OK)
		return e->rc;
	(void)snprintf(params, sizeof params, "timestamp=%u force=%s", o.timestamp,
		       o.force ? "yes" : "no");
	if (op_begin(c, params, &op, e) != RC_OK)
		return e->rc;
	warnings = json_array();
	rc = update(c, op, &o, warnings, result, e);
	op_end(c, op, rc, e);
	if (*result)
		(void)json_object_set(*result, "warnings", warnings);
	json_decref(warnings);
	/* Once the list is made, a node that failed is part of the result. */
	return *result ? RC_OK : rc;
}
