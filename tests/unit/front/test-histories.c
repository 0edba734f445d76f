/*
 * The proof of the judge (judge.h): random histories of a cluster, with real lists, the
 * judge's decisions as front takes them, and phones that judge for themselves
 * (support/phone.h).
 *
 * A careful operator uses --force only where the refusal says that `reset localkey`
 * heals, leaves out a reset that warns, and follows the safe order. Then
 *   1. a phone that fetches between any two changes accepts whatever its node serves;
 *   2. every other one accepts its node's list, or the next `reset localkey`;
 *   3. so none is beyond that.
 * A reckless one forces at random. Then the judge's verdict on each phone is still
 * what the phone itself says: direct, by TVS, locked until a reset, or beyond it.
 *
 * In some histories TVS answers always, in some never, and in some it comes and goes;
 * at the end it is there for the operator who has it, for it can be started again.
 *
 * ITLKEEPER_SEED and the history's number, which a failure prints, repeat it.
 */
#include "judge.h"
#include "world.h"
#include <string.h>

#define PHONES 6
#define PAST 128
#define STEPS 16

struct served {
	struct bytes file;
	struct itl *itl;
	char sha1[SHA1_HEX];
	bool reset;
	bool kept; /* judge_kept() */
	size_t made; /* after so many changes */
};

struct client {
	struct phone phone;
	size_t home;    /* a node's number */
	size_t old;     /* its home before that was removed; WORLD_NODES: none, or it has
			 * taken a list since */
	unsigned group; /* the TVSs of its configuration */
	bool steady;    /* fetches between any two changes */
};

struct history {
	struct world w;
	uint64_t random;
	bool careful;
	bool flaps; /* TVS comes and goes */
	struct served now[WORLD_NODES];
	struct judge_trust before[WORLD_NODES]; /* of the list before the last reset */
	struct judge_held past[PAST];
	size_t npast;
	struct client phones[PHONES];
	size_t changes; /* of keys and configuration, until now */
	bool forced_away; /* a change was forced while TVS was away */
	uint64_t seed;
	char diary[4096]; /* what was done; a failure prints it */
};

static size_t totals[4][4]; /* what was judged (verdict), and what phones said then */
static size_t forced, refused, resets, healed, asked;

static void __attribute__((format(printf, 2, 3)))
note(struct history *h, const char *fmt, ...)
{
	size_t used = strlen(h->diary);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(h->diary + used, sizeof h->diary - used, fmt, ap);
	va_end(ap);
}

static const char *const tvs_names[] = {
	[JUDGE_TVS_NONE] = "none", [JUDGE_TVS_AWAY] = "away", [JUDGE_TVS_ANSWERS] = "on"};

/* A property, or the whole history. */
static void must(const struct history *h, bool is, const char *what)
{
	if (is)
		return;
	print_error("%s\n%s operator, TVS %s, seed %llu:%s\n", what,
		    h->careful ? "careful" : "reckless", tvs_names[h->w.tvs],
		    (unsigned long long)h->seed, h->diary);
	fail();
}

static size_t below(struct history *h, size_t n)
{
	return (size_t)(support_random(&h->random) % n);
}

static size_t publisher(const struct history *h)
{
	return world_number(h->w.cluster.publisher);
}

/* ---- what front knows ---- */

struct view {
	struct judge_held held[PAST + 2 * WORLD_NODES];
	size_t n;
	struct judge_next next;
};

static void next_of(const struct history *h, const struct cluster *c, enum unit unit,
		    const char *node, struct judge_next *out)
{
	size_t n;
	struct keyd_key *keys = world_keys(&h->w, &n);

	judge_next_of(c, keys, n, h->w.tvs, unit, node, out);
	keyd_keys_free(keys, n);
}

static void hold(struct view *v, size_t number, const struct judge_trust *t)
{
	struct judge_held *held = &v->held[v->n++];

	*held = (struct judge_held){.now = true, .trust = *t};
	snprintf(held->node, sizeof held->node, "n%zu", number + 1);
}

/* As lockout.c does it: present phones (of one node, or of all), and past lists. */
static struct view *look(const struct history *h, size_t only)
{
	struct view *v = calloc(1, sizeof *v);

