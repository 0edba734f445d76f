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

/* Both sides, and what they took of the processor: with others on the machine that is
 * truer than a rate. */
struct sides {
	struct ceiling *ceiling;
	struct driver driver;
	double bare, keyd, asker; /* seconds of processor for each, of all turns */
	unsigned turns;
};

static enum rc measure_ceiling(void *arg, double seconds, double *rate,
			       struct err *e)
{
	struct sides *s = arg;
	double began = bench_clock(CLOCK_PROCESS_CPUTIME_ID);

	if (ceiling_rate(s->ceiling, ceiling_sessions(s->ceiling), seconds, rate, e))
		return e->rc;
	s->bare += (bench_clock(CLOCK_PROCESS_CPUTIME_ID) - began) / (*rate * seconds);
	return RC_OK;
}

static enum rc measure_driver(void *arg, double seconds, double *rate,
			      struct err *e)
{
	struct driver_rate r;
	struct sides *s = arg;

	if (driver_rate(&s->driver, seconds, &r, e))
		return e->rc;
	*rate = r.rate;
	s->keyd += r.keyd;
	s->asker += r.own;
	s->turns++;
	return RC_OK;
}

static void print_processor(const struct sides *s)
{
	double us = 1e6 / s->turns;

	(void)printf("microseconds of processor for each: C_Sign %.1f; keyd %.1f, who asks %.1f; ratio %.2f\n",
		     s->bare * us, s->keyd * us, s->asker * us,
		     s->bare / (s->keyd + s->asker));
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

static enum rc compare(const struct settings *s, const struct kind *kind,
		       struct sides *sides, struct err *e)
{
	struct ceiling *c = sides->ceiling;
	char bare[64], through[64];
	struct bench_side a = {bare, measure_ceiling, sides, 0};
	struct bench_side b = {through, measure_driver, sides, 0};
	struct driver_rate warm;

	(void)snprintf(bare, sizeof bare, "C_Sign, RSA-%u, threads: %u",
		       ceiling_bits(c), ceiling_sessions(c));
	(void)snprintf(through, sizeof through, "%s through keyd, in flight: %u",
		       kind->name, s->window);
	if (driver_rate(&sides->driver, 0, &warm, e) ||
	    bench_compare(&a, &b, s->seconds, e))
		return e->rc;
	bench_print(&a, &b, kind->goal);
	print_processor(sides);
	print_nominal(s, kind, ceiling_sessions(c), b.rate);
	return RC_OK;
}

static enum rc measure(const struct settings *s, const struct kind *kind,
		       struct err *e)
{
	struct keyd_config CLEANUP(keyd_config_free) *k = NULL;
	struct ceiling CLEANUP(ceiling_free) *c = NULL;
	struct sides sides = {0};
	enum rc rc;

	if (keyd_config_read(s->config, &k, e) ||
	    driver_start(k->cluster, kind->load, s->window, &sides.driver, e))
		return e->rc;
	rc = ceiling_open(k->module, k->uri, s->pin_file, k->sessions, &c, e);
	sides.ceiling = c;
	if (rc == RC_OK)
		rc = compare(s, kind, &sides, e);
	driver_stop(&sides.driver);
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
