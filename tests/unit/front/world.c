#include "world.h"
#include "base/num.h"
#include "support/software.h"
#include "x509/x509.h"
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

static struct pair {
	EVP_PKEY *key;
	X509 *cert;
	uint8_t sha1[SHA1_LEN];
} pool[UNIT_COUNT][WORLD_NODES][WORLD_GENERATIONS];

static const struct pair *pair_of(enum unit unit, size_t number, unsigned generation)
{
	static const enum x509_profile profiles[UNIT_COUNT] = {
		X509_CALLMANAGER, X509_TVS, X509_CAPF, X509_RECOVERY, X509_AUDIT};
	struct pair *p = &pool[unit][unit_is_of_node(unit) ? number : 0][generation];
	struct err e;
	char cn[32];

	if (p->key)
		return p;
	/* As in a real cluster the names of generations are the same. */
	snprintf(cn, sizeof cn, "%s-%zu", unit_name(unit), number + 1);
	p->key = EVP_RSA_gen(1024);
	assert_non_null(p->key);
	assert_ok(x509_self_sign(profiles[unit], &(struct x509_subject){.cn = cn},
				 p->key, p->key, NULL, "SHA1", 1000000000, 5, &p->cert,
				 &e),
		  &e);
	assert_int_equal(X509_digest(p->cert, EVP_sha1(), p->sha1, NULL), 1);
	return p;
}

static const struct pair *current(const struct world *w, enum unit unit, size_t number)
{
	size_t at = unit_is_of_node(unit) ? number : 0;

	return pair_of(unit, at, w->generation[unit][at]);
}

void world_stop(void)
{
	struct pair *p = &pool[0][0][0];

	for (size_t i = 0; i < sizeof pool / sizeof *p; i++) {
		X509_free(p[i].cert);
		EVP_PKEY_free(p[i].key);
	}
	memset(pool, 0, sizeof pool);
}

/* ---- the cluster ---- */

static char ids[WORLD_NODES][3] = {"n1", "n2", "n3", "n4"};

void world_start(struct world *w, size_t nodes, unsigned policy, enum judge_tvs tvs)
{
	static char name[] = "world";

	memset(w, 0, sizeof *w);
	w->tvs = tvs;
	w->now = 1700000000;
	w->cluster.name = name;
	w->cluster.policy = policy;
	w->cluster.publisher = ids[0];
	for (size_t i = 0; i < nodes; i++)
		world_add(&w->cluster, i);
}

size_t world_number(const char *id)
{
	return (size_t)(id[1] - '1');
}

size_t world_at(const struct cluster *c, size_t number)
{
	size_t at = 0;

	while (at < c->nnodes && world_number(c->nodes[at].id) != number)
		at++;
	return at;
}

void world_add(struct cluster *c, size_t number)
{
	struct cluster_node *n = &c->nodes[c->nnodes++];

	*n = (struct cluster_node){.tftp = true, .tvs = true, .host = ids[number]};
	strcpy(n->id, ids[number]);
}

void world_remove(struct cluster *c, size_t number)
{
	size_t at = world_at(c, number);

	memmove(&c->nodes[at], &c->nodes[at + 1],
		(--c->nnodes - at) * sizeof *c->nodes);
}

void world_publish(struct cluster *c, size_t number)
{
	c->publisher = ids[number];
}

/* ---- keyd's part ---- */

struct keyd_key *world_keys(const struct world *w, size_t *n)
{
	struct keyd_key *keys = calloc(2 * WORLD_NODES + 2, sizeof *keys);

	assert_non_null(keys);
	*n = 0;
	for (enum unit u = 0; u < UNIT_AUDIT; u++)
		for (size_t i = 0; i < (unit_is_of_node(u) ? WORLD_NODES : 1u); i++) {
			struct keyd_key *k = &keys[(*n)++];

			k->label.unit = u;
			k->label.generation = w->generation[u][i] + 1;
			strcpy(k->label.node, unit_is_of_node(u) ? ids[i] : "world");
			k->current = true;
			k->cert = current(w, u, i)->cert;
			X509_up_ref(k->cert);
		}
	return keys;
}

