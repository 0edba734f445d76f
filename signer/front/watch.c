#include "watch.h"
#include "alerts.h"
#include "backups.h"
#include "base/errjson.h"
#include "base/log.h"
#include "ctl_diff.h"
#include "send.h"
#include "show.h"
#include "tvs_answers.h"
#include <errno.h>
#include <string.h>

#define MAIL_PAUSE 600 /* seconds before a server that failed is tried again */

/* An alert that stands, and whom it has yet to reach. */
struct standing {
	struct alert alert;
	double mono;       /* when it was sent, in this process; less than 0: never */
	bool open;         /* it is due, and nobody has heard it yet */
	bool syslog, mail; /* who is still to be told */
};

struct watch {
	struct service *service;
	pthread_t looks, posts;
	bool has_looks, has_posts;
	bool post; /* something waits for the e-mail; under the service's lock */

	pthread_mutex_t lock; /* of a look, and of all that follows */
	struct standing *all;
	size_t n;
	struct err syslog, mail; /* the last failure; rc RC_OK: none since */
	double mail_next;        /* not before */
};

/* ---- the facts ---- */

struct facts {
	struct alert_facts f;
	struct backup_state backups;
	struct alert_cert *certs;
	struct vault_seen seen[VAULTS_MAX];
	struct alert_vault vaults[VAULTS_MAX];
	struct alert_tvs tvs[CLUSTER_MAX_NODES];
	struct tvs_answer answers[CLUSTER_MAX_NODES]; /* what tvs borrows */
	char ctl[CTL_OUTDATED_TEXT];
	struct alert_row *rows; /* what stood until now */
	size_t nrows;
};

static void facts_clear_at(struct facts *x)
{
	backup_state_clear(&x->backups);
	free(x->certs);
	free(x->rows);
}

static const struct alert_row *row_of(const struct facts *x, const char *name)
{
	for (size_t i = 0; i < x->nrows; i++)
		if (!strcmp(x->rows[i].name, name))
			return &x->rows[i];
	return NULL;
}

static enum rc gather_vaults(struct service *s, struct facts *x, struct err *e)
{
	char vault[VAULT_TEXT_MAX];

	for (size_t i = 0; i < s->vaults->n; i++) {
		const struct vault_entry *entry = &s->vaults->entries[i];

		vault_target_text(&entry->target, vault);
		if (store_vault(s->store, vault, &x->seen[i], e) != RC_OK)
			return e->rc;
		x->vaults[i] = (struct alert_vault){entry->name, &x->seen[i].error};
	}
	x->f.vaults = x->vaults;
	x->f.nvaults = s->vaults->n;
	return RC_OK;
}

/* Of one that never answered nobody can say that it is down. */
static void gather_tvs(struct service *s, struct facts *x)
{
	const struct cluster_node *n;

	for (size_t i = 0; (n = cluster_node_at(s->cluster, i)); i++) {
		struct tvs_answer *a = &x->answers[x->f.ntvs];

		tvs_answers_of(s, n, a);
		if (a->seen)
			x->tvs[x->f.ntvs++] = (struct alert_tvs){n->id, n->host, a->since,
								 &a->error};
	}
	x->f.tvs = x->tvs;
}

static void gather_ctl(struct service *s, struct facts *x)
{
	const struct cluster_node *n;

	if (!ctl_outdated(s, &n, x->ctl))
		return;
	x->f.ctl_host = n->host;
	x->f.ctl = x->ctl;
}

static enum rc gather_certs(const struct cluster *c, struct facts *x, struct err *e)
{
	const struct backup_state *st = &x->backups;

	x->certs = calloc(st->nkeys + 1, sizeof *x->certs);
	if (!x->certs)
		return err_errno(e, RC_ERROR, "calloc", NULL, "alerts");
	for (size_t i = 0; i < st->nkeys; i++)
		if (st->keys[i].current && label_in_use(&st->keys[i].label, c))
			x->certs[x->f.ncerts++] = (struct alert_cert){
				st->keys[i].label,
				show_time(X509_get0_notAfter(st->keys[i].cert))};
	x->f.certs = x->certs;
	return RC_OK;
}

