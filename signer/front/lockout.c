#include "lockout.h"
#include "base/num.h"
#include "tvs_answers.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What is known when something is judged. */
struct view {
	struct keyd_key *keys;
	struct judge_held *held;
	size_t nkeys, nheld;
	struct judge_next now;
};

static void view_clear_at(struct view *v)
{
	keyd_keys_free(v->keys, v->nkeys);
	free(v->held);
}

/* ---- what phones may hold ---- */

/* A list of ours; *out stays NULL if it is another's, or none. CLEANUP both. */
static enum rc open_known(struct service *s, const char *sha1, struct list *bytes,
			  struct itl **out, struct err *e)
{
	struct err ignored;

	if (!sha1[0] || store_list(s->store, sha1, bytes, e) != RC_OK)
		return !sha1[0] || e->rc == RC_NOTFOUND ? RC_OK : e->rc;
	if (bytes->kind != LIST_OTHER &&
	    itl_parse(bytes_of(bytes->bytes, bytes->n), 0, out, &ignored) != RC_OK)
		*out = NULL;
	return RC_OK;
}

static enum rc add_trust(struct service *s, const char *sha1, struct judge_trust *t,
			 struct err *e)
{
	struct list CLEANUP(list_clear) bytes = {0};
	struct itl CLEANUP(itl_free) *l = NULL;

	if (open_known(s, sha1, &bytes, &l, e) != RC_OK)
		return e->rc;
	if (l)
		judge_trust_add(t, l);
	return RC_OK;
}

/* The phones' ITL, and their CTL ("": none). */
static enum rc hold(struct service *s, struct view *v, const struct past_list *p,
		    bool now, const char *ctl, struct err *e)
{
	struct judge_held h = {.now = now, .last = p->last}, *more;

	(void)snprintf(h.node, sizeof h.node, "%s", p->node);
	(void)snprintf(h.sha1, sizeof h.sha1, "%s", p->sha1);
	if (add_trust(s, p->sha1, &h.trust, e) != RC_OK)
		return e->rc;
	if (!h.trust.nsast)
		return RC_OK; /* no list of ours: nothing that we could lose */
	if (add_trust(s, ctl, &h.trust, e) != RC_OK)
		return e->rc;
	more = reallocarray(v->held, v->nheld + 1, sizeof *more);
	if (!more)
		return err_errno(e, RC_ERROR, "realloc", NULL, "lists");
	v->held = more;
	v->held[v->nheld++] = h;
	return RC_OK;
}

/* As judge_kept() says. */
static enum rc kept_before(struct service *s, const struct served *f, bool *kept,
			   struct err *e)
{
	struct list CLEANUP(list_clear) standing = {0};
	struct itl CLEANUP(itl_free) *l = NULL;
	struct judge_trust before = {0};

	*kept = false;
	if (open_known(s, f->want, &standing, &l, e) != RC_OK ||
	    add_trust(s, f->before, &before, e) != RC_OK)
		return e->rc;
	*kept = l && standing.kind == LIST_RESET && judge_kept(&before, l);
	return RC_OK;
}

/* What phones of the node that are on hold, or get next without being asked. */
static enum rc hold_present(struct service *s, struct view *v, const char *node,
			    struct err *e)
{
	struct past_list p = {.last = (int64_t)time(NULL)};
	struct target t;
	bool kept;

	if (store_target(s->store, node, &t, e) != RC_OK ||
	    kept_before(s, &t.itl, &kept, e) != RC_OK)
		return e->rc;
	/* TVS may have vouched for it all the same. */
	const char *lists[] = {kept && v->now.tvs == JUDGE_TVS_NONE ? "" : t.itl.want,
			       strcmp(t.itl.have, t.itl.want) != 0 ? t.itl.have : "",
			       kept ? t.itl.before : ""};

