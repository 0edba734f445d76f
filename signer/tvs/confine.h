/*
 * What a phone that took tvs over would still have of it: its user's files, which are
 * none, keyd's handshakes, and the net. For good; call it before the first thread, and
 * after proc_harden().
 */
#ifndef TVS_CONFINE_H
#define TVS_CONFINE_H

#include "base/err.h"

/* The calls that tvs never makes are refused, with EACCES (seccomp): no program is run,
 * no process made or reached, no kind of socket but TCP's and keyd's. */
enum rc confine(struct err *e) MUST_CHECK;

#endif