static enum rc gather(struct service *s, struct facts *x, struct err *e)
{
	const struct backup_state *st = &x->backups;
	const struct alert_row *stood;

	if (store_alerts(s->store, &x->rows, &x->nrows, e) != RC_OK ||
	    backup_state_get(s, &x->backups, e) != RC_OK ||
	    gather_vaults(s, x, e) != RC_OK || gather_certs(s->cluster, x, e) != RC_OK)
		return e->rc;
	gather_tvs(s, x);
	gather_ctl(s, x);
	x->f.cluster = s->cluster;
	x->f.now = clock_now(&s->clock).wall;
	x->f.backup = ALERT_BACKUP_UNKNOWN;
	if (st->known)
		x->f.backup = st->has_key && !st->good ? ALERT_BACKUP_MISSING
						       : ALERT_BACKUP_GOOD;
	x->f.why = st->why;
	stood = row_of(x, alert_backup_name);
	x->f.stood = stood ? stood->text : NULL;
	return RC_OK;
}

/* ---- what stands ---- */

static struct standing *standing_of(struct standing *all, size_t n,
				    const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i].alert.name, name))
			return &all[i];
	return NULL;
}

/* w->all anew, with what was known of those that stood before. */
static enum rc stand(struct watch *w, const struct facts *x, struct err *e)
{
	size_t max = alerts_max(&x->f), n;
	struct alert CLEANUP_FREE *alerts = calloc(max, sizeof *alerts);
	struct standing *all = calloc(max, sizeof *all);

	if (!alerts || !all) {
		free(all);
		return err_errno(e, RC_ERROR, "calloc", NULL, "alerts");
	}
	n = alerts_stand(&x->f, alerts);
	for (size_t i = 0; i < n; i++) {
		const struct standing *was =
			standing_of(w->all, w->n, alerts[i].name);

		all[i] = was ? *was : (struct standing){.mono = -1};
		all[i].alert = alerts[i];
	}
	free(w->all);
	w->all = all;
	w->n = n;
	return RC_OK;
}

static enum rc end_others(struct watch *w, const struct facts *x, struct err *e)
{
	for (size_t i = 0; i < x->nrows; i++) {
		const char *name = x->rows[i].name;

		if (standing_of(w->all, w->n, name))
			continue;
		if (store_alert_end(w->service->store, name, e) != RC_OK)
			return e->rc;
		log_info("event=alert name=%s state=ended", name);
	}
	return RC_OK;
}

/* Kept in the state; and if it is due, to be told again. */
static enum rc keep(struct watch *w, struct standing *a, const struct facts *x,
		    const struct moment *now, struct err *e)
{
	const struct alert_row *was = row_of(x, a->alert.name);
	const struct moment sent = {was ? was->sent : 0, a->mono};
	struct alert_row row = {.severity = a->alert.kind->severity,
				.since = now->wall};

	(void)snprintf(row.name, sizeof row.name, "%s", a->alert.name);
	(void)snprintf(row.text, sizeof row.text, "%s", a->alert.text);
	if (store_alert_put(w->service->store, &row, e) != RC_OK)
		return e->rc;
	if (a->open || !alert_due(a->alert.kind->pace, &sent, now))
		return RC_OK;
	a->open = a->syslog = true;
	a->mail = w->service->conf.mail_server != NULL;
	log_warn("event=alert name=%s state=raised severity=%d text=\"%s\"",
		 row.name, row.severity, service_quotable(row.text));
	return RC_OK;
}

/* ---- telling ---- */

/* Somebody has heard it: the first one counts. */
static void told(struct watch *w, struct standing *a)
{
	const struct moment now = clock_now(&w->service->clock);
	struct err e;

	if (!a->open)
		return;
	a->open = false;
	a->mono = now.mono;
	if (store_alert_sent(w->service->store, a->alert.name, now.wall, &e) != RC_OK)
		log_error("state", &e);
}

/* Once for each fault: a service can be down for days. */
static void note_failure(struct err *last, const char *event, const struct err *e)
{
	if (strcmp(last->why, e->why) != 0 || last->rc != e->rc)
		log_error(event, e);
	*last = *e;
}

