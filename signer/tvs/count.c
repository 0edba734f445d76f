#include "count.h"
#include <stdatomic.h>

static const char *const names[COUNT_END] = {
	[COUNT_ACCEPTED] = "accepted",
	[COUNT_FULL] = "full-handshakes",
	[COUNT_RESUMED] = "resumed-handshakes",
	[COUNT_VALID] = "valid",
	[COUNT_UNKNOWN] = "unknown",
	[COUNT_ADDRESS] = "too-many-of-address",
	[COUNT_HANDSHAKE] = "no-handshake",
	[COUNT_KEY] = "no-key",
	[COUNT_SLOW_HANDSHAKE] = "slow-handshake",
	[COUNT_MALFORMED] = "malformed",
	[COUNT_CUT_OFF] = "cut-off",
	[COUNT_SLOW_REQUEST] = "slow-request",
	[COUNT_IDLE] = "idle",
	[COUNT_OUR_FAULT] = "our-fault",
};

static atomic_uint_fast64_t counts[COUNT_END];

const char *count_name(enum count c)
{
	return names[c];
}

void count_one(enum count c)
{
	atomic_fetch_add_explicit(&counts[c], 1, memory_order_relaxed);
}

uint64_t count_of(enum count c)
{
	return atomic_load_explicit(&counts[c], memory_order_relaxed);
}
