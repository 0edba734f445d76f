#include "retired.h"
#include "base/log.h"
#include "ops.h"
#include "refs.h"
#include "show.h"
#include <string.h>

/* A list that phones may hold. */
struct held_list {
	struct kept kept;
	struct list list;
	struct itl *itl; /* into list.bytes; NULL: it is none that a phone takes */
};

struct lists {
	struct held_list *at;
	size_t n;
};

static void lists_clear_at(struct lists *l)
{
	for (size_t i = 0; i < l->n; i++) {
		itl_free(l->at[i].itl);
		list_clear(&l->at[i].list);
	}
	free(l->at);
}

static int64_t kept_since(struct service *s)
{
	return clock_now(&s->clock).wall - s->cluster->keep_days * (int64_t)CLOCK_DAY;
}

static enum rc lists_open(struct service *s, struct lists *out, struct err *e)
{
	struct kept CLEANUP_FREE *kept = NULL;
	struct err ignored;
	size_t n = 0;

	if (store_kept(s->store, kept_since(s), &kept, &n, e) != RC_OK)
		return e->rc;
	out->at = calloc(n + 1, sizeof *out->at);
	if (!out->at)
		return err_errno(e, RC_ERROR, "calloc", NULL, "lists");
	for (; out->n < n; out->n++) {
		struct held_list *h = &out->at[out->n];

		h->kept = kept[out->n];
		if (store_list(s->store, h->kept.sha1, &h->list, e) != RC_OK)
			return e->rc;
		(void)!itl_parse(bytes_of(h->list.bytes, h->list.n), 0, &h->itl,
				 &ignored);
	}
	return RC_OK;
}

/* ---- whether a key may go ---- */

struct verdict {
	bool removable, forced; /* forced: --force would do it */
	char why[256];          /* "": removable */
	int64_t at;             /* when it will be: Unix time; 0: nobody can say */
	json_t *lists;          /* that need it */
};

/* The token's keys; those of a node that went are retired, the newest too. */
static enum rc keys_of_token(struct service *s, struct keyd_key **keys, size_t *n,
			     struct err *e)
{
	if (service_keys(s, keys, n, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < *n; i++)
		(*keys)[i].current &= label_in_use(&(*keys)[i].label, s->cluster);
	return RC_OK;
}

static json_t *show_kept(struct service *s, const struct held_list *h, bool signed_it)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:I}", "node",
			 h->kept.node, "file", served_file_name(h->kept.file), "sha1",
			 h->kept.sha1, "kind", list_kind_name(h->list.kind), "last",
			 (json_int_t)h->kept.last, "now", h->kept.now, "signed",
			 signed_it, "until",
			 h->kept.now ? (json_int_t)0
				     : (json_int_t)(h->kept.last +
						    s->cluster->keep_days *
							    (int64_t)CLOCK_DAY));
}

static void add_list(struct service *s, const struct held_list *h, bool signed_it,
		     struct verdict *v)
{
	int64_t until = h->kept.last + s->cluster->keep_days * (int64_t)CLOCK_DAY;
	bool first = json_array_size(v->lists) == 0;

	(void)json_array_append_new(v->lists, show_kept(s, h, signed_it));
	/* One that state needs now says most: it comes first in `why`, for good. */
	if (h->kept.now && (first || v->at)) {
		(void)snprintf(v->why, sizeof v->why,
			       "%s needs it still: list %s is, or may become again, what it serves",
			       h->kept.node, h->kept.sha1);
		v->at = 0;
	} else if (first || (v->at && until > v->at)) {
		(void)snprintf(v->why, sizeof v->why,
			       "phones may hold list %s, which %s served within the last %u days (keep-days)",
			       h->kept.sha1, h->kept.node, s->cluster->keep_days);
		v->at = until;
	}
}

static void look_at_lists(struct service *s, const struct keyd_key *k,
			  const struct lists *lists, struct verdict *v)
{
	uint8_t sha1[SHA1_LEN];

	ref_of_cert(k->cert, sha1);
	for (size_t i = 0; i < lists->n; i++) {
		const struct held_list *h = &lists->at[i];
		bool signed_it = h->itl && list_is_signed_with(h->itl, k->cert);

		if (signed_it || (h->itl && list_names(h->itl, sha1)))
			add_list(s, h, signed_it, v);
	}
}

