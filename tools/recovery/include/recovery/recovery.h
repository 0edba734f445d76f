/*
 * The recovery key's way out and back, as administrators' programs walk it:
 * export, file, vault, proof; and fetch, open, import. What itlctl and itlvault
 * both do stands here once. No questions are asked here, nothing is printed.
 */
#ifndef RECOVERY_RECOVERY_H
#define RECOVERY_RECOVERY_H

#include "cluster/cluster.h"
#include "envelope/envelope.h"
#include "front/client.h"
#include "keyd/client.h"
#include "p12/p12.h"
#include "vault/vault.h"

/* The parts of a way, for progress and for itlbench. */
enum recovery_step {
	RECOVERY_DERIVE, /* password to key-encryption key */
	RECOVERY_WRAP,   /* the key leaves the token */
	RECOVERY_SEAL,   /* p12's MAC, and the envelope */
	RECOVERY_STORE,  /* to the vault */
	RECOVERY_FETCH,  /* from the vault */
	RECOVERY_OPEN,   /* the password again */
	RECOVERY_PROVE,  /* into the token as a session object, a test signature */
	RECOVERY_IMPORT, /* into the token to stay */
	RECOVERY_STEPS
};
const char *recovery_step_name(enum recovery_step s); /* "derive", ... */

struct recovery {
	struct keyd *keyd;
	struct front *front; /* NULL: an envelope then has no lists, nothing is
				recorded */
	const struct cluster *cluster;
	const char *conf_dir;
	struct keyd_passwords pw;
	/* A part begins (seconds < 0), or took so long. NULL: nobody listens. */
	void (*step)(void *arg, enum recovery_step step, double seconds);
	void *arg;
};

/* ---- out ---- */

enum recovery_form {
	RECOVERY_ENVELOPE, /* for a vault: the p12 and the cluster's public state */
	RECOVERY_PLAIN,    /* the bare p12, under a name of its own */
	RECOVERY_TFTP,     /* the bare p12 as ITLRecovery.p12; one that stands there
			      is renamed to ITLRecovery.p12.SERIAL-TIME */
};

/* An envelope's item (ENVELOPE_CONF) with the audit log's place when it was made, as
 * audit_point_text() has it. */
#define RECOVERY_AUDIT_HEAD "audit-head"

/* A backup in memory, not yet anywhere. */
struct recovery_object {
	char name[VAULT_NAME_MAX];
	char aside[VAULT_NAME_MAX]; /* "", or what one of its name is renamed to */
	char key[LABEL_MAX], route[KEYD_ROUTE_MAX];
	int64_t made;
	bool plain;
	uint8_t *bytes; /* owned */
	size_t n;
};
void recovery_object_clear(struct recovery_object *o);
static inline void recovery_object_clear_at(struct recovery_object *o)
{
	recovery_object_clear(o);
}

/* One that is in a vault, fetched back, opened, and proved. */
struct recovery_made {
	char vault[VAULT_TEXT_MAX], name[VAULT_NAME_MAX];
	char key[LABEL_MAX], route[KEYD_ROUTE_MAX]; /* route "": not known */
	size_t bytes;
	bool plain;
	uint8_t digest[32]; /* BLAKE2b-256 of the object */
	int64_t made;
	bool recorded;      /* front has it, and the alert stops */
	struct err record;  /* why not */
};

/* As programs print it: {vault,name,key,route,bytes,plain,digest,made,recorded,
 * error (null)}. NULL out of memory. */
json_t *recovery_made_json(const struct recovery_made *m);

/* Export the key into a file of this form. recovery_object_clear() it. */
enum rc recovery_make(const struct recovery *r, enum recovery_form form,
		      struct recovery_object *out, struct err *e) MUST_CHECK;

/* Store it, fetch it back, open and prove it; tell front. `where` is the vault as
 * it is to be named (vault_target_text()). RC_OK: it is proved, recorded or not. */
enum rc recovery_store(const struct recovery *r, struct vault *v,
		       const char *where, const struct recovery_object *o,
		       struct recovery_made *out, struct err *e) MUST_CHECK;

/* Both. */
enum rc recovery_backup(const struct recovery *r, struct vault *v,
			const char *where, enum recovery_form form,
			struct recovery_made *out, struct err *e) MUST_CHECK;

/* Take an object out of its vault. front forgets it first, if it knows it: then a
 * failure in between raises no alert over what was meant to go. */
enum rc recovery_remove(const struct recovery *r, struct vault *v,
			const char *where, const char *name,
			struct err *e) MUST_CHECK;

/* ---- back ---- */

/* A file that was opened: a p12 alone, or the one in an envelope. */
struct recovery_file {
	struct p12 *p12;
	struct envelope *envelope; /* NULL: a bare p12 */
	uint8_t digest[32];        /* of the whole file */
};

/*
 * Open what a vault or somebody else gave. `name`: what the vault calls it, which
 * an envelope's manifest must confirm (an older backup that was renamed is
 * refused, RC_VERIFY), as must a serial in the name of a plain one; NULL: not
 * from a vault. inner: the password of the p12 if it is another than the
 * envelope's, or NULL.
 */
enum rc recovery_open(struct bytes file, const char *name,
		      const struct secret *password, const struct secret *inner,
		      struct recovery_file **out, struct err *e) MUST_CHECK;
void recovery_file_free(struct recovery_file *f);
CLEANUP_DEFINE(struct recovery_file *, recovery_file_free);
/* Whether a trust store is in it, which no new token's Audit key has signed: its
 * certificates count again once an administrator added them. */
static inline bool recovery_file_has_trust(const struct recovery_file *f)
{
	for (size_t i = 0; f->envelope && i < f->envelope->nitems; i++)
		if (f->envelope->items[i].kind == ENVELOPE_TRUST)
			return true;
	return false;
}

/* The newest object of a vault; RC_NOTFOUND if it has none. */
enum rc recovery_newest(struct vault *v, struct vault_object *out,
			struct err *e) MUST_CHECK;

/* Fetch `name` (NULL: the newest) and open it with pw.security; `inner` as above.
 * *object gets which one it is. */
enum rc recovery_fetch(const struct recovery *r, struct vault *v,
		       const char *name, const struct secret *inner,
		       struct vault_object *object, struct recovery_file **out,
		       struct err *e) MUST_CHECK;

/* Fetch, open, prove an object that is there (NULL: the newest), and record it. */
enum rc recovery_verify(const struct recovery *r, struct vault *v,
			const char *where, const char *name,
			struct recovery_made *out, struct err *e) MUST_CHECK;

/* The cluster's current recovery key from now on (keyd_import()). */
enum rc recovery_import(const struct recovery *r, const struct recovery_file *f,
			bool replace, struct keyd_key *out, bool *present,
			char route[KEYD_ROUTE_MAX], struct err *e) MUST_CHECK;

#endif
