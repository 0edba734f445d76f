#include "source.h"
#include "base/log.h"
#include "base/proc.h"
#include "lists.h"
#include "lockout.h"
#include "node.h"
#include <string.h>
#include <time.h>

#define PLAN_KEPT 900 /* seconds that the same source keeps its timestamp */

void source_clear_at(struct source *s)
{
	itl_free(s->itl);
	list_clear(&s->list);
}

/* What the publisher serves now must be what state holds. */
static enum rc check_served(struct call *c, const char *have, struct err *e)
{
	uint8_t CLEANUP_FREE *served = NULL;
	char sha1[SHA1_HEX] = "no list", why[256];
	struct err failed;
	size_t n = 0;

	if (node_fetch(c->service, c->node, ITL_FILE, &served, &n, e) == RC_OK)
		itl_sha1_hex(bytes_of(served, n), sha1);
	else if (e->rc != RC_NOTFOUND)
		return e->rc;
	if (!strcmp(sha1, have))
		return RC_OK;
	(void)snprintf(why, sizeof why,
		       "the publisher serves another list than state holds: %s, not %s",
		       sha1, have[0] ? have : "any");
	err_set(e, RC_REFUSED, c->name, why,
		"find out who changed it; `utils service restart Cisco Tftp` puts the one of state back",
		"%s", c->node->host);
	/* `show status` must not say that all is well meanwhile. */
	if (store_attempt(c->service->store, c->node->id, 0, e, 0, &failed) !=
	    RC_OK)
		log_error("state", &failed);
	return e->rc;
}

static uint32_t plan_timestamp(struct service *s, const char *sha1)
{
	uint32_t t;

	pthread_mutex_lock(&s->lock);
	if (strcmp(s->plan.sha1, sha1) != 0 ||
	    proc_now() - s->plan.made > PLAN_KEPT) {
		strcpy(s->plan.sha1, sha1);
		s->plan.timestamp = (uint32_t)time(NULL);
		s->plan.made = proc_now();
	}
	t = s->plan.timestamp;
	pthread_mutex_unlock(&s->lock);
	return t;
}

static enum rc open_served(struct call *c, struct source *out, struct err *e)
{
	struct source s CLEANUP(source_clear) = {0};
	struct store *store = c->service->store;
	struct target t;

	if (store_target(store, c->node->id, &t, e) != RC_OK ||
	    check_served(c, t.itl.have, e) != RC_OK)
		return e->rc;
	if (!t.itl.have[0] || store_list(store, t.itl.have, &s.list, e) != RC_OK)
		return err_set(e, RC_REFUSED, c->name, "it serves no list yet",
			       "`utils service restart Cisco Tftp` builds its list",
			       "%s", c->node->host);
	if (s.list.kind == LIST_OTHER)
		return err_set(e, RC_REFUSED, c->name,
			       "the list that it serves is not this cluster's",
			       "if the token was lost: itlctl cluster init --restore VAULT, or reset remotekey; else `utils service restart Cisco Tftp` builds its own list",
			       "%s: %s", c->node->host, t.itl.have);
	if (itl_parse(bytes_of(s.list.bytes, s.list.n), 0, &s.itl, e) != RC_OK)
		return e->rc;
	*out = s;
	s = (struct source){0};
	return RC_OK;
}

static bool same_records(const struct itl *a, const struct itl *b)
{
	return bytes_equal(bytes_of(a->file.p + a->header_length,
				    a->file.n - a->header_length),
			   bytes_of(b->file.p + b->header_length,
				    b->file.n - b->header_length));
}

/* The publisher's next list. The same time gives the same bytes (PKCS #1 v1.5 signs
 * without chance), so that plan, preview and reset mean the same list. */
static enum rc prefer_next(struct call *c, enum keyd_how how, struct source *s,
			   struct err *e)
{
	struct service *sv = c->service;
	struct keyd CLEANUP(keyd_free) *k = NULL;
	struct itl CLEANUP(itl_free) *l = NULL;
	uint8_t CLEANUP_FREE *bytes = NULL;
	uint8_t *taken;
	struct source next CLEANUP(source_clear) = {.timestamp = s->timestamp};
	bool fresh = false;
	size_t n = 0;

	if (keyd_open(sv->keyd, &k, e) != RC_OK)
		return e->rc;
	if (keyd_sign_itl(k, c->node->id, s->timestamp, &bytes, &n, e) != RC_OK)
		/* Until a key comes back there is no next list. */
		return e->rc == RC_NOTFOUND ? RC_OK : e->rc;
	if (itl_parse(bytes_of(bytes, n), 0, &l, e) != RC_OK)
		return e->rc;
	if (same_records(l, s->itl))
		return RC_OK;
	if (lockout_reset_source(c, how, s->itl, &fresh, e) != RC_OK)
		return e->rc;
	if (!fresh)
		return RC_OK;
	taken = bytes;
	bytes = NULL;
	if (list_signed(sv, c->node, LIST_ITL, list_signer(sv->cluster, LIST_ITL),
			taken, n, &next.list, e) != RC_OK ||
	    itl_parse(bytes_of(next.list.bytes, next.list.n), 0, &next.itl, e) !=
		    RC_OK)
		return e->rc;
	source_clear_at(s);
	*s = next;
	next = (struct source){0};
	return RC_OK;
}

enum rc source_open(struct call *c, enum keyd_how how, const struct source_plan *plan,
		    struct source *out, struct err *e)
{
	struct source s CLEANUP(source_clear) = {0};

	if (open_served(c, &s, e) != RC_OK)
		return e->rc;
	s.timestamp = plan ? plan->timestamp : plan_timestamp(c->service, s.list.sha1);
	if (prefer_next(c, how, &s, e) != RC_OK)
		return e->rc;
	if (plan && strcasecmp(plan->sha1, s.list.sha1) != 0)
		return err_set(e, RC_REFUSED, c->name,
			       "the publisher's list has changed since the plan",
			       "plan the reset again", "%.40s, now %s", plan->sha1,
			       s.list.sha1);
	*out = s;
	s = (struct source){0};
	return RC_OK;
}

