/* Phones ask TVS at the same time, and each may have to wait for it, while others fetch:
 * a thread for each that decides. */
#include "fleet.h"

static void *think(void *arg)
{
	struct visit *v = arg;
	struct fleet *fl = v->fleet;

	v->rc = visit_decide(v, &v->e);
	(void)pthread_mutex_lock(&fl->lock);
	v->next = fl->decided;
	fl->decided = v;
	(void)pthread_mutex_unlock(&fl->lock);
	fetcher_wake(fl->fetcher);
	return NULL;
}

bool think_begin(struct visit *v)
{
	v->thinks = pthread_create(&v->thread, NULL, think, v) == 0;
	return v->thinks;
}

struct visit *think_next(struct fleet *fl)
{
	struct visit *v;

	(void)pthread_mutex_lock(&fl->lock);
	v = fl->decided;
	if (v)
		fl->decided = v->next;
	(void)pthread_mutex_unlock(&fl->lock);
	if (v)
		think_end(v);
	return v;
}

void think_end(struct visit *v)
{
	if (v->thinks)
		(void)pthread_join(v->thread, NULL);
	v->thinks = false;
}