	(void)snprintf(p.node, sizeof p.node, "%s", node);
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		(void)snprintf(p.sha1, sizeof p.sha1, "%s", lists[i]);
		if (hold(s, v, &p, true, t.ctl.have, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

static enum rc hold_past(struct service *s, struct view *v, struct err *e)
{
	struct past_list CLEANUP_FREE *past = NULL;
	size_t n = 0;

	if (store_past_lists(s->store, FILE_ITL, &past, &n, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < n; i++)
		if (hold(s, v, &past[i], false, "", e) != RC_OK)
			return e->rc;
	return RC_OK;
}

/* node: its present phones alone; NULL: all, and those that were off. */
static enum rc look(struct call *c, const char *node, struct view *v, struct err *e)
{
	struct service *s = c->service;

	if (service_keys(s, &v->keys, &v->nkeys, e) != RC_OK)
		return e->rc;
	judge_next_of(s->cluster, v->keys, v->nkeys, tvs_answers_now(c), UNIT_COUNT, NULL,
		      &v->now);
	if (node)
		return hold_present(s, v, node, e);
	for (size_t i = 0; i < s->cluster->nnodes; i++)
		if (s->cluster->nodes[i].tftp &&
		    hold_present(s, v, s->cluster->nodes[i].id, e) != RC_OK)
			return e->rc;
	return hold_past(s, v, e);
}

/* ---- words ---- */

static const char *host_of(const struct cluster *c, const char *id)
{
	for (size_t i = 0; i < c->nnodes; i++)
		if (!strcmp(c->nodes[i].id, id))
			return c->nodes[i].host;
	return id;
}

static void day_of(int64_t when, char to[16])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(to, 16, "%Y-%m-%d", &tm))
		to[0] = '\0';
}

#define SAFE_ORDER                                                             \
	"the safe order: this with --force, `utils itl reset localkey`, then the phones; a subscriber's own list waits for TVS"

static const char *const remedies[] = {
	[JUDGE_NONE] = "--force does it, if no phone holds that list any more",
	[JUDGE_RESTART_FIRST] =
		"first `utils service restart Cisco Tftp` there, whose list these phones accept, and let them fetch it",
	[JUDGE_TVS_FIRST] =
		"first let each TVS answer: `systemctl restart itlkeeper-tvs`; `show cluster` says which one does not; if it cannot, --force, then `utils itl reset localkey`",
	[JUDGE_RESET_FIRST] =
		"first `utils itl reset localkey`, and let the phones fetch its list",
	[JUDGE_POLICY_FIRST] =
		"first set the other policy in cluster.conf, and `utils service restart Cisco Tftp` on each node: then let phones fetch, do this, restart again, and set the policy back",
};

/* Why phones that must ask are not answered: the TVS that is missing, or their list. */
static const char *no_answer(struct service *s, char to[TVS_ANSWERS_TEXT])
{
	tvs_answers_missing(s, to);
	if (!to[0])
		(void)snprintf(to, TVS_ANSWERS_TEXT,
			       "it names no TVS that is sure to vouch for it");
	return to;
}

static void say_locked(struct call *c, const struct judge_finding *f,
		       const struct judge_next *after, char *why, size_t cap)
{
	const char *beyond = f->verdict == JUDGE_BEYOND
				     ? "; nor would `utils itl reset localkey` help"
				     : "";
	char no[TVS_ANSWERS_TEXT];

	(void)snprintf(why, cap,
		       "its phones would be locked: their list does not hold the %s that would sign their next one, and %.*s%s",
		       after->policy == POLICY_ITLRECOVERY ? "ITLRecovery" : "CallManager",
		       *beyond ? 90 : 130, no_answer(c->service, no), beyond);
}

static enum rc refuse(struct call *c, const struct judge_finding *f,
		      const struct judge_next *before, const struct judge_next *after,
		      struct err *e)
{
	enum judge_remedy r = judge_remedy(f, before, after);
	const char *hint = r == JUDGE_NONE && f->verdict == JUDGE_LOCKED
				   ? SAFE_ORDER
				   : remedies[r];
	char why[sizeof e->why], day[16];

	day_of(f->held->last, day);
	if (!f->held->now)
		(void)snprintf(why, sizeof why,
			       "phones that were off since %s may hold its list %.8s, and then not even `utils itl reset localkey` would help them",
			       day, f->held->sha1);
	else
		say_locked(c, f, after, why, sizeof why);
	return err_set(e, RC_REFUSED, c->name, why, hint, "%s",
		       host_of(before->cluster, f->held->node));
}

static void put_finding(const struct judge_finding *f, char to[LOCKOUT_FINDING_MAX])
{
	(void)snprintf(to, LOCKOUT_FINDING_MAX, "phones=%s node=%s list=%s verdict=%s",
		       f->held->now ? "present" : "off", f->held->node,
		       f->held->sha1, judge_verdict_name(f->verdict));
}

/* What --force overrides is in the audit log before it is done. */
static enum rc note_forced(struct call *c, const struct judge_finding *f,
			   struct err *e)
{
	struct keyd CLEANUP(keyd_free) *k = NULL;
	char text[240], finding[LOCKOUT_FINDING_MAX];

	put_finding(f, finding);
	(void)snprintf(text, sizeof text, "op=%s uid=%u %s", c->name, c->peer.uid,
		       finding);
	if (keyd_open(c->service->keyd, &k, e) != RC_OK)
		return e->rc;
	return keyd_note(k, "forced", text, e);
}

/* ---- changes ---- */

enum rc lockout_generate(struct call *c, enum unit unit, const char *node,
			 struct err *e)
{
	struct service *s = c->service;
	struct view v CLEANUP(view_clear) = {0};
	struct judge_next after;
	struct judge_finding f;

	if (unit == UNIT_AUDIT)
		return RC_OK; /* it is in no list */
	if (look(c, NULL, &v, e) != RC_OK)
		return e->rc;
	judge_next_of(s->cluster, v.keys, v.nkeys, v.now.tvs, unit, node, &after);
	f = judge_change(v.held, v.nheld, &v.now, &after);
	return f.held ? refuse(c, &f, &v.now, &after, e) : RC_OK;
}

enum rc lockout_conf(struct call *c, const struct cluster *next, struct err *locks,
		     char finding[LOCKOUT_FINDING_MAX], struct err *e)
{
	struct view v CLEANUP(view_clear) = {0};
	struct judge_next after;
	struct judge_finding f;

	*locks = (struct err){0};
	finding[0] = '\0';
	if (look(c, NULL, &v, e) != RC_OK)
		return e->rc;
	judge_next_of(next, v.keys, v.nkeys, v.now.tvs, UNIT_COUNT, NULL, &after);
	f = judge_change(v.held, v.nheld, &v.now, &after);
	if (!f.held)
		return RC_OK;
	put_finding(&f, finding);
	(void)refuse(c, &f, &v.now, &after, locks);
	return RC_OK;
}

/* What an operator does about a list that phones would not take. */
static const char *before_restart(struct call *c, const struct judge_finding *f,
				  const struct judge_next *now)
{
	if (judge_remedy(f, now, now) == JUDGE_TVS_FIRST)
		return remedies[JUDGE_TVS_FIRST];
	if (f->verdict == JUDGE_BEYOND)
		return remedies[JUDGE_NONE];
	if (c->node != cluster_publisher(c->service->cluster))
		return "leave the reset list in place until each TVS answers (`systemctl restart itlkeeper-tvs`, `show cluster`); or --force, and reset afterwards";
	return "`utils itl reset localkey` first, then the phones; or --force, if no phone holds that list";
}

enum rc lockout_restart(struct call *c, struct err *locks,
			char finding[LOCKOUT_FINDING_MAX], struct err *e)
{
	struct view v CLEANUP(view_clear) = {0};
	struct judge_finding f;
	char why[sizeof locks->why], no[TVS_ANSWERS_TEXT];

	*locks = (struct err){0};
	finding[0] = '\0';
	if (look(c, c->node->id, &v, e) != RC_OK)
		return e->rc;
	f = judge_publish(v.held, v.nheld, &v.now);
	if (!f.held)
		return RC_OK;
	put_finding(&f, finding);
	(void)snprintf(why, sizeof why,
		       "its phones' list does not name who signs its own list now, so they would ask, and %.130s: they would be locked",
		       no_answer(c->service, no));
	err_set(locks, RC_REFUSED, c->name, why, before_restart(c, &f, &v.now), "%s",
		c->node->host);
	return RC_OK;
}

/* ---- resets ---- */

enum rc lockout_reset_source(struct call *c, enum keyd_how how,
			     const struct itl *served, bool *fresh, struct err *e)
{
	struct view v CLEANUP(view_clear) = {0};
	struct judge_trust t = {0};

	judge_trust_add(&t, served);
	if (service_keys(c->service, &v.keys, &v.nkeys, e) != RC_OK)
		return e->rc;
	judge_next_of(c->service->cluster, v.keys, v.nkeys, tvs_answers_now(c), UNIT_COUNT, NULL,
		      &v.now);
	*fresh = judge_reset_fresh(how, &t, &v.now);
	return RC_OK;
}

enum rc lockout_reset(struct call *c, const struct itl *source, const X509 *signer,
		      bool force, struct err *e)
{
	struct view v CLEANUP(view_clear) = {0};
	struct judge_finding f;

	if (look(c, NULL, &v, e) != RC_OK)
		return e->rc;
	f = judge_reset(v.held, v.nheld, true, source, judge_cert_of(signer), &v.now);
	if (!f.held ||
	    (f.verdict == JUDGE_LOCKED && v.now.policy == POLICY_ITLRECOVERY))
		return RC_OK;
	if (force)
		return note_forced(c, &f, e);
	return err_set(e, RC_REFUSED, c->name,
		       f.verdict == JUDGE_LOCKED
			       ? "its phones accept its own next list, but not this reset's: they hold another ITLRecovery certificate"
			       : "its phones would take this list, and then neither their own next list nor the next reset's: a newer ITLRecovery is not published yet",
		       "first `utils service restart Cisco Tftp` on each node, and let phones fetch; then reset if it is still needed (--force: now)",
		       "%s", host_of(c->service->cluster, f.held->node));
}

enum rc lockout_reset_warning(struct call *c, const struct itl *source,
			      const X509 *signer, char to[256], struct err *e)
{
	struct view v CLEANUP(view_clear) = {0};
	struct judge_finding f;
	char day[16];

	to[0] = '\0';
	if (look(c, NULL, &v, e) != RC_OK)
		return e->rc;
	f = judge_reset(v.held, v.nheld, false, source, judge_cert_of(signer), &v.now);
	if (!f.held)
		return RC_OK;
	day_of(f.held->last, day);
	(void)snprintf(to, 256,
		       "phones that were off since %s may hold the list %.8s of %s, which does not name who signs this reset: it does not help them",
		       day, f.held->sha1, host_of(c->service->cluster, f.held->node));
	return RC_OK;
}
