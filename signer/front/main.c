/* front: the door for administrators, and what each node shall serve. */
#include "base/log.h"
#include "base/proc.h"
#include "cluster/program.h"
#include "door.h"
#include "folders.h"
#include "node.h"
#include "takeup.h"
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>

/* SIGTERM and SIGINT as a descriptor, for all threads that come. */
static enum rc take_signals(int *fd, struct err *e)
{
	sigset_t end;

	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &end, NULL) != 0 ||
	    (*fd = signalfd(-1, &end, SFD_CLOEXEC)) < 0)
		return err_errno(e, RC_ERROR, "signalfd", NULL, "front");
	return RC_OK;
}

/* *again: it ended to take up another cluster.conf. */
static enum rc serve(const struct service_setup *setup, const char *dir,
		     bool *again, struct err *e)
{
	struct service *s = NULL;
	struct door *d = NULL;
	struct takeup *t = NULL;
	int CLEANUP(fd_close) end = -1;
	enum rc rc;

	if (take_signals(&end, e) != RC_OK ||
	    service_start(setup, &s, e) != RC_OK)
		return e->rc;
	rc = door_open(s, &d, e);
	if (rc == RC_OK)
		rc = takeup_start(s, dir, &t, e);
	if (rc == RC_OK) {
		log_info("event=start cluster=%s nodes=%zu vaults=%zu",
			 setup->cluster->name, s->nloops, setup->vaults->n);
		(void)sd_notify(0, "READY=1");
		rc = door_serve(d, end, e);
	}
	service_halt(s);
	*again = takeup_join(t);
	door_free(d);
	service_stop(s);
	return rc;
}

/* To standard error for -n, to the log for a service. */
static void warn_slow_return(const struct cluster *c, const struct front_conf *f,
			     bool check)
{
	unsigned worst = node_return_seconds(c, f->retry_seconds);
	const char *const text =
		"a node that was down serves its list again only after up to %u seconds, not %u: lower put-, restart-, fetch- or retry-seconds";
	char said[200];

	if (worst <= NODE_RETURN_SECONDS)
		return;
	(void)snprintf(said, sizeof said, text, worst, NODE_RETURN_SECONDS);
	if (check)
		fprintf(stderr, "front: warning: %s\n", said);
	else
		log_warn("event=slow-return msg=\"%s\"", said);
}

int main(int argc, char **argv)
{
	struct cluster CLEANUP(cluster_free) *cluster = NULL;
	struct vault_conf CLEANUP(vault_conf_free) *vaults = NULL;
	struct program_options o;
	struct front_conf CLEANUP(front_conf_clear) conf = {0};
	struct err e = {0};
	char text[1200];
	int status = program_options("front", argc, argv, &o);
	bool again = false;
	enum rc rc;

	if (status >= 0)
		return status;
	log_open("front");
	if (proc_harden(&e) != RC_OK ||
	    cluster_read(o.config, &cluster, &e) != RC_OK ||
	    front_conf_read(o.config, &conf, &e) != RC_OK ||
	    vault_conf_read(o.config, &vaults, &e) != RC_OK) {
		fprintf(stderr, "front: %s\n", err_text(&e, text, sizeof text));
		return err_exit_code(RC_USAGE);
	}
	/* Each connection may bring files. */
	(void)proc_room_for_files(256 + conf.connections * (FRONT_FILES_MAX + 4ul));
	warn_slow_return(cluster, &conf, o.check);
	if (o.check) {
		rc = folders_check(o.config, cluster, &e);
		if (rc != RC_OK)
			fprintf(stderr, "front: %s\n",
				err_text(&e, text, sizeof text));
		return rc == RC_OK ? 0 : err_exit_code(RC_USAGE);
	}
	rc = serve(&(struct service_setup){cluster, &conf, vaults, NULL, o.config}, o.config,
		   &again, &e);
	if (rc != RC_OK)
		log_error("end", &e);
	else
		log_info("event=end");
	(void)fflush(NULL);
	/* At once: this process may not be traced, so a leak check at the end
	 * of a build that has one could only fail. */
	_exit(rc == RC_OK && again ? PROGRAM_EXIT_CONFIG : err_exit_code(rc));
}
