/* itlkeeperd: starts keyd, front and tvs, keeps them alive, and runs the restart
 * commands that they may not run themselves. See itlkeeperd.8. */
#include "base/log.h"
#include "base/proc.h"
#include "bouncer.h"
#include "cluster/change.h"
#include "cluster/program.h"
#include "events.h"
#include "folders.h"
#include "service.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

/* The cluster.conf of now, which the bouncer works with. Users and folders stay what
 * they were at the start. */
struct following {
	struct cluster_watch watch;
	struct cluster *now;  /* owned; NULL: that of the start */
	struct bouncer *b;    /* owned */
	uid_t writer;
	double next_look;
};

static void following_clear_at(struct following *f)
{
	bouncer_free(f->b);
	cluster_free(f->now);
}

/* What was asked for waits in its folder while the bouncers change. */
static void follow(struct following *f, struct services *s, double *deadline)
{
	struct cluster CLEANUP(cluster_free) *next = NULL;
	struct cluster *old = f->now;
	struct bouncer *b = NULL;
	double now = proc_now();
	struct err e;

	if (now >= f->next_look) {
		f->next_look = now + CLUSTER_LOOK_SECONDS;
		if (cluster_watch_look(&f->watch, &next, &e) != RC_OK)
			log_error("config", &e);
	}
	if (f->next_look < *deadline)
		*deadline = f->next_look;
	if (!next || !bouncer_idle(f->b))
		return;
	if (bouncer_open(next, f->writer, &b, &e) != RC_OK) {
		log_error("config", &e);
		return;
	}
	log_info("event=config-changed from=%.12s to=%.12s nodes=%zu",
		 f->watch.now->sha256, next->sha256, next->nnodes);
	services_follow(s, next);
	bouncer_free(f->b);
	f->b = b;
	f->watch.now = f->now = next;
	next = old;
}

static void reap(struct services *s, struct bouncer *b)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!services_ended(s, pid, status))
			(void)bouncer_ended(b, pid, status);
}

static void serve(struct services *s, struct following *f, int signals)
{
	for (bool ready = false;;) {
		struct pollfd fds[1 + BOUNCER_MAX_FDS] = {
			{.fd = signals, .events = POLLIN}};
		double deadline = INFINITY;
		size_t n;

		services_work(s, &deadline);
		follow(f, s, &deadline);
		bouncer_work(f->b);
		n = bouncer_poll(f->b, fds + 1, &deadline);
		if (!ready)
			ready = sd_notify(0, "READY=1") >= 0;
		if (events_poll(fds, n + 1, deadline) < 0 && errno != EINTR)
			return;
		/* What a command still said comes before its end. */
		bouncer_polled(f->b, fds + 1, n);
		if (events_stop(signals))
			return;
		reap(s, f->b);
	}
}

static enum rc check(const char *config, int *status, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;
	struct services s;
	gid_t group;

	if (cluster_read(config, &c, e) != RC_OK ||
	    proc_group(c->group, &group, e) != RC_OK ||
	    services_open(c, config, &s, e) != RC_OK)
		return e->rc;
	return services_check(&s, status, e);
}

static enum rc run(const char *config, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;
	struct following CLEANUP(following_clear) f = {0};
	int CLEANUP(fd_close) lock = -1;
	int CLEANUP(fd_close) signals = -1;
	struct services s;
	gid_t gid;

	if (geteuid() != 0)
		return err_set(e, RC_REFUSED, "start",
			       "it starts programs under their users, which only root may",
			       "run it as root", "itlkeeperd");
	if (cluster_read(config, &c, e) != RC_OK ||
	    services_open(c, config, &s, e) != RC_OK ||
	    folders_make(c, &lock, e) != RC_OK ||
	    proc_user(c->front_user, &f.writer, &gid, e) != RC_OK ||
	    bouncer_open(c, f.writer, &f.b, e) != RC_OK ||
	    events_catch_signals(&signals, e) != RC_OK)
		return e->rc;
	f.watch = (struct cluster_watch){.dir = config, .now = c};
	log_info("event=start version=" ITLKEEPER_VERSION
		 " config=\"%s\" cluster=%s nodes=%zu",
		 config, c->name, c->nnodes);
	serve(&s, &f, signals);
	(void)sd_notify(0, "STOPPING=1");
	services_stop(&s);
	log_info("event=stop");
	return RC_OK;
}

int main(int argc, char **argv)
{
	struct program_options o;
	char config[PATH_MAX]; /* absolute: children run in "/" */
	struct err e = {0};
	int status = program_options("itlkeeperd", argc, argv, &o);
	enum rc rc;

	if (status >= 0)
		return status;
	status = 0;
	log_open("itlkeeperd");
	if (!realpath(o.config, config))
		rc = err_errno(&e, RC_USAGE, "open", "name it with --config",
			       "%s, the folder of the configuration", o.config);
	else
		rc = o.check ? check(config, &status, &e) : run(config, &e);
	if (rc == RC_OK)
		return status;
	log_error(o.check ? "check" : "start", &e);
	return err_exit_code(rc);
}
