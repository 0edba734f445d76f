/* What must be on time, alerts and checks, though clocks are set and services
 * restarted. */
#ifndef FRONT_CLOCK_H
#define FRONT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_HOUR 3600
#define CLOCK_DAY (24 * CLOCK_HOUR)

/* Where the time comes from. */
struct front_clock {
	int64_t (*wall)(void *arg); /* Unix time; may be set */
	double (*mono)(void *arg);  /* seconds since the machine's start; goes on */
	void *arg;
	const char *boot; /* names this start of the machine; less than BOOT_ID_MAX */
};
#define BOOT_ID_MAX 40

/* By the clock on the wall, which may be set, and by one that only goes on, which a
 * restart loses. */
struct moment {
	int64_t wall; /* 0: never */
	double mono;  /* less than 0: not known */
};

static inline struct moment clock_now(const struct front_clock *c)
{
	return (struct moment){c->wall(c->arg), c->mono(c->arg)};
}

/* It never was, or in the future: then the clock was set. */
static inline bool moment_is_void(const struct moment *m,
				  const struct moment *now)
{
	return m->wall == 0 || m->wall > now->wall;
}

/* Is it time again for what was last done then? The pause has passed if it has by
 * either clock. */
static inline bool moment_is_due(int64_t pause, const struct moment *last,
				 const struct moment *now)
{
	return moment_is_void(last, now) || now->wall - last->wall >= pause ||
	       (last->mono >= 0 && now->mono - last->mono >= (double)pause);
}

#endif
