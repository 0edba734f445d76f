#include "judge.h"
#include "base/num.h"
#include <string.h>

static const char *const verdict_names[] = {
	[JUDGE_DIRECT] = "direct",
	[JUDGE_BY_TVS] = "by-tvs",
	[JUDGE_LOCKED] = "locked",
	[JUDGE_BEYOND] = "beyond",
};

const char *judge_verdict_name(enum judge_verdict v)
{
	return verdict_names[v];
}

/* ---- certificates ---- */

static struct judge_cert cert_of(struct bytes der)
{
	struct judge_cert c;

	itl_sha1(der, c.sha1);
	return c;
}

static struct judge_cert cert_of_record(const struct itl_record *r)
{
	struct judge_cert c = {0};

	if (r->cert.n)
		return cert_of(r->cert);
	if (r->hash.n == sizeof c.sha1)
		memcpy(c.sha1, r->hash.p, sizeof c.sha1);
	return c;
}

struct judge_cert judge_cert_of(const X509 *x)
{
	uint8_t *der = NULL;
	int n = i2d_X509(x, &der);
	struct judge_cert c = {0};

	if (n > 0)
		c = cert_of(bytes_of(der, (size_t)n));
	OPENSSL_free(der);
	return c;
}

static bool is_known(const struct judge_cert *c)
{
	return memcmp(c, &(struct judge_cert){0}, sizeof *c) != 0;
}

static bool has(const struct judge_cert *in, size_t n, const struct judge_cert *c)
{
	for (size_t i = 0; i < n; i++)
		if (!memcmp(&in[i], c, sizeof *c))
			return is_known(c);
	return false;
}

static void add(struct judge_cert *to, size_t *n, size_t cap, struct judge_cert c)
{
	if (is_known(&c) && !has(to, *n, &c) && *n < cap)
		to[(*n)++] = c;
}

void judge_trust_add(struct judge_trust *t, const struct itl *l)
{
	for (size_t i = 0; i < l->nrecords; i++) {
		const struct itl_record *r = &l->records[i];

		if (r->has_role && r->role == ITL_SAST)
			add(t->sast, &t->nsast, COUNT_OF(t->sast),
			    cert_of_record(r));
		else if (r->has_role && r->role == ITL_TVS)
			add(t->tvs, &t->ntvs, COUNT_OF(t->tvs),
			    cert_of_record(r));
	}
}

struct judge_cert judge_signer(const struct itl *l)
{
	const struct itl_record *r = itl_find_signer(l, l);

	return r ? cert_of_record(r) : (struct judge_cert){0};
}

/* ---- what comes next ---- */

static size_t node_at(const struct cluster *c, const char *id)
{
	for (size_t i = 0; i < c->nnodes; i++)
		if (!strcmp(c->nodes[i].id, id))
			return i;
	return c->nnodes;
}

static size_t publisher_at(const struct cluster *c)
{
	return node_at(c, c->publisher);
}

void judge_next_of(const struct cluster *c, const struct keyd_key *keys, size_t n,
		   enum judge_tvs tvs, enum unit unit, const char *node,
		   struct judge_next *out)
{
	*out = (struct judge_next){.cluster = c,
				   .policy = (enum cluster_policy)c->policy,
				   .tvs = tvs};
	for (size_t i = 0; i < n; i++) {
		const struct label *l = &keys[i].label;
		size_t at = unit_is_of_node(l->unit) ? node_at(c, l->node) : 0;

		if (!keys[i].current || at == c->nnodes ||
		    (l->unit == unit && (!node || !strcmp(node, l->node))))
			continue;
		if (l->unit == UNIT_ITLRECOVERY)
			out->recovery = judge_cert_of(keys[i].cert);
		else if (l->unit == UNIT_CALLMANAGER)
			out->callmanager[at] = judge_cert_of(keys[i].cert);
		else if (l->unit == UNIT_TVS && c->nodes[at].tvs)
			out->tvs_of[at] = judge_cert_of(keys[i].cert);
	}
}

static struct judge_cert next_signer(const struct judge_next *next, size_t node)
{
	return next->policy == POLICY_ITLRECOVERY ? next->recovery
						  : next->callmanager[node];
}

static struct judge_cert reset_signer(const struct judge_next *next)
{
	return next->policy == POLICY_ITLRECOVERY
		       ? next->callmanager[publisher_at(next->cluster)]
		       : next->recovery;
}

/* What a phone goes by that took the node's next list. */
static struct judge_trust next_trust(const struct judge_next *next, size_t node)
{
	struct judge_trust t = {0};

	add(t.sast, &t.nsast, COUNT_OF(t.sast), next->callmanager[node]);
	add(t.sast, &t.nsast, COUNT_OF(t.sast), next->recovery);
	for (size_t i = 0; i < next->cluster->nnodes; i++)
		add(t.tvs, &t.ntvs, COUNT_OF(t.tvs), next->tvs_of[i]);
	return t;
}

