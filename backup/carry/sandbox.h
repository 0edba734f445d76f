/*
 * What a server that took carry over would still have of it: front's user, and so
 * keyd's socket and front's state, were it not for this. For good; call it before
 * the first byte of a stranger's.
 */
#ifndef CARRY_SANDBOX_H
#define CARRY_SANDBOX_H

#include "base/err.h"

/* No Unix socket is made any more, no program started, no process touched
 * (seccomp). */
enum rc sandbox_calls(struct err *e) MUST_CHECK;

/* Nothing is written, made or removed any more but beneath `folder` (NULL:
 * nowhere), by Landlock; a kernel without it leaves that to the file's modes. */
enum rc sandbox_writes(const char *folder, struct err *e) MUST_CHECK;

#endif
