#include "confcheck.h"
#include "base/errjson.h"
#include "base/file.h"
#include "lockout.h"
#include <string.h>

/* The file lies where root alone puts files; the request says only which one it must
 * be. */
static enum rc read_next(const struct service *s, const char *sha256,
			 struct cluster **out, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *next = NULL;
	char path[PATH_MAX];

	if (file_path(path, sizeof path, s->dir, CLUSTER_NEXT_FILE, e) != RC_OK ||
	    cluster_read_file(path, &next, e) != RC_OK)
		return e->rc;
	if (strcmp(next->sha256, sha256) != 0)
		return err_set(e, RC_STALE, "conf-check", "is another file than was meant",
			       "give the command again; do itlctl and front have the same folder of the configuration?",
			       "%s", path);
	*out = next;
	next = NULL;
	return RC_OK;
}

enum rc op_conf_check(struct call *c, json_t **result, struct err *e)
{
	struct cluster CLEANUP(cluster_free) *next = NULL;
	char finding[LOCKOUT_FINDING_MAX];
	const char *sha256;
	struct err locks;

	if (call_members(c, e, "{s:s}", "sha256", &sha256) != RC_OK ||
	    read_next(c->service, sha256, &next, e) != RC_OK ||
	    lockout_conf(c, next, &locks, finding, e) != RC_OK)
		return e->rc;
	*result = json_pack("{s:o, s:s}", "locks",
			    locks.rc == RC_OK ? json_null() : err_json(&locks),
			    "finding", finding);
	return RC_OK;
}
