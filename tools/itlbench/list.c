#include "itlbench.h"
#include "bench.h"
#include "ceiling.h"
#include "config.h" /* keyd's: the very token and number of sessions */
#include "driver.h"
#include <stdio.h>

#define GOAL 0.85

static enum rc measure_ceiling(void *arg, double seconds, double *rate,
			       struct err *e)
{
	struct ceiling *c = arg;

	return ceiling_rate(c, ceiling_sessions(c), seconds, rate, e);
}

static enum rc measure_lists(void *arg, double seconds, double *rate,
			     struct err *e)
{
	return driver_rate(arg, seconds, rate, e);
}

static enum rc compare(const struct settings *s, const struct keyd_config *k,
		       struct driver *d, struct err *e)
{
	struct ceiling CLEANUP(ceiling_free) *c = NULL;
	char bare[64], lists[64];
	struct bench_side a = {bare, measure_ceiling, NULL, 0};
	struct bench_side b = {lists, measure_lists, d, 0};

	if (ceiling_open(k->module, k->uri, s->pin_file, k->sessions, &c, e))
		return e->rc;
	a.arg = c;
	(void)snprintf(bare, sizeof bare, "C_Sign, RSA-%u, threads: %u",
		       ceiling_bits(c), ceiling_sessions(c));
	(void)snprintf(lists, sizeof lists, "lists through keyd, in flight: %u",
		       s->window);
	if (bench_compare(&a, &b, s->seconds, e))
		return e->rc;
	bench_print(&a, &b, GOAL);
	return RC_OK;
}

enum rc measure_list(const struct settings *s, struct err *e)
{
	struct keyd_config CLEANUP(keyd_config_free) *k = NULL;
	struct driver d;
	enum rc rc;

	if (!s->pin_file)
		return err_set(e, RC_USAGE, "options", "is missing",
			       "name a file with the token's PIN", "--pin-file");
	if (keyd_config_read(s->config, &k, e) ||
	    driver_start(k->cluster, s->window, &d, e))
		return e->rc;
	rc = compare(s, k, &d, e);
	driver_stop(&d);
	return rc;
}
