/* utils itl reset localkey and remotekey: plan, preview, do (spec: cluster,
 * Reset). */
#include "base/num.h"
#include "lists.h"
#include "lockout.h"
#include "ops.h"
#include "publish.h"
#include "probe.h"
#include "show.h"
#include "source.h"
#include <string.h>
#include <time.h>


static const char *const hows[] = {[KEYD_LOCALKEY] = "localkey",
				   [KEYD_REMOTEKEY] = "remotekey"};

static enum rc read_how(const char *text, enum keyd_how *how, struct err *e)
{
	for (size_t i = 0; i < COUNT_OF(hows); i++)
		if (!strcmp(hows[i], text)) {
			*how = (enum keyd_how)i;
			return RC_OK;
		}
	return err_set(e, RC_USAGE, "reset", "is not supported",
		       "use \"localkey\" or \"remotekey\"", "how = \"%.40s\"",
		       text);
}

/* Whose key will sign (keyd/client.h, keyd_reset()). */
static enum unit signer_of(const struct cluster *c, enum keyd_how how)
{
	return how == KEYD_REMOTEKEY ? UNIT_ITLRECOVERY
				     : list_signer(c, LIST_RESET);
}

/* ---- plan ---- */

/* The key of this unit whose certificate the list holds as SAST, or NULL. */
static const struct keyd_key *listed_key(const struct itl *l, enum unit unit,
					 const struct keyd_key *keys, size_t n)
{
	for (size_t r = 0; r < l->nrecords; r++) {
		const struct keyd_key *found = NULL;
		X509 *cert = NULL;
		struct err ignored;

		if (!l->records[r].has_role || l->records[r].role != ITL_SAST ||
		    itl_record_x509(&l->records[r], &cert, &ignored) != RC_OK)
			continue;
		for (size_t i = 0; i < n && !found; i++)
			if (keys[i].label.unit == unit &&
			    X509_cmp(keys[i].cert, cert) == 0)
				found = &keys[i];
		X509_free(cert);
		if (found)
			return found;
	}
	return NULL;
}

/* The keys that a reset is about, of those that the token has. */
struct cast {
	struct keyd_key *keys; /* owned: all of them */
	size_t n;
	const struct keyd_key *listed;  /* the list's ITLRecovery; NULL: not there */
	const struct keyd_key *trusted; /* the one that phones shall trust by it */
	const struct keyd_key *signer;
};

static void cast_clear_at(struct cast *k)
{
	keyd_keys_free(k->keys, k->n);
}

static void fill_cast(struct call *c, enum keyd_how how, const struct itl *l,
		      struct cast *k)
{
	k->listed = listed_key(l, UNIT_ITLRECOVERY, k->keys, k->n);
	k->trusted = how == KEYD_REMOTEKEY
			     ? keyd_key_current(k->keys, k->n, UNIT_ITLRECOVERY, NULL)
			     : k->listed;
	k->signer = signer_of(c->service->cluster, how) == UNIT_ITLRECOVERY
			    ? k->trusted
			    : listed_key(l, UNIT_CALLMANAGER, k->keys, k->n);
}

static enum rc check_cast(struct call *c, enum keyd_how how, const struct source *s,
			  const struct cast *k, struct err *e)
{
	const char *why = NULL, *hint = "cluster init";

	if (!k->trusted && how == KEYD_REMOTEKEY) {
		why = "the token has no ITLRecovery key";
		hint = "import the one that phones trust first";
	} else if (!k->trusted) {
		why = "the token has no key for the ITLRecovery certificate of this list";
		hint = "the key that phones trust must come back from its backup";
	} else if (!k->signer)
		why = "the token has no key for the CallManager certificate of this list";
	return why ? err_set(e, RC_REFUSED, c->name, why, hint, "%s: %s",
			     c->node->host, s->list.sha1)
		   : RC_OK;
}

static void warn(void *arg, const char *text)
{
	(void)json_array_append_new(arg, json_string(text));
}

