#include "service.h"
#include "base/log.h"
#include "base/proc.h"
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

void service_halt(struct service *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	(void)!eventfd_write(s->stop_fd, 1);
}

void service_wait(struct service *s, double due)
{
	struct timespec t;
	double left = due - proc_now();

	if (due == 0) {
		pthread_cond_wait(&s->changed, &s->lock);
		return;
	}
	if (left <= 0)
		return;
	/* A suspended machine wakes later: nothing depends on the second. */
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)left + 1;
	pthread_cond_timedwait(&s->changed, &s->lock, &t);
}

bool service_stopping(struct service *s)
{
	bool stopping;

	pthread_mutex_lock(&s->lock);
	stopping = s->stopping;
	pthread_mutex_unlock(&s->lock);
	return stopping;
}

void service_each_minute(struct service *s, void (*run)(struct service *s))
{
	pthread_mutex_lock(&s->lock);
	while (!s->stopping) {
		double next = proc_now() + 60;

		pthread_mutex_unlock(&s->lock);
		run(s);
		pthread_mutex_lock(&s->lock);
		while (!s->stopping && proc_now() < next)
			service_wait(s, next);
	}
	pthread_mutex_unlock(&s->lock);
}

char *service_quotable(char *text)
{
	for (char *q = text; (q = strchr(q, '"')); q++)
		*q = '\'';
	return text;
}

enum rc service_keyd_status(struct service *s, struct keyd_status *out,
			    struct err *e)
{
	struct keyd CLEANUP(keyd_free) *k = NULL;

	if (keyd_open(s->keyd, &k, e) != RC_OK)
		return e->rc;
	return keyd_status(k, out, e);
}

enum rc service_note(struct service *s, const char *event, const char *text,
		     struct err *e)
{
	struct keyd CLEANUP(keyd_free) *k = NULL;

	if (keyd_open(s->keyd, &k, e) != RC_OK)
		return e->rc;
	return keyd_note(k, event, text, e);
}

enum rc service_keys(struct service *s, struct keyd_key **keys, size_t *n,
		     struct err *e)
{
	struct keyd CLEANUP(keyd_free) *k = NULL;
	struct err cache;

	if (keyd_open(s->keyd, &k, e) != RC_OK ||
	    keyd_keys(k, keys, n, e) != RC_OK)
		return e->rc;
	if (store_keys_set(s->store, *keys, *n, &cache) != RC_OK)
		log_error("state", &cache); /* only a cache */
	return RC_OK;
}
