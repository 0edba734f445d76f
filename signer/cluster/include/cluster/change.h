/*
 * A cluster.conf that changes while programs run.
 *
 * Each looks at the file once a second. Changed, it is read when it stood still
 * for a second (an editor may be at work), as a whole. A bad one is told of once,
 * and the program goes on with what it has; a good one is given to the program,
 * which ends in good order and is started again (PROGRAM_EXIT_CONFIG).
 */
#ifndef CLUSTER_CHANGE_H
#define CLUSTER_CHANGE_H

#include "cluster/cluster.h"
#include <sys/types.h>
#include <time.h>

#define CLUSTER_LOOK_SECONDS 1.0

/* RC_REFUSED if they differ in what no running program can take up: name, folders,
 * users, group. `path` is where `next` was read. */
enum rc cluster_can_become(const struct cluster *now, const struct cluster *next,
			   const char *path, struct err *e) MUST_CHECK;

/* A file's state, as far as stat(2) tells; all zero for one that is not there. */
struct cluster_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified, changed;
};

/* All borrowed. Fill in the first four, the rest is zero. One thread. */
struct cluster_watch {
	const char *dir;
	const struct cluster *now; /* what the program runs */
	/* Could the program start with what is there now? NULL: yes. */
	enum rc (*check)(void *arg, struct err *e);
	void *arg;

	struct cluster_stamp known; /* that file says what `now` says */
	struct cluster_stamp last;  /* what the last look saw */
	char said[1200];            /* the last complaint */
};

/*
 * Look. RC_OK and *next (cluster_free() it): a good file with other content, also
 * at every later look as long as it is there. RC_OK and *next untouched: nothing
 * new. Anything else: it is bad, or cannot be taken up; each complaint comes once.
 */
enum rc cluster_watch_look(struct cluster_watch *w, struct cluster **next,
			   struct err *e) MUST_CHECK;

#endif
