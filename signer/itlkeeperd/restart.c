/* restart: runs the restart commands that were asked for, and ends; a systemd path
 * unit starts it where itlkeeperd does not run. See itlkeeperd.8. */
#include "base/log.h"
#include "base/proc.h"
#include "bouncer.h"
#include "cluster/program.h"
#include "events.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/wait.h>

static void reap(struct bouncer *b)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		(void)bouncer_ended(b, pid, status);
}

#define LINGER 1.0 /* seconds */

/* *until: how long to stay where something lies that is no request, and cannot be
 * removed (yet): the path unit would start another one at once, without end. */
static bool done(const struct bouncer *b, double *until)
{
	if (bouncer_sweep(b))
		return true;
	if (isinf(*until))
		*until = proc_now() + LINGER;
	return proc_now() >= *until;
}

/* Until nothing runs: for what comes later the path unit starts another one. */
static void serve(struct bouncer *b, int signals)
{
	double until = INFINITY;

	for (;;) {
		struct pollfd fds[1 + BOUNCER_MAX_FDS] = {
			{.fd = signals, .events = POLLIN}};
		double deadline = INFINITY;
		size_t n;

		bouncer_work(b);
		if (bouncer_idle(b)) {
			if (done(b, &until))
				return;
			deadline = until;
		}
		n = bouncer_poll(b, fds + 1, &deadline);
		if (events_poll(fds, n + 1, deadline) < 0 && errno != EINTR)
			return;
		bouncer_polled(b, fds + 1, n);
		if (events_stop(signals))
			return;
		reap(b);
	}
}

static enum rc run(const char *config, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;
	struct bouncer CLEANUP(bouncer_free) *b = NULL;
	int CLEANUP(fd_close) signals = -1;
	uid_t front;
	gid_t gid;

	if (cluster_read(config, &c, e) != RC_OK ||
	    proc_user(c->front_user, &front, &gid, e) != RC_OK ||
	    bouncer_open(c, front, &b, e) != RC_OK ||
	    events_catch_signals(&signals, e) != RC_OK)
		return e->rc;
	serve(b, signals);
	return RC_OK;
}

static enum rc check(const char *config, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;

	return cluster_read(config, &c, e);
}

int main(int argc, char **argv)
{
	struct program_options o;
	struct err e = {0};
	int status = program_options("restart", argc, argv, &o);

	if (status >= 0)
		return status;
	log_open("restart");
	if ((o.check ? check(o.config, &e) : run(o.config, &e)) == RC_OK)
		return 0;
	log_error("restart", &e);
	return err_exit_code(e.rc);
}
