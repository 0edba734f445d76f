/* What came and what became of it, counted since the start. Threads share them. */
#ifndef TVS_COUNT_H
#define TVS_COUNT_H

#include <stddef.h>
#include <stdint.h>

enum count {
	COUNT_ACCEPTED,  /* connections */
	COUNT_FULL,      /* handshakes with the key */
	COUNT_RESUMED,   /* handshakes without it */
	COUNT_VALID,     /* answers */
	COUNT_UNKNOWN,
	COUNT_REFUSED,   /* from here on: why a connection was closed by us, or broke */
	COUNT_ADDRESS = COUNT_REFUSED, /* its address has too many */
	COUNT_HANDSHAKE, /* no handshake came of it */
	COUNT_KEY,       /* none, for keyd did not answer for the key */
	COUNT_SLOW_HANDSHAKE,
	COUNT_MALFORMED, /* no request */
	COUNT_CUT_OFF,   /* the phone left in the middle of one */
	COUNT_SLOW_REQUEST,
	COUNT_IDLE,
	COUNT_OUR_FAULT, /* out of memory, or the like */
	COUNT_END
};

const char *count_name(enum count c); /* "accepted", ... */
void count_one(enum count c);
uint64_t count_of(enum count c);

#endif
