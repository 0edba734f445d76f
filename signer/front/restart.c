/* utils service restart Cisco Tftp: the node's own list comes back (spec: cluster,
 * Who signs the ITL; Reset, 5). */
#include "front/client.h"
#include "lists.h"
#include "lockout.h"
#include "loop.h"
#include "ops.h"
#include "phones.h"
#include "sign_again.h"
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

/* ---- what may refuse it ---- */

struct order {
	bool force, consent; /* consent: there is a ticket */
	uint8_t ticket[KEYD_TICKET_LEN];
};

/* *against: all that phones have against the list, in one refusal; rc RC_OK: nothing. */
static enum rc judge(struct call *c, const struct list *list, struct err *against,
		     char finding[LOCKOUT_FINDING_MAX], struct err *e)
{
	struct itl CLEANUP(itl_free) *l = NULL;
	struct err fits = {0}, locks;

	*against = fits;
	if (itl_parse(bytes_of(list->bytes, list->n), 0, &l, e) != RC_OK ||
	    lockout_restart(c, &locks, finding, e) != RC_OK)
		return e->rc;
	(void)!list_fits_phones(c->name, c->node, l, false, &fits);
	*against = locks.rc != RC_OK ? locks : fits;
	if (locks.rc != RC_OK && fits.rc != RC_OK)
		(void)snprintf(against->why, sizeof against->why, "%.80s; and %.169s",
			       fits.why, locks.why);
	(void)snprintf(against->name, sizeof against->name, "%s",
		       against->rc != RC_OK ? FRONT_UNFORCED : "");
	return RC_OK;
}

/* keyd uses the ticket up, and its audit log says so, before anything is done. */
static enum rc may_restart(struct call *c, struct keyd *k, const struct order *o,
			   const struct err *against, struct err *e)
{
	char text[KEYD_OVERRIDE_MAX];

	if (against->rc == RC_OK)
		return RC_OK;
	if (!o->force) {
		*e = *against;
		return e->rc;
	}
	if (!o->consent)
		return err_set(e, RC_REFUSED, c->name,
			       "phones have something against it, and to override that takes the administrator's ticket",
			       "`itlctl utils service restart Cisco Tftp --force` says what it is, and asks for the password",
			       "%s", c->node->host);
	return keyd_use_override(k, o->ticket, c->peer.uid,
				 keyd_override_text(c->name, c->node->id, against->why,
						    text),
				 e);
}

static enum rc restart_node(struct call *c, int64_t op, const struct order *o,
			    struct list *list, bool *built,
			    char units[PHONES_UNITS_MAX], struct err *e)
{
	struct service *s = c->service;
	struct keyd CLEANUP(keyd_free) *k = NULL;
	char text[200 + LOCKOUT_FINDING_MAX], finding[LOCKOUT_FINDING_MAX] = "";
	struct err against = {0};

	if (keyd_open(s->keyd, &k, e) != RC_OK ||
	    fresh_list(s, k, c->node, list, e) != RC_OK ||
	    decide(c, list, built, e) != RC_OK)
		return e->rc;
	if (*built && (judge(c, list, &against, finding, e) != RC_OK ||
		       may_restart(c, k, o, &against, e) != RC_OK))
		return e->rc;
	(void)snprintf(text, sizeof text,
		       "node=%s uid=%u force=%s built=%s sha1=%s%s%s", c->node->id,
		       c->peer.uid, o->force ? "yes" : "no", *built ? "yes" : "no",
		       list->sha1, finding[0] ? " " : "", finding);
	if (keyd_note(k, "tftp-restart", text, e) != RC_OK ||
	    (*built && phones_expect(s, c->node, list, units, e) != RC_OK) ||
	    store_want(s->store, *built ? list : NULL,
		       (const char *const[]){c->node->id}, 1, op, e) != RC_OK)
		return e->rc;
	return work_on_node(c, e);
}

/* What was signed again by the way. */
static json_t *files_of(struct call *c)
{
	struct loop *l = loop_of(c->service, c->node);
	json_t *files;

	pthread_mutex_lock(&c->service->lock);
	files = sign_again_show(&l->again);
	pthread_mutex_unlock(&c->service->lock);
	return files;
}

enum rc op_tftp_restart(struct call *c, json_t **result, struct err *e)
{
	struct list CLEANUP(list_clear) list = {0};
	enum phones_did did = PHONES_NOT_DUE;
	char params[96], units[PHONES_UNITS_MAX] = "";
	struct err phones = {0};
	struct order o = {0};
	const char *hex = NULL;
	int force = 0;
	bool built = false;
	int64_t op;
	enum rc rc;

	if (call_members(c, e, "{s?b, s?s}", "force", &force, "ticket", &hex) != RC_OK ||
	    (hex && op_ticket(hex, o.ticket, e) != RC_OK))
		return e->rc;
	o.force = force;
	o.consent = hex != NULL;
	(void)snprintf(params, sizeof params, "node=%s force=%s", c->node->id,
		       force ? "yes" : "no");
	if (op_begin(c, params, &op, e) != RC_OK)
		return e->rc;
	phones_begin(c->service);
	rc = restart_node(c, op, &o, &list, &built, units, e);
	if (rc == RC_OK)
		did = phones_reset(c->service, &phones);
	phones_end(c->service);
	op_end(c, op, rc, e);
	if (rc == RC_OK)
		*result = json_pack("{s:s, s:s, s:s, s:b, s:o, s:o}", "node", c->node->id,
				    "sha1", list.sha1, "kind",
				    list_kind_name(list.kind), "built", built,
				    "phones", phones_show(units, did, &phones), "files",
				    files_of(c));
	return rc;
}
