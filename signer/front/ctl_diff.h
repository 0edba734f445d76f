/*
 * What `utils ctl update CTLFile` would change: the records of a CTL against those that
 * the present certificates make (spec: itl-format, What a CTL holds). Phones in mixed
 * mode trust the CTL first.
 */
#ifndef FRONT_CTL_DIFF_H
#define FRONT_CTL_DIFF_H

#include "door.h"

/* Of "status": null if the CTL says what is, or is another cluster's. */
json_t *ctl_diff_show(struct service *s, const char *sha1);

#define CTL_OUTDATED_TEXT (ALERT_TEXT_MAX - 80) /* an alert's, which names the host too */
/* The first node whose CTL is old, and what that lacks or still names. False if there is
 * none. */
bool ctl_outdated(struct service *s, const struct cluster_node **node,
		  char text[CTL_OUTDATED_TEXT]);

/* The door's `ctl-plan`. */
enum rc op_ctl_plan(struct call *c, json_t **result, struct err *e) MUST_CHECK;

#endif
