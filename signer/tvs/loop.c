#include "loop.h"
#include "base/log.h"
#include "base/num.h"
#include "conn.h"
#include "count.h"
#include "listen.h"
#include "memory.h"
#include "nodekey.h"
#include "site.h"
#include <errno.h>
#include <event2/thread.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>

/* When there is no room, or no descriptor: so long nothing is taken. */
static const struct timeval pause_time = {.tv_usec = 50000};

struct intake {
	struct loop *loop;
	size_t number; /* of the listener */
	int fd;
	struct event *ready, *again;
};

struct loop {
	struct conn_home home;
	struct keyd *keyd;
	struct intake intakes[CLUSTER_MAX_NODES];
};

struct loops {
	size_t n;
	struct loop all[TVS_LOOPS_MAX];
};

/* ---- taking connections ---- */

static SSL *new_ssl(size_t number)
{
	struct site CLEANUP(site_unref) *site = site_get();

	return site && site->contexts[number] ? SSL_new(site->contexts[number]) : NULL;
}

static void take(struct intake *d, int fd, const struct sockaddr *from)
{
	struct slots_who who = slots_who(from);
	struct slots *slots = d->loop->home.slots;
	enum slots_answer room = slots_take(slots, who);
	const int one = 1;
	SSL *ssl;

	count_one(COUNT_ACCEPTED);
	if (room != SLOTS_OK) {
		/* The last slot may have gone to another loop meanwhile. */
		count_one(room == SLOTS_ADDRESS ? COUNT_ADDRESS : COUNT_OUR_FAULT);
		(void)close(fd);
		return;
	}
	ssl = new_ssl(d->number);
	if (!ssl) {
		count_one(COUNT_OUR_FAULT);
		slots_give(slots, who);
		(void)close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	conn_start(&d->loop->home, fd, who, ssl);
}

static void rest(struct intake *d)
{
	(void)event_del(d->ready);
	(void)evtimer_add(d->again, &pause_time);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct intake *d = arg;

	(void)fd, (void)what;
	(void)event_add(d->ready, NULL);
}

/* One: who is connected already comes before the next. */
static void on_ready(evutil_socket_t listener, short what, void *arg)
{
	struct intake *d = arg;
	struct sockaddr_storage from = {0};
	socklen_t n = sizeof from;
	int fd;

	(void)what;
	if (slots_full(d->loop->home.slots)) {
		rest(d); /* they wait in the kernel's queue */
		return;
	}
	fd = accept4(listener, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		take(d, fd, (const struct sockaddr *)&from);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
		rest(d);
}

static bool intake_open(struct intake *d)
{
	struct event_base *base = d->loop->home.base;

	d->again = evtimer_new(base, on_again, d);
	d->ready = event_new(base, d->fd, EV_READ | EV_PERSIST, on_ready, d);
	return d->again && d->ready && event_add(d->ready, NULL) == 0;
}

static void intake_close(struct intake *d)
{
	if (d->ready)
		event_free(d->ready);
	if (d->again)
		event_free(d->again);
	fd_close(d->fd);
}

enum rc loops_listen(struct loops *l, size_t number, const char *address, unsigned port,
		     struct err *e)
{
	int fds[TVS_LOOPS_MAX];
	bool ok = true;

	if (listen_open(address, port, fds, l->n, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < l->n; i++) {
		struct intake *d = &l->all[i].intakes[number];

		*d = (struct intake){.loop = &l->all[i], .number = number, .fd = fds[i]};
		ok = ok && intake_open(d);
	}
	if (ok)
		return RC_OK;
	err_errno(e, RC_ERROR, "event_add", NULL, "listener %zu", number);
	for (size_t i = 0; i < l->n; i++)
		intake_close(&l->all[i].intakes[number]);
	return e->rc;
}

/* ---- threads ---- */

static void *run(void *arg)
{
	struct loop *l = arg;

	memory_of_phones();
	node_key_use(l->keyd);
	(void)event_base_loop(l->home.base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

/* Most connections are handed from one state to the next several times between two
 * waits: what changed is told to the kernel once. */
static struct event_base *new_base(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base = NULL;

	if (c && event_config_set_flag(c, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
		base = event_base_new_with_config(c);
	if (c)
		event_config_free(c);
	return base;
}

static enum rc start(struct loop *l, const struct loops_setup *setup, struct err *e)
{
	pthread_t thread;

	l->home = (struct conn_home){
		.base = new_base(),
		.conf = setup->conf,
		.slots = setup->slots,
	};
	if (!l->home.base)
		return err_errno(e, RC_ERROR, "event_base_new", NULL, "a loop");
	if (keyd_open(setup->keyd_socket, &l->keyd, e) != RC_OK)
		return e->rc;
	errno = pthread_create(&thread, NULL, run, l);
	if (errno)
		return err_errno(e, RC_ERROR, "pthread_create", NULL, "a loop");
	(void)pthread_detach(thread);
	return RC_OK;
}

enum rc loops_start(const struct loops_setup *setup, struct loops **out, struct err *e)
{
	struct loops *l = calloc(1, sizeof *l);

	if (!l || evthread_use_pthreads() != 0)
		return err_errno(e, RC_ERROR, "start loops", NULL, "%u of them",
				 setup->conf->loops);
	for (; l->n < setup->conf->loops; l->n++)
		if (start(&l->all[l->n], setup, e) != RC_OK)
			return e->rc;
	*out = l;
	return RC_OK;
}
