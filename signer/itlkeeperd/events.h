/* Waiting for children, signals and deadlines. */
#ifndef ITLKEEPERD_EVENTS_H
#define ITLKEEPERD_EVENTS_H

#include "base/err.h"
#include <poll.h>
#include <stdbool.h>

/* SIGCHLD, SIGTERM and SIGINT become readable: *fd. */
enum rc events_catch_signals(int *fd, struct err *e) MUST_CHECK;
/* Reads what came; true when it is time to stop. */
bool events_stop(int fd);

/* poll() until a deadline of proc_now()'s clock; INFINITY: for ever. */
int events_poll(struct pollfd *fds, size_t n, double deadline);

#endif
