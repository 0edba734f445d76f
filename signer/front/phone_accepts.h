/* Would phones take a list, of themselves or through TVS? */
#ifndef FRONT_PHONE_ACCEPTS_H
#define FRONT_PHONE_ACCEPTS_H

#include "door.h"

/* Phones that hold these files (of length 0: none), and the offered one. TVS is asked
 * only if it matters. why: as itl_accept() has it. */
bool phone_accepts(struct call *c, struct bytes ctl, struct bytes itl,
		   struct bytes offered, char why[256]);

#endif
