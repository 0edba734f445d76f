/* What keyd signs for many askers at once, beside the ceiling of its token. */
#include "itlbench.h"
#include "bench.h"
#include "ceiling.h"
#include "config.h" /* keyd's: the very token and number of sessions */
#include "driver.h"
#include <stdio.h>

struct kind {
	enum driver_load load;
	const char *name;
	double goal;
};

static const struct kind lists = {DRIVER_LIST, "lists", 0.85};
static const struct kind signatures = {DRIVER_SGN, "signatures", 0.94};

static enum rc measure_ceiling(void *arg, double seconds, double *rate,
			       struct err *e)
{
	struct ceiling *c = arg;

	return ceiling_rate(c, ceiling_sessions(c), seconds, rate, e);
}

static enum rc measure_driver(void *arg, double seconds, double *rate,
			      struct err *e)
{
	return driver_rate(arg, seconds, rate, e);
}

/* A token that takes a known time, whatever this machine does meanwhile. */
static void print_nominal(const struct settings *s, const struct kind *k,
			  unsigned sessions, double rate)
{
	double nominal = sessions * 1e6 / s->token_us;

	if (!s->token_us)
		return;
	(void)printf("%u sessions, %u microseconds each %21.1f /s\n"
		     "%-44s %12.2f    (goal %.2f: %s)\n",
		     sessions, s->token_us, nominal, "ratio", rate / nominal, k->goal,
		     rate / nominal >= k->goal ? "met" : "missed");
}

static enum rc compare(const struct settings *s, const struct keyd_config *k,
		       const struct kind *kind, struct driver *d, struct err *e)
{
	struct ceiling CLEANUP(ceiling_free) *c = NULL;
	char bare[64], through[64];
	struct bench_side a = {bare, measure_ceiling, NULL, 0};
	struct bench_side b = {through, measure_driver, d, 0};
	double warm;

	if (ceiling_open(k->module, k->uri, s->pin_file, k->sessions, &c, e))
		return e->rc;
	a.arg = c;
	(void)snprintf(bare, sizeof bare, "C_Sign, RSA-%u, threads: %u",
		       ceiling_bits(c), ceiling_sessions(c));
	(void)snprintf(through, sizeof through, "%s through keyd, in flight: %u",
		       kind->name, s->window);
	if (driver_rate(d, 0, &warm, e) || bench_compare(&a, &b, s->seconds, e))
		return e->rc;
	bench_print(&a, &b, kind->goal);
	print_nominal(s, kind, ceiling_sessions(c), b.rate);
	return RC_OK;
}

static enum rc measure(const struct settings *s, const struct kind *kind,
		       struct err *e)
{
	struct keyd_config CLEANUP(keyd_config_free) *k = NULL;
	struct driver d;
	enum rc rc;

	if (!s->pin_file)
		return err_set(e, RC_USAGE, "options", "is missing",
			       "name a file with the token's PIN", "--pin-file");
	if (keyd_config_read(s->config, &k, e) ||
	    driver_start(k->cluster, kind->load, s->window, &d, e))
		return e->rc;
	rc = compare(s, k, kind, &d, e);
	driver_stop(&d);
	return rc;
}

enum rc measure_list(const struct settings *s, struct err *e)
{
	return measure(s, &lists, e);
}

enum rc measure_signatures(const struct settings *s, struct err *e)
{
	return measure(s, &signatures, e);
}
