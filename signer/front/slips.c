#include "slips.h"
#include <stddef.h>

/* Root has a place of its own: nobody keeps it from an operation. */
static struct slip *place(struct slips *s, uid_t uid, double now)
{
	struct slip *empty = NULL;

	if (uid == 0)
		return &s->root;
	for (size_t i = 0; i < SLIPS_USERS; i++) {
		struct slip *at = &s->users[i];

		if (now < at->forget && at->uid == uid)
			return at;
		if (now >= at->forget && !empty)
			empty = at;
	}
	return empty ? empty : &s->shared;
}

double slips_wait(struct slips *s, uid_t uid, double now)
{
	const struct slip *at = place(s, uid, now);

	return now < at->forget && now < at->until ? at->until - now : 0;
}

void slips_add(struct slips *s, uid_t uid, double now)
{
	struct slip *at = place(s, uid, now);
	unsigned wait = SLIPS_WAIT_MAX, over;

	if (now >= at->forget)
		*at = (struct slip){.uid = uid};
	at->n++;
	at->forget = now + SLIPS_FORGET;
	if (at->n <= SLIPS_FREE)
		return;
	over = at->n - SLIPS_FREE - 1;
	if (over < 6 && 1u << over < SLIPS_WAIT_MAX)
		wait = 1u << over;
	at->until = now + wait;
}
