#include "takeup.h"
#include "base/log.h"
#include "cluster/change.h"
#include "lockout.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct takeup {
	struct service *service;
	const char *dir;
	struct cluster_watch watch;
	pthread_t thread;
	bool recorded; /* that this configuration runs */
	struct err failed; /* of the last try to record it */
	char judged[CLUSTER_HASH]; /* what was told of, or given up */
	unsigned unjudged;         /* looks in a row that keyd did not answer */
	atomic_bool ending;
};

/* Would front start again? */
static enum rc check(void *arg, struct err *e)
{
	const struct takeup *t = arg;
	struct vault_conf CLEANUP(vault_conf_free) *vaults = NULL;
	struct front_conf CLEANUP(front_conf_clear) conf = {0};

	if (front_conf_read(t->dir, &conf, e) != RC_OK)
		return e->rc;
	return vault_conf_read(t->dir, &vaults, e);
}

static void put_params(const char *from, const char *to, char params[192])
{
	(void)snprintf(params, 192, "config=%s before=%s", to, from[0] ? from : "-");
}

/* ---- after the start ---- */

static bool takes_up(const struct op *o, const char *sha256)
{
	return !strncmp(o->params, "config=", 7) &&
	       !strncmp(o->params + 7, sha256, strlen(sha256));
}

static enum rc note(struct takeup *t, const char *from, size_t gone,
		    struct err *e)
{
	struct service *s = t->service;
	char text[320];

	(void)snprintf(text, sizeof text,
		       "config=%s before=%s nodes=%zu publisher=%s policy=%s forgotten=%zu",
		       s->cluster->sha256, from[0] ? from : "-",
		       s->cluster->nnodes, s->cluster->publisher,
		       s->cluster->policy == POLICY_CALLMANAGER ? "callmanager"
								: "itlrecovery",
		       gone);
	log_info("event=config %s", text);
	return service_note(s, STORE_CONFIG_OP, text, e);
}

/* The operation that the front before began for this configuration; id 0: none. */
static enum rc find_op(struct takeup *t, struct op *out, struct err *e)
{
	struct store *s = t->service->store;
	struct op o = {0};

	*out = (struct op){0};
	if (store_op_running(s, &o, e) != RC_OK)
		return e->rc == RC_NOTFOUND ? RC_OK : e->rc;
	if (strcmp(o.kind, STORE_CONFIG_OP) != 0)
		return RC_OK;
	if (!takes_up(&o, t->service->cluster->sha256)) /* changed once more, or back */
		return store_op_end(s, o.id, false,
				    "another configuration came first", e);
	*out = o;
	return RC_OK;
}

static enum rc record(struct takeup *t, struct err *e)
{
	struct service *s = t->service;
	char from[CLUSTER_HASH], params[192];
	size_t gone = 0;
	struct op o;

	if (store_config(s->store, from, e) != RC_OK || find_op(t, &o, e) != RC_OK)
		return e->rc;
	if (!o.id && !strcmp(from, s->cluster->sha256))
		return RC_OK;
	if (store_keep_nodes(s->store, s->cluster, &gone, e) != RC_OK ||
	    note(t, from, gone, e) != RC_OK)
		return e->rc;
	if (o.id)
		return store_op_end(s->store, o.id, true, "", e);
	put_params(from, s->cluster->sha256, params);
	return store_config_done(s->store, params, e);
}

/* ---- while it runs ---- */

#define JUDGE_LOOKS 10 /* keyd may just be taking up the same file */

/* The file is the administrator's own: what it does to phones is said, not refused.
 * False: keyd could not be asked, and may be at the next look. */
static bool tell_locks(struct takeup *t, const struct cluster *next)
{
	struct call c = {.service = t->service, .name = STORE_CONFIG_OP};
	char finding[LOCKOUT_FINDING_MAX], text[1200];
	struct err locks, e;

	if (!strcmp(t->judged, next->sha256))
		return true;
	if (lockout_conf(&c, next, &locks, finding, &e) != RC_OK) {
		if (++t->unjudged < JUDGE_LOOKS)
			return false;
		log_error(STORE_CONFIG_OP, &e);
	} else if (locks.rc != RC_OK) {
		log_warn("event=config-locks config=%.12s %s msg=\"%s\"", next->sha256,
			 finding,
			 service_quotable(err_text(&locks, text, sizeof text)));
	}
	t->unjudged = 0;
	memcpy(t->judged, next->sha256, sizeof t->judged);
	return true;
}

static void look(struct takeup *t)
{
	struct cluster CLEANUP(cluster_free) *next = NULL;
	const char *now = t->service->cluster->sha256;
	char params[192];
	struct err e;
	int64_t op;

	if (cluster_watch_look(&t->watch, &next, &e) != RC_OK)
		log_error("config", &e);
	if (!next || !tell_locks(t, next))
		return;
	/* RC_BUSY while another operation runs: at one of the next looks. */
	put_params(now, next->sha256, params);
	if (store_op_begin(t->service->store, STORE_CONFIG_OP, "front", params, &op,
			   &e) != RC_OK) {
		if (e.rc != RC_BUSY)
			log_error("config", &e);
		return;
	}
	log_info("event=config-changed from=%.12s to=%.12s", now,
		 next->sha256);
	atomic_store(&t->ending, true);
	(void)kill(getpid(), SIGTERM); /* the one way to end in good order */
}

static void try_to_record(struct takeup *t)
{
	struct err e = {0};

	t->recorded = record(t, &e) == RC_OK;
	/* Once for each fault: keyd may be away for long. */
	if (!t->recorded && e.rc != RC_BUSY && strcmp(e.why, t->failed.why) != 0)
		log_error("config", &e);
	t->failed = e;
}

static void *run(void *arg)
{
	struct takeup *t = arg;
	struct pollfd stop = {.fd = t->service->stop_fd, .events = POLLIN};

	do {
		if (!t->recorded)
			try_to_record(t);
		else if (!atomic_load(&t->ending))
			look(t);
	} while (poll(&stop, 1, (int)(CLUSTER_LOOK_SECONDS * 1000)) == 0 ||
		 !stop.revents);
	return NULL;
}

enum rc takeup_start(struct service *s, const char *dir, struct takeup **out,
		     struct err *e)
{
	struct takeup *t = calloc(1, sizeof *t);

	if (!t)
		return err_errno(e, RC_ERROR, "calloc", NULL, "front");
	t->service = s;
	t->dir = dir;
	t->watch = (struct cluster_watch){
		.dir = dir, .now = s->cluster, .check = check, .arg = t};
	errno = pthread_create(&t->thread, NULL, run, t);
	if (errno) {
		free(t);
		return err_errno(e, RC_ERROR, "pthread_create", NULL, "front");
	}
	*out = t;
	return RC_OK;
}

bool takeup_join(struct takeup *t)
{
	bool ending;

	if (!t)
		return false;
	(void)pthread_join(t->thread, NULL);
	ending = atomic_load(&t->ending);
	free(t);
	return ending;
}
