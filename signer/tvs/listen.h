/* A listening TCP socket. */
#ifndef TVS_LISTEN_H
#define TVS_LISTEN_H

#include "base/err.h"

/* At an address or a name (its first address). Non-blocking, close-on-exec. */
enum rc listen_open(const char *address, unsigned port, int *fd, struct err *e) MUST_CHECK;

#endif