/* Only as long as the token has the key can its backup be proved. */
static enum rc look_at_backups(struct service *s, const struct keyd_key *k,
			       struct verdict *v, struct err *e)
{
	struct backup CLEANUP_FREE *backups = NULL;
	size_t n = 0;

	if (k->label.unit != UNIT_ITLRECOVERY || v->why[0])
		return RC_OK;
	if (store_backups(s->store, &backups, &n, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < n && !v->why[0]; i++)
		if (!memcmp(backups[i].key_id, k->id, sizeof k->id) &&
		    backups[i].error.rc == RC_OK)
			(void)snprintf(v->why, sizeof v->why,
				       "its backup %.80s in %.100s counts on it: remove that first (itlvault prune)",
				       backups[i].name, backups[i].vault);
	return RC_OK;
}

/* json_decref(out->lists), on success. */
static enum rc judge(struct service *s, const struct keyd_key *k,
		     const struct lists *lists, struct verdict *out, struct err *e)
{
	struct verdict v = {.lists = json_array()};

	look_at_lists(s, k, lists, &v);
	if (look_at_backups(s, k, &v, e) != RC_OK) {
		json_decref(v.lists);
		return e->rc;
	}
	v.removable = !v.why[0];
	v.forced = !k->current;
	if (k->current) {
		v.removable = false;
		v.at = 0;
		(void)snprintf(v.why, sizeof v.why,
			       "it is the current key of its unit");
	}
	*out = v;
	return RC_OK;
}

/* ---- the door ---- */

static json_t *show_one(const struct keyd_key *k, const struct verdict *v)
{
	char label[LABEL_MAX], sha1[SHA1_HEX];
	uint8_t ref[SHA1_LEN];

	label_text(&k->label, label);
	ref_of_cert(k->cert, ref);
	return json_pack("{s:s, s:s, s:s?, s:i, s:b, s:s, s:I, s:O, s:b, s:s, s:I}",
			 "label", label, "unit", unit_name(k->label.unit), "node",
			 unit_is_of_node(k->label.unit) ? k->label.node : NULL,
			 "generation", (int)k->label.generation, "current", k->current,
			 "sha1", hex_of(bytes_of(ref, sizeof ref), sha1, sizeof sha1),
			 "not_after",
			 (json_int_t)show_time(X509_get0_notAfter(k->cert)), "lists",
			 v->lists, "removable", v->removable, "why", v->why,
			 "removable_at", (json_int_t)v->at);
}

enum rc show_keys(struct call *c, json_t **result, struct err *e)
{
	struct lists CLEANUP(lists_clear) lists = {0};
	struct service *s = c->service;
	struct keyd_key *keys = NULL;
	json_auto_t *list = json_array();
	struct verdict v;
	enum rc rc = RC_OK;
	size_t n = 0;

	if (call_members(c, e, "{}") != RC_OK ||
	    keys_of_token(s, &keys, &n, e) != RC_OK)
		return e->rc;
	rc = lists_open(s, &lists, e);
	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		rc = judge(s, &keys[i], &lists, &v, e);
		if (rc != RC_OK)
			break;
		(void)json_array_append_new(list, show_one(&keys[i], &v));
		json_decref(v.lists);
	}
	keyd_keys_free(keys, n);
	if (rc == RC_OK)
		*result = json_pack("{s:i, s:O}", "keep_days",
				    (int)s->cluster->keep_days, "keys", list);
	return rc;
}

static const struct keyd_key *by_label(const struct keyd_key *keys, size_t n,
				       const struct label *l)
{
	for (size_t i = 0; i < n; i++)
		if (keys[i].label.unit == l->unit &&
		    !strcmp(keys[i].label.node, l->node) &&
		    keys[i].label.generation == l->generation)
			return &keys[i];
	return NULL;
}

static enum rc refuse(const char *label, const struct verdict *v, struct err *e)
{
	char hint[sizeof e->hint] = "--force removes it all the same: phones that need it are lost then";
	struct tm tm;
	time_t at = (time_t)v->at;

	if (!v->forced)
		(void)snprintf(hint, sizeof hint,
			       "itlctl set cert regen makes a new one; then this one is retired");
	else if (v->at && localtime_r(&at, &tm))
		(void)strftime(hint, sizeof hint,
			       "it can be removed from %Y-%m-%d %H:%M on; --force removes it now, and phones that need it are lost then",
			       &tm);
	return err_set(e, RC_REFUSED, "key remove", v->why, hint, "%s", label);
}

