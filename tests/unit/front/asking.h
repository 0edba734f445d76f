/* What the tests of operations ask of front, and what they see of the nodes. */
#ifndef ASKING_H
#define ASKING_H

#include "fixture.h"

/* A test's setup: front runs; under policy itlrecovery; both nodes serve their own
 * lists. */
int asking_start(void **state);
int asking_start_recovery(void **state);
int asking_start_served(void **state);
int asking_start_phones(void **state); /* and cluster.conf says how to reset phones */

json_t *tftp_restart(struct fixture *f, const char *node, bool force, struct err *e);
void must_restart(struct fixture *f, const char *node, bool built);
/* Although it locks phones. */
void force_restart(struct fixture *f, const char *node);

/* "reset-plan" by localkey, or as said; and the request that follows from it. */
json_t *plan(struct fixture *f, struct err *e);
json_t *plan_by(struct fixture *f, const char *how, struct err *e);
json_t *order(const char *what, json_t *p, const char *ticket);
json_t *order_by(const char *what, const char *how, json_t *p, const char *ticket);

/* A member; "(none)" if it is no text. */
const char *text(json_t *j, const char *key);

void assert_serves(struct fixture *f, int node, const char *sha1);
/* which: "want" or "have" of "status". */
void assert_want(struct fixture *f, int node, const char *which, const char *member,
		 const char *value);

#endif
