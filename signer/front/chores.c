#include "chores.h"
#include "base/log.h"
#include "phones.h"
#include "retired.h"
#include "trust.h"
#include <errno.h>

static void do_chores(struct service *s)
{
	phones_later(s);
	retired_prune(s);
	trust_keep(s);
}

static void *run(void *arg)
{
	service_each_minute(arg, do_chores);
	return NULL;
}

enum rc chores_start(struct service *s, struct err *e)
{
	errno = pthread_create(&s->chores, NULL, run, s);
	if (errno)
		return err_errno(e, RC_ERROR, "pthread_create", NULL, "chores");
	s->chores_run = true;
	return RC_OK;
}

void chores_join(struct service *s)
{
	if (s->chores_run)
		(void)pthread_join(s->chores, NULL);
	s->chores_run = false;
}
