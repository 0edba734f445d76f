/*
 * keyd's client: what front, tvs, itlctl, itlvault and itlbench may ask of it.
 *
 * A struct keyd is one connection, used by one thread at a time. If keyd ends
 * (it is crash-only), a call that needs no ticket connects again and sends once
 * more, at most twice; what comes back then is the caller's. Each answer that changes
 * or signs something is in the audit log when it arrives.
 */
#ifndef KEYD_CLIENT_H
#define KEYD_CLIENT_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "cluster/label.h"
#include "wrapped/wrapped.h"
#include <openssl/x509.h>
#include <stdint.h>
#include <string.h>

struct keyd;

/* Connects at the first call. keyd_free() it. */
enum rc keyd_open(const char *socket_path, struct keyd **out,
		  struct err *e) MUST_CHECK;
void keyd_free(struct keyd *k);
CLEANUP_DEFINE(struct keyd *, keyd_free);

/* For who serves others meanwhile: how long a call waits for a keyd that is away
 * (seconds), and in all for its answer (0: as long as the longest takes). */
void keyd_set_patience(struct keyd *k, double come_back, int answer_ms);

/* ---- what anyone with a role may ask ---- */
struct keyd_status {
	char token[33], manufacturer[33], model[17], serial[17];
	unsigned sessions, keys;
	bool password_set;
	/* The cluster security password: 0, or which one it is, counted since the
	 * first; and when it was set. A backup opens with the one of its time. */
	uint32_t security;
	int64_t security_set;
	bool sealed; /* the current recovery key can never leave again */
	uint64_t audit_entries; /* on disk: the number of the last one, and its head */
	uint8_t audit_head[32];
	int64_t started; /* Unix time */
	char config[CLUSTER_HASH]; /* SHA-256 of the cluster.conf that it runs */
	uint32_t trust;  /* the newest trust file's time; 0: none was signed */
};
enum rc keyd_status(struct keyd *k, struct keyd_status *out,
		    struct err *e) MUST_CHECK;

/* So many recovery keys are made at most, until one can leave the token. */
#define KEYD_GENERATE_TRIES 60u

struct keyd_key {
	struct label label;
	uint8_t id[16];
	bool current; /* the highest complete generation */
	X509 *cert;   /* owned */
	/* Of keyd_generate() alone: how many keys were made until one could leave
	 * this token wrapped by it (a recovery key; else 1). */
	unsigned tries;
};
/* All keys, units in enum order, newest generation first. */
enum rc keyd_keys(struct keyd *k, struct keyd_key **keys, size_t *n,
		  struct err *e) MUST_CHECK;
void keyd_keys_free(struct keyd_key *keys, size_t n);
/* The current key of a unit, and of this node (NULL: of a unit of the cluster's);
 * NULL if there is none. Borrowed of keys. */
static inline const struct keyd_key *keyd_key_current(const struct keyd_key *keys,
						      size_t n, enum unit unit,
						      const char *node)
{
	for (size_t i = 0; i < n; i++)
		if (keys[i].current && keys[i].label.unit == unit &&
		    (!node || !strcmp(keys[i].label.node, node)))
			return &keys[i];
	return NULL;
}

/* ---- tickets ---- */
#define KEYD_TICKET_LEN 32
#define KEYD_TICKET_SECONDS 60

enum keyd_op { KEYD_OP_RESET = 1, KEYD_OP_PREVIEW, KEYD_OP_GENERATE,
	       KEYD_OP_CTL, KEYD_OP_REMOTE, KEYD_OP_REMOTE_PREVIEW, KEYD_OP_EXPORT,
	       KEYD_OP_PROVE, KEYD_OP_IMPORT, KEYD_OP_SEAL, KEYD_OP_SECURITY,
	       KEYD_OP_TIDY,
	       KEYD_OP_ROLLBACK,
	       KEYD_OP_REMOVE,
	       KEYD_OP_CSR, KEYD_OP_CERT_IMPORT,
	       KEYD_OP_OVERRIDE,
	       KEYD_OP_TRUST };

/* What a ticket is good for: an operation and the SHA-256 of its parameters. */
struct keyd_intent {
	enum keyd_op op;
	uint8_t params[32];
};
/* Which recovery key signs: the one whose certificate the source list holds; or
 * the current one, imported, whose certificate first takes that one's place. */
enum keyd_how { KEYD_LOCALKEY, KEYD_REMOTEKEY };

/* A reset (or its preview) of exactly this list. */
struct keyd_intent keyd_intent_reset(enum keyd_how how, bool preview,
				     struct bytes source_list,
				     uint32_t timestamp);
