#include "service.h"
#include "base/log.h"
#include "base/proc.h"
#include "loop.h"
#include "ops.h"
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

static enum rc init_locks(struct service *s, struct err *e)
{
	pthread_condattr_t a;

	s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->stop_fd < 0)
		return err_errno(e, RC_ERROR, "eventfd", NULL, "front");
	(void)pthread_condattr_init(&a);
	(void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->changed, &a);
	(void)pthread_condattr_destroy(&a);
	(void)pthread_mutex_init(&s->lock, NULL);
	return RC_OK;
}

static enum rc start(struct service *s, struct err *e)
{
	char path[CLUSTER_PATH_MAX];

	cluster_path(s->cluster, PATH_KEYD_SOCKET, s->keyd);
	cluster_path(s->cluster, PATH_STATE_DB, path);
	if (proc_group(s->cluster->group, &s->group, e) != RC_OK ||
	    proc_sibling("carry", s->carry, sizeof s->carry, e) != RC_OK ||
	    store_open(path, &s->store, e) != RC_OK ||
	    loops_start(s, e) != RC_OK)
		return e->rc;
	return ops_resume(s, e);
}

enum rc service_start(const struct cluster *cluster,
		      const struct front_conf *conf, struct service **out,
		      struct err *e)
{
	struct service *s = calloc(1, sizeof *s);

	if (!s)
		return err_errno(e, RC_ERROR, "calloc", NULL, "front");
	s->cluster = cluster;
	s->conf = *conf;
	if (init_locks(s, e) != RC_OK) {
		free(s);
		return e->rc;
	}
	if (start(s, e) != RC_OK) {
		service_stop(s);
		return e->rc;
	}
	*out = s;
	return RC_OK;
}

void service_halt(struct service *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	(void)!eventfd_write(s->stop_fd, 1);
}

void service_stop(struct service *s)
{
	if (!s)
		return;
	service_halt(s);
	loops_join(s);
	if (s->resuming)
		(void)pthread_join(s->resume, NULL);
	store_free(s->store);
	fd_close(s->stop_fd);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
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
