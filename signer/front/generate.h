/* A unit's key that is made, or replaced: by a new one, or by one with an authority's
 * certificate (csr.c). Holds, --force and the audit log's words are the same. */
#ifndef FRONT_GENERATE_H
#define FRONT_GENERATE_H

#include "ops.h"

#define OVERRODE_MAX 400 /* bytes of the audit log's words */

struct job {
	enum unit unit;
	const char *node; /* an id; NULL: the cluster's */
	bool regenerate, force; /* one that is there may be replaced */
	unsigned before; /* the generation that is there, and is replaced; 0: none */
	char overrode[OVERRODE_MAX];
	bool locks;      /* among it: phones will not accept their next list */
	const char *event; /* in the audit log */
	/* Have keyd make it. */
	enum rc (*make)(struct keyd *k, const uint8_t *ticket, uid_t uid,
			const struct job *j, struct keyd_key *new, struct err *e);
	struct bytes certificates; /* for `make`; or of no length */
};

/* "unit" and "node" of a request. */
enum rc job_place(struct call *c, const char *unit_text, json_t *node,
		  struct job *j, struct err *e) MUST_CHECK;

/* The whole operation. The result: the certificate, as the door shows them. */
enum rc job_do(struct call *c, const char *ticket_hex, struct job *j,
	       json_t **result, struct err *e) MUST_CHECK;

#endif
