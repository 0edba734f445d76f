/* What nobody asks for, every minute: the phones' reset for a node that healed by
 * itself, the history's old end, and the trust file. */
#ifndef FRONT_CHORES_H
#define FRONT_CHORES_H

#include "service.h"

enum rc chores_start(struct service *s, struct err *e) MUST_CHECK;
void chores_join(struct service *s); /* after service_halt() */

#endif