	assert_non_null(v);
	next_of(h, &h->w.cluster, UNIT_COUNT, NULL, &v->next);
	for (size_t i = 0; i < WORLD_NODES; i++) {
		const struct served *s = &h->now[i];
		struct judge_trust t = {0};

		if (!s->itl || world_at(&h->w.cluster, i) == h->w.cluster.nnodes ||
		    (only < WORLD_NODES && i != only))
			continue;
		judge_trust_add(&t, s->itl);
		if (s->kept)
			hold(v, i, &h->before[i]);
		if (!s->kept || h->w.tvs != JUDGE_TVS_NONE)
			hold(v, i, &t);
	}
	for (size_t i = 0; only == WORLD_NODES && i < h->npast; i++)
		v->held[v->n++] = h->past[i];
	return v;
}

/* ---- what nodes serve ---- */

static void clear(struct served *s)
{
	itl_free(s->itl);
	free((void *)(uintptr_t)s->file.p);
	*s = (struct served){0};
}

static void parse(struct served *s)
{
	struct err e;

	assert_ok(itl_parse(s->file, 0, &s->itl, &e), &e);
	itl_sha1_hex(s->file, s->sha1);
}

static void publish(struct history *h, size_t number, struct bytes file, bool reset)
{
	struct served *s = &h->now[number];
	struct judge_held *p = &h->past[h->npast++];
	uint8_t *copy = malloc(file.n);

	assert_true(h->npast < PAST);
	assert_non_null(copy);
	memcpy(copy, file.p, file.n);
	h->before[number] = (struct judge_trust){0};
	if (reset && s->itl)
		judge_trust_add(&h->before[number], s->itl);
	clear(s);
	*s = (struct served){.file = bytes_of(copy, file.n), .reset = reset,
			     .made = h->changes};
	parse(s);
	s->kept = reset && judge_kept(&h->before[number], s->itl);
	*p = (struct judge_held){.last = h->w.now};
	snprintf(p->node, sizeof p->node, "n%zu", number + 1);
	judge_trust_add(&p->trust, s->itl);
}

static bool same_records(const struct itl *a, const struct itl *b)
{
	return bytes_equal(bytes_of(a->file.p + a->header_length,
				    a->file.n - a->header_length),
			   bytes_of(b->file.p + b->header_length,
				    b->file.n - b->header_length));
}

/* ---- phones ---- */

static enum phone_says ask(const struct history *h, const struct client *c,
			   struct bytes list)
{
	struct phone_tvs tvs[WORLD_NODES];
	size_t n = world_tvs(&h->w, c->group, tvs);

	return phone_would(&c->phone, list, tvs, n);
}

static bool fetch(struct history *h, struct client *c)
{
	struct phone_tvs tvs[WORLD_NODES];
	size_t n = world_tvs(&h->w, c->group, tvs);
	enum phone_says says;

	if (!h->now[c->home].itl)
		return true;
	says = phone_fetch(&c->phone, h->now[c->home].file, tvs, n);
	if (says == PHONE_REJECTS)
		return false;
	if (says == PHONE_SAME)
		return true;
	asked += says == PHONE_ASKED;
	c->old = WORLD_NODES;
	/* Its administrator lets it ask TVSs that its list names, and no others. */
	for (c->group = 0; !c->group;)
		c->group = world_named(h->now[c->home].itl) & (unsigned)below(h, 16);
	return true;
}

/* Those that are on fetch; property 1. */
static void let_fetch(struct history *h)
{
	for (size_t i = 0; i < PHONES; i++) {
		struct client *c = &h->phones[i];

		if (c->steady || below(h, 5) == 0) {
			bool took = fetch(h, c);

			must(h, took || !h->careful || !c->steady,
			     "a phone that fetched each list is locked");
		}
	}
}

/* ---- changes ---- */

/* Is a change made that was found so? */
static bool goes_on(struct history *h, const struct judge_finding *f)
{
	if (!f->held)
		return true;
	if (h->careful ? f->verdict == JUDGE_LOCKED && f->held->now : below(h, 3) == 0) {
		forced++;
		h->forced_away |= h->w.tvs == JUDGE_TVS_AWAY;
		return true;
	}
	refused++;
	return false;
}