static void warn_all(const struct source *s, const struct cast *k,
		     json_t *warnings)
{
	(void)itl_warnings(s->itl, warn, warnings);
	if (X509_cmp_current_time(X509_get0_notAfter(k->trusted->cert)) < 0)
		warn(warnings,
		     "the ITLRecovery certificate has expired; it still signs");
	if (!k->trusted->current)
		warn(warnings,
		     "the list holds an older ITLRecovery certificate than the current one; phones trust the older one");
	if (k->signer->label.unit == UNIT_CALLMANAGER)
		warn(warnings,
		     "under policy itlrecovery the publisher's CallManager signs: only phones that hold the publisher's list are helped directly, the others need TVS");
}

/* Who will sign, as keyd will decide. CLEANUP(cast_clear) it. */
static enum rc find_cast(struct call *c, enum keyd_how how, const struct source *s,
			 struct cast *out, struct err *e)
{
	struct cast k CLEANUP(cast_clear) = {0};

	if (service_keys(c->service, &k.keys, &k.n, e) != RC_OK)
		return e->rc;
	fill_cast(c, how, s->itl, &k);
	if (check_cast(c, how, s, &k, e) != RC_OK)
		return e->rc;
	*out = k;
	k = (struct cast){0};
	return RC_OK;
}

/* And what to warn of. */
static enum rc foresee(struct call *c, enum keyd_how how, const struct source *s,
		       char signer[LABEL_MAX], json_t *warnings, struct err *e)
{
	struct cast k CLEANUP(cast_clear) = {0};
	char off[256] = "";

	if (find_cast(c, how, s, &k, e) != RC_OK ||
	    (how == KEYD_LOCALKEY &&
	     lockout_reset_warning(c, s->itl, k.signer->cert, off, e) != RC_OK))
		return e->rc;
	label_text(&k.signer->label, signer);
	warn_all(s, &k, warnings);
	if (off[0])
		warn(warnings, off);
	return RC_OK;
}

static json_t *plan_nodes(struct service *s)
{
	json_t *nodes = json_array();
	struct target t;
	struct err e;

	for (size_t i = 0; i < s->nloops; i++) {
		const struct cluster_node *n = s->loops[i].node;

		if (store_target(s->store, n->id, &t, &e) != RC_OK)
			t.itl.have[0] = '\0';
		(void)json_array_append_new(
			nodes, json_pack("{s:s, s:s, s:s?}", "id", n->id,
					 "host", n->host, "sha1",
					 t.itl.have[0] ? t.itl.have : NULL));
	}
	return nodes;
}

enum rc op_reset_plan(struct call *c, json_t **result, struct err *e)
{
	struct source s CLEANUP(source_clear) = {0};
	char signer[LABEL_MAX], *text;
	enum keyd_how how = KEYD_LOCALKEY;
	json_t *warnings;
	int all = 0;

	if (call_members(c, e, "{s:s, s?b}", "how", &text, "all_or_none", &all) !=
		    RC_OK ||
	    read_how(text, &how, e) != RC_OK ||
	    store_op_idle(c->service->store, c->name, e) != RC_OK ||
	    (all && nodes_all_there(c, e) != RC_OK) ||
	    source_open(c, how, NULL, &s, e) != RC_OK)
		return e->rc;
	warnings = json_array();
	if (foresee(c, how, &s, signer, warnings, e) != RC_OK) {
		json_decref(warnings);
		return e->rc;
	}
	*result = json_pack("{s:o, s:o, s:s, s:I, s:s, s:o}", "nodes",
			    plan_nodes(c->service), "source",
			    show_base64(s.list.bytes, s.list.n), "source_sha1",
			    s.list.sha1, "timestamp",
			    (json_int_t)s.timestamp,
			    "signer", signer, "warnings", warnings);
	return RC_OK;
}

/* ---- preview and reset: the same members ---- */

struct order {
	enum keyd_how how;
	struct source_plan source; /* the text is the request's */
	uint8_t ticket[KEYD_TICKET_LEN];
	bool force;
	bool all_or_none; /* every node, or no reset at all */
};

static enum rc read_order(struct call *c, struct order *o, struct err *e)
{
	json_int_t timestamp;
	uint8_t sha1[SHA1_LEN];
	const char *how, *hex;
	int force = 0, all = 0;

