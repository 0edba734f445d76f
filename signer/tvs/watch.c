#include "watch.h"
#include "base/log.h"
#include "base/proc.h"
#include "context.h"
#include "site.h"
#include <string.h>

#define KEYD_ANSWER_MS 5000 /* nobody waits for this thread */
#define BIND_SECONDS 2.0    /* between two tries */

enum rc watch_open(const struct watch_setup *s, struct watch **out, struct err *e)
{
	struct watch *w = calloc(1, sizeof *w);

	if (!w)
		return err_errno(e, RC_ERROR, "calloc", NULL, "tvs");
	*w = (struct watch){.given = *s, .nlisteners = s->conf->nlisteners};
	for (size_t i = 0; i < w->nlisteners; i++)
		w->listeners[i].conf = &s->conf->listeners[i];
	if (keyd_open(s->keyd_socket, &w->keyd, e) != RC_OK) {
		free(w);
		return e->rc;
	}
	keyd_set_patience(w->keyd, 0, KEYD_ANSWER_MS);
	*out = w;
	return RC_OK;
}

/* An error is told when it comes, and when it becomes another one. */
static void tell(struct err *now, const struct err *e, const char *event)
{
	bool same = now->rc == e->rc && now->code == e->code && !strcmp(now->why, e->why) &&
		    !strcmp(now->what, e->what);

	*now = *e;
	if (!same)
		log_error(event, e);
}

/* ---- listeners ---- */

static const char *node_of(const struct listener *l)
{
	return l->conf->node->id;
}

static void forget_context(struct listener *l)
{
	X509_free(l->cert);
	SSL_CTX_free(l->ctx);
	l->cert = NULL;
	l->ctx = NULL;
}

/* RC_OK: *rsa is known. */
static enum rc probe(struct watch *w, const struct listener *l, const struct keyd_key *key,
		     bool *rsa, struct err *e)
{
	enum rc rc = context_probe_rsa(w->keyd, key, e);

	*rsa = rc == RC_OK;
	if (rc != RC_TOKEN || !e->code)
		return rc;
	log_warn("event=no-rsa-key-exchange node=%s why=\"%s\" msg=\"the token does not decrypt for TLS: phones without ECDHE (8861, 79xx) are not served\"",
		 node_of(l), e->name[0] ? e->name : e->why);
	return RC_OK;
}

static void make_context(struct watch *w, struct listener *l, const struct keyd_key *key)
{
	struct context_plan plan = {
		.lib = w->given.lib,
		.key = key,
		.tls_min = l->conf->tls_min,
	};
	SSL_CTX *ctx = NULL;
	struct err e;

	if (probe(w, l, key, &plan.rsa, &e) != RC_OK || context_new(&plan, &ctx, &e) != RC_OK) {
		tell(&l->why, &e, "listener");
		return;
	}
	forget_context(l);
	(void)X509_up_ref(key->cert);
	l->cert = key->cert;
	l->generation = key->label.generation;
	l->ctx = ctx;
	l->rsa = plan.rsa;
	l->why = (struct err){.rc = RC_OK};
	log_info("event=certificate node=%s tls-min=1.%u rsa-key-exchange=%s", node_of(l),
		 l->conf->tls_min, l->rsa ? "yes" : "no");
}

/* True if its TLS is another one now. */
static bool look_at_cert(struct watch *w, struct listener *l)
{
	const struct keyd_key *key = keys_current(&w->keys, UNIT_TVS, node_of(l));
	const SSL_CTX *before = l->ctx;
	struct err e;

	if (!key) {
		err_set(&e, RC_NOTFOUND, "listener", "the node has no TVS certificate yet",
			"itlctl cluster init, or set cert regen TVS, makes one", "%s",
			node_of(l));
		tell(&l->why, &e, "listener");
		forget_context(l);
	} else if (!l->cert || X509_cmp(l->cert, key->cert) != 0 ||
		   l->generation != key->label.generation) {
		make_context(w, l, key);
	}
	return l->ctx != before;
}