static void regenerate(struct history *h)
{
	enum unit unit = (enum unit)below(h, UNIT_AUDIT);
	const struct cluster_node *node = &h->w.cluster.nodes[below(h, h->w.cluster.nnodes)];
	size_t number = unit_is_of_node(unit) ? world_number(node->id) : 0;
	unsigned *generation = &h->w.generation[unit][number];
	struct judge_next after;
	struct judge_finding f;
	struct view *v;

	if (*generation + 1 == WORLD_GENERATIONS)
		return;
	v = look(h, WORLD_NODES);
	next_of(h, &h->w.cluster, unit, unit_is_of_node(unit) ? node->id : NULL, &after);
	f = judge_change(v->held, v->n, &v->next, &after);
	if (goes_on(h, &f)) {
		++*generation;
		h->changes++;
		note(h, " | %s-n%zu%s", unit_name(unit), number + 1,
		     f.held ? " --force" : "");
	}
	free(v);
}

/* False if it is refused. */
static bool restart(struct history *h, size_t number)
{
	struct served *s = &h->now[number], fresh = {0};
	bool own = s->itl && !s->reset;
	struct judge_finding f;
	struct view *v;

	if (own && s->made == h->changes)
		return true; /* up to date */
	v = look(h, number);
	f = judge_publish(v->held, v->n, &v->next);
	free(v);
	if (f.held && (h->careful || below(h, 4) != 0))
		return false;
	fresh.file = world_itl(&h->w, number, ++h->w.now);
	parse(&fresh);
	/* Another signer of the same records makes it another list. */
	if (!own || !same_records(fresh.itl, s->itl) ||
	    !bytes_equal(fresh.itl->signer_serial, s->itl->signer_serial)) {
		publish(h, number, fresh.file, false);
		note(h, " | restart-n%zu%s", number + 1, f.held ? " --force" : "");
	}
	clear(&fresh);
	return true;
}

/* The list that `reset localkey` would put, as source.c and keyd make it. */
static struct bytes reset_list(struct history *h, struct served *source, X509 **signer)
{
	const struct served *s = &h->now[publisher(h)];
	struct judge_trust t = {0};
	struct judge_next next;
	struct bytes out;

	next_of(h, &h->w.cluster, UNIT_COUNT, NULL, &next);
	*source = (struct served){.file = world_itl(&h->w, publisher(h), ++h->w.now)};
	parse(source);
	judge_trust_add(&t, s->itl);
	out = world_reset(&h->w,
			  judge_reset_fresh(KEYD_LOCALKEY, &t, &next) ? source->itl
								      : s->itl,
			  h->w.now, signer);
	clear(source);
	if (!out.n)
		return out;
	*source = (struct served){.file = out};
	parse(source);
	source->file.p = NULL; /* the caller's */
	return out;
}

static void put_everywhere(struct history *h, struct bytes list)
{
	for (size_t i = 0; i < h->w.cluster.nnodes; i++)
		publish(h, world_number(h->w.cluster.nodes[i].id), list, true);
	note(h, " | reset");
	resets++;
}

/* final: phones that were off are on now, and fetched. */
static void reset(struct history *h, bool final)
{
	struct served l;
	X509 *signer = NULL;
	struct bytes list = reset_list(h, &l, &signer);
	struct view *v = look(h, WORLD_NODES);
	struct judge_finding f = {.verdict = JUDGE_DIRECT}, off = f;

	if (list.n) {
		f = judge_reset(v->held, v->n, true, l.itl, judge_cert_of(signer),
				&v->next);
		if (!final)
			off = judge_reset(v->held, v->n, false, l.itl,
					  judge_cert_of(signer), &v->next);
	}
	/* Where its nature is to pass by other nodes' phones, it is not refused. */
	if (final && f.verdict == JUDGE_LOCKED &&
	    h->w.cluster.policy == POLICY_ITLRECOVERY)
		f.held = NULL;
	if (list.n && (h->careful ? !f.held && !off.held : !f.held || below(h, 3) == 0))
		put_everywhere(h, list);
	itl_free(l.itl);
	free((void *)(uintptr_t)list.p);
	free(v);
}

static bool other_conf(struct history *h, const struct cluster *next)
{
	struct view *v = look(h, WORLD_NODES);
	struct judge_next after;
	struct judge_finding f;
	bool goes;

	next_of(h, next, UNIT_COUNT, NULL, &after);
	f = judge_change(v->held, v->n, &v->next, &after);
	/* No administrator needs to force these. */
	goes = !f.held || (!h->careful && below(h, 3) == 0);
	free(v);
	return goes;
}

/* Phones of a node that is no more go to the publisher, and are strangers there. */
static void move_phones(struct history *h, size_t from)
{
	clear(&h->now[from]);
	for (size_t i = 0; i < PHONES; i++)
		if (h->phones[i].home == from) {
			h->phones[i].old = from;
			h->phones[i].home = publisher(h);
			h->phones[i].steady = false;
		}
}

