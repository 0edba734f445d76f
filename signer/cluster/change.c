#include "cluster/change.h"
#include "base/file.h"
#include "base/num.h"
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

enum rc cluster_can_become(const struct cluster *now, const struct cluster *next,
			   const char *path, struct err *e)
{
	const struct {
		const char *key, *now, *next;
	} fixed[] = {
		{"name", now->name, next->name},
		{"run", now->run, next->run},
		{"state-dir", now->state_dir, next->state_dir},
		{"keyd-user", now->keyd_user, next->keyd_user},
		{"front-user", now->front_user, next->front_user},
		{"tvs-user", now->tvs_user, next->tvs_user},
		{"group", now->group, next->group},
	};

	for (size_t i = 0; i < COUNT_OF(fixed); i++)
		if (strcmp(fixed[i].now, fixed[i].next) != 0)
			return err_set(e, RC_REFUSED, "configuration",
				       "it cannot change while the programs run; they go on with the old configuration",
				       "take it back; or stop all programs, change it, and start them",
				       "%s:%d: %s", path,
				       conf_line(path, "cluster", fixed[i].key),
				       fixed[i].key);
	return RC_OK;
}

static struct cluster_stamp stamp_of(const char *path)
{
	struct cluster_stamp s;
	struct stat st;

	memset(&s, 0, sizeof s); /* they are compared with their padding */
	if (stat(path, &st) != 0)
		return s;
	s.dev = st.st_dev;
	s.ino = st.st_ino;
	s.size = st.st_size;
	s.modified = st.st_mtim;
	s.changed = st.st_ctim;
	return s;
}

static bool same(const struct cluster_stamp *a, const struct cluster_stamp *b)
{
	return !memcmp(a, b, sizeof *a);
}

/* RC_OK with *next; or without, if it says the same. */
static enum rc read_next(struct cluster_watch *w, const char *path,
			 struct cluster **next, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;

	if (cluster_read(w->dir, &c, e) != RC_OK)
		return e->rc;
	if (!strcmp(c->sha256, w->now->sha256)) {
		w->known = w->last;
		return RC_OK;
	}
	if (cluster_can_become(w->now, c, path, e) != RC_OK ||
	    (w->check && w->check(w->arg, e) != RC_OK))
		return e->rc;
	*next = c;
	c = NULL;
	return RC_OK;
}

enum rc cluster_watch_look(struct cluster_watch *w, struct cluster **next,
			   struct err *e)
{
	char path[PATH_MAX], text[sizeof w->said];
	struct cluster_stamp seen;

	if (file_path(path, sizeof path, w->dir, CLUSTER_FILE, e) != RC_OK)
		return e->rc;
	seen = stamp_of(path);
	if (same(&seen, &w->known) && seen.ino)
		return RC_OK;
	if (!same(&seen, &w->last)) {
		w->last = seen; /* somebody may still write it */
		return RC_OK;
	}
	if (read_next(w, path, next, e) == RC_OK) {
		w->said[0] = '\0';
		return RC_OK;
	}
	err_text(e, text, sizeof text);
	if (!strcmp(text, w->said))
		return RC_OK;
	strcpy(w->said, text);
	return e->rc;
}
