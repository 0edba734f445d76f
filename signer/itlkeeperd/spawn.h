/* Children: a program as another user, with a clean environment. */
#ifndef ITLKEEPERD_SPAWN_H
#define ITLKEEPERD_SPAWN_H

#include "base/err.h"
#include <stdbool.h>
#include <sys/types.h>

struct spawn {
	const char *path;
	const char *const *argv; /* NULL-terminated */
	const char *const *keep; /* names of environment variables, NULL-terminated */
	const char *user;        /* NULL: stays what this process is */
	uid_t uid;               /* of user */
	gid_t gid;
	int stderr_fd;           /* -1: this process's, for both outputs; else
				  * standard output is thrown away */
	bool group;              /* a process group of its own, to be killed whole */
	int dies_with_us;        /* a signal, 0: lives on when this process ends */
};

/*
 * Fork and exec. Standard input is /dev/null, the folder "/", no other
 * descriptor is open, no signal blocked. As another user: that user's groups,
 * and no new privileges. A child that cannot become all that says so on its
 * standard error and exits with 127. Call it with one thread only.
 */
enum rc spawn_start(const struct spawn *s, pid_t *pid, struct err *e) MUST_CHECK;

#endif
