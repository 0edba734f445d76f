#include "tvs_answers.h"
#include "base/errjson.h"
#include "base/log.h"
#include "base/proc.h"
#include "tvs_ask.h"
#include <errno.h>
#include <string.h>

#define RARELY 300.0 /* seconds between two rounds while all is well */

/* The service's lock guards it. */
struct tvs_answers {
	pthread_t thread;
	bool has_thread;
	bool runs;      /* a round */
	unsigned asked; /* rounds that were wanted */
	unsigned done;  /* `asked` when the last round that ended began */
	double ended;   /* proc_now(); 0: none did */
	struct tvs_answer of[CLUSTER_MAX_NODES]; /* as in cluster->nodes */
	struct err round[CLUSTER_MAX_NODES]; /* the round's alone */
};

/* ---- one round ---- */

/* True if the state must know of it. */
static bool take(struct tvs_answer *a, const struct err *error, int64_t now)
{
	bool is = error->rc == RC_OK, same = a->since && (a->error.rc == RC_OK) == is;

	if (!same)
		a->since = now;
	a->seen |= is;
	a->checked = now;
	a->error = *error;
	return a->seen && !same;
}

static void keep(struct service *s, const struct cluster_node *n, const struct tvs_answer *a)
{
	struct tvs_seen t = {.since = a->since, .error = a->error};
	char text[1200];
	struct err e;

	(void)snprintf(t.node, sizeof t.node, "%s", n->id);
	if (a->error.rc == RC_OK)
		log_info("event=tvs node=%s state=answers", n->id);
	else
		log_warn("event=tvs node=%s state=silent msg=\"%s\"", n->id,
			 service_quotable(err_text(&a->error, text, sizeof text)));
	if (store_tvs_put(s->store, &t, &e) != RC_OK)
		log_error("state", &e);
}

static void take_all(struct service *s, const struct err of[])
{
	const int64_t now = clock_now(&s->clock).wall;

	for (size_t i = 0; i < s->cluster->nnodes; i++) {
		struct tvs_answer a;
		bool news;

		if (!s->cluster->nodes[i].tvs)
			continue;
		pthread_mutex_lock(&s->lock);
		news = take(&s->tvs->of[i], &of[i], now);
		a = s->tvs->of[i];
		pthread_mutex_unlock(&s->lock);
		if (news)
			keep(s, &s->cluster->nodes[i], &a);
	}
}

