#include "vaults.h"
#include "base/errjson.h"
#include "base/log.h"
#include "vault_look.h"
#include "watch.h"
#include <errno.h>
#include <string.h>

struct checks {
	pthread_t thread;
	bool runs;
	pthread_mutex_t one;     /* check at a time; guards what follows */
	double mono[VAULTS_MAX]; /* when each was checked; less than 0: not yet */
};

/* ---- one vault ---- */

static enum rc visit(struct service *s, const struct vault_entry *entry,
		     const char *vault, const struct backup_state *st,
		     struct vault_finding *f, struct err *e)
{
	const struct vault_access access = {.agent = entry->agent,
					    .identity = entry->identity,
					    .known_hosts = entry->known_hosts,
					    .seconds = entry->seconds,
					    .stop_fd = s->stop_fd};
	struct vault CLEANUP(vault_free) *v = NULL;

	if (vault_open(&entry->target, &access, &v, e) != RC_OK)
		return e->rc;
	return vault_look(v, vault, st, f, e);
}

/* A backup that was recorded during the check is checked instead: its object may
 * have been there, as one that nobody had proved yet. */
static enum rc is_newest(struct service *s, const char *vault,
			 const struct backup *b, bool *is, struct err *e)
{
	struct backup CLEANUP_FREE *now = NULL;
	const struct backup *newest;
	size_t n = 0;

	if (store_backups(s->store, &now, &n, e) != RC_OK)
		return e->rc;
	newest = backup_newest(now, n, vault);
	*is = b && newest ? b->id == newest->id : b == newest;
	return RC_OK;
}

/* *again: it says nothing, for there is a newer backup. */
static enum rc check_vault(struct service *s, const struct vault_entry *entry,
			   struct vault_seen *seen, bool *again, struct err *e)
{
	struct backup_state CLEANUP(backup_state_clear) st = {0};
	struct vault_finding CLEANUP(vault_finding_clear) f = {0};
	char vault[VAULT_TEXT_MAX];
	const struct backup *b;
	bool newest = false;

	vault_target_text(&entry->target, vault);
	if (backup_state_get(s, &st, e) != RC_OK)
		return e->rc;
	b = backup_newest(st.backups, st.nbackups, vault);
	if (visit(s, entry, vault, &st, &f, &f.seen.error) != RC_OK)
		(void)err_within(&f.seen.error, entry->name);
	else
		f.seen.error.rc = RC_OK;
	if (service_stopping(s)) /* then a failure says nothing of the vault */
		return err_set(e, RC_STALE, "vault check",
			       "front is being stopped",
			       "it goes on with the next start", "%s",
			       entry->name);
	if (is_newest(s, vault, b, &newest, e) != RC_OK)
		return e->rc;
	*again = !newest;
	if (*again)
		return RC_OK;
	f.seen.checked = clock_now(&s->clock).wall;
	if (f.seen.error.rc)
		log_error("vault", &f.seen.error);
	else
		log_info("event=vault name=%s newest=%s well=yes", entry->name,
			 f.seen.name);
	*seen = f.seen;
	return store_vault_checked(s->store, vault, &f.seen, f.backups, f.n, e);
}

/* ---- all of them ---- */

static bool is_due(struct service *s, size_t i)
{
	const struct moment now = clock_now(&s->clock);
	struct moment last = {.mono = s->checks->mono[i]};
	char vault[VAULT_TEXT_MAX];
	struct vault_seen seen;
	struct err e;

	vault_target_text(&s->vaults->entries[i].target, vault);
	if (store_vault(s->store, vault, &seen, &e) != RC_OK) {
		log_error("state", &e);
		return false;
	}
	last.wall = seen.checked;
	return moment_is_due(seen.error.rc ? CLOCK_HOUR : CLOCK_DAY, &last, &now);
}

/* out: an array for the door, or NULL: only those that are due. */
static enum rc check_all(struct service *s, json_t *out, struct err *e)
{
	struct checks *c = s->checks;
	bool checked = false;
	enum rc rc = RC_OK;

	pthread_mutex_lock(&c->one);
	for (size_t i = 0; i < s->vaults->n && rc == RC_OK; i++) {
		const struct vault_entry *entry = &s->vaults->entries[i];
		struct vault_seen seen;
		bool again = true;

		if (!out && !is_due(s, i))
			continue;
		while (again && rc == RC_OK)
			rc = check_vault(s, entry, &seen, &again, e);
		c->mono[i] = clock_now(&s->clock).mono;
		checked = true;
		if (rc == RC_OK && out)
			(void)json_array_append_new(
				out,
				json_pack("{s:s, s:s?, s:b, s:o}", "vault",
					  entry->name, "name",
					  seen.name[0] ? seen.name : NULL,
					  "ok", seen.error.rc == RC_OK, "error", err_json(&seen.error)));
	}
	pthread_mutex_unlock(&c->one);
	if (checked && rc == RC_OK)
		watch_poke(s);
	return rc;
}

enum rc op_vault_check(struct call *c, json_t **result, struct err *e)
{
	json_t *vaults;

	if (call_members(c, e, "{}") != RC_OK)
		return e->rc;
	vaults = json_array();
	if (check_all(c->service, vaults, e) != RC_OK) {
		json_decref(vaults);
		return e->rc;
	}
	*result = json_pack("{s:o}", "vaults", vaults);
	return RC_OK;
}

/* ---- the thread ---- */

static void check_due(struct service *s)
{
	struct err e;

	if (check_all(s, NULL, &e) != RC_OK && !service_stopping(s))
		log_error("vault", &e);
}

static void *run(void *arg)
{
	service_each_minute(arg, check_due);
	return NULL;
}

enum rc vaults_start(struct service *s, struct err *e)
{
	struct checks *c = calloc(1, sizeof *c);

	if (!c)
		return err_errno(e, RC_ERROR, "calloc", NULL, "vaults");
	(void)pthread_mutex_init(&c->one, NULL);
	for (size_t i = 0; i < VAULTS_MAX; i++)
		c->mono[i] = -1;
	s->checks = c;
	if (s->vaults->n == 0)
		return RC_OK;
	errno = pthread_create(&c->thread, NULL, run, s);
	if (errno)
		return err_errno(e, RC_ERROR, "pthread_create", NULL, "vaults");
	c->runs = true;
	return RC_OK;
}

void vaults_join(struct service *s)
{
	struct checks *c = s->checks;

	if (!c)
		return;
	if (c->runs)
		(void)pthread_join(c->thread, NULL);
	pthread_mutex_destroy(&c->one);
	free(c);
	s->checks = NULL;
}
