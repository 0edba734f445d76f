/*
 * What a phone that took tvs over would still have of it: its user's files, which are
 * none, keyd's handshakes, and the net. For good; call it before the first thread, and
 * after proc_harden().
 */
#ifndef TVS_CONFINE_H
#define TVS_CONFINE_H

#include "base/err.h"

/* Calls that tvs never makes are refused, with EACCES (seccomp): no program is run, no
 * process made or reached, nothing mounted, and no socket made of the kinds that are
 * doors into the kernel. What is not named there stays allowed. */
enum rc confine(struct err *e) MUST_CHECK;

#endif
