/*
 * What the service adds to one signature when nobody else asks: a request's time,
 * less a bare signature and one fdatasync of a line, both measured in between.
 */
#include "itlbench.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "ceiling.h"
#include "config.h"
#include "driver.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 25u   /* of one sort, before the next */
#define BLOCKS_MAX 400u
#define LINE 300    /* bytes of an entry of the audit log */
#define GOAL_MEDIAN 0.5 /* milliseconds */
#define GOAL_P99 1.5

struct sample {
	double times[BLOCKS_MAX * BLOCK]; /* seconds */
	size_t n;
};

struct latency {
	struct ceiling *ceiling;
	struct driver driver;
	int fd; /* a file beside the audit log, without a name */
	struct sample sync, bare, service;
};

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Milliseconds that so much of the sample does not exceed. */
static double quantile(struct sample *s, double part)
{
	qsort(s->times, s->n, sizeof *s->times, by_size);
	return s->times[(size_t)((double)(s->n - 1) * part)] * 1e3;
}

static enum rc time_syncs(struct latency *l, struct err *e)
{
	static const char line[LINE];

	for (unsigned i = 0; i < BLOCK; i++) {
		double began = proc_now();

		if (!file_write_all(l->fd, bytes_of(line, sizeof line)) ||
		    fdatasync(l->fd) != 0)
			return err_errno(e, RC_ERROR, "fdatasync", NULL,
					 "beside the audit log");
		l->sync.times[l->sync.n++] = proc_now() - began;
	}
	return RC_OK;
}

static enum rc time_bare(struct latency *l, struct err *e)
{
	for (unsigned i = 0; i < BLOCK; i++) {
		double began = proc_now();

		if (ceiling_sign(l->ceiling, e))
			return e->rc;
		l->bare.times[l->bare.n++] = proc_now() - began;
	}
	return RC_OK;
}

static enum rc time_service(struct latency *l, struct err *e)
{
	if (driver_times(&l->driver, l->service.times + l->service.n, BLOCK, e))
		return e->rc;
	l->service.n += BLOCK;
	return RC_OK;
}

static void print_row(const char *name, struct sample *s)
{
	(void)printf("%-44s %9.3f %9.3f\n", name, quantile(s, 0.5), quantile(s, 0.99));
}

static void print(struct latency *l)
{
	double less, median, p99;

	(void)printf("%-44s %9s %9s   milliseconds, of %zu\n", "", "MEDIAN", "P99",
		     l->service.n);
	print_row("a signature through keyd", &l->service);
	print_row("C_Sign", &l->bare);
	print_row("a line and its fdatasync", &l->sync);
	less = quantile(&l->bare, 0.5) + quantile(&l->sync, 0.5);
	median = quantile(&l->service, 0.5) - less;
	p99 = quantile(&l->service, 0.99) - less;
	(void)printf("%-44s %9.3f %9.3f   (goal at most %.1f and %.1f: %s)\n",
		     "above the medians of both, keyd adds", median, p99, GOAL_MEDIAN,
		     GOAL_P99,
		     median <= GOAL_MEDIAN && p99 <= GOAL_P99 ? "met" : "missed");
}

static enum rc measure(const struct settings *s, struct latency *l, struct err *e)
{
	double end = proc_now() + 3 * s->seconds;

	if (ceiling_sign(l->ceiling, e)) /* the first one is dearer */
		return e->rc;
	do {
		if (time_syncs(l, e) || time_bare(l, e) || time_service(l, e))
			return e->rc;
	} while (proc_now() < end && l->service.n < COUNT_OF(l->service.times));
	print(l);
	return RC_OK;
}

static enum rc open_beside_log(const struct cluster *c, int *fd, struct err *e)
{
	char dir[CLUSTER_PATH_MAX];

	cluster_path(c, PATH_KEYD_STATE, dir);
	*fd = open(dir, O_TMPFILE | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	return *fd >= 0 ? RC_OK
			: err_errno(e, RC_ERROR, "open",
				    "run it as root, on a file system with O_TMPFILE",
				    "%s", dir);
}

enum rc measure_latency(const struct settings *s, struct err *e)
{
	struct keyd_config CLEANUP(keyd_config_free) *k = NULL;
	struct ceiling CLEANUP(ceiling_free) *c = NULL;
	int CLEANUP(fd_close) fd = -1;
	static struct latency l;
	enum rc rc;

	if (keyd_config_read(s->config, &k, e) ||
	    open_beside_log(k->cluster, &fd, e) ||
	    driver_start(k->cluster, DRIVER_SGN, 1, &l.driver, e))
		return e->rc;
	l.fd = fd;
	rc = ceiling_open(k->module, k->uri, s->pin_file, 1, &c, e);
	l.ceiling = c;
	if (rc == RC_OK)
		rc = measure(s, &l, e);
	driver_stop(&l.driver);
	return rc;
}
