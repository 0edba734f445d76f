/* TCP, with words of its own for each way to fail (libssh has one sentence for
 * all of them). */
#ifndef BASE_CONNECT_H
#define BASE_CONNECT_H

#include "base/err.h"

/* To the first of the host's addresses that answers before the deadline
 * (proc_now()). `where` is the server as messages name it; address gets where it
 * was found. */
enum rc connect_to(const char *host, int port, const char *where,
		   double deadline, int *fd, char address[64],
		   struct err *e) MUST_CHECK;

#endif