static void tell_syslog(struct watch *w)
{
	const struct service *s = w->service;

	for (size_t i = 0; i < w->n; i++) {
		struct standing *a = &w->all[i];
		char line[ALERT_LINE_MAX];
		struct err e;

		if (!a->syslog)
			continue;
		alert_line(&a->alert, s->cluster->name, line);
		if (send_syslog(s->conf.syslog, a->alert.kind->severity,
				clock_now(&s->clock).wall, line, &e) != RC_OK) {
			note_failure(&w->syslog, "syslog", &e);
			return; /* the next look tries again */
		}
		w->syslog = (struct err){0};
		a->syslog = false;
		told(w, a);
	}
}

/* Is there something for the e-mail, and may its server be tried? */
static bool post_is_due(const struct watch *w)
{
	bool any = false;

	for (size_t i = 0; i < w->n; i++)
		any = any || w->all[i].mail;
	return any && clock_now(&w->service->clock).mono >= w->mail_next;
}

static void ask_post(struct watch *w)
{
	struct service *s = w->service;

	if (!post_is_due(w))
		return;
	pthread_mutex_lock(&s->lock);
	w->post = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static enum rc look(struct watch *w, struct err *e)
{
	struct facts CLEANUP(facts_clear) x = {0};
	const struct moment now = clock_now(&w->service->clock);

	if (gather(w->service, &x, e) != RC_OK || stand(w, &x, e) != RC_OK ||
	    end_others(w, &x, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < w->n; i++)
		if (keep(w, &w->all[i], &x, &now, e) != RC_OK)
			return e->rc;
	tell_syslog(w);
	ask_post(w);
	return RC_OK;
}

enum rc watch_look(struct service *s, struct err *e)
{
	struct watch *w = s->watch;
	enum rc rc;

	pthread_mutex_lock(&w->lock);
	rc = look(w, e);
	pthread_mutex_unlock(&w->lock);
	return rc;
}

void watch_poke(struct service *s)
{
	struct err e;

	if (watch_look(s, &e) != RC_OK)
		log_error("alerts", &e);
}

/* ---- e-mail ---- */

/* What goes out in one message, apart from what changes meanwhile. */
struct letter {
	size_t n;
	char subject[ALERT_NAME_MAX + 32];
	const char **lines; /* into entries */
	struct {
		char name[ALERT_NAME_MAX], line[ALERT_LINE_MAX];
	} entries[];
};

static void letter_free(struct letter *l)
{
	if (l)
		free(l->lines);
	free(l);
}
CLEANUP_DEFINE(struct letter *, letter_free);

/* NULL: nothing to send, or no memory for it now. */
static struct letter *write_letter(struct watch *w)
{
	struct letter *l = calloc(1, sizeof *l + w->n * sizeof l->entries[0]);
	const struct alert_kind *gravest = NULL;

	if (!l || !(l->lines = calloc(w->n + 1, sizeof *l->lines))) {
		free(l);
		return NULL;
	}
	for (size_t i = 0; i < w->n; i++) {
		const struct alert *a = &w->all[i].alert;

		if (!w->all[i].mail)
			continue;
		(void)snprintf(l->entries[l->n].name, ALERT_NAME_MAX, "%s", a->name);
		l->lines[l->n] = alert_line(a, w->service->cluster->name,
					    l->entries[l->n].line);
		if (!gravest || a->kind->severity < gravest->severity)
			gravest = a->kind;
		l->n++;
	}
	if (gravest && l->n == 1)
		(void)snprintf(l->subject, sizeof l->subject, "%s", gravest->name);
	else if (gravest)
		(void)snprintf(l->subject, sizeof l->subject, "%s and %zu more",
			       gravest->name, l->n - 1);
	else {
		letter_free(l);
		l = NULL;
	}
	return l;
}

static void sent_letter(struct watch *w, const struct letter *l)
{
	w->mail = (struct err){0};
	w->mail_next = 0;
	for (size_t i = 0; i < l->n; i++) {
		struct standing *a =
			standing_of(w->all, w->n, l->entries[i].name);

		if (!a)
			continue;
		a->mail = false;
		told(w, a);
	}
}

static void post(struct watch *w)
{
	struct service *s = w->service;
	struct letter CLEANUP(letter_free) *l = NULL;
	struct mail m = {.conf = &s->conf,
			 .cluster = s->cluster->name,
			 .host = cluster_publisher(s->cluster)->host,
			 .now = clock_now(&s->clock).wall};
	struct err e;
	enum rc rc;

	pthread_mutex_lock(&w->lock);
	/* Again: somebody may have asked while the last message was under way. */
	if (post_is_due(w))
		l = write_letter(w);
	pthread_mutex_unlock(&w->lock);
	if (!l)
		return;
	m.subject = l->subject;
	m.lines = l->lines;
	m.n = l->n;
	rc = send_mail(&m, s->carry, s->stop_fd, &e);
	if (service_stopping(s) && rc != RC_OK)
		return;
	pthread_mutex_lock(&w->lock);
	if (rc == RC_OK)
		sent_letter(w, l);
	else {
		note_failure(&w->mail, "mail", &e);
		w->mail_next = clock_now(&s->clock).mono + MAIL_PAUSE;
	}
	pthread_mutex_unlock(&w->lock);
}

/* ---- the threads ---- */

static void *run_looks(void *arg)
{
	service_each_minute(arg, watch_poke);
	return NULL;
}

static void *run_posts(void *arg)
{
	struct watch *w = arg;
	struct service *s = w->service;

	pthread_mutex_lock(&s->lock);
	while (!s->stopping) {
		if (!w->post) {
			service_wait(s, 0);
			continue;
		}
		w->post = false;
		pthread_mutex_unlock(&s->lock);
		post(w);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

enum rc watch_start(struct service *s, struct err *e)
{
	struct watch *w = calloc(1, sizeof *w);

	if (!w)
		return err_errno(e, RC_ERROR, "calloc", NULL, "alerts");
	w->service = s;
	(void)pthread_mutex_init(&w->lock, NULL);
	s->watch = w;
	errno = pthread_create(&w->looks, NULL, run_looks, s);
	w->has_looks = errno == 0;
	if (w->has_looks) {
		errno = pthread_create(&w->posts, NULL, run_posts, w);
		w->has_posts = errno == 0;
	}
	if (!w->has_posts)
		return err_errno(e, RC_ERROR, "pthread_create", NULL, "alerts");
	return RC_OK;
}

void watch_join(struct service *s)
{
	struct watch *w = s->watch;

	if (!w)
		return;
	if (w->has_looks)
		(void)pthread_join(w->looks, NULL);
	if (w->has_posts)
		(void)pthread_join(w->posts, NULL);
	pthread_mutex_destroy(&w->lock);
	free(w->all);
	free(w);
	s->watch = NULL;
}

/* ---- the door ---- */

static enum rc answer(struct service *s, json_t **result, struct err *e)
{
	struct alert_row CLEANUP_FREE *rows = NULL;
	struct watch *w = s->watch;
	json_t *alerts;
	size_t n = 0;

	if (store_alerts(s->store, &rows, &n, e) != RC_OK)
		return e->rc;
	alerts = json_array();
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(
			alerts,
			json_pack("{s:s, s:i, s:o, s:I, s:I, s:I}", "name",
				  rows[i].name, "severity", rows[i].severity,
				  "text", json_words(rows[i].text), "since",
				  (json_int_t)rows[i].since, "sent",
				  (json_int_t)rows[i].sent, "times",
				  (json_int_t)rows[i].times));
	pthread_mutex_lock(&w->lock);
	*result = json_pack("{s:o, s:o, s:o}", "alerts", alerts, "syslog",
			    err_json(&w->syslog), "mail", err_json(&w->mail));
	pthread_mutex_unlock(&w->lock);
	return RC_OK;
}

enum rc show_alerts(struct call *c, json_t **result, struct err *e)
{
	if (call_members(c, e, "{}") != RC_OK)
		return e->rc;
	return answer(c->service, result, e);
}

enum rc op_alerts_check(struct call *c, json_t **result, struct err *e)
{
	if (call_members(c, e, "{}") != RC_OK ||
	    watch_look(c->service, e) != RC_OK)
		return e->rc;
	return answer(c->service, result, e);
}