/* node: NULL for the cluster's units. */
struct keyd_intent keyd_intent_generate(enum unit unit, const char *node);
struct keyd_intent keyd_intent_csr(enum unit unit, const char *node);
/* Exactly these bytes. */
struct keyd_intent keyd_intent_cert_import(enum unit unit, const char *node,
					   struct bytes certificates);
struct keyd_intent keyd_intent_ctl(uint32_t timestamp);
/* Which list, signed long ago, a node shall serve again. */
struct keyd_place {
	char node[CLUSTER_ID_MAX + 1];
	uint8_t sha1[20];
};
/* Exactly these, in this order; at most CLUSTER_MAX_NODES. */
struct keyd_intent keyd_intent_rollback(const struct keyd_place *places, size_t n);
/* As label_text() writes it. */
struct keyd_intent keyd_intent_remove(const char *label);
/* Exactly this text, of keyd_use_override(). */
struct keyd_intent keyd_intent_override(const char *text);

/* What a trust file (itl/trust.h) shall hold: all of it. */
#define KEYD_TRUST_CHANGE 400 /* bytes of the text, NUL included */
struct keyd_trust_entry {
	struct bytes cert; /* DER */
	uint32_t roles, ttl;
};
struct keyd_trust {
	uint32_t timestamp;
	const char *change; /* name=value words for the audit log: what is new in it */
	const struct keyd_trust_entry *entries;
	size_t n;
};
/* Exactly these, in this order. */
struct keyd_intent keyd_intent_trust(const struct keyd_trust *t);

/*
 * Ask keyd directly, as the administrator: the password is derived here
 * (Argon2id, salt and cost from keyd), keyd checks it and gives a ticket for
 * this user id. RC_REFUSED for a wrong password; refusals come slower and slower.
 */
enum rc keyd_ticket(struct keyd *k, const struct secret *password,
		    const struct keyd_intent *intent,
		    uint8_t ticket[KEYD_TICKET_LEN], struct err *e) MUST_CHECK;

/* Set the administrator password: root, or with the old one (else NULL). */
enum rc keyd_password_set(struct keyd *k, const struct secret *old,
			  const struct secret *new_password,
			  struct err *e) MUST_CHECK;

/*
 * ---- the recovery key's way out and back ----
 *
 * These go from an administrator's program straight to keyd and fetch the ticket
 * that they need by themselves; front sees neither passwords nor key-encryption
 * keys. A wrong security password is refused, slower and slower, as a wrong
 * administrator password is.
 */
struct keyd_passwords {
	const struct secret *admin;
	const struct secret *security; /* the cluster security password */
};

/* Set the cluster security password. pw->security is the old one; NULL if none
 * was set, or for root, who may set it anew when it was lost. */
enum rc keyd_security_set(struct keyd *k, const struct keyd_passwords *pw,
			  const struct secret *new_password,
			  struct err *e) MUST_CHECK;

#define KEYD_ROUTE_MAX 24 /* hsm_route_name() */
#define KEYD_CLAIM_LEN 32

/* The current recovery key, wrapped under w->kek and w->iv into w->bytes. *out is
 * filled (free its cert). */
enum rc keyd_export(struct keyd *k, const struct keyd_passwords *pw,
		    struct wrapped_key *w, struct keyd_key *out,
		    char route[KEYD_ROUTE_MAX], struct err *e) MUST_CHECK;

/*
 * Prove a file that was fetched back: w must open in the token to the private key
 * of cert, and sign. `label`: of that key in the token, "" if the token has not
 * got it: then the file is good, and no backup of this cluster. With pw->security
 * keyd checks that, and then remembers for 15 minutes that this user proved `claim`
 * (vault_claim(): which content, under which name, in which vault; keyd does not
 * look into it) for a key that the token has; without, it is only a test of a file
 * from elsewhere, and the claim is no more than a word in the log.
 */
enum rc keyd_prove(struct keyd *k, const struct keyd_passwords *pw,
		   const struct wrapped_key *w, X509 *cert,
		   const uint8_t claim[KEYD_CLAIM_LEN], char label[LABEL_MAX],
		   char route[KEYD_ROUTE_MAX], struct err *e) MUST_CHECK;

/*
 * Make it the unit's current key, as its next generation; node: NULL for the
 * cluster's units. RC_REFUSED if the token has another key of it, unless `replace`:
 * then that one is kept, retired. *present: this key was the current one already,
 * nothing was done. The Audit key never comes from elsewhere.
 */