/* ---- the phone ---- */

bool judge_vouched(const struct judge_trust *t, const struct judge_next *next)
{
	for (size_t i = 0; i < t->ntvs; i++)
		if (!has(next->tvs_of, next->cluster->nnodes, &t->tvs[i]))
			return false;
	return next->tvs == JUDGE_TVS_ANSWERS && t->ntvs > 0;
}

static bool takes(const struct judge_trust *t, struct judge_cert signer,
		  const struct judge_next *next)
{
	return has(t->sast, t->nsast, &signer) || judge_vouched(t, next);
}

static enum judge_verdict verdict(const struct judge_trust *t,
				  const struct judge_next *next, size_t node)
{
	struct judge_cert signer = next_signer(next, node);
	struct judge_cert reset = reset_signer(next);

	if (has(t->sast, t->nsast, &signer))
		return JUDGE_DIRECT;
	if (judge_vouched(t, next))
		return JUDGE_BY_TVS;
	return has(t->sast, t->nsast, &reset) ? JUDGE_LOCKED : JUDGE_BEYOND;
}

/* The node in that cluster whose lists these phones get. */
static size_t served_by(const char *id, const struct judge_next *next)
{
	size_t at = node_at(next->cluster, id);

	return at < next->cluster->nnodes && next->cluster->nodes[at].tftp
		       ? at
		       : publisher_at(next->cluster);
}

enum judge_verdict judge_phone(const struct judge_held *h,
			       const struct judge_next *next)
{
	return verdict(&h->trust, next, served_by(h->node, next));
}

static bool is_callmanager(const struct itl *l, const struct judge_cert *c)
{
	for (size_t i = 0; i < l->nrecords; i++) {
		struct judge_cert of = cert_of_record(&l->records[i]);

		if (l->records[i].has_role && l->records[i].role == ITL_TFTP &&
		    has(&of, 1, c))
			return true;
	}
	return false;
}

bool judge_kept(const struct judge_trust *before, const struct itl *standing)
{
	struct judge_cert signer = judge_signer(standing);

	return before->nsast && is_callmanager(standing, &signer) &&
	       !has(before->sast, before->nsast, &signer);
}

static bool graver(const struct judge_finding *f, enum judge_verdict v,
		   const struct judge_held *h)
{
	return v > f->verdict || (v == f->verdict && f->held && h->now && !f->held->now);
}

/* Whose next list cannot come, because present phones would not accept it. */
struct waiting {
	bool node[CLUSTER_MAX_NODES];
};

static struct waiting who_waits(const struct judge_held *held, size_t n,
				const struct judge_next *next)
{
	struct waiting w = {0};

	for (size_t i = 0; i < n; i++)
		if (held[i].now && judge_phone(&held[i], next) >= JUDGE_LOCKED)
			w.node[served_by(held[i].node, next)] = true;
	return w;
}

/* Of phones that were off: is there no way back to trust? */
static bool is_lost(const struct judge_held *h, const struct waiting *w,
		    const struct judge_next *next)
{
	return judge_phone(h, next) == JUDGE_BEYOND ||
	       (w->node[served_by(h->node, next)] &&
		!takes(&h->trust, reset_signer(next), next));
}

/* worse: present phones count only if they come off worse than before. */
static struct judge_finding gravest(const struct judge_held *held, size_t n,
				    const struct judge_next *before,
				    const struct judge_next *after, bool worse)
{
	struct waiting was = who_waits(held, n, before);
	struct waiting will = who_waits(held, n, after);
	struct judge_finding f = {.verdict = JUDGE_DIRECT};

	for (size_t i = 0; i < n; i++) {
		const struct judge_held *h = &held[i];
		enum judge_verdict v = JUDGE_DIRECT;

		if (h->now)
			v = !worse || judge_phone(h, after) > judge_phone(h, before)
				    ? judge_phone(h, after)
				    : JUDGE_DIRECT;
		else if (is_lost(h, &will, after) && !is_lost(h, &was, before))
			v = JUDGE_BEYOND;
		if (v >= JUDGE_LOCKED && graver(&f, v, h))
			f = (struct judge_finding){v, h};
	}
	return f;
}

/* What is next once TVS is back. */
static struct judge_next answering(const struct judge_next *next)
{
	struct judge_next back = *next;

	if (back.tvs == JUDGE_TVS_AWAY)
		back.tvs = JUDGE_TVS_ANSWERS;
	return back;
}

struct judge_finding judge_change(const struct judge_held *held, size_t n,
				  const struct judge_next *before,
				  const struct judge_next *after)
{
	const struct judge_next b = answering(before), a = answering(after);
	struct judge_finding now = gravest(held, n, before, after, true);
	struct judge_finding back = gravest(held, n, &b, &a, true);

	return back.held && graver(&now, back.verdict, back.held) ? back : now;
}

