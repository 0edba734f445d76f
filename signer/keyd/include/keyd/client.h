/*
 * keyd's client: what front, tvs, itlctl and itlbench may ask of it.
 *
 * A struct keyd is one connection, used by one thread at a time. If keyd ends
 * (it is crash-only), a call connects again and sends once more; what comes
 * back then is the caller's. Each answer that changes or signs something is in
 * the audit log when it arrives.
 */
#ifndef KEYD_CLIENT_H
#define KEYD_CLIENT_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "cluster/label.h"
#include <openssl/x509.h>
#include <stdint.h>

struct keyd;

/* Connects at the first call. keyd_free() it. */
enum rc keyd_open(const char *socket_path, struct keyd **out,
		  struct err *e) MUST_CHECK;
void keyd_free(struct keyd *k);
CLEANUP_DEFINE(struct keyd *, keyd_free);

/* ---- what anyone with a role may ask ---- */
struct keyd_status {
	char token[33], manufacturer[33], model[17], serial[17];
	unsigned sessions, keys;
	bool password_set;
	uint64_t audit_entries;
	int64_t started; /* Unix time */
};
enum rc keyd_status(struct keyd *k, struct keyd_status *out,
		    struct err *e) MUST_CHECK;

struct keyd_key {
	struct label label;
	uint8_t id[16];
	bool current; /* the highest complete generation */
	X509 *cert;   /* owned */
};
/* All keys, units in enum order, newest generation first. */
enum rc keyd_keys(struct keyd *k, struct keyd_key **keys, size_t *n,
		  struct err *e) MUST_CHECK;
void keyd_keys_free(struct keyd_key *keys, size_t n);

/* ---- tickets ---- */
#define KEYD_TICKET_LEN 32
#define KEYD_TICKET_SECONDS 60

enum keyd_op { KEYD_OP_RESET = 1, KEYD_OP_PREVIEW, KEYD_OP_GENERATE,
	       KEYD_OP_CTL };

/* What a ticket is good for: an operation and the SHA-256 of its parameters. */
struct keyd_intent {
	enum keyd_op op;
	uint8_t params[32];
};
/* A reset (or its preview) of exactly this list. */
struct keyd_intent keyd_intent_reset(bool preview, struct bytes source_list,
				     uint32_t timestamp);
/* node: NULL for the cluster's units. */
struct keyd_intent keyd_intent_generate(enum unit unit, const char *node);
struct keyd_intent keyd_intent_ctl(uint32_t timestamp);

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

/* ---- front ---- */

/* The node's own list, built from the token's certificates. malloc()ed. */
enum rc keyd_sign_itl(struct keyd *k, const char *node, uint32_t timestamp,
		      uint8_t **list, size_t *n, struct err *e) MUST_CHECK;

/* The source list re-signed by the recovery key (policy callmanager) or the
 * publisher's CallManager key (policy itlrecovery). uid: whom front's door saw. */
enum rc keyd_reset(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		   uid_t uid, struct bytes source_list, uint32_t timestamp,
		   uint8_t **list, size_t *n, struct err *e) MUST_CHECK;

/* The SHA-1 that keyd_reset() of the same list and time will have. */
enum rc keyd_reset_preview(struct keyd *k,
			   const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
			   struct bytes source_list, uint32_t timestamp,
			   uint8_t sha1[20], struct err *e) MUST_CHECK;

/* A new generation of a unit's key, with its certificate. Takes seconds.
 * *out is filled (free its cert). */
enum rc keyd_generate(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		      uid_t uid, enum unit unit, const char *node,
		      struct keyd_key *out, struct err *e) MUST_CHECK;

/* Put front's word into the audit log: event is a short name ("tftp-restart"),
 * text one line of key=value. */
enum rc keyd_note(struct keyd *k, const char *event, const char *text,
		  struct err *e) MUST_CHECK;

#endif
