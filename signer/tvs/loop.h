/*
 * The threads that serve phones: each has its event loop, its connection to keyd, and
 * its share of what comes in at the listeners.
 */
#ifndef TVS_LOOP_H
#define TVS_LOOP_H

#include "slots.h"
#include "tvsconf.h"
#include <event2/event.h>

struct loops;

struct loops_setup {
	const struct tvs_conf *conf; /* borrowed, like all here */
	struct slots *slots;
	const char *keyd_socket;
};

/* Start them; there are no listeners yet. They run until the process ends. */
enum rc loops_start(const struct loops_setup *setup, struct loops **out,
		    struct err *e) MUST_CHECK;

/* Listen there, all of them: the TLS is site.contexts[number]'s. */
enum rc loops_listen(struct loops *l, size_t number, const char *address, unsigned port,
		     struct err *e) MUST_CHECK;

#endif