struct bytes world_itl(const struct world *w, size_t number, uint32_t timestamp)
{
	const struct pair *callmanager = current(w, UNIT_CALLMANAGER, number);
	const struct pair *recovery = current(w, UNIT_ITLRECOVERY, 0);
	const struct pair *signer =
		w->cluster.policy == POLICY_ITLRECOVERY ? recovery : callmanager;
	struct itl_signer with = software_signer(signer->key);
	struct itl_entry entries[WORLD_NODES + 5];
	X509 *others[WORLD_NODES];
	struct itl_plan plan = {.file_name = ITL_FILE, .digest = ITL_SHA1,
				.signer = signer->cert, .timestamp = timestamp,
				.entries = entries};
	uint8_t *out = NULL;
	struct err e;
	size_t n = 0;

	for (size_t i = 0; i < w->cluster.nnodes; i++) {
		size_t other = world_number(w->cluster.nodes[i].id);

		if (other != number)
			others[n++] = current(w, UNIT_TVS, other)->cert;
	}
	plan.nentries = itl_entries(callmanager->cert, current(w, UNIT_CAPF, 0)->cert,
				    current(w, UNIT_TVS, number)->cert, recovery->cert,
				    others, n, entries);
	assert_ok(itl_build(&plan, &with, &out, &n, &e), &e);
	return bytes_of(out, n);
}

/* The key whose certificate a record holds; *unit and *number: whose it is. */
static const struct pair *pair_in(const struct itl_record *r, enum unit *unit,
				  size_t *number)
{
	uint8_t sha1[SHA1_LEN];

	if (r->cert.n)
		itl_sha1(r->cert, sha1);
	else
		memcpy(sha1, r->hash.p, sizeof sha1);
	for (*unit = 0; *unit < UNIT_AUDIT; ++*unit)
		for (*number = 0; *number < WORLD_NODES; ++*number)
			for (size_t g = 0; g < WORLD_GENERATIONS; g++) {
				const struct pair *p = &pool[*unit][*number][g];

				if (p->cert && !memcmp(p->sha1, sha1, sizeof sha1))
					return p;
			}
	return NULL;
}

struct bytes world_reset(const struct world *w, const struct itl *source,
			 uint32_t timestamp, X509 **signer)
{
	const struct pair *callmanager = NULL, *recovery = NULL, *by;
	struct itl_signer with;
	uint8_t *out = NULL;
	struct err e;
	size_t n = 0;

	for (size_t i = 0; i < source->nrecords; i++) {
		size_t number = 0;
		enum unit unit = UNIT_COUNT;
		const struct pair *p = pair_in(&source->records[i], &unit, &number);

		assert_non_null(p);
		if (unit_is_of_node(unit) &&
		    world_at(&w->cluster, number) == w->cluster.nnodes)
			return bytes_of(NULL, 0); /* of no node of the configuration */
		if (unit == UNIT_ITLRECOVERY)
			recovery = p;
		if (unit == UNIT_CALLMANAGER) {
			if (number != world_number(w->cluster.publisher))
				return bytes_of(NULL, 0); /* not the publisher's list */
			callmanager = p;
		}
	}
	by = w->cluster.policy == POLICY_ITLRECOVERY ? callmanager : recovery;
	*signer = by->cert;
	with = software_signer(by->key);
	assert_ok(itl_resign(source, by->cert, ITL_SHA1, timestamp, NULL, NULL, &with,
			     &out, &n, &e),
		  &e);
	return bytes_of(out, n);
}

unsigned world_named(const struct itl *l)
{
	unsigned named = 0;

	for (size_t i = 0; i < l->nrecords; i++) {
		enum unit unit;
		size_t number;

		if (pair_in(&l->records[i], &unit, &number) && unit == UNIT_TVS)
			named |= 1u << number;
	}
	return named;
}

static size_t add_all(const struct world *w, enum unit unit, size_t number, X509 **to)
{
	size_t n = 0;

	for (unsigned g = 0; g <= w->generation[unit][number]; g++)
		to[n++] = pair_of(unit, number, g)->cert;
	return n;
}

size_t world_tvs(const struct world *w, unsigned group, struct phone_tvs *out)
{
	static X509 *sast[(WORLD_NODES + 1) * WORLD_GENERATIONS];
	size_t n = 0, nsast = add_all(w, UNIT_ITLRECOVERY, 0, sast);

	for (size_t i = 0; i < WORLD_NODES; i++)
		nsast += add_all(w, UNIT_CALLMANAGER, i, sast + nsast);
	for (size_t i = 0; w->tvs == JUDGE_TVS_ANSWERS && i < w->cluster.nnodes; i++) {
		size_t number = world_number(w->cluster.nodes[i].id);

		if (group & 1u << number)
			out[n++] = (struct phone_tvs){
				current(w, UNIT_TVS, number)->cert, sast, nsast};
	}
	return n;
}
