/* set cert regen, and the keys of a new cluster (spec: cluster, Regeneration). */
#include "base/log.h"
#include "base/num.h"
#include "generate.h"
#include "holds.h"
#include "lockout.h"
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

enum rc job_place(struct call *c, const char *unit_text, json_t *node,
		  struct job *j, struct err *e)
{
	const char *name = json_string_value(node);
	const struct cluster_node *n = NULL;

	if (unit_from_name(unit_text, &j->unit, e) != RC_OK)
		return e->rc;
	if (unit_is_of_node(j->unit) != (name != NULL) ||
	    (node && !name && !json_is_null(node)))
		return err_set(e, RC_USAGE, c->name,
			       name ? "this unit is the cluster's, not a node's"
				    : "this unit is a node's: say which",
			       NULL, "%s", unit_text);
	if (name && cluster_find_node(c->service->cluster, name, &n, e) != RC_OK)
		return e->rc;
	j->node = n ? n->id : NULL;
	return RC_OK;
}

/* ---- what may refuse a regeneration; --force overrides each ---- */

static enum rc held(struct call *c, enum unit unit, const char *node, struct err *e)
{
	return hold_check(c->service, unit, node, e);
}

static enum rc locks(struct call *c, enum unit unit, const char *node, struct err *e)
{
	return lockout_generate(c, unit, node, e);
}

static enum rc (*const checks[])(struct call *c, enum unit unit, const char *node,
				 struct err *e) = {held, locks};

/* A key that is there is to be replaced. j->overrode: what force overrode, or "". */
static enum rc may_regenerate(struct call *c, struct job *j, struct err *e)
{
	if (j->unit == UNIT_AUDIT)
		return RC_OK; /* no phone knows it */
	for (size_t i = 0; i < COUNT_OF(checks); i++) {
		size_t n = strlen(j->overrode);

		if (checks[i](c, j->unit, j->node, e) == RC_OK)
			continue;
		if (e->rc != RC_REFUSED || !j->force)
			return e->rc;
		j->locks |= checks[i] == locks;
		(void)snprintf(j->overrode + n, OVERRODE_MAX - n, "%s%s%s%s%s",
			       n ? "; " : "", e->why, e->code ? " (" : "",
			       e->code ? e->hint : "", e->code ? ")" : "");
	}
	return RC_OK;
}

/* ---- doing it ---- */

static enum rc may_generate(struct call *c, struct job *j, struct err *e)
{
	if (find_key(c->service, j->unit, j->node, &j->before, e) != RC_OK)
		return e->rc;
	if (!j->before)
		return RC_OK; /* the first is nobody's loss */
	if (!j->regenerate)
		return err_set(e, RC_REFUSED, c->name,
			       "there is a key already, and phones may trust it alone",
			       "itlctl set cert regen replaces it", "%s%s%s",
			       unit_name(j->unit), j->node ? " of " : "",
			       j->node ? j->node : "");
	return may_regenerate(c, j, e);
}

static enum rc note(struct call *c, struct keyd *k, struct job *j, struct err *e)
{
	char text[OVERRODE_MAX + 120];

	(void)snprintf(text, sizeof text,
		       "unit=%s node=%s uid=%u force=%s overrode=\"%s\"",
		       unit_name(j->unit), j->node ? j->node : "-", c->peer.uid,
		       j->force ? "yes" : "no", service_quotable(j->overrode));
	return keyd_note(k, j->event, text, e);
}

/* keyd said clearly that it made none. */
static bool made_none(enum rc rc)
{
	return rc == RC_REFUSED || rc == RC_USAGE || rc == RC_BUSY ||
	       rc == RC_NOTFOUND || rc == RC_VERIFY;
}

/* The hold stands before the key does: nothing that happens between loses it. */
static enum rc make_held(struct call *c, struct keyd *k, const uint8_t *ticket,
			 const struct job *j, struct keyd_key *new, struct err *e)
{
	struct service *s = c->service;
	struct hold_before before;
	bool holds = j->before && j->unit != UNIT_AUDIT;
	struct err failed = {0};
	enum rc rc;

	if (holds && hold_set(s, j->unit, j->node, &before, e) != RC_OK)
		return e->rc;
	rc = j->make(k, ticket, c->peer.uid, j, new, e);
	if (holds && rc == RC_OK)
		(void)!hold_set(s, j->unit, j->node, NULL, &failed);
	else if (holds && made_none(rc))
		(void)!hold_undo(s, &before, &failed);
	if (failed.rc != RC_OK)
		log_error("state", &failed);
	return rc;
}

