/*
 * Phones are reset after a CallManager, TVS or CAPF certificate took effect: once a
 * node, restarted, was seen to serve a list that has one which the list before had
 * not. What is expected is kept in the state, so that neither a kill nor a node that
 * heals later loses it; a kill while the command runs makes it run again.
 */
#ifndef FRONT_PHONES_H
#define FRONT_PHONES_H

#include "service.h"

#define PHONES_UNITS_MAX sizeof(((struct phones_due *)0)->units)

/* From phones_expect() to phones_reset(): nobody else resets them meanwhile. */
void phones_begin(struct service *s);
void phones_end(struct service *s);

/*
 * `fresh` will be what the node shall serve. units: whose certificates phones get by
 * it, as "CallManager TVS"; "": none, or ITLRecovery alone, or there is no list of the
 * node's own to compare with. They are then expected to be reset, if cluster.conf
 * says how. Before store_want().
 */
enum rc phones_expect(struct service *s, const struct cluster_node *n,
		      const struct list *fresh, char units[PHONES_UNITS_MAX],
		      struct err *e) MUST_CHECK;

/* After the nodes did it: reset the phones if that is due. Its failure is a warning,
 * in the log and in *e. */
enum phones_did { PHONES_NOT_DUE, PHONES_RESET, PHONES_FAILED };
enum phones_did phones_reset(struct service *s, struct err *e);

/* As the result of a restart has it: null for no units. */
json_t *phones_show(const char *units, enum phones_did did, const struct err *e);

/* For nodes that healed since, and what a kill left. */
void phones_later(struct service *s);

#endif
