#include "loop.h"
#include "base/errjson.h"
#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "lists.h"
#include "node.h"
#include "sign_again.h"
#include <errno.h>
#include <string.h>
#include <time.h>

/* `have` only ever comes from here. */
static enum rc look_at(struct loop *l, enum served_file f, struct err *e)
{
	struct service *s = l->service;
	struct list CLEANUP(list_clear) list = {0};
	enum rc rc = node_fetch(s, l->node, list_file_name(f), &list.bytes,
				&list.n, e);

	if (rc == RC_NOTFOUND)
		return store_have(s->store, l->node->id, f, NULL, e);
	if (rc != RC_OK || list_identify(s, l->node, f, &list, e) != RC_OK)
		return e->rc;
	return store_have(s->store, l->node->id, f, &list, e);
}

/* Every node serves an ITL. For a CTL it is asked where one is wanted or was seen;
 * and once, if state knows nothing of it: it may have been lost, with the CTL that
 * phones still hold. */
static bool asks_for(const struct target *t, enum served_file f)
{
	const struct served *s = target_served(t, f);

	return f == FILE_ITL || !s->known || s->want[0] || s->have[0];
}

static enum rc look(struct loop *l, struct err *e)
{
	struct target t;

	l->looked = false;
	if (store_target(l->service->store, l->node->id, &t, e) != RC_OK)
		return e->rc;
	for (enum served_file f = 0; f < FILE_COUNT; f++)
		if (asks_for(&t, f) && look_at(l, f, e) != RC_OK)
			return e->rc;
	l->looked = true;
	return RC_OK;
}

/* ---- an attempt ---- */