enum rc keyd_import(struct keyd *k, const struct keyd_passwords *pw,
		    enum unit unit, const char *node,
		    const struct wrapped_key *w, X509 *cert, bool replace,
		    struct keyd_key *out, bool *present,
		    char route[KEYD_ROUTE_MAX], struct err *e) MUST_CHECK;

/* The current recovery key never leaves the token again. */
enum rc keyd_seal(struct keyd *k, const struct keyd_passwords *pw,
		  struct err *e) MUST_CHECK;

/* ---- what is no key (keyd's halves.h) ---- */

enum keyd_part { KEYD_PART_PRIVATE = 1, KEYD_PART_PUBLIC = 2, KEYD_PART_CERTIFICATE = 4 };
struct keyd_half {
	char label[LABEL_MAX];
	uint8_t id[16];
	unsigned have;  /* enum keyd_part, ORed */
	char lack[80];  /* goes on from "it lacks " */
	bool waits;     /* for its certificate: no garbage */
};
/* The halves of generations and imports that were cut off. free() *halves. */
enum rc keyd_incomplete(struct keyd *k, struct keyd_half **halves, size_t *n,
			struct err *e) MUST_CHECK;
/* Remove one for good, by its id. RC_REFUSED if it is a complete key, or waits for
 * its certificate, unless that request shall be given up; RC_NOTFOUND if nothing has
 * the id; RC_BUSY while a key is made. */
enum rc keyd_tidy(struct keyd *k, const struct keyd_passwords *pw,
		  const uint8_t id[16], bool give_up, struct err *e) MUST_CHECK;

/* ---- requests for an authority's certificate (CallManager, TVS, CAPF) ---- */

#define KEYD_CHAIN_MAX (16u << 10) /* bytes of a certificate and its chain */

/* A pair that the token has, and what the authority shall sign. */
struct keyd_csr {
	struct label label; /* the key's, once it has its certificate */
	uint8_t id[16];
	int64_t made;  /* Unix time */
	X509_REQ *req; /* owned */
};
/* The one that waits. RC_NOTFOUND if none does. */
enum rc keyd_csr_show(struct keyd *k, enum unit unit, const char *node,
		      struct keyd_csr *out, struct err *e) MUST_CHECK;

/* ---- what is done all the same ---- */

#define KEYD_OVERRIDE_MAX 400 /* bytes of the text, NUL included */

/* With --force something is done that itlctl would refuse, and that keyd has no part
 * in: a cluster.conf that locks phones. The text (name=value words: what, and what it
 * does) is in the audit log, with the administrator's ticket, when this returns. */
enum rc keyd_override(struct keyd *k, const struct secret *password, const char *text,
		      struct err *e) MUST_CHECK;

/* The text of an operation of front's on a node (its id) that `why` speaks against. Who
 * asks for the ticket and who uses it make the same one, each of the same refusal.
 * Returns text. */
char *keyd_override_text(const char *op, const char *node, const char *why,
			 char text[KEYD_OVERRIDE_MAX]);

/* ---- tvs: handshakes with a node's TVS key, and nothing else ----
 *
 * label: of the key whose certificate the phone was shown. It may have been renewed a
 * moment ago: any generation that the token has.
 */

#define KEYD_TLS_SIGNATURE_MAX 512u /* bytes: RSA-4096 */

/*
 * Sign what a TLS server signs: digest is "SHA1", "SHA256", "SHA384", "SHA512" or
 * "MD5-SHA1"; pss: with a salt of its length. RC_REFUSED for any message of another
 * shape. *n: in: room, out: the key's length.
 */
enum rc keyd_tls_sign(struct keyd *k, const char *label, const char *digest, bool pss,
		      struct bytes message, uint8_t *signature, size_t *n,
		      struct err *e) MUST_CHECK;

/* RSA key exchange (RFC 5246 7.4.7.1): always gives a premaster secret, a random one
 * for whatever fault of the client's. RC_TOKEN with the token's code if the token does
 * not decrypt raw blocks. version: the client's, as in its hello. */
enum rc keyd_tls_decrypt(struct keyd *k, const char *label, unsigned version,
			 struct bytes in, uint8_t premaster[48], struct err *e) MUST_CHECK;

/* ---- front ---- */

/* What keyd_prove() remembers of this user (whom front's door saw). It is given out
 * once. RC_NOTFOUND if there is none such, whatever the reason. */
