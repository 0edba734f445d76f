#include "takeup.h"
#include "base/log.h"
#include "base/proc.h"
#include <string.h>

/* Would keyd start again? */
static enum rc check(void *arg, struct err *e)
{
	const struct takeup *t = arg;
	struct keyd_config CLEANUP(keyd_config_free) *c = NULL;

	if (keyd_config_read(t->watch.dir, &c, e) != RC_OK ||
	    keyd_config_check_files(c, t->watch.dir, e) != RC_OK)
		return e->rc;
	if (!strcmp(c->pin, "prompt"))
		return err_set(e, RC_REFUSED, "configuration",
			       "the PIN is typed at a prompt: keyd cannot start itself anew",
			       "end keyd and start it again", "%s/%s",
			       t->watch.dir, CLUSTER_FILE);
	return RC_OK;
}

void takeup_open(struct takeup *t, const char *dir, const struct keyd_config *config)
{
	*t = (struct takeup){.watch = {.dir = dir,
				       .now = config->cluster,
				       .check = check,
				       .arg = t}};
}

bool takeup_wanted(struct takeup *t)
{
	struct cluster CLEANUP(cluster_free) *next = NULL;
	double now = proc_now();
	struct err e;

	if (now < t->next_look)
		return t->since != 0;
	t->next_look = now + CLUSTER_LOOK_SECONDS;
	if (cluster_watch_look(&t->watch, &next, &e) != RC_OK)
		log_error("config", &e);
	if (!next) {
		t->since = 0; /* somebody took it back */
	} else if (t->since == 0) {
		t->since = now;
		log_info("event=config-changed from=%.12s to=%.12s msg=\"ends when nothing is in flight, to start with it\"",
			 t->watch.now->sha256, next->sha256);
	}
	return t->since != 0;
}

bool takeup_may_read(const struct takeup *t)
{
	return t->since == 0 || proc_now() < t->since + TAKEUP_PATIENCE;
}
