/* Its header declares what the linker has keyd call (wrap, in CMakeLists.txt). */
#define release_note __wrap_release_note
#define release_point __wrap_release_point

#include "keyd-world.h"
#include "base/num.h"
#include "base/proc.h"
#include "provider/provider.h"
#include "scratch.h"
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define KEYS_MAX 32

struct service world;
unsigned world_notes;

static struct keyd_config config = {.sessions = 1, .deadline_seconds = 30,
				    .generate_seconds = 60};
static struct held_key *held[KEYS_MAX]; /* the ring's, as it begins, in its order */
static struct label seen[KEYS_MAX];
static size_t nheld, nseen;
static struct waiting_pair waits;

/* ---- release.h: the log ---- */

enum rc release_note(struct release *r, const struct audit_entry *entry, struct err *e)
{
	(void)r, (void)e;
	if (!entry->event[0] || strlen(entry->detail) > 600)
		abort();
	world_notes++;
	return RC_OK;
}

struct audit_point release_point(struct release *r)
{
	(void)r;
	return (struct audit_point){.entry = 1};
}

/* ---- once ---- */

static void read_cluster(void)
{
	static const char text[] =
		"[cluster]\nname=t\npublisher=n1\ndomain=lab\nkey-bits=1024\ncert-hash=sha1\n"
		"[node n1]\nhost=n1\naddress=192.0.2.1\nfolder=/a\nrestart=:\n"
		"[node n2]\nhost=n2\naddress=192.0.2.2\nfolder=/b\nrestart=:\n"
		"[node n3]\nhost=n3\naddress=192.0.2.3\ntftp=no\ntvs=no\n";
	char path[PATH_MAX];
	struct err e;

	scratch_write(CLUSTER_FILE, bytes_of_text(text));
	scratch_path(CLUSTER_FILE, path);
	if (cluster_read_file(path, &config.cluster, &e) != RC_OK)
		abort();
}

static void fill_ring(void)
{
	struct keyring *r = &world.keys;
	struct err e;

	r->cluster = config.cluster;
	(void)pthread_rwlock_init(&r->lock, NULL);
	halves_init(&r->halves);
	for (size_t i = 0; i < token_count(); i++) {
		struct hsm_key *k = token_key(i);

		if (!k->cert) {
			waits.made = 1393439067;
			memcpy(waits.id, k->id, sizeof waits.id);
			if (!label_read(k->label, strlen(k->label), &waits.label))
				abort();
			hsm_key_free(k);
		} else if (keyring_add(r, k, &e) != RC_OK) {
			abort();
		}
	}
	keyring_take_label(r, &waits.label);
	if (halves_look(&r->halves, NULL, &e) != RC_OK)
		abort();
	nheld = r->n;
	nseen = r->nseen;
	memcpy(held, r->keys, nheld * sizeof *held);
	memcpy(seen, r->seen, nseen * sizeof *seen);
}

static void start_once(void)
{
	char path[PATH_MAX];
	struct err e;

	if (config.cluster)
		return;
	if (sodium_init() < 0 || provider_context(&world.provider, &e) != RC_OK ||
	    requests_init(&world, &e) != RC_OK)
		abort();
	read_cluster();
	token_open();
	fill_ring();
	world.config = &config;
	world.started = 1700000000;
	(void)pthread_mutex_init(&world.state.lock, NULL);
	scratch_path("keyd.state", path);
	(void)snprintf(world.state.path, sizeof world.state.path, "%.100s", path);
	scratch_mkdir("csr");
	scratch_path("csr", path);
	(void)snprintf(world.waiting.dir, sizeof world.waiting.dir, "%.100s", path);
	(void)pthread_mutex_init(&world.waiting.lock, NULL);
	waits.der_len = 300;
	memset(waits.der, 0x30, waits.der_len);
}

/* ---- before each input ---- */

static bool is_held(const struct held_key *k)
{
	for (size_t i = 0; i < nheld; i++)
		if (held[i] == k)
			return true;
	return false;
}

static void drop(struct held_key *k)
{
	if (is_held(k))
		return;
	hsm_key_free(k->key);
	OPENSSL_free(k->der);
	free(k);
}

static void reset_ring(void)
{
	struct keyring *r = &world.keys;

	for (size_t i = 0; i < r->n; i++)
		drop(r->keys[i]);
	for (struct held_key *k = r->forgotten, *next; k; k = next) {
		next = k->next;
		k->next = NULL;
		drop(k);
	}
	r->forgotten = NULL;
	memcpy(r->keys, held, nheld * sizeof *held);
	r->n = nheld;
	memcpy(r->seen, seen, nseen * sizeof *seen);
	r->nseen = nseen;
}

/* Its files are not looked at again. */
static void reset_waiting(void)
{
	struct waiting *w = &world.waiting;

	free(w->p);
	w->p = malloc(sizeof *w->p);
	if (!w->p)
		abort();
	*w->p = waits;
	w->n = 1;
}

static void reset_passwords(bool set)
{
	uint8_t derived[KEYD_DERIVED_LEN];

	memset(derived, WORLD_DERIVED, sizeof derived);
	memset(world.state.passwords, 0, sizeof world.state.passwords);
	for (size_t i = 0; set && i < PASSWORD_COUNT; i++) {
		struct keyd_password *p = &world.state.passwords[i];

		p->set = true;
		p->number = 1;
		p->ops = KEYD_OPS_MIN;
		p->memory = KEYD_MEMORY_MIN;
		crypto_generichash(p->hash, sizeof p->hash, derived, sizeof derived, NULL, 0);
	}
}

static void reset_proof(void)
{
	struct keyd_proof proof = {.security = 1, .proved = 1700000000};
	uint8_t claim[KEYD_CLAIM_LEN];

	memset(claim, WORLD_CLAIM, sizeof claim);
	(void)label_read("ITLRecovery/t/1", 15, &proof.label);
	proofs_init(&world.proofs);
	proofs_add(&world.proofs, claim, WORLD_UID, &proof, proc_now());
}

void world_start(bool passwords)
{
	start_once();
	token_reset();
	tickets_init(&world.tickets);
	limit_init(&world.limit);
	atomic_store(&world.sealed, false);
	world_notes = 0;
	reset_ring();
	reset_waiting();
	reset_passwords(passwords);
	reset_proof();
}

void world_look(struct world_state *out)
{
	memset(out, 0, sizeof *out);
	out->token = token_counts;
	out->notes = world_notes;
	memcpy(out->passwords, world.state.passwords, sizeof out->passwords);
	out->keys = world.keys.n;
	out->waiting = world.waiting.n;
	out->sealed = atomic_load(&world.sealed);
	for (size_t i = 0; i < PROOFS_MAX; i++)
		out->proofs += world.proofs.all[i].ends != 0;
	for (size_t i = 0; i < TICKETS_MAX; i++)
		out->tickets += world.tickets.all[i].open;
	for (size_t i = 0; i < world.keys.nseen; i++)
		out->generations += world.keys.seen[i].generation;
}
