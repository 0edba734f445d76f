/* A process's own hygiene. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include "base/err.h"
#include <stdbool.h>
#include <sys/types.h>

/*
 * For programs that hold or see secrets: no core dumps, not traceable by other
 * processes of the same user, no new privileges, umask 077.
 */
enum rc proc_harden(struct err *e) MUST_CHECK;

/* Room for so many descriptors, as far as the hard limit lets us: returns for how many
 * there is now. */
unsigned long proc_room_for_files(unsigned long n);

/* The ids of a user of this system; RC_NOTFOUND with the step that makes it. */
enum rc proc_user(const char *name, uid_t *uid, gid_t *gid,
		  struct err *e) MUST_CHECK;
enum rc proc_group(const char *name, gid_t *gid, struct err *e) MUST_CHECK;

/* The path of another program of the project: beside this one, as it is built and
 * where keyd and front are installed; or where those are, seen from bin and sbin. */
enum rc proc_sibling(const char *name, char *to, size_t cap,
		     struct err *e) MUST_CHECK;

/* Seconds that never jump (CLOCK_BOOTTIME), for deadlines. */
double proc_now(void);

#endif