/* *overrode: what force overrode, or "". */
static enum rc may_remove(struct service *s, const struct label *l, bool force,
			  char overrode[256], struct err *e)
{
	struct lists CLEANUP(lists_clear) lists = {0};
	const struct keyd_key *k;
	struct keyd_key *keys = NULL;
	struct verdict v = {0};
	char label[LABEL_MAX];
	size_t n = 0;
	enum rc rc;

	label_text(l, label);
	if (keys_of_token(s, &keys, &n, e) != RC_OK)
		return e->rc;
	k = by_label(keys, n, l);
	if (!k)
		rc = err_set(e, RC_NOTFOUND, "key remove",
			     "the token has no such key with a certificate",
			     "itlctl key list names those that it has", "%s", label);
	else if ((rc = lists_open(s, &lists, e)) == RC_OK)
		rc = judge(s, k, &lists, &v, e);
	keyd_keys_free(keys, n);
	if (rc == RC_OK && !v.removable && !(force && v.forced))
		rc = refuse(label, &v, e);
	(void)snprintf(overrode, 256, "%s", v.why);
	json_decref(v.lists);
	return rc;
}

/* Lost on the way, it may have been done. */
static enum rc is_gone(struct service *s, const struct label *l, struct err *e)
{
	struct keyd_key *keys = NULL;
	struct err ignored;
	size_t n = 0;
	bool gone = service_keys(s, &keys, &n, &ignored) == RC_OK &&
		    !by_label(keys, n, l);

	keyd_keys_free(keys, n);
	return gone ? RC_OK : e->rc;
}

static enum rc remove_key(struct call *c, const struct label *l, bool force,
			  const uint8_t *ticket, json_t **result, struct err *e)
{
	struct service *s = c->service;
	struct keyd CLEANUP(keyd_free) *k = NULL;
	char text[500], label[LABEL_MAX], overrode[256] = "";

	label_text(l, label);
	if (may_remove(s, l, force, overrode, e) != RC_OK)
		return e->rc;
	(void)snprintf(text, sizeof text, "key=%s uid=%u force=%s overrode=\"%s\"",
		       label, c->peer.uid, force ? "yes" : "no", overrode);
	if (keyd_open(s->keyd, &k, e) != RC_OK ||
	    keyd_note(k, "key-remove", text, e) != RC_OK)
		return e->rc;
	if (keyd_remove(k, ticket, c->peer.uid, label, e) != RC_OK &&
	    is_gone(s, l, e) != RC_OK)
		return e->rc;
	*result = json_pack("{s:s, s:s?}", "label", label, "overrode",
			    overrode[0] ? overrode : NULL);
	return RC_OK;
}

enum rc op_key_remove(struct call *c, json_t **result, struct err *e)
{
	uint8_t ticket[KEYD_TICKET_LEN];
	const char *text, *hex;
	char params[96], label[LABEL_MAX];
	struct label l;
	int force = 0;
	int64_t op;
	enum rc rc;

	if (call_members(c, e, "{s:s, s:s, s?b}", "label", &text, "ticket", &hex,
			 "force", &force) != RC_OK ||
	    op_ticket(hex, ticket, e) != RC_OK)
		return e->rc;
	if (!label_read(text, strlen(text), &l))
		return err_set(e, RC_USAGE, c->name, "is no label of a key",
			       "itlctl key list names them", "%.60s", text);
	label_text(&l, label);
	(void)snprintf(params, sizeof params, "key=%s force=%s", label,
		       force ? "yes" : "no");
	if (op_begin(c, params, &op, e) != RC_OK)
		return e->rc;
	rc = remove_key(c, &l, force, ticket, result, e);
	op_end(c, op, rc, e);
	return rc;
}

/* ---- the history ---- */

void retired_prune(struct service *s)
{
	size_t forgotten = 0;
	struct err e;

	if (store_prune(s->store, kept_since(s), &forgotten, &e) != RC_OK)
		log_error("state", &e);
	else if (forgotten)
		log_info("event=prune lists=%zu keep-days=%u", forgotten,
			 s->cluster->keep_days);
}
