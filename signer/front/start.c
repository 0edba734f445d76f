/* front's start and end: what runs in it, and in which order. What these share is in
 * service.c. */
#include "base/file.h"
#include "base/proc.h"
#include "chores.h"
#include "holds.h"
#include "loop.h"
#include "ops.h"
#include "service.h"
#include "trust.h"
#include "tvs_answers.h"
#include "vaults.h"
#include "watch.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

static int64_t real_wall(void *arg)
{
	(void)arg;
	return (int64_t)time(NULL);
}

static double real_mono(void *arg)
{
	(void)arg;
	return proc_now();
}

/* A boot that cannot be told from another is taken for one. */
static const char *real_boot(void)
{
	int CLEANUP(fd_close) fd =
		open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	static char id[BOOT_ID_MAX];
	uint8_t random[16];
	size_t n = 0;

	/* Not file_read(): it says of itself that it has no bytes. */
	if (fd >= 0 && file_read_start(fd, id, sizeof id - 1, &n) && n > 1) {
		id[n - 1] = '\0'; /* a line */
		return id;
	}
	randombytes_buf(random, sizeof random);
	return hex_of(bytes_of(random, sizeof random), id, sizeof id);
}

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
	(void)pthread_mutex_init(&s->phones, NULL);
	return RC_OK;
}

static enum rc start(struct service *s, struct err *e)
{
	char path[CLUSTER_PATH_MAX];

	cluster_path(s->cluster, PATH_KEYD_SOCKET, s->keyd);
	cluster_path(s->cluster, PATH_STATE_DB, path);
	if (proc_group(s->cluster->group, &s->group, e) != RC_OK ||
	    proc_sibling("carry", s->carry, sizeof s->carry, e) != RC_OK ||
	    store_open(path, &s->store, e) != RC_OK)
		return e->rc;
	trust_start(s);
	if (tvs_answers_start(s, e) != RC_OK || holds_start(s, e) != RC_OK ||
	    loops_start(s, e) != RC_OK || ops_resume(s, e) != RC_OK ||
	    watch_start(s, e) != RC_OK || chores_start(s, e) != RC_OK)
		return e->rc;
	return vaults_start(s, e);
}

enum rc service_start(const struct service_setup *setup, struct service **out,
		      struct err *e)
{
	struct service *s = calloc(1, sizeof *s);

	if (!s)
		return err_errno(e, RC_ERROR, "calloc", NULL, "front");
	s->cluster = setup->cluster;
	s->conf = *setup->conf;
	s->vaults = setup->vaults;
	s->dir = setup->dir;
	s->clock = setup->clock ? *setup->clock
				: (struct front_clock){real_wall, real_mono, NULL,
						       real_boot()};
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

void service_stop(struct service *s)
{
	if (!s)
		return;
	service_halt(s);
	loops_join(s);
	vaults_join(s);
	watch_join(s);
	tvs_answers_join(s);
	chores_join(s);
	if (s->resuming)
		(void)pthread_join(s->resume, NULL);
	store_free(s->store);
	fd_close(s->stop_fd);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->phones);
	free(s);
}
