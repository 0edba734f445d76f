#include "site.h"
#include <pthread.h>
#include <stdlib.h>

static struct {
	pthread_mutex_t lock;
	struct site *now;
} place = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct site *site_new(void)
{
	struct site *s = calloc(1, sizeof *s);

	if (s)
		atomic_init(&s->refs, 1);
	return s;
}

void site_unref(struct site *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	truststore_free(s->trust);
	for (size_t i = 0; i < CLUSTER_MAX_NODES; i++)
		SSL_CTX_free(s->contexts[i]);
	free(s);
}

struct site *site_get(void)
{
	struct site *s;

	(void)pthread_mutex_lock(&place.lock);
	s = place.now;
	if (s)
		atomic_fetch_add(&s->refs, 1);
	(void)pthread_mutex_unlock(&place.lock);
	return s;
}

void site_put(struct site *s)
{
	struct site *old;

	(void)pthread_mutex_lock(&place.lock);
	old = place.now;
	place.now = s;
	(void)pthread_mutex_unlock(&place.lock);
	site_unref(old);
}
