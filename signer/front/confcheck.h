/* What a cluster.conf that is to be would do to phones. */
#ifndef FRONT_CONFCHECK_H
#define FRONT_CONFCHECK_H

#include "door.h"

/* conf-check. */
enum rc op_conf_check(struct call *c, json_t **result, struct err *e) MUST_CHECK;

#endif
