/* The two passwords that the recovery key's ways need. */
#ifndef ITLCTL_PASSWORDS_H
#define ITLCTL_PASSWORDS_H

#include "itlctl/ctl.h"

struct passwords {
	struct secret *admin, *security; /* owned; or NULL: not asked for */
};

/* Ask for both, in the dialogues' order; passwords_clear() it in any case. */
enum rc passwords_ask(const struct ctl *c, struct passwords *out,
		      struct err *e) MUST_CHECK;
void passwords_clear(struct passwords *p);
static inline void passwords_clear_at(struct passwords *p)
{
	passwords_clear(p);
}

#endif