/* A round that begins after this was called has ended. */
static void round_now(struct service *s)
{
	struct tvs_answers *a = s->tvs;
	unsigned mine, began;

	pthread_mutex_lock(&s->lock);
	mine = ++a->asked;
	while (a->runs && (int)(a->done - mine) < 0)
		service_wait(s, 0);
	if ((int)(a->done - mine) < 0) {
		a->runs = true;
		began = a->asked;
		pthread_mutex_unlock(&s->lock);
		tvs_ask_all(s, a->round);
		/* A child that was killed because front ends said nothing of its node. */
		if (!service_stopping(s))
			take_all(s, a->round);
		pthread_mutex_lock(&s->lock);
		a->runs = false;
		a->done = began;
		a->ended = proc_now();
		pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- what it means ---- */

static enum judge_tvs state_of(struct service *s)
{
	const struct tvs_answers *a = s->tvs;
	bool any = false, all = true, seen = false;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->cluster->nnodes; i++) {
		if (!s->cluster->nodes[i].tvs)
			continue;
		any = true;
		seen |= a->of[i].seen;
		all &= a->of[i].checked && a->of[i].error.rc == RC_OK;
	}
	pthread_mutex_unlock(&s->lock);
	if (any && all)
		return JUDGE_TVS_ANSWERS;
	return seen ? JUDGE_TVS_AWAY : JUDGE_TVS_NONE;
}

enum judge_tvs tvs_answers_now(struct call *c)
{
	if (!c->tvs_asked) {
		round_now(c->service);
		c->tvs = state_of(c->service);
		c->tvs_asked = true;
	}
	return c->tvs;
}

static size_t index_of(const struct cluster *c, const struct cluster_node *n)
{
	size_t i = 0;

	while (i < c->nnodes && &c->nodes[i] != n)
		i++;
	return i;
}

void tvs_answers_of(struct service *s, const struct cluster_node *n, struct tvs_answer *out)
{
	size_t i = index_of(s->cluster, n);

	*out = (struct tvs_answer){0};
	if (i == s->cluster->nnodes || !n->tvs)
		return;
	pthread_mutex_lock(&s->lock);
	*out = s->tvs->of[i];
	pthread_mutex_unlock(&s->lock);
}

void tvs_answers_missing(struct service *s, char to[TVS_ANSWERS_TEXT])
{
	const struct cluster_node *first = NULL;
	const char *why = "nobody has asked it yet";
	struct tvs_answer a, of_first = {0};
	size_t n = 0;

	to[0] = '\0';
	for (size_t i = 0; i < s->cluster->nnodes; i++) {
		const struct cluster_node *node = &s->cluster->nodes[i];

		tvs_answers_of(s, node, &a);
		if (!node->tvs || (a.checked && a.error.rc == RC_OK))
			continue;
		if (n++ == 0) {
			first = node;
			of_first = a;
		}
	}
	if (of_first.error.rc != RC_OK)
		why = of_first.error.why;
	if (n == 1)
		(void)snprintf(to, TVS_ANSWERS_TEXT, "the TVS of %.40s does not answer: %.90s",
			       first->host, why);
	else if (n)
		(void)snprintf(to, TVS_ANSWERS_TEXT,
			       "the TVS of %.40s and of %zu more do not answer: %.80s",
			       first->host, n - 1, why);
}

json_t *tvs_answers_show(struct service *s, const struct cluster_node *n)
{
	struct tvs_answer a;

	if (!n->tvs)
		return json_null();
	tvs_answers_of(s, n, &a);
	return json_pack("{s:b, s:b, s:I, s:I, s:o}", "answers",
			 a.checked && a.error.rc == RC_OK, "seen", a.seen, "since",
			 (json_int_t)a.since, "checked", (json_int_t)a.checked, "error",
			 err_json(&a.error));
}

/* ---- the thread ---- */

static void round_if_due(struct service *s)
{
	const struct tvs_answers *a = s->tvs;
	bool due;

	pthread_mutex_lock(&s->lock);
	due = a->ended == 0 || proc_now() - a->ended >= RARELY;
	pthread_mutex_unlock(&s->lock);
	if (due || state_of(s) != JUDGE_TVS_ANSWERS)
		round_now(s);
}

static void *run(void *arg)
{
	service_each_minute(arg, round_if_due);
	return NULL;
}

/* What was seen before front began. */
static enum rc load(struct service *s, struct err *e)
{
	struct tvs_seen CLEANUP_FREE *seen = NULL;
	size_t n = 0;

	if (store_tvs(s->store, &seen, &n, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < n; i++) {
		const struct cluster_node *node =
			cluster_node_by_id(s->cluster, seen[i].node);

		if (node)
			s->tvs->of[index_of(s->cluster, node)] =
				(struct tvs_answer){.seen = true, .since = seen[i].since,
						.error = seen[i].error};
	}
	return RC_OK;
}

enum rc tvs_answers_start(struct service *s, struct err *e)
{
	s->tvs = calloc(1, sizeof *s->tvs);
	if (!s->tvs)
		return err_errno(e, RC_ERROR, "calloc", NULL, "TVS");
	if (load(s, e) != RC_OK)
		return e->rc;
	if (!cluster_has_tvs(s->cluster))
		return RC_OK;
	errno = pthread_create(&s->tvs->thread, NULL, run, s);
	if (errno)
		return err_errno(e, RC_ERROR, "pthread_create", NULL, "TVS");
	s->tvs->has_thread = true;
	return RC_OK;
}

void tvs_answers_join(struct service *s)
{
	if (!s->tvs)
		return;
	if (s->tvs->has_thread)
		(void)pthread_join(s->tvs->thread, NULL);
	free(s->tvs);
	s->tvs = NULL;
}
