/* The end of an operation on all TFTP nodes. */
#ifndef ITLCTL_OUTCOME_H
#define ITLCTL_OUTCOME_H

#include "itlctl/ctl.h"

/* Behind the dialogue (with --json nothing is printed): which list it is, and which
 * nodes do not serve it. c->exit becomes 1 if a node failed, else 0. */
void outcome_show(struct ctl *c, const json_t *result);
/* Of an operation of more than one list: the nodes alone. */
void outcome_nodes(struct ctl *c, const json_t *nodes);

/* A warning if signed files of this host could not be signed again (the door's
 * "files", or null). */
void outcome_files(const struct ctl *c, const char *host, const json_t *files);

/* An array of texts, for people. */
void outcome_warnings(const struct ctl *c, const json_t *warnings);

#endif
