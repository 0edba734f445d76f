/*
 * Slots for connections: so many at a time, and so many of them from one address.
 * Threads share one.
 */
#ifndef TVS_SLOTS_H
#define TVS_SLOTS_H

#include "base/err.h"
#include <stdbool.h>
#include <sys/socket.h>

struct slots;

enum rc slots_new(unsigned total, unsigned per_address, struct slots **out,
		  struct err *e) MUST_CHECK;
void slots_free(struct slots *s); /* NULL is fine */
CLEANUP_DEFINE(struct slots *, slots_free);

/* Who a connection is counted for: an IPv4 address, or the /64 that one IPv6 host has
 * to itself. */
struct slots_who {
	unsigned char a[16];
};
struct slots_who slots_who(const struct sockaddr *from);

enum slots_answer { SLOTS_OK, SLOTS_FULL, SLOTS_ADDRESS };
/* SLOTS_OK: slots_give() it back once. */
enum slots_answer slots_take(struct slots *s, struct slots_who who);
void slots_give(struct slots *s, struct slots_who who);

/* No more room: it may change at any time. */
bool slots_full(struct slots *s);
unsigned slots_used(struct slots *s);

#endif
