#include "ops.h"
#include "base/log.h"
#include "itl/accept.h"
#include "lists.h"
#include "loop.h"
#include "show.h"
#include "watch.h"
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <time.h>

static void name_peer(const struct sock_peer *p, char *to, size_t cap)
{
	struct passwd pw, *found = NULL;
	char buf[4096];

	(void)getpwuid_r(p->uid, &pw, buf, sizeof buf, &found);
	(void)snprintf(to, cap, "%.32s (uid %u)", found ? pw.pw_name : "a user",
		       p->uid);
}

enum rc op_begin(struct call *c, const char *params, int64_t *id, struct err *e)
{
	char who[sizeof((struct op *)0)->who];

	name_peer(&c->peer, who, sizeof who);
	if (store_op_begin(c->service->store, c->name, who, params, id, e) !=
	    RC_OK)
		return e->rc;
	log_info("event=op op=%lld kind=%s who=\"%s\" %s", (long long)*id,
		 c->name, who, params);
	return RC_OK;
}

void op_end(struct call *c, int64_t id, enum rc rc, const struct err *e)
{
	struct service *s = c->service;
	struct err failed;
	char note[1200] = "";

	if (service_stopping(s))
		return;
	if (rc != RC_OK)
		err_text(e, note, sizeof note);
	if (store_op_end(s->store, id, rc == RC_OK, note, &failed) != RC_OK)
		log_error("state", &failed);
	log_info("event=op-end op=%lld kind=%s rc=%s msg=\"%s\"", (long long)id,
		 c->name, rc_name(rc), service_quotable(note));
}

enum rc op_ticket(const char *hex, uint8_t *ticket, struct err *e)
{
	if (!hex_read(hex, ticket, KEYD_TICKET_LEN))
		return err_set(e, RC_USAGE, "request",
			       "a ticket is 64 hex digits",
			       "ask keyd for one, with the administrator's password",
			       "%s", "\"ticket\"");
	return RC_OK;
}

/* ---- after a kill ---- */

static void *resume(void *arg)
{
	struct service *s = arg;
	struct loop *loops[CLUSTER_MAX_NODES];
	char note[512] = "resumed: every node serves what it shall";
	bool well = true;
	struct op o;
	struct err e;

	for (size_t i = 0; i < s->nloops; i++)
		loops[i] = &s->loops[i];
	if (store_op_running(s->store, &o, &e) != RC_OK ||
	    loops_work(s, loops, s->nloops, NULL, NULL, &e) != RC_OK)
		return NULL; /* stopped again: the next start */
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->nloops && well; i++) {
		char text[400];

		well = loops[i]->last.rc == RC_OK;
		if (!well)
			(void)snprintf(note, sizeof note, "resumed: %s",
				       err_text(&loops[i]->last, text,
						sizeof text));
	}
	pthread_mutex_unlock(&s->lock);
	if (store_op_end(s->store, o.id, well, note, &e) != RC_OK)
		log_error("state", &e);
	log_info("event=op-end op=%lld kind=%s msg=\"%s\"", (long long)o.id,
		 o.kind, note);
	return NULL;
}

enum rc ops_resume(struct service *s, struct err *e)
{
	struct op o;

	if (store_op_running(s->store, &o, e) != RC_OK)
		return e->rc == RC_NOTFOUND ? RC_OK : e->rc;
	log_warn("event=resume op=%lld kind=%s who=\"%s\"", (long long)o.id,
		 o.kind, o.who);
	errno = pthread_create(&s->resume, NULL, resume, s);
	if (errno)
		return err_errno(e, RC_ERROR, "pthread_create", NULL, "resume");
	s->resuming = true;
	return RC_OK;
}

/* ---- restart Cisco Tftp ---- */

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
 * Phones hold the reset list, which is the publisher's. There is no TVS yet to
 * vouch for another signer, so a list that they would not take as it is locks
 * them again (spec: cluster, Reset, 5).
 */
static enum rc refuse_lock_out(const struct cluster_node *n,
			       const struct list *standing,
			       const struct list *fresh, struct err *e)
{
	char why[256];
	enum itl_verdict v = itl_accept(bytes_of(NULL, 0),
					bytes_of(standing->bytes, standing->n),
					bytes_of(fresh->bytes, fresh->n), NULL,
					NULL, why);

	if (itl_accepted(v))
		return RC_OK;
	return err_set(e, RC_REFUSED, "restart Cisco Tftp",
		       "a reset list stands: phones hold the publisher's list, and would accept this node's own list only through a TVS, which there is not yet",
		       "leave the reset list in place, or use --force and reset afterwards",
		       "%s", n->host);
}

