/* All nodes asked at once whether they are there: what an operation does first that
 * shall change all of them or none, and what `itlctl node check` shows. */
#ifndef FRONT_PROBE_H
#define FRONT_PROBE_H

#include "door.h"

/* Probe every TFTP node (node_probe(), side by side). If one is missing: an event
 * {"event":"missing","node","host","error":{}} for each that is, and RC_REFUSED,
 * which names them too, as far as there is room. Takes put-seconds and
 * fetch-seconds at most. */
enum rc nodes_all_there(struct call *c, struct err *e) MUST_CHECK;

/* The door's `node-check`. */
enum rc op_node_check(struct call *c, json_t **result, struct err *e) MUST_CHECK;

#endif
