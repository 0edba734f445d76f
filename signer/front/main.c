/* front: the door for administrators, and what each node shall serve. */
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "cluster/program.h"
#include "door.h"
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
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

static enum rc serve(const struct service_setup *setup, struct err *e)
{
	struct service *s = NULL;
	struct door *d = NULL;
	int CLEANUP(fd_close) end = -1;
	enum rc rc;

	if (take_signals(&end, e) != RC_OK ||
	    service_start(setup, &s, e) != RC_OK)
		return e->rc;
	rc = door_open(s, &d, e);
	if (rc == RC_OK) {
		log_info("event=start cluster=%s nodes=%zu vaults=%zu",
			 setup->cluster->name, s->nloops, setup->vaults->n);
		(void)sd_notify(0, "READY=1");
		rc = door_serve(d, end, e);
	}
	service_halt(s);
	door_free(d);
	service_stop(s);
	return rc;
}

/* For -n: the folder of each TFTP node is there. */
static enum rc check_folders(const char *dir, const struct cluster *c,
			     struct err *e)
{
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct cluster_node *n = &c->nodes[i];
		char path[4096], section[CLUSTER_ID_MAX + 8];
		struct stat st;

		if (!n->tftp || (stat(n->folder, &st) == 0 && S_ISDIR(st.st_mode)))
			continue;
		(void)snprintf(section, sizeof section, "node %s", n->id);
		if (file_path(path, sizeof path, dir, "cluster.conf", e) != RC_OK)
			return e->rc;
		return err_set(e, RC_USAGE, "configuration", "is no folder",
			       "make it, and let front's user write there",
			       "%s:%d: folder: %s", path,
			       conf_line(path, section, "folder"), n->folder);
	}
	return RC_OK;
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
	if (o.check) {
		rc = check_folders(o.config, cluster, &e);
		if (rc != RC_OK)
			fprintf(stderr, "front: %s\n",
				err_text(&e, text, sizeof text));
		return rc == RC_OK ? 0 : err_exit_code(RC_USAGE);
	}
	rc = serve(&(struct service_setup){cluster, &conf, vaults, NULL}, &e);
	if (rc != RC_OK)
		log_error("end", &e);
	else
		log_info("event=end");
	(void)fflush(NULL);
	/* At once: this process may not be traced, so a leak check at the end
	 * of a build that has one could only fail. */
	_exit(err_exit_code(rc));
}
