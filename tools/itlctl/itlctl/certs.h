/* Certificates as the door describes them, and new keys. */
#ifndef ITLCTL_CERTS_H
#define ITLCTL_CERTS_H

#include "itlctl/ctl.h"

/* Have keyd make a new generation of a unit's key (node: NULL for the
 * cluster's units), with a ticket of its own. json_decref() *cert. */
enum rc certs_generate(struct ctl *c, const struct secret *password,
		       enum unit unit, const char *node, bool force,
		       json_t **cert, struct err *e) MUST_CHECK;

#endif
