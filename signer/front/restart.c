/* utils service restart Cisco Tftp: the node's own list comes back (spec: cluster,
 * Who signs the ITL; Reset, 5). */
#include "lists.h"
#include "lockout.h"
#include "loop.h"
#include "ops.h"
#include "phones.h"
#include <string.h>
#include <time.h>

static enum rc fresh_list(struct service *s, struct keyd *k,
			  const struct cluster_node *n, struct list *out,
			  struct err *e)
{
	uint8_t *bytes = NULL;
	size_t len = 0;

	if (keyd_sign_itl(k, n->id, (uint32_t)time(NULL), &bytes, &len, e) !=
	    RC_OK)
		return e->rc;
	return list_signed(s, n, LIST_ITL, list_signer(s->cluster, LIST_ITL),
			   bytes, len, out, e);
}

/*
 * *built: the node shall serve `fresh` from now on. Otherwise its list is up to
 * date, and *fresh becomes that list.
 */
static enum rc decide(struct call *c, struct list *fresh, bool *built,
		      struct err *e)
{
	struct service *s = c->service;
	struct list CLEANUP(list_clear) standing = {0};
	struct target t;

	*built = true;
	if (store_target(s->store, c->node->id, &t, e) != RC_OK)
		return e->rc;
	if (!t.itl.want[0])
		return RC_OK;
	if (store_list(s->store, t.itl.want, &standing, e) != RC_OK)
		return e->rc;
	if (standing.kind == LIST_RESET || !list_same_contents(&standing, fresh))
		return RC_OK;
	*built = false;
	list_clear(fresh);
	*fresh = standing;
	standing = (struct list){0};
	return RC_OK;
}

static enum rc work_on_node(struct call *c, struct err *e)
{
	struct loop *l = loop_of(c->service, c->node);

	if (loops_work(c->service, &l, 1, call_event, c, e) != RC_OK)
		return e->rc;
	pthread_mutex_lock(&c->service->lock);
	if (l->last.rc != RC_OK)
		*e = l->last;
	enum rc rc = l->last.rc;
	pthread_mutex_unlock(&c->service->lock);
	return rc;
}

static enum rc new_list_fits(const struct call *c, const struct list *list,
			     bool force, struct err *e)
{
	struct itl CLEANUP(itl_free) *l = NULL;

	if (itl_parse(bytes_of(list->bytes, list->n), 0, &l, e) != RC_OK)
		return e->rc;
	return list_fits_phones(c->name, c->node, l, force, e);
}

static enum rc restart_node(struct call *c, int64_t op, bool force,
			    struct list *list, bool *built,
			    char units[PHONES_UNITS_MAX], struct err *e)
{
	struct service *s = c->service;
	struct keyd CLEANUP(keyd_free) *k = NULL;
	char text[200];

	if (keyd_open(s->keyd, &k, e) != RC_OK ||
	    fresh_list(s, k, c->node, list, e) != RC_OK ||
	    decide(c, list, built, e) != RC_OK)
		return e->rc;
	if (*built && (new_list_fits(c, list, force, e) != RC_OK ||
		       lockout_restart(c, force, e) != RC_OK))
		return e->rc;
	(void)snprintf(text, sizeof text,
		       "node=%s uid=%u force=%s built=%s sha1=%s", c->node->id,
		       c->peer.uid, force ? "yes" : "no", *built ? "yes" : "no",
		       list->sha1);
	if (keyd_note(k, "tftp-restart", text, e) != RC_OK ||
	    (*built && phones_expect(s, c->node, list, units, e) != RC_OK) ||
	    store_want(s->store, *built ? list : NULL,
		       (const char *const[]){c->node->id}, 1, op, e) != RC_OK)
		return e->rc;
	return work_on_node(c, e);
}

enum rc op_tftp_restart(struct call *c, json_t **result, struct err *e)
{
	struct list CLEANUP(list_clear) list = {0};
	enum phones_did did = PHONES_NOT_DUE;
	char params[96], units[PHONES_UNITS_MAX] = "";
	struct err phones = {0};
	int force = 0;
	bool built = false;
	int64_t op;
	enum rc rc;

	if (call_members(c, e, "{s?b}", "force", &force) != RC_OK)
		return e->rc;
	(void)snprintf(params, sizeof params, "node=%s force=%s", c->node->id,
		       force ? "yes" : "no");
	if (op_begin(c, params, &op, e) != RC_OK)
		return e->rc;
	phones_begin(c->service);
	rc = restart_node(c, op, force, &list, &built, units, e);
	if (rc == RC_OK)
		did = phones_reset(c->service, &phones);
	phones_end(c->service);
	op_end(c, op, rc, e);
	if (rc == RC_OK)
		*result = json_pack("{s:s, s:s, s:s, s:b, s:o}", "node", c->node->id,
				    "sha1", list.sha1, "kind",
				    list_kind_name(list.kind), "built", built,
				    "phones", phones_show(units, did, &phones));
	return rc;
}
