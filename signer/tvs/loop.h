/*
 * The threads that serve phones: each has its event loop and its connection to keyd,
 * and takes from the listeners what it has time for.
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

/* Serve a listening socket, non-blocking: the TLS is site.contexts[number]'s. */
enum rc loops_listen(struct loops *l, size_t number, int fd, struct err *e) MUST_CHECK;

#endif
