/* itlkeeperd: starts keyd and front, keeps them alive, and runs the restart
 * commands that they may not run themselves. See itlkeeperd.8. */
#include "base/log.h"
#include "base/proc.h"
#include "bouncer.h"
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

static void reap(struct services *s, struct bouncer *b)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!services_ended(s, pid, status))
			(void)bouncer_ended(b, pid, status);
}

static void serve(struct services *s, struct bouncer *b, int signals)
{
	for (bool ready = false;;) {
		struct pollfd fds[1 + BOUNCER_MAX_FDS] = {
			{.fd = signals, .events = POLLIN}};
		double deadline = INFINITY;
		size_t n;

		services_work(s, &deadline);
		bouncer_work(b);
		n = bouncer_poll(b, fds + 1, &deadline);
		if (!ready)
			ready = sd_notify(0, "READY=1") >= 0;
		if (events_poll(fds, n + 1, deadline) < 0 && errno != EINTR)
			return;
		/* What a command still said comes before its end. */
		bouncer_polled(b, fds + 1, n);
		if (events_stop(signals))
			return;
		reap(s, b);
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
	struct bouncer CLEANUP(bouncer_free) *b = NULL;
	int CLEANUP(fd_close) lock = -1;
	int CLEANUP(fd_close) signals = -1;
	struct services s;
	uid_t front;
	gid_t gid;

	if (geteuid() != 0)
		return err_set(e, RC_REFUSED, "start",
			       "it starts programs under their users, which only root may",
			       "run it as root", "itlkeeperd");
	if (cluster_read(config, &c, e) != RC_OK ||
	    services_open(c, config, &s, e) != RC_OK ||
	    folders_make(c, &lock, e) != RC_OK ||
	    proc_user(c->front_user, &front, &gid, e) != RC_OK ||
	    bouncer_open(c, front, &b, e) != RC_OK ||
	    events_catch_signals(&signals, e) != RC_OK)
		return e->rc;
	log_info("event=start version=" ITLKEEPER_VERSION
		 " config=\"%s\" cluster=%s nodes=%zu",
		 config, c->name, c->nnodes);
	serve(&s, b, signals);
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
