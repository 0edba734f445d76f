/* Listening TCP sockets. */
#ifndef TVS_LISTEN_H
#define TVS_LISTEN_H

#include "base/err.h"

/*
 * n sockets at an address or a name (its first address), between which the kernel shares
 * out the connections: a new one wakes one thread. Non-blocking, close-on-exec. None is
 * opened where something listens already, not even a program of the same user; a later
 * one of that user could join.
 */
enum rc listen_open(const char *address, unsigned port, int *fds, size_t n,
		    struct err *e) MUST_CHECK;

#endif
