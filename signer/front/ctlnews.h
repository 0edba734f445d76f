/*
 * What `utils ctl update CTLFile` would change: the records of a CTL against those that
 * the present certificates make (spec: itl-format, What a CTL holds). Phones in mixed
 * mode trust the CTL first.
 */
#ifndef FRONT_CTLNEWS_H
#define FRONT_CTLNEWS_H

#include "door.h"

struct ctlnews {
	bool ours;     /* this cluster made the CTL */
	json_t *adds;  /* ["CallManager/n1/2 as SAST", ...]; owned */
	json_t *drops; /* the same; of a certificate that the token does not know, its
			* subject */
};
void ctlnews_clear(struct ctlnews *n);
static inline void ctlnews_clear_at(struct ctlnews *n)
{
	ctlnews_clear(n);
}

/* sha1: a CTL that state has; "": all would be new. By what the token said last. */
enum rc ctlnews_of(struct service *s, const char *sha1, struct ctlnews *out,
		   struct err *e) MUST_CHECK;

/* Of "status": null if the CTL says what is, or is another cluster's. */
json_t *ctlnews_show(struct service *s, const char *sha1);

/* Of the first node whose CTL is old: host, and what it lacks or still names. False if
 * there is none. */
bool ctlnews_old(struct service *s, const struct cluster_node **node,
		 char text[ALERT_TEXT_MAX - 80]);

/* The door's `ctl-plan`. */
enum rc op_ctl_plan(struct call *c, json_t **result, struct err *e);

#endif
