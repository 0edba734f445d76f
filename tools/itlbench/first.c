/* keyd's start: from exec to its first signature, for a keyd that does not run. */
#include "itlbench.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sock.h"
#include "config.h"
#include "driver.h"
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STARTS 15
#define PATIENCE 10.0 /* seconds */
#define GOAL 50.0     /* milliseconds */

static enum rc must_not_run(const struct cluster *c, struct err *e)
{
	char path[CLUSTER_PATH_MAX];
	int fd;

	cluster_path(c, PATH_KEYD_SOCKET, path);
	if (sock_connect(path, &fd, e) != RC_OK)
		return RC_OK;
	fd_close(fd);
	return err_set(e, RC_BUSY, "first", "keyd runs",
		       "stop itlkeeperd (or keyd) of this configuration first", "%s",
		       path);
}

/* keyd as its launcher starts it, its messages dropped. */
static pid_t start(const char *program, const struct settings *s,
		   const struct keyd_config *k)
{
	const struct cluster *c = k->cluster;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (freopen("/dev/null", "w", stderr) && freopen("/dev/null", "w", stdout) &&
	    (geteuid() != 0 ||
	     (initgroups(c->keyd_user, k->group) == 0 &&
	      setresgid(k->group, k->group, k->group) == 0 &&
	      setresuid(k->keyd_uid, k->keyd_uid, k->keyd_uid) == 0)))
		(void)execl(program, program, "--config", s->config, (char *)NULL);
	_exit(127);
}

static enum rc time_one(const char *program, const struct settings *s,
			const struct keyd_config *k, struct driver *d, double *ms,
			struct err *e)
{
	double began, answered = 0;
	pid_t pid;
	enum rc rc;

	if (driver_first_begin(d, PATIENCE, e))
		return e->rc;
	began = proc_now();
	pid = start(program, s, k);
	if (pid < 0)
		return err_errno(e, RC_ERROR, "fork", NULL, "keyd");
	rc = driver_first_end(d, &answered, e);
	*ms = (answered - began) * 1e3;
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
	return rc ? err_hint(e, "start keyd by hand with this configuration, and read what it says")
		  : RC_OK;
}

static void print(const double *ms)
{
	double best = ms[0], worst = ms[0], sum = 0;

	for (size_t i = 0; i < STARTS; i++) {
		best = ms[i] < best ? ms[i] : best;
		worst = ms[i] > worst ? ms[i] : worst;
		sum += ms[i];
	}
	(void)printf("from exec of keyd to its first signature: %.1f to %.1f ms, mean %.1f of %d (goal at most %.0f: %s)\n",
		     best, worst, sum / STARTS, STARTS, GOAL,
		     sum / STARTS <= GOAL ? "met" : "missed");
}

enum rc measure_first(const struct settings *s, struct err *e)
{
	struct keyd_config CLEANUP(keyd_config_free) *k = NULL;
	char program[PATH_MAX];
	double ms[STARTS];
	struct driver d;
	enum rc rc = RC_OK;

	if (keyd_config_read(s->config, &k, e) || must_not_run(k->cluster, e) ||
	    proc_sibling("keyd", program, sizeof program, e) ||
	    driver_start(k->cluster, DRIVER_SGN, 1, &d, e))
		return e->rc;
	for (size_t i = 0; i < STARTS && rc == RC_OK; i++)
		rc = time_one(program, s, k, &d, &ms[i], e);
	driver_stop(&d);
	if (rc == RC_OK)
		print(ms);
	return rc;
}
