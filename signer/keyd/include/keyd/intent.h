/* What a ticket is for, where client.h alone need not tell: requests that an
 * administrator's program sends itself ("consented", wire.h). Both sides of the
 * socket make it. */
#ifndef KEYD_INTENT_H
#define KEYD_INTENT_H

#include "keyd/client.h"

/* All that follows the ticket in the body. */
struct keyd_intent keyd_intent_body(enum keyd_op op, struct bytes body);

#endif