/* Who knew of nothing is where it was. */
static void return_phones(struct history *h, size_t to)
{
	for (size_t i = 0; i < PHONES; i++)
		if (h->phones[i].old == to)
			h->phones[i].home = to;
}

static void change_conf(struct history *h)
{
	struct cluster next = h->w.cluster;
	size_t number = below(h, WORLD_NODES), at = world_at(&next, number);
	bool is = at < next.nnodes, is_publisher = number == publisher(h);

	char what[16];
	static const char *const kinds[] = {"policy", "add", "remove", "publisher"};
	size_t kind = below(h, 4);

	snprintf(what, sizeof what, "%s n%zu", kinds[kind], number + 1);
	switch (kind) {
	case 0:
		next.policy = !next.policy;
		break;
	case 1:
		if (is)
			return;
		world_add(&next, number);
		break;
	case 2:
		if (!is || is_publisher)
			return;
		world_remove(&next, number);
		break;
	default:
		if (!is || !h->now[number].itl)
			return;
		world_publish(&next, number);
	}
	if (!other_conf(h, &next))
		return;
	is = world_at(&next, number) < next.nnodes;
	h->w.cluster = next;
	h->changes++;
	note(h, " | %s %s", what, next.policy == POLICY_ITLRECOVERY ? "itlrecovery"
								  : "callmanager");
	if (is && !h->now[number].itl) {
		return_phones(h, number);
		(void)restart(h, number);
	}
	else if (!is && h->now[number].itl)
		move_phones(h, number);
}

/* ---- what is true at any time ---- */

/* The judge's verdict on what this phone holds is the phone's own. */
static void compare(struct history *h)
{
	struct judge_next next;
	struct served l;
	X509 *signer = NULL;
	struct bytes list = reset_list(h, &l, &signer);

	next_of(h, &h->w.cluster, UNIT_COUNT, NULL, &next);
	for (size_t i = 0; i < PHONES; i++) {
		struct client *c = &h->phones[i];
		struct judge_held held = {0};
		struct served own = {.file = bytes_of(c->phone.itl, c->phone.n)};
		struct bytes fresh;
		bool takes, resets_it;
		enum judge_verdict v;

		if (!c->phone.itl)
			continue;
		parse(&own);
		snprintf(held.node, sizeof held.node, "n%zu", c->home + 1);
		judge_trust_add(&held.trust, own.itl);
		itl_free(own.itl);
		v = judge_phone(&held, &next);
		fresh = world_itl(&h->w, c->home, ++h->w.now);
		takes = ask(h, c, fresh) != PHONE_REJECTS;
		/* By itself; whom TVS helps needs no reset. */
		resets_it = list.n && phone_would(&c->phone, list, NULL, 0) != PHONE_REJECTS;
		free((void *)(uintptr_t)fresh.p);
		totals[v][takes ? 0 : resets_it ? 1 : 2]++;
		if (v <= JUDGE_BY_TVS)
			must(h, takes, "judged to take the next list, it does not");
		else if (h->w.tvs != JUDGE_TVS_ANSWERS)
			must(h, !takes, "judged locked, it takes the next list");
		/* A reset of the list in force, where its key is not published yet, is
		 * no way forward, and does not count as one. */
		if (v == JUDGE_BEYOND && h->w.tvs != JUDGE_TVS_ANSWERS && list.n &&
		    !memcmp(judge_cert_of(signer).sha1,
			    h->w.cluster.policy == POLICY_CALLMANAGER
				    ? next.recovery.sha1
				    : next.callmanager[world_at(&h->w.cluster,
								publisher(h))].sha1,
			    SHA1_LEN))
			must(h, !resets_it, "judged beyond, a reset helps");
	}
	itl_free(l.itl);
	free((void *)(uintptr_t)list.p);
}

/* Who never had one gets one; who has it loses its answers for a while. */
static void tvs_turns(struct history *h)
{
	h->w.tvs = h->w.tvs == JUDGE_TVS_ANSWERS ? JUDGE_TVS_AWAY : JUDGE_TVS_ANSWERS;
	note(h, " | TVS %s", tvs_names[h->w.tvs]);
}

static bool restart_all(struct history *h)
{
	bool all = true;

	for (size_t i = 0; i < h->w.cluster.nnodes; i++)
		all &= restart(h, world_number(h->w.cluster.nodes[i].id));
	return all;
}

