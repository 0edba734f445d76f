/* Resident memory of the services of one configuration, before and after many
 * signatures. */
#include "itlbench.h"
#include "base/num.h"
#include "cluster/cluster.h"
#include "driver.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOAL 32.0 /* MiB */
#define FLAT 1.0  /* MiB that a service may grow by behind the first tenth */
#define SIGNATURES 20000u
#define PIECE 1.0 /* seconds of signing at a time */
#define PROC_MAX 8192u

static const char *const names[] = {"keyd", "front", "tvs"};

struct service {
	char pid[16]; /* "": it does not run */
	double idle, early, late; /* MiB */
};

/* /proc/PID/NAME, with a NUL behind it; its length, 0 if it has gone. */
static size_t read_proc(const char *pid, const char *name, char to[PROC_MAX])
{
	char path[64];
	ssize_t n = -1;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%.15s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, to, PROC_MAX - 1);
	fd_close(fd);
	to[n < 0 ? 0 : n] = '\0';
	return n < 0 ? 0 : num_size(n);
}

/* Is it NAME --config DIR? */
static bool is_service(const char *pid, const char *name, const char *config)
{
	char line[PROC_MAX];
	size_t n = read_proc(pid, "cmdline", line);
	const char *slash = strrchr(line, '/');
	bool found = false;

	if (strcmp(slash ? slash + 1 : line, name) != 0)
		return false;
	for (size_t at = 0; at < n; at += strlen(line + at) + 1)
		found |= !strcmp(line + at, config);
	return found;
}

static void find(struct service *all, const char *config)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;

	while (dir && (d = readdir(dir)))
		for (size_t i = 0; i < COUNT_OF(names); i++)
			if (d->d_name[0] >= '1' && d->d_name[0] <= '9' &&
			    is_service(d->d_name, names[i], config))
				(void)snprintf(all[i].pid, sizeof all[i].pid, "%.15s",
					       d->d_name);
	if (dir)
		(void)closedir(dir);
}

/* MiB; 0 of one that does not run. */
static double resident(const struct service *v)
{
	char status[PROC_MAX];
	const char *line = v->pid[0] && read_proc(v->pid, "status", status)
				   ? strstr(status, "\nVmRSS:")
				   : NULL;

	return line ? strtod(line + strlen("\nVmRSS:"), NULL) / 1024 : 0;
}

static unsigned many(const struct settings *s)
{
	return s->count ? s->count : SIGNATURES;
}

static enum rc sign_many(struct driver *d, double n, struct err *e)
{
	struct driver_rate r;

	for (double done = 0; done < n; done += r.rate * PIECE)
		if (driver_rate(d, PIECE, &r, e))
			return e->rc;
	return RC_OK;
}

static enum rc measure(const struct settings *s, struct service *all,
		       struct driver *d, struct err *e)
{
	for (size_t i = 0; i < COUNT_OF(names); i++)
		all[i].idle = resident(&all[i]);
	if (sign_many(d, many(s) * 0.1, e))
		return e->rc;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		all[i].early = resident(&all[i]);
	if (sign_many(d, many(s) * 0.9, e))
		return e->rc;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		all[i].late = resident(&all[i]);
	return RC_OK;
}

static void print(const struct settings *s, const struct service *all)
{
	(void)printf("%-8s %10s %16s %16s   MiB resident\n", "", "IDLE", "SIGNED A TENTH",
		     "SIGNED ALL");
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const struct service *v = &all[i];
		bool good = v->idle <= GOAL && v->late <= v->early + FLAT;

		if (v->pid[0])
			(void)printf("%-8s %10.1f %16.1f %16.1f   (goal at most %.0f idle, and flat over %u: %s)\n",
				     names[i], v->idle, v->early, v->late, GOAL,
				     many(s), good ? "met" : "missed");
	}
}

enum rc measure_resident(const struct settings *s, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;
	struct service all[COUNT_OF(names)] = {0};
	struct driver d;
	enum rc rc;

	if (cluster_read(s->config, &c, e))
		return e->rc;
	find(all, s->config);
	if (!all[0].pid[0])
		return err_set(e, RC_NOTFOUND, "memory", "no keyd runs with it",
			       "name the folder as keyd's command line has it",
			       "%s", s->config);
	if (driver_start(c, DRIVER_SGN, s->window, &d, e))
		return e->rc;
	rc = measure(s, all, &d, e);
	driver_stop(&d);
	if (rc == RC_OK)
		print(s, all);
	return rc;
}
