/* The run and state folders, made by root for the programs' users. */
#ifndef ITLKEEPERD_FOLDERS_H
#define ITLKEEPERD_FOLDERS_H

#include "cluster/cluster.h"

/* Makes them, and takes the lock: *lock stays open as long as this process is
 * the launcher of this run folder; RC_BUSY if another one is. */
enum rc folders_make(const struct cluster *c, int *lock,
		     struct err *e) MUST_CHECK;

#endif
