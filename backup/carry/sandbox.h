/*
 * What a server that took carry over would still have of it: its user's files,
 * sockets and processes, and all of the machine if that user is root, were it not
 * for this. For good; call all three, in this order, after proc_harden() and before
 * the first byte of a stranger's.
 */
#ifndef CARRY_SANDBOX_H
#define CARRY_SANDBOX_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

/* No capability, for root too, who is then the owner of root's files and no more;
 * and bounds of memory and of descriptors. */
enum rc sandbox_rights(struct err *e) MUST_CHECK;

/* The calls that no job needs are refused, with EACCES (seccomp): no other process
 * is reached, none is made, and no file gets another name, mode or owner. `puts`: but
 * the ones that file_replace() makes. */
enum rc sandbox_calls(bool puts, struct err *e) MUST_CHECK;

/*
 * By Landlock: nothing is read any more but what the libraries need and these `n`
 * files (NULL and one that is not there: none; a folder is an error), and nothing
 * written but beneath `folder` (NULL: nowhere). A kernel without Landlock leaves
 * both to the files' modes; what an older one cannot refuse yet, sandbox_calls()
 * does if it is a call of its own.
 */
enum rc sandbox_files(const char *folder, const char *const files[], size_t n,
		      struct err *e) MUST_CHECK;

#endif
