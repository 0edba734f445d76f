/* The halves that the fake keyd has. */
#ifndef ITLCTL_FAKEHALVES_H
#define ITLCTL_FAKEHALVES_H

#include "keyd/client.h"

extern struct fake_halves {
	struct keyd_half p[8];
	size_t n;
	char removed[400]; /* labels, each with a blank behind it */
} fake_halves;

#endif
