#include "hold.h"
#include <math.h>
#include <string.h>

/* A clock that shows less (2020) was never set. */
#define WALL_LEAST 1577836800

static bool is_of(const struct hold_time *set, const struct hold_time *now)
{
	/* No clock of one boot goes back; and what is no number is not more. */
	return !strcmp(set->boot, now->boot) && set->at.mono <= now->at.mono;
}

bool hold_rebase(struct hold_time *set, const struct hold_time *now)
{
	bool known = set->at.wall >= WALL_LEAST && set->at.wall <= now->at.wall;
	int64_t ago = known ? now->at.wall - set->at.wall : 0;

	if (is_of(set, now))
		return false;
	*set = *now;
	set->at.wall -= ago;
	set->at.mono -= (double)ago;
	return true;
}

unsigned hold_left(const struct hold_time *set, const struct hold_time *now)
{
	struct hold_time here = *set;
	double ago;

	(void)hold_rebase(&here, now);
	ago = now->at.mono - here.at.mono;
	return ago < HOLD_SECONDS ? (unsigned)ceil(HOLD_SECONDS - ago) : 0;
}
