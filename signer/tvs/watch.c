#include "watch.h"
#include "base/log.h"
#include "base/proc.h"
#include "context.h"
#include "listen.h"
#include "site.h"
#include <string.h>

#define KEYD_ANSWER_MS 5000 /* nobody waits for this thread */
#define BIND_SECONDS 5.0    /* between two tries */

enum rc watch_open(const struct watch_setup *s, struct watch **out, struct err *e)
{
	struct watch *w = calloc(1, sizeof *w);

	if (!w)
		return err_errno(e, RC_ERROR, "calloc", NULL, "tvs");
	*w = (struct watch){
		.dir = s->dir,
		.cluster = s->cluster,
		.conf = s->conf,
		.slots = s->slots,
		.loops = s->loops,
		.lib = s->lib,
		.ndesks = s->conf->nlisteners,
	};
	for (size_t i = 0; i < w->ndesks; i++) {
		w->desks[i].conf = &s->conf->listeners[i];
		w->desks[i].key.node = s->conf->listeners[i].node->id;
		w->desks[i].fd = -1;
	}
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

static void forget_context(struct desk *d)
{
	X509_free(d->cert);
	SSL_CTX_free(d->ctx);
	d->cert = NULL;
	d->ctx = NULL;
}

/* RC_OK: *rsa is known. */
static enum rc probe(struct watch *w, struct desk *d, X509 *cert, bool *rsa, struct err *e)
{
	enum rc rc = context_probe_rsa(w->keyd, &d->key, cert, e);

	*rsa = rc == RC_OK;
	if (rc != RC_TOKEN || !e->code)
		return rc;
	log_warn("event=no-rsa-key-exchange node=%s why=\"%s\" msg=\"the token does not decrypt for TLS: phones without ECDHE (8861, 79xx) are not served\"",
		 d->key.node, e->name[0] ? e->name : e->why);
	return RC_OK;
}

static void make_context(struct watch *w, struct desk *d, X509 *cert)
{
	struct context_plan plan = {
		.lib = w->lib,
		.key = &d->key,
		.cert = cert,
		.tls_min = d->conf->tls_min,
	};
	SSL_CTX *ctx = NULL;
	struct err e;

	if (probe(w, d, cert, &plan.rsa, &e) != RC_OK || context_new(&plan, &ctx, &e) != RC_OK) {
		tell(&d->why, &e, "listener");
		return;
	}
	forget_context(d);
	(void)X509_up_ref(cert);
	d->cert = cert;
	d->ctx = ctx;
	d->rsa = plan.rsa;
	d->why = (struct err){.rc = RC_OK};
	log_info("event=certificate node=%s tls-min=1.%u rsa-key-exchange=%s", d->key.node,
		 d->conf->tls_min, d->rsa ? "yes" : "no");
}

/* True if its TLS is another one now. */
static bool look_at_cert(struct watch *w, struct desk *d)
{
	X509 *cert = keys_cert(&w->keys, UNIT_TVS, d->key.node);
	const SSL_CTX *before = d->ctx;
	struct err e;

	if (!cert) {
		err_set(&e, RC_NOTFOUND, "listener", "the node has no TVS certificate yet",
			"itlctl cluster init, or set cert regen TVS, makes one", "%s",
			d->key.node);
		tell(&d->why, &e, "listener");
		forget_context(d);
	} else if (!d->cert || X509_cmp(d->cert, cert) != 0) {
		make_context(w, d, cert);
	}
	return d->ctx != before;
}

static void look_at_socket(struct watch *w, struct desk *d)
{
	const char *address = tvs_listener_address(d->conf);
	unsigned port = d->conf->node->tvs_port;
	double now = proc_now();
	struct err e;
	int fd;

	if (d->fd >= 0 || !d->ctx || now < d->next_bind)
		return;
	d->next_bind = now + BIND_SECONDS;
	if (listen_open(address, port, &fd, &e) != RC_OK ||
	    loops_listen(w->loops, (size_t)(d - w->desks), fd, &e) != RC_OK) {
		tell(&d->why, &e, "listener");
		return;
	}
	d->fd = fd;
	d->why = (struct err){.rc = RC_OK};
	log_info("event=listen node=%s address=%s port=%u", d->key.node, address, port);
}

/* ---- whom phones may trust ---- */

static enum rc add_own(const struct keys *keys, struct vouch *v, struct err *e)
{
	for (size_t i = 0; i < keys->n; i++) {
		const struct keyd_key *k = &keys->all[i];
		uint32_t roles = trust_roles_of_unit(unit_name(k->label.unit));

		if (roles && vouch_add(v, k->cert, roles, TVS_TTL, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

static enum rc add_others(const struct trustfile *f, struct vouch *v, struct err *e)
{
	for (size_t i = 0; f->trust && i < f->trust->n; i++) {
		const struct trust_entry *t = &f->trust->entries[i];

		if (vouch_add(v, t->cert, t->roles, t->ttl, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

static enum rc make_site(const struct watch *w, struct site **out, struct err *e)
{
	struct site CLEANUP(site_unref) *s = site_new();

	if (!s)
		return err_errno(e, RC_ERROR, "calloc", NULL, "tvs");
	if (vouch_new(&s->trust, e) != RC_OK || add_own(&w->keys, s->trust, e) != RC_OK ||
	    add_others(&w->file, s->trust, e) != RC_OK)
		return e->rc;
	vouch_sort(s->trust);
	for (size_t i = 0; i < w->ndesks; i++) {
		s->contexts[i] = w->desks[i].ctx;
		if (s->contexts[i])
			(void)SSL_CTX_up_ref(s->contexts[i]);
	}
	*out = s;
	s = NULL;
	return RC_OK;
}

static void publish(struct watch *w)
{
	struct site *s = NULL;
	struct err e;

	if (make_site(w, &s, &e) != RC_OK) {
		log_error("trust", &e);
		return;
	}
	w->vouched = vouch_count(s->trust);
	site_put(s);
	log_info("event=trust certificates=%zu of-trust-file=%zu", w->vouched,
		 w->file.trust ? w->file.trust->n : 0);
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
	char path[CLUSTER_PATH_MAX];

	cluster_path(w->cluster, PATH_TRUST_FILE, path);
	if (!trustfile_look(&w->file, path, keys_cert(&w->keys, UNIT_AUDIT, NULL),
			    w->trust))
		return false;
	if (w->file.state == TRUSTFILE_REFUSED)
		log_error("trust-file", &w->file.why);
	return true;
}

void watch_look(struct watch *w)
{
	bool changed = look_at_keys(w);

	if (!w->keys.all)
		return; /* not even once */
	changed = look_at_file(w) || changed;
	for (size_t i = 0; i < w->ndesks; i++)
		changed = look_at_cert(w, &w->desks[i]) || changed;
	if (changed)
		publish(w);
	for (size_t i = 0; i < w->ndesks; i++)
		look_at_socket(w, &w->desks[i]);
}
