/*
 * The keys of the token that are this cluster's, found once at the start and
 * added to at each generation. One that is forgotten is given to nobody any more,
 * but never freed, so that a pointer to a key stays good. Thread-safe.
 */
#ifndef KEYD_KEYRING_H
#define KEYD_KEYRING_H

#include "base/hex.h"
#include "cluster/label.h"
#include "halves.h"
#include "hsm/key.h"
#include <pthread.h>

struct held_key {
	struct hsm_key *key;
	struct label label;
	uint8_t *der; /* the certificate */
	size_t der_len;
	uint8_t sha1[SHA1_LEN];
	struct held_key *next; /* of those that were forgotten */
};

struct keyring {
	const struct cluster *cluster; /* borrowed */
	pthread_rwlock_t lock;
	struct held_key **keys;
	size_t n, cap;
	struct held_key *forgotten;
	/* The highest generation seen of each label, complete or not. */
	struct label *seen;
	size_t nseen;
	struct halves halves; /* what is no key */
};

/* Whether a label is one of the project's. */
bool keyring_wants(const char *label);

/* Load what the token has. Half generations are logged. It lives as
 * long as the process. */
enum rc keyring_load(struct keyring *r, const struct cluster *c,
		     struct hsm_session *s, struct err *e) MUST_CHECK;

/* The key goes to the ring, also on failure. */
enum rc keyring_add(struct keyring *r, struct hsm_key *key,
		    struct err *e) MUST_CHECK;

/* A label for the next generation of a unit; node NULL for the cluster's. */
void keyring_next_label(struct keyring *r, enum unit unit, const char *node,
			struct label *out);

/* It is taken, though no key of the ring has it yet. */
void keyring_take_label(struct keyring *r, const struct label *l);

/* The current key of a unit; RC_NOTFOUND says how to make it. */
enum rc keyring_current(struct keyring *r, enum unit unit, const char *node,
			struct held_key **out, struct err *e) MUST_CHECK;

/* By certificate, by its SHA-1, or by label; NULL if the token has none such. Any
 * generation. */
struct held_key *keyring_by_cert(struct keyring *r, struct bytes der);
struct held_key *keyring_by_sha1(struct keyring *r, struct bytes sha1);

struct held_key *keyring_by_label(struct keyring *r, const struct label *l);

/* Its generation stays known: no label is given twice. */
void keyring_forget(struct keyring *r, struct held_key *k);

/* How many, and the i-th: units in order, nodes, newest generation first. */
size_t keyring_count(struct keyring *r);
struct held_key *keyring_at(struct keyring *r, size_t i);
bool keyring_is_current(struct keyring *r, const struct held_key *k);

#endif
