/*
 * What goes to a vault: ITLRecovery.p12 and what a dead publisher is rebuilt
 * from, under the cluster security password.
 *
 *   "IKEEPENV" | version u16 = 1 | passes u32 | memory u64 | salt (16) |
 *   secretstream header (24) | messages: length u32, ciphertext of that length
 *
 * big-endian. The key is Argon2id of the password; everything up to the
 * secretstream's header, it included, is additional data of the first message.
 * Messages of libsodium's secretstream: the manifest, the p12, the items one by
 * one, and a last one (TAG_FINAL) of no content, so that nothing can be cut off,
 * moved or added. Costs of a file that is read are bounded before they are paid.
 *
 * Pure: base and libsodium. Thread-safe.
 */
#ifndef ENVELOPE_ENVELOPE_H
#define ENVELOPE_ENVELOPE_H

#include "base/bytes.h"
#include "base/secret.h"

#define ENVELOPE_MAX (8u << 20)          /* bytes of a file */
#define ENVELOPE_ITEMS_MAX 512
#define ENVELOPE_PASSES_MAX 10u
#define ENVELOPE_MEMORY_MAX (1u << 30)   /* bytes */

struct envelope_cost {
	unsigned passes;
	size_t memory; /* bytes */
};
/* libsodium's "moderate": 3 passes, 256 MiB. */
extern const struct envelope_cost envelope_moderate;
/* The least that is read; for tests of mutated files. */
extern const struct envelope_cost envelope_minimum;

struct envelope_manifest {
	char name[128];        /* of the object in its vault: one that was renamed is found */
	char cluster[64], publisher[64];
	char program[32];      /* version of the program that wrote it */
	char key[64];          /* the key's label in its token */
	char serial[64];       /* of its certificate, hex */
	uint8_t fingerprint[32]; /* SHA-256 of the certificate */
	unsigned bits;
	int64_t time;          /* Unix time */
};

enum envelope_kind {
	ENVELOPE_CONF = 1, /* cluster.conf, as it was: name "cluster.conf" */
	ENVELOPE_CERT,     /* a certificate of the token, DER; name: its label */
	ENVELOPE_LIST,     /* what a node served; name: the node's id */
	ENVELOPE_TRUST,    /* the trust store, as its signed file; name: that file's,
			      "TrustFile.tlv" */
};

struct envelope_item {
	enum envelope_kind kind;
	char name[64];
	struct bytes content;
};

/* *out is malloc()ed. RC_REFUSED if it would be too large. */
enum rc envelope_seal(const struct secret *password,
		      const struct envelope_cost *cost,
		      const struct envelope_manifest *manifest, struct bytes p12,
		      const struct envelope_item *items, size_t nitems,
		      uint8_t **out, size_t *n, struct err *e) MUST_CHECK;

struct envelope {
	struct envelope_manifest manifest;
	struct bytes p12; /* into plain */
	struct envelope_item *items; /* contents into plain */
	size_t nitems;
	uint8_t *plain; /* owned: no secret is in it but the p12, still encrypted */
};

/* True if the file begins as one; it may still be damaged. */
bool envelope_is(struct bytes file);

/*
 * RC_USAGE: it is no envelope, of an unknown version, or cut off. RC_REFUSED:
 * its costs are over the limits. RC_VERIFY: it does not open (wrong password or
 * changed: nobody can tell), or its messages are damaged. envelope_free() it.
 */
enum rc envelope_open(struct bytes file, const struct secret *password,
		      struct envelope **out, struct err *e) MUST_CHECK;
void envelope_free(struct envelope *v); /* NULL is fine */
CLEANUP_DEFINE(struct envelope *, envelope_free);

#endif
