/* tvs: tells phones which certificates they may trust. */
#include "base/log.h"
#include "base/proc.h"
#include "cluster/program.h"
#include "confine.h"
#include "follow.h"
#include "memory.h"
#include "status.h"
#include "ticket.h"
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#define SPARE_FILES 64u /* beside what connections, loops and listeners need */

struct main {
	struct event_base *base;
	struct watch *watch;
	struct cluster_watch follow;
	bool again; /* ended to take up another cluster.conf */
};

/* After a storm: what connections had goes back to the machine. */
static void give_back(struct slots *slots)
{
	static unsigned peak;
	unsigned now = slots_used(slots);

	if (now > peak)
		peak = now;
	if (peak < 100 || now > peak / 2)
		return;
	(void)malloc_trim(0);
	peak = now;
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct main *m = arg;

	(void)fd, (void)what;
	watch_look(m->watch);
	tickets_rotate(proc_now());
	give_back(m->watch->given.slots);
	status_write(m->watch);
	status_log();
	m->again = follow_ends(&m->follow);
	if (m->again)
		(void)event_base_loopbreak(m->base);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct main *m = arg;

	(void)sig, (void)what;
	(void)event_base_loopbreak(m->base);
}

#define KEPT (8 << 20) /* bytes of a heap's free end */

/* A handshake's buffers come and go: not to the kernel and back each time. */
static void keep_memory(void)
{
	(void)mallopt(M_TRIM_THRESHOLD, KEPT);
	(void)mallopt(M_TOP_PAD, 1 << 20);
}

/* A descriptor for each connection. */
static void make_room(const struct tvs_conf *conf)
{
	unsigned long need = conf->connections + SPARE_FILES +
			     conf->loops * (8ul + conf->nlisteners);
	unsigned long room = proc_room_for_files(need);

	if (room < need)
		log_warn("event=few-files limit=%lu msg=\"not enough for connections = %u of tvs.conf\" hint=\"LimitNOFILE= of the unit, or ulimit -n\"",
			 room, conf->connections);
}

static enum rc check_user(const struct cluster *c, struct err *e)
{
	uid_t uid;
	gid_t gid;

	if (proc_user(c->tvs_user, &uid, &gid, e) != RC_OK)
		return e->rc;
	if (geteuid() == uid)
		return RC_OK;
	return err_set(e, RC_USAGE, "start", "must run as its own user",
		       "start it through itlkeeperd or systemd", "user id %u, not %s",
		       geteuid(), c->tvs_user);
}

static enum rc serve(struct main *m, const char *dir, const struct cluster *c,
		     const struct tvs_conf *conf, struct err *e)
{
	const struct timeval second = {.tv_sec = 1}, at_once = {.tv_sec = 0};
	struct loops_setup loops = {.conf = conf};
	struct watch_setup watch = {.cluster = c, .conf = conf};
	char path[CLUSTER_PATH_MAX];
	struct event *tick, *first;

	cluster_path(c, PATH_KEYD_SOCKET, path);
	loops.keyd_socket = watch.keyd_socket = path;
	make_room(conf);
	if (check_user(c, e) != RC_OK || confine(e) != RC_OK || tickets_open(e) != RC_OK ||
	    slots_new(conf->connections, conf->per_address, &loops.slots, e) != RC_OK ||
	    provider_context(&watch.lib, e) != RC_OK ||
	    loops_start(&loops, &watch.loops, e) != RC_OK)
		return e->rc;
	watch.slots = loops.slots;
	if (watch_open(&watch, &m->watch, e) != RC_OK)
		return e->rc;
	follow_open(&m->follow, dir, c);
	m->base = event_base_new();
	tick = event_new(m->base, -1, EV_PERSIST, on_second, m);
	first = evtimer_new(m->base, on_second, m);
	if (!m->base || !tick || event_add(tick, &second) != 0 || !first ||
	    event_add(first, &at_once) != 0 ||
	    event_add(evsignal_new(m->base, SIGTERM, on_signal, m), NULL) != 0 ||
	    event_add(evsignal_new(m->base, SIGINT, on_signal, m), NULL) != 0)
		return err_errno(e, RC_ERROR, "event_base_new", NULL, "tvs");
	log_info("event=start cluster=%s listeners=%zu loops=%u", c->name, conf->nlisteners,
		 conf->loops);
	(void)sd_notify(0, "READY=1");
	(void)event_base_dispatch(m->base);
	return RC_OK;
}

static void warn_clash(const struct tvs_conf *conf)
{
	const struct tvs_listener *a = NULL, *b = tvs_conf_clash(conf, &a);

	if (b)
		fprintf(stderr,
			"tvs: warning: nodes %s and %s listen at one address and port (%s, %u): set tvs-port in cluster.conf, or address in tvs.conf\n",
			a->node->id, b->node->id, tvs_listener_address(b), b->node->tvs_port);
}

int main(int argc, char **argv)
{
	struct cluster CLEANUP(cluster_free) *cluster = NULL;
	struct tvs_conf CLEANUP(tvs_conf_free) *conf = NULL;
	static struct main m;
	struct program_options o;
	struct err e = {0};
	char text[1200];
	int status = program_options("tvs", argc, argv, &o);
	enum rc rc;

	if (status >= 0)
		return status;
	log_open("tvs");
	if (memory_open(&e) != RC_OK || proc_harden(&e) != RC_OK ||
	    cluster_read(o.config, &cluster, &e) != RC_OK ||
	    tvs_conf_read(o.config, cluster, &conf, &e) != RC_OK) {
		fprintf(stderr, "tvs: %s\n", err_text(&e, text, sizeof text));
		return err_exit_code(RC_USAGE);
	}
	if (o.check) {
		warn_clash(conf);
		return 0;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	keep_memory();
	rc = serve(&m, o.config, cluster, conf, &e);
	if (rc != RC_OK)
		log_error("end", &e);
	else
		log_info("event=end");
	/* At once: other threads are in the middle of something. */
	_exit(rc == RC_OK && m.again ? PROGRAM_EXIT_CONFIG : err_exit_code(rc));
}