static enum rc replace(struct call *c, const uint8_t *ticket, struct job *j,
		       json_t **result, struct err *e)
{
	struct service *s = c->service;
	struct keyd CLEANUP(keyd_free) *k = NULL;
	struct keyd_key new = {0}, *keys = NULL;
	struct err ignored;
	size_t n = 0;

	if (may_generate(c, j, e) != RC_OK || keyd_open(s->keyd, &k, e) != RC_OK ||
	    (j->before && note(c, k, j, e) != RC_OK) ||
	    make_held(c, k, ticket, j, &new, e) != RC_OK)
		return e->rc;
	*result = show_key(&new);
	if (*result) {
		if (new.tries)
			(void)json_object_set_new(*result, "tries",
						  json_integer(new.tries));
		(void)json_object_set_new(*result, "overrode",
					  j->overrode[0] ? json_string(j->overrode)
							 : json_null());
	}
	X509_free(new.cert);
	/* For the cache alone: the key is made, whatever becomes of this. */
	if (service_keys(s, &keys, &n, &ignored) == RC_OK)
		keyd_keys_free(keys, n);
	watch_poke(s); /* a new recovery key has no backup */
	return RC_OK;
}

enum rc op_generate_plan(struct call *c, json_t **result, struct err *e)
{
	struct job j = {.regenerate = true};
	const char *unit_text;
	json_t *node = NULL;
	int force = 0;

	if (call_members(c, e, "{s:s, s?o, s?b}", "unit", &unit_text, "node", &node,
			 "force", &force) != RC_OK ||
	    job_place(c, unit_text, node, &j, e) != RC_OK)
		return e->rc;
	j.force = force;
	if (may_generate(c, &j, e) != RC_OK)
		return e->rc;
	*result = json_pack("{s:b, s:s?, s:b, s:b}", "present", j.before > 0, "overrides",
			    j.overrode[0] ? j.overrode : NULL, "locks", j.locks, "phone_reset",
			    c->service->cluster->phone_reset != NULL);
	return RC_OK;
}

enum rc job_do(struct call *c, const char *ticket_hex, struct job *j,
	       json_t **result, struct err *e)
{
	uint8_t ticket[KEYD_TICKET_LEN];
	char params[128];
	int64_t op;
	enum rc rc;

	if (op_ticket(ticket_hex, ticket, e) != RC_OK ||
	    find_key(c->service, j->unit, j->node, &j->before, e) != RC_OK)
		return e->rc;
	/* holds.c and resume.c read how it begins: was there a new one at the end? */
	(void)snprintf(params, sizeof params,
		       "unit=%s node=%s generation=%u regenerate=%s force=%s",
		       unit_name(j->unit), j->node ? j->node : "-", j->before,
		       j->regenerate ? "yes" : "no", j->force ? "yes" : "no");
	if (op_begin(c, params, &op, e) != RC_OK)
		return e->rc;
	rc = replace(c, ticket, j, result, e);
	op_end(c, op, rc, e);
	return rc;
}

static enum rc make(struct keyd *k, const uint8_t *ticket, uid_t uid,
		    const struct job *j, struct keyd_key *new, struct err *e)
{
	return keyd_generate(k, ticket, uid, j->unit, j->node, new, e);
}

enum rc op_generate(struct call *c, json_t **result, struct err *e)
{
	struct job j = {.make = make, .event = "regenerate"};
	const char *unit_text, *hex;
	json_t *node = NULL;
	int regenerate = 0, force = 0;

	if (call_members(c, e, "{s:s, s:s, s?o, s?b, s?b}", "unit", &unit_text,
			 "ticket", &hex, "node", &node, "regenerate", &regenerate,
			 "force", &force) != RC_OK ||
	    job_place(c, unit_text, node, &j, e) != RC_OK)
		return e->rc;
	j.regenerate = regenerate;
	j.force = force;
	return job_do(c, hex, &j, result, e);
}