/* key: of a member beside the node, or NULL. The value is taken over. */
static void emit(struct loop *l, const char *name, const char *key, json_t *value)
{
	struct service *s = l->service;
	json_t *j = json_pack("{s:s, s:s, s:s}", "event", name, "node",
			      l->node->id, "host", l->node->host);

	if (key)
		(void)json_object_set_new(j, key, value);
	pthread_mutex_lock(&s->lock);
	if (j && s->events && l->heard && l->running >= l->heard)
		(void)json_array_append(s->events, j);
	json_decref(j); /* within the lock: whoever sends it counts, too */
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static enum rc check_file(const struct loop *l, const struct target *t,
			  enum served_file f, struct err *e)
{
	const struct served *s = target_served(t, f);
	char why[sizeof e->why];

	if (!strcmp(s->want, s->have))
		return RC_OK;
	if (!s->want[0] && f == FILE_CTL)
		return RC_OK; /* a stranger's is no fault of a cluster without one */
	if (!s->want[0])
		return err_set(e, RC_VERIFY, "fetch",
			       "it serves a list that is not this cluster's",
			       "if the token was lost: itlctl cluster init --restore VAULT; else `utils service restart Cisco Tftp` gives the node its own list",
			       "%s: %s", l->node->host, s->have);
	(void)snprintf(why, sizeof why, "it serves %s, not %s",
		       s->have[0] ? s->have : "no list", s->want);
	return err_set(e, RC_VERIFY, "fetch", why,
		       "does its TFTP server serve the folder of cluster.conf?",
		       "%s: %s/%s", l->node->host, l->node->folder,
		       list_file_name(f));
}

static enum rc check_served(struct loop *l, struct err *e)
{
	struct target t;

	if (store_target(l->service->store, l->node->id, &t, e) != RC_OK)
		return e->rc;
	for (enum served_file f = 0; f < FILE_COUNT; f++)
		if (check_file(l, &t, f, e) != RC_OK)
			return e->rc;
	return RC_OK;
}

static enum rc put(struct loop *l, enum served_file f, const char *sha1,
		   struct err *e)
{
	struct service *s = l->service;
	struct list CLEANUP(list_clear) list = {0};

	if (store_list(s->store, sha1, &list, e) != RC_OK ||
	    node_put(s, l->node, list_file_name(f),
		     bytes_of(list.bytes, list.n), e) != RC_OK)
		return e->rc;
	emit(l, "transferred", "file", json_string(served_file_name(f)));
	return RC_OK;
}

/* What differs. A server that did not answer gets all: who knows what it has. */
static enum rc put_wanted(struct loop *l, const struct target *t, struct err *e)
{
	for (enum served_file f = 0; f < FILE_COUNT; f++) {
		const struct served *s = target_served(t, f);

		if (s->want[0] && (!l->looked || served_pending(s)) &&
		    put(l, f, s->want, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

static void tell_files(void *arg, json_t *files)
{
	emit(arg, "files", "files", files);
}

/* Phones that fetch the list ask for signed files next. That takes as long as it takes:
 * what follows has its own time. */
static enum rc sign_files_again(struct loop *l, const struct target *t, struct err *e)
{
	struct service *s = l->service;
	struct signed_files done;
	enum rc rc = sign_again(s, l->node, t, tell_files, l, &done, e);

	pthread_mutex_lock(&s->lock);
	l->again = done;
	pthread_mutex_unlock(&s->lock);
	node_attempt(node_attempt_seconds(s->cluster));
	return rc;
}

static enum rc put_and_prove(struct loop *l, const struct target *t,
			     struct err *e)
{
	if (put_wanted(l, t, e) != RC_OK || sign_files_again(l, t, e) != RC_OK)
		return e->rc;
	emit(l, "restarting", NULL, NULL);
	if (node_bounce(l->service, l->node, e) != RC_OK)
		return e->rc;
	emit(l, "restarted", NULL, NULL);
	if (look(l, e) != RC_OK || check_served(l, e) != RC_OK)
		return e->rc;
	emit(l, "verified", NULL, NULL);
	return RC_OK;
}

/* *op: the operation whose bounce this attempt did. */
static enum rc attempt(struct loop *l, int64_t *op, struct err *e)
{
	struct store *store = l->service->store;
	struct target t;
	struct err seen = {0};

	node_attempt(0);
	if (store_target(store, l->node->id, &t, e) != RC_OK)
		return e->rc;
	/* A file may have been changed since it was looked at; but of a node that fails
	 * only what it shall serve is of interest, and soon. */
	if (target_pending(&t) ? l->failures == 0 : !l->looked) {
		(void)!look(l, &seen);
		if (store_target(store, l->node->id, &t, e) != RC_OK)
			return e->rc;
	}
	node_attempt(node_attempt_seconds(l->service->cluster));
	if (target_pending(&t)) {
		/* Also if the server did not answer: a bounce may help it. */
		*op = t.bounce;
		return put_and_prove(l, &t, e);
	}
	if (!l->looked) {
		*e = seen;
		return e->rc;
	}
	return check_served(l, e);
}

static void record(struct loop *l, int64_t op, const struct err *error)
{
	struct service *s = l->service;
	unsigned most = s->conf.retry_seconds, pause = most;
	struct err e;

	l->failures = error ? l->failures + 1 : 0;
	if (l->failures < 6 && 1u << l->failures >> 1 < most)
		pause = 1u << l->failures >> 1; /* 1, 2, 4, 8, 16 */
	if (!error)
		pause = s->conf.check_seconds;
	l->due = pause ? proc_now() + pause : 0;
	if (store_attempt(s->store, l->node->id, op, error,
			  error ? (int64_t)time(NULL) + pause : 0, &e) != RC_OK)
		log_error("state", &e);
	/* Once for each fault: a node can be down for days. */
	if (error && strcmp(l->last.why, error->why) != 0)
		log_error("node", error);
	else if (!error && (l->last.rc != RC_OK || op))
		log_info("event=node node=%s settled=yes", l->node->id);
}

/* ---- the thread ---- */

/* False: the service ends. */
static bool wait_for_work(struct loop *l)
{
	struct service *s = l->service;
	bool go;

	pthread_mutex_lock(&s->lock);
	while (!s->stopping && l->asked == l->answered &&
	       (l->due == 0 || proc_now() < l->due))
		service_wait(s, l->due);
	if (l->asked == l->answered && l->failures == 0)
		l->looked = false; /* the regular check */
	l->running = l->asked;
	go = !s->stopping;
	pthread_mutex_unlock(&s->lock);
	return go;
}

static void *run(void *arg)
{
	struct loop *l = arg;
	struct service *s = l->service;

	while (wait_for_work(l)) {
		struct err e = {0};
		int64_t op = 0;
		enum rc rc = attempt(l, &op, &e);

		if (service_stopping(s))
			break; /* what failed now says nothing of the node */
		if (rc != RC_OK && !e.hint[0])
			(void)err_hint(&e, "the service tries again by itself: see `show status`");
		record(l, op, rc == RC_OK ? NULL : &e);
		if (rc != RC_OK)
			emit(l, "failed", "error", err_json(&e));
		pthread_mutex_lock(&s->lock);
		l->last = rc == RC_OK ? (struct err){0} : e;
		l->answered = l->running;
		pthread_cond_broadcast(&s->changed);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

enum rc loops_start(struct service *s, struct err *e)
{
	const struct cluster_node *n;

	for (size_t i = 0; (n = cluster_node_at(s->cluster, i)); i++) {
		struct loop *l = &s->loops[s->nloops];

		if (!n->tftp)
			continue;
		*l = (struct loop){.service = s, .node = n, .asked = 1};
		errno = pthread_create(&l->thread, NULL, run, l);
		if (errno)
			return err_errno(e, RC_ERROR, "pthread_create", NULL,
					 "%s", n->host);
		s->nloops++;
	}
	return RC_OK;
}

void loops_join(struct service *s)
{
	for (size_t i = 0; i < s->nloops; i++)
		(void)pthread_join(s->loops[i].thread, NULL);
}

struct loop *loop_of(struct service *s, const struct cluster_node *n)
{
	for (size_t i = 0; i < s->nloops; i++)
		if (s->loops[i].node == n)
			return &s->loops[i];
	return NULL;
}

/* ---- waiting for loops ---- */

static bool all_answered(struct loop *const *loops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		/* A difference, so that the counters may wrap. */
		if ((int)(loops[i]->answered - loops[i]->heard) < 0)
			return false;
	return true;
}

/* With the lock held; without it while events are sent. */
static void send_events(struct service *s, void (*event)(void *, json_t *),
			void *arg)
{
	while (json_array_size(s->events)) {
		json_t *taken = s->events, *j;
		size_t i;

		s->events = json_array();
		pthread_mutex_unlock(&s->lock);
		json_array_foreach(taken, i, j)
			if (event)
				event(arg, json_incref(j));
		json_decref(taken);
		pthread_mutex_lock(&s->lock);
	}
}

enum rc loops_work(struct service *s, struct loop *const *loops, size_t n,
		   void (*event)(void *arg, json_t *event), void *arg,
		   struct err *e)
{
	bool done;

	pthread_mutex_lock(&s->lock);
	s->events = json_array();
	for (size_t i = 0; i < n; i++)
		loops[i]->heard = ++loops[i]->asked;
	pthread_cond_broadcast(&s->changed);
	while (!(done = all_answered(loops, n)) && !s->stopping) {
		send_events(s, event, arg);
		if (!all_answered(loops, n) && !s->stopping &&
		    !json_array_size(s->events))
			pthread_cond_wait(&s->changed, &s->lock);
	}
	send_events(s, event, arg);
	for (size_t i = 0; i < n; i++)
		loops[i]->heard = 0;
	json_decref(s->events);
	s->events = NULL;
	pthread_mutex_unlock(&s->lock);
	if (!done)
		return err_set(e, RC_STALE, "wait", "front is being stopped",
			       "it goes on with the next start", "the nodes");
	return RC_OK;
}
