#include "coverage.h"
#include "base/proc.h"

void coverage_note(struct coverage *c)
{
	c->notes++;
	if (c->since == 0)
		c->since = proc_now();
}

void coverage_give_up(struct coverage *c)
{
	c->notes = c->synced;
	c->covered = 0;
}

bool coverage_begin(struct coverage *c)
{
	double now = proc_now();
	bool due = !c->busy && now >= c->not_before && c->synced > c->covered &&
		   (c->hurry || c->synced - c->covered >= COVERAGE_MOST ||
		    now - c->since >= c->seconds);

	c->busy |= due;
	return due;
}

bool coverage_point(struct coverage *c)
{
	c->point = c->synced;
	return c->synced > c->covered;
}

void coverage_end(struct coverage *c, bool done)
{
	c->busy = false;
	if (!done) {
		c->not_before = proc_now() + c->seconds;
		return;
	}
	c->covered = c->point;
	c->hurry = false;
	c->since = c->notes > c->covered ? proc_now() : 0;
}