static void look_at_socket(struct watch *w, struct listener *l)
{
	const char *address = tvs_listener_address(l->conf);
	unsigned port = l->conf->node->tvs_port;
	double now = proc_now();
	struct err e;

	if (l->bound || !l->ctx || now < l->next_bind)
		return;
	l->next_bind = now + BIND_SECONDS;
	if (loops_listen(w->given.loops, (size_t)(l - w->listeners), address, port, &e) !=
	    RC_OK) {
		tell(&l->why, &e, "listener");
		return;
	}
	l->bound = true;
	l->why = (struct err){.rc = RC_OK};
	log_info("event=listen node=%s address=%s port=%u", node_of(l), address, port);
}

/* ---- whom phones may trust ---- */

static enum rc add_own(const struct keys *keys, struct truststore *v, struct err *e)
{
	for (size_t i = 0; i < keys->n; i++) {
		const struct keyd_key *k = &keys->all[i];
		uint32_t roles = trust_roles_of_unit(unit_name(k->label.unit));

		if (roles && truststore_add(v, k->cert, roles, TVS_TTL, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

static enum rc add_others(const struct trustfile *f, struct truststore *v, struct err *e)
{
	for (size_t i = 0; f->trust && i < f->trust->n; i++) {
		const struct trust_entry *t = &f->trust->entries[i];

		if (truststore_add(v, t->cert, t->roles, t->ttl, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

static enum rc make_site(const struct watch *w, struct site **out, struct err *e)
{
	struct site CLEANUP(site_unref) *s = site_new();

	if (!s)
		return err_errno(e, RC_ERROR, "calloc", NULL, "tvs");
	if (truststore_new(&s->trust, e) != RC_OK || add_own(&w->keys, s->trust, e) != RC_OK ||
	    add_others(&w->file, s->trust, e) != RC_OK ||
	    truststore_sort(s->trust, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < w->nlisteners; i++) {
		s->contexts[i] = w->listeners[i].ctx;
		if (s->contexts[i])
			(void)SSL_CTX_up_ref(s->contexts[i]);
	}
	*out = s;
	s = NULL;
	return RC_OK;
}

/* False: it is tried again. */
static bool publish(struct watch *w)
{
	struct site *s = NULL;
	struct err e;

	if (make_site(w, &s, &e) != RC_OK) {
		log_error("trust", &e);
		return false;
	}
	w->vouched = truststore_count(s->trust);
	site_put(s);
	log_info("event=trust certificates=%zu of-trust-file=%zu", w->vouched,
		 w->file.trust ? w->file.trust->n : 0);
	return true;
}

/* ---- all together ---- */

static bool look_at_keys(struct watch *w)
{
	struct keyd_status status;
	bool changed = false;
	struct err e;

	if (keyd_status(w->keyd, &status, &e) != RC_OK ||
	    keys_look(&w->keys, w->keyd, &changed, &e) != RC_OK) {
		tell(&w->away, &e, "keyd");
		return false;
	}
	if (w->away.rc != RC_OK)
		log_info("event=keyd-answers");
	w->away = (struct err){.rc = RC_OK};
	w->trust = status.trust;
	return changed;
}

static bool look_at_file(struct watch *w)
{
	const struct keyd_key *audit = keys_current(&w->keys, UNIT_AUDIT, NULL);
	char path[CLUSTER_PATH_MAX];

	cluster_path(w->given.cluster, PATH_TRUST_FILE, path);
	if (!trustfile_look(&w->file, path, audit ? audit->cert : NULL, w->trust))
		return false;
	if (w->file.state == TRUSTFILE_REFUSED)
		log_error("trust-file", &w->file.why);
	return true;
}

void watch_look(struct watch *w)
{
	w->news |= look_at_keys(w);
	if (!w->keys.all)
		return; /* not even once */
	w->news |= look_at_file(w);
	for (size_t i = 0; i < w->nlisteners; i++)
		w->news |= look_at_cert(w, &w->listeners[i]);
	if (w->news && publish(w))
		w->news = false;
	for (size_t i = 0; i < w->nlisteners; i++)
		look_at_socket(w, &w->listeners[i]);
}