struct keyd_proof {
	struct label label;
	uint8_t id[16];    /* of the key */
	uint32_t security; /* which password opened it, as in keyd_status */
	int64_t proved;    /* Unix time */
};
enum rc keyd_proof(struct keyd *k, const uint8_t claim[KEYD_CLAIM_LEN], uid_t uid,
		   struct keyd_proof *out, struct err *e) MUST_CHECK;

/* The node's own list, built from the token's certificates. malloc()ed. */
enum rc keyd_sign_itl(struct keyd *k, const char *node, uint32_t timestamp,
		      uint8_t **list, size_t *n, struct err *e) MUST_CHECK;

/* The source list re-signed: KEYD_LOCALKEY by the recovery key (policy
 * callmanager) or the publisher's CallManager key (policy itlrecovery);
 * KEYD_REMOTEKEY always by the current recovery key, whose certificate takes the
 * place of the list's ITLRecovery record. uid: whom front's door saw. */
enum rc keyd_reset(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		   uid_t uid, enum keyd_how how, struct bytes source_list,
		   uint32_t timestamp, uint8_t **list, size_t *n,
		   struct err *e) MUST_CHECK;

/* The SHA-1 that keyd_reset() of the same list and time will have. */
enum rc keyd_reset_preview(struct keyd *k,
			   const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
			   enum keyd_how how, struct bytes source_list,
			   uint32_t timestamp, uint8_t sha1[20], struct err *e) MUST_CHECK;

/* The cluster's CTL, built from the token's certificates and cluster.conf, signed
 * by the publisher's CallManager key or (policy itlrecovery) the recovery key.
 * RC_USAGE if a server's address is no IPv4 address, RC_REFUSED over 65535 bytes.
 * malloc()ed. */
enum rc keyd_ctl(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		 uid_t uid, uint32_t timestamp, uint8_t **list, size_t *n,
		 struct err *e) MUST_CHECK;

/*
 * The Audit key's signature of the trust file that trust_build() makes of the same
 * entries, in this order, and of the time, with *audit's certificate (free its cert).
 * The file itself could be longer than an answer. RC_REFUSED for what trust_check()
 * refuses, for what is no certificate, and for one of this token's or with its issuer
 * and serial number; expired ones are no fault, and noted.
 */
struct keyd_signature {
	uint8_t p[512];
	size_t n;
};
enum rc keyd_trust(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
		   const struct keyd_trust *t, struct keyd_key *audit,
		   struct keyd_signature *signature, struct err *e) MUST_CHECK;

/* A new generation of a unit's key, with its certificate. Takes seconds.
 * *out is filled (free its cert). */
enum rc keyd_generate(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		      uid_t uid, enum unit unit, const char *node,
		      struct keyd_key *out, struct err *e) MUST_CHECK;

/* A new pair, and its request; nothing in force changes. One that waited is given up,
 * and its pair removed. Takes seconds. *out is filled (free its req). */
enum rc keyd_csr(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
		 enum unit unit, const char *node, struct keyd_csr *out,
		 struct err *e) MUST_CHECK;

/*
 * The certificate of the pair that waits, in DER, then its authorities' up to one that
 * signed itself, in any order: at most KEYD_CHAIN_MAX bytes. The pair becomes the
 * unit's current key; the one before is kept, retired. RC_NOTFOUND if none waits;
 * RC_VERIFY if the chain does not hold; RC_REFUSED for another key's, and for one that
 * no list can hold. *out is filled (free its cert).
 */
enum rc keyd_cert_import(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
			 uid_t uid, enum unit unit, const char *node,
			 struct bytes certificates, struct keyd_key *out,
			 struct err *e) MUST_CHECK;

/* Nothing is signed: keyd checks the administrator's consent to these lists, and the
 * audit log has them, a node each. */
enum rc keyd_rollback(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		      uid_t uid, const struct keyd_place *places, size_t n,
		      struct err *e) MUST_CHECK;

/* front does what it would refuse: keyd checks the administrator's consent to just this
 * text, and the audit log has it when this returns. */
enum rc keyd_use_override(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
			  const char *text, struct err *e) MUST_CHECK;

/* Remove a retired key and its certificate from the token, for good. RC_REFUSED for
 * a current one; whether a list still refers to it is for front to know. After a
 * connection that was lost, RC_REFUSED (the ticket is used) or RC_NOTFOUND may mean
 * that it was removed: ask for the keys. */
enum rc keyd_remove(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		    uid_t uid, const char *label, struct err *e) MUST_CHECK;

/* Put front's word into the audit log: event is a short name ("tftp-restart"),
 * text one line of key=value. */
enum rc keyd_note(struct keyd *k, const char *event, const char *text,
		  struct err *e) MUST_CHECK;

#endif