/* Properties 2 and 3: everybody is on. What was changed is published, where phones
 * accept it; for the others there is a reset; then own lists return, where they may. */
static void heal(struct history *h)
{
	bool all, took[PHONES];

	if (h->w.tvs == JUDGE_TVS_AWAY)
		tvs_turns(h);
	all = restart_all(h);
	for (size_t i = 0; i < PHONES; i++)
		all &= fetch(h, &h->phones[i]);
	if (!all)
		reset(h, true);
	for (size_t i = 0; i < PHONES; i++) {
		took[i] = fetch(h, &h->phones[i]);
		healed += !all && took[i];
	}
	(void)restart_all(h);
	for (size_t i = 0; i < PHONES; i++) {
		bool takes = fetch(h, &h->phones[i]);

		must(h, takes, took[i] ? "locked again after the reset"
				       : "a phone is beyond reset localkey");
	}
	/* Who forces a renewed TVS upon phones that wait for it may have to force the list,
	 * too, and then to reset them; they trust what is there meanwhile. */
	must(h, restart(h, publisher(h)) || h->forced_away, "the publisher's list must wait");
}

/* ---- one history ---- */

static void begin(struct history *h, uint64_t seed, bool careful)
{
	memset(h, 0, sizeof *h);
	h->random = h->seed = seed;
	h->careful = careful;
	h->flaps = below(h, 3) == 0;
	world_start(&h->w, 1 + below(h, WORLD_NODES), (unsigned)below(h, 2),
		    below(h, 2) ? JUDGE_TVS_ANSWERS : JUDGE_TVS_NONE);
	for (size_t i = 0; i < h->w.cluster.nnodes; i++)
		(void)restart(h, i);
	for (size_t i = 0; i < PHONES; i++) {
		h->phones[i].home = below(h, h->w.cluster.nnodes);
		h->phones[i].steady = i < 2;
		h->phones[i].old = WORLD_NODES;
		(void)fetch(h, &h->phones[i]);
	}
}

static void end(struct history *h)
{
	for (size_t i = 0; i < WORLD_NODES; i++)
		clear(&h->now[i]);
	for (size_t i = 0; i < PHONES; i++)
		phone_clear(&h->phones[i].phone);
}

static void step(struct history *h)
{
	if (h->flaps && below(h, 4) == 0)
		tvs_turns(h);
	switch (below(h, 8)) {
	case 0:
	case 1:
	case 2:
		regenerate(h);
		break;
	case 3:
		change_conf(h);
		break;
	case 4:
		reset(h, false);
		break;
	default:
		(void)restart(h, world_number(h->w.cluster.nodes[below(
					       h, h->w.cluster.nnodes)].id));
	}
	let_fetch(h);
}

static void run(uint64_t seed, bool careful)
{
	static struct history h;

	begin(&h, seed, careful);
	for (size_t i = 0; i < STEPS; i++)
		step(&h);
	compare(&h);
	if (careful)
		heal(&h);
	end(&h);
}

static void run_all(bool careful, size_t full)
{
	size_t rounds = support_rounds(full);
	uint64_t seed = support_seed();

	for (size_t i = 0; i < rounds; i++) {
		if (i % 100 == 0)
			print_message("history %zu\n", i);
		run(seed + i, careful);
	}
	world_stop();
	print_message("refused %zu, forced %zu, resets %zu, healed %zu, by TVS %zu\n",
		      refused, forced, resets, healed, asked);
	for (size_t v = 0; v < 4; v++)
		print_message("%-7s took the next list %zu, a reset's %zu, neither %zu\n",
			      judge_verdict_name((enum judge_verdict)v), totals[v][0],
			      totals[v][1], totals[v][2]);
}

/* Histories that never meet a case prove nothing of it. */
static void must_have_met(enum judge_verdict v, size_t said)
{
	assert_true(totals[v][said] > 0);
}

static void test_careful(void **state)
{
	(void)state;
	run_all(true, 10000);
	must_have_met(JUDGE_DIRECT, 0);
	must_have_met(JUDGE_BY_TVS, 0);
	must_have_met(JUDGE_LOCKED, 1);
	assert_true(refused && forced && resets && healed && asked);
}

static void test_reckless(void **state)
{
	(void)state;
	run_all(false, 2000);
	must_have_met(JUDGE_BEYOND, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_careful),
		cmocka_unit_test(test_reckless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