struct judge_finding judge_publish(const struct judge_held *held, size_t n,
				   const struct judge_next *next)
{
	return gravest(held, n, next, next, false);
}

/* True if phones that take the node's own list first come off better. */
static bool restart_helps(const struct judge_finding *f,
			  const struct judge_next *before,
			  const struct judge_next *after)
{
	struct judge_held h = *f->held;

	if (judge_phone(&h, before) >= JUDGE_LOCKED)
		return false;
	h.trust = next_trust(before, served_by(h.node, before));
	return judge_phone(&h, after) < f->verdict;
}

static bool reset_helps(const struct judge_finding *f,
			const struct judge_next *before,
			const struct judge_next *after)
{
	struct judge_held h = *f->held;

	if (judge_phone(&h, before) != JUDGE_LOCKED)
		return false;
	h.trust = next_trust(before, publisher_at(before->cluster));
	return judge_phone(&h, after) < f->verdict;
}

static bool policy_helps(const struct judge_finding *f,
			 const struct judge_next *before,
			 const struct judge_next *after)
{
	struct judge_next was = *before, will = *after;

	was.policy = before->policy == POLICY_CALLMANAGER ? POLICY_ITLRECOVERY
							  : POLICY_CALLMANAGER;
	will.policy = was.policy;
	return judge_phone(f->held, &was) < JUDGE_LOCKED &&
	       (judge_phone(f->held, &will) < f->verdict ||
		restart_helps(f, &was, &will));
}

/* Once it answers the change is not as bad, or there is a way that makes it so. */
static bool tvs_helps(const struct judge_finding *f, const struct judge_next *before,
		      const struct judge_next *after)
{
	const struct judge_next b = answering(before), a = answering(after);

	return before->tvs == JUDGE_TVS_AWAY &&
	       (judge_phone(f->held, &a) < f->verdict ||
		(f->held->now && restart_helps(f, &b, &a)));
}

enum judge_remedy judge_remedy(const struct judge_finding *f,
			       const struct judge_next *before,
			       const struct judge_next *after)
{
	if (!f->held)
		return JUDGE_NONE;
	if (f->held->now && restart_helps(f, before, after))
		return JUDGE_RESTART_FIRST;
	if (tvs_helps(f, before, after))
		return JUDGE_TVS_FIRST;
	if (!f->held->now)
		return JUDGE_NONE;
	if (f->verdict < JUDGE_BEYOND)
		return JUDGE_NONE; /* the reset comes afterwards */
	if (reset_helps(f, before, after))
		return JUDGE_RESET_FIRST;
	return policy_helps(f, before, after) ? JUDGE_POLICY_FIRST : JUDGE_NONE;
}

/* ---- resets ---- */

bool judge_reset_fresh(enum keyd_how how, const struct judge_trust *served,
		       const struct judge_next *next)
{
	struct judge_cert signer = reset_signer(next);

	/* An imported key is in the next list already, and signs in any case. */
	return how == KEYD_REMOTEKEY || has(served->sast, served->nsast, &signer);
}

/* What the reset makes of one phone. One that waits for TVS to come back loses its next
 * list, too, where it does not take this one now. */
static enum judge_verdict reset_does(const struct judge_held *h,
				     const struct judge_trust *brought,
				     struct judge_cert signer,
				     const struct judge_next *next)
{
	const struct judge_next back = answering(next);
	const size_t node = served_by(h->node, next);
	enum judge_verdict before = judge_phone(h, &back);

	if (before == JUDGE_BEYOND)
		return JUDGE_DIRECT; /* worse it cannot become */
	if (!takes(&h->trust, signer, next))
		return before < JUDGE_LOCKED ? JUDGE_LOCKED : JUDGE_DIRECT;
	/* Locked out of its node's own list alone, it waits with this one. */
	if (verdict(brought, &back, node) == JUDGE_BEYOND ||
	    (verdict(brought, next, node) == JUDGE_BEYOND &&
	     judge_phone(h, next) < JUDGE_BEYOND))
		return JUDGE_BEYOND;
	return JUDGE_DIRECT;
}

struct judge_finding judge_reset(const struct judge_held *held, size_t n, bool now,
				 const struct itl *source, struct judge_cert signer,
				 const struct judge_next *next)
{
	struct judge_finding f = {.verdict = JUDGE_DIRECT};
	struct judge_trust brought = {0};

	judge_trust_add(&brought, source);
	for (size_t i = 0; i < n; i++) {
		enum judge_verdict v;

		if (held[i].now != now)
			continue;
		v = reset_does(&held[i], &brought, signer, next);
		if (v >= JUDGE_LOCKED && graver(&f, v, &held[i]))
			f = (struct judge_finding){v, &held[i]};
	}
	return f;
}
