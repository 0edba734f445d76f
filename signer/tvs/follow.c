#include "follow.h"
#include "base/log.h"
#include "tvsconf.h"

/* Would tvs start again? */
static enum rc check(void *arg, struct err *e)
{
	const struct cluster_watch *w = arg;
	struct cluster CLEANUP(cluster_free) *c = NULL;
	struct tvs_conf CLEANUP(tvs_conf_free) *conf = NULL;

	if (cluster_read(w->dir, &c, e) != RC_OK)
		return e->rc;
	return tvs_conf_read(w->dir, c, &conf, e);
}

void follow_open(struct cluster_watch *w, const char *dir, const struct cluster *now)
{
	*w = (struct cluster_watch){.dir = dir, .now = now, .check = check, .arg = w};
}

bool follow_ends(struct cluster_watch *w)
{
	struct cluster CLEANUP(cluster_free) *next = NULL;
	struct err e;

	if (cluster_watch_look(w, &next, &e) != RC_OK)
		log_error("config", &e);
	if (!next)
		return false;
	log_info("event=config-changed from=%.12s to=%.12s", w->now->sha256, next->sha256);
	return true;
}