	if (call_members(c, e, "{s:s, s:I, s:s, s:s, s?b, s?b}", "how", &how,
			 "timestamp", &timestamp, "source_sha1", &o->source.sha1,
			 "ticket", &hex, "force", &force, "all_or_none",
			 &all) != RC_OK ||
	    read_how(how, &o->how, e) != RC_OK ||
	    op_ticket(hex, o->ticket, e) != RC_OK ||
	    op_timestamp(c, timestamp, &o->source.timestamp, e) != RC_OK)
		return e->rc;
	if (!hex_read(o->source.sha1, sha1, sizeof sha1))
		return err_set(e, RC_USAGE, "request", "is no SHA-1", NULL,
			       "\"source_sha1\"");
	o->force = force;
	o->all_or_none = all;
	return RC_OK;
}

enum rc op_reset_preview(struct call *c, json_t **result, struct err *e)
{
	struct source s CLEANUP(source_clear) = {0};
	struct keyd CLEANUP(keyd_free) *k = NULL;
	uint8_t sha1[SHA1_LEN];
	char hex[SHA1_HEX];
	struct order o;

	if (read_order(c, &o, e) != RC_OK ||
	    store_op_idle(c->service->store, c->name, e) != RC_OK ||
	    source_open(c, o.how, &o.source, &s, e) != RC_OK ||
	    keyd_open(c->service->keyd, &k, e) != RC_OK ||
	    keyd_reset_preview(k, o.ticket, c->peer.uid, o.how,
			       bytes_of(s.list.bytes, s.list.n), o.source.timestamp,
			       sha1, e) != RC_OK)
		return e->rc;
	*result = json_pack("{s:s}", "sha1",
			    hex_of(bytes_of(sha1, sizeof sha1), hex, sizeof hex));
	return RC_OK;
}

/* A remotekey is for phones that are locked already. */
static enum rc would_lock(struct call *c, const struct order *o,
			  const struct source *s, struct err *e)
{
	struct cast k CLEANUP(cast_clear) = {0};

	if (o->how != KEYD_LOCALKEY)
		return RC_OK;
	if (find_cast(c, o->how, s, &k, e) != RC_OK)
		return e->rc;
	return lockout_reset(c, s->itl, k.signer->cert, o->force, e);
}

/* Signed, verified, and kept before anything is put: a kill loses no list. */
static enum rc make_list(struct call *c, int64_t op, const struct order *o,
			 const struct source *source, struct list *out,
			 struct err *e)
{
	struct service *s = c->service;
	struct keyd CLEANUP(keyd_free) *k = NULL;
	uint8_t *bytes = NULL;
	size_t len = 0;

	if (keyd_open(s->keyd, &k, e) != RC_OK ||
	    keyd_reset(k, o->ticket, c->peer.uid, o->how,
		       bytes_of(source->list.bytes, source->list.n),
		       o->source.timestamp, &bytes, &len, e) != RC_OK ||
	    list_signed(s, c->node, LIST_RESET, signer_of(s->cluster, o->how),
			bytes, len, out, e) != RC_OK)
		return e->rc;
	return publish_want(s, out, op, e);
}

static enum rc reset(struct call *c, int64_t op, const struct order *o,
		     json_t **result, struct err *e)
{
	struct source source CLEANUP(source_clear) = {0};
	struct list CLEANUP(list_clear) list = {0};

	if (source_open(c, o->how, &o->source, &source, e) != RC_OK ||
	    list_fits_phones(c->name, c->node, source.itl, o->force,
			     e) != RC_OK ||
	    would_lock(c, o, &source, e) != RC_OK ||
	    (o->all_or_none && nodes_all_there(c, e) != RC_OK))
		return e->rc;
	publish_tell(c);
	if (make_list(c, op, o, &source, &list, e) != RC_OK)
		return e->rc;
	return publish_wait(c, &list, result, e);
}

enum rc op_reset(struct call *c, json_t **result, struct err *e)
{
	char params[160];
	struct order o;
	int64_t op;
	enum rc rc;

	if (read_order(c, &o, e) != RC_OK)
		return e->rc;
	(void)snprintf(params, sizeof params,
		       "how=%s source=%.40s timestamp=%u", hows[o.how], o.source.sha1,
		       o.source.timestamp);
	if (op_begin(c, params, &op, e) != RC_OK)
		return e->rc;
	rc = reset(c, op, &o, result, e);
	op_end(c, op, rc, e);
	/* Once the list is made, a node that failed is part of the result. */
	return *result ? RC_OK : rc;
}