/*
 * *built: the node shall serve `fresh` from now on. Otherwise its list is up to
 * date, and *fresh becomes that list.
 */
static enum rc decide(struct call *c, struct list *fresh, bool force,
		      bool *built, struct err *e)
{
	struct service *s = c->service;
	struct list CLEANUP(list_clear) standing = {0};
	bool publisher = c->node == cluster_publisher(s->cluster);
	struct target t;

	*built = true;
	if (store_target(s->store, c->node->id, &t, e) != RC_OK)
		return e->rc;
	if (!t.want[0])
		return RC_OK;
	if (store_list(s->store, t.want, &standing, e) != RC_OK)
		return e->rc;
	if (standing.kind == LIST_RESET)
		return publisher || force ? RC_OK
					  : refuse_lock_out(c->node, &standing,
							    fresh, e);
	if (list_same_contents(&standing, fresh)) {
		*built = false;
		list_clear(fresh);
		*fresh = standing;
		standing = (struct list){0};
	}
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
			    struct list *list, bool *built, struct err *e)
{
	struct service *s = c->service;
	struct keyd CLEANUP(keyd_free) *k = NULL;
	char text[200];

	if (keyd_open(s->keyd, &k, e) != RC_OK ||
	    fresh_list(s, k, c->node, list, e) != RC_OK ||
	    decide(c, list, force, built, e) != RC_OK ||
	    (*built && new_list_fits(c, list, force, e) != RC_OK))
		return e->rc;
	(void)snprintf(text, sizeof text,
		       "node=%s uid=%u force=%s built=%s sha1=%s", c->node->id,
		       c->peer.uid, force ? "yes" : "no", *built ? "yes" : "no",
		       list->sha1);
	if (keyd_note(k, "tftp-restart", text, e) != RC_OK ||
	    store_want(s->store, *built ? list : NULL,
		       (const char *const[]){c->node->id}, 1, op, e) != RC_OK)
		return e->rc;
	return work_on_node(c, e);
}

enum rc op_tftp_restart(struct call *c, json_t **result, struct err *e)
{
	struct list CLEANUP(list_clear) list = {0};
	char params[96];
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
	rc = restart_node(c, op, force, &list, &built, e);
	op_end(c, op, rc, e);
	if (rc == RC_OK)
		*result = json_pack("{s:s, s:s, s:s, s:b}", "node", c->node->id,
				    "sha1", list.sha1, "kind",
				    list_kind_name(list.kind), "built", built);
	return rc;
}

/* ---- key generation ---- */

static enum rc has_key(struct service *s, enum unit unit, const char *node,
		       bool *has, struct err *e)
{
	struct keyd_key *keys = NULL;
	size_t n = 0;

	if (service_keys(s, &keys, &n, e) != RC_OK)
		return e->rc;
	*has = false;
	for (size_t i = 0; i < n; i++)
		if (keys[i].label.unit == unit && keys[i].current &&
		    (!node || !strcmp(keys[i].label.node, node)))
			*has = true;
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
	bool has = false;
	size_t n = 0;

	if (has_key(s, unit, node, &has, e) != RC_OK)
		return e->rc;
	if (has && !force)
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
	enum unit unit;
	int force = 0;
	int64_t op;
	enum rc rc;

	if (call_members(c, e, "{s:s, s:s, s?o, s?b}", "unit", &unit_text,
			 "ticket", &hex, "node", &node, "force",
			 &force) != RC_OK ||
	    unit_and_node(c, unit_text, node, &unit, &n, e) != RC_OK ||
	    op_ticket(hex, ticket, e) != RC_OK)
		return e->rc;
	(void)snprintf(params, sizeof params, "unit=%s node=%s force=%s",
		       unit_name(unit), n ? n->id : "-", force ? "yes" : "no");
	if (op_begin(c, params, &op, e) != RC_OK)
		return e->rc;
	rc = generate(c, ticket, unit, n ? n->id : NULL, force, result, e);
	op_end(c, op, rc, e);
	return rc;
}
