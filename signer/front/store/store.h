/*
 * front's state: what each node shall serve, and what it serves.
 *
 * One SQLite file (WAL, synchronous=FULL), one connection behind a mutex: any
 * thread may call anything here. All SQL is in the store*.c files. Nothing here
 * is the only copy of something: without the file, front adopts what the nodes
 * serve, backups count as unproved, and alerts begin anew.
 */
#ifndef FRONT_STORE_H
#define FRONT_STORE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/hex.h"
#include "cluster/label.h"
#include "hold.h"
#include "keyd/client.h"
#include "vault/vault.h"
#include <stdbool.h>
#include <stdint.h>

struct store;

/* Opens or makes the file, and brings it to this version's schema. RC_BUSY if
 * another front has it. store_free() it after the last thread. */
enum rc store_open(const char *path, struct store **out,
		   struct err *e) MUST_CHECK;
void store_free(struct store *s);
CLEANUP_DEFINE(struct store *, store_free);

/* ---- lists: immutable ---- */

enum list_kind {
	LIST_ITL,   /* a node's own list */
	LIST_RESET, /* signed by a reset */
	LIST_CTL,   /* the cluster's CTL */
	LIST_OTHER, /* served by a node, but not signed by this token's keys */
};
const char *list_kind_name(enum list_kind k); /* "itl", "reset", "ctl", "other" */

struct list {
	char sha1[SHA1_HEX];
	enum list_kind kind;
	char node[CLUSTER_ID_MAX + 1]; /* whose certificates it holds */
	char signer[LABEL_MAX];        /* the key's label; "" if unknown */
	int64_t made;                  /* Unix time: the list's own timestamp */
	uint8_t *bytes;                /* malloc()ed */
	size_t n;
};
void list_clear(struct list *l);
static inline void list_clear_at(struct list *l) /* for CLEANUP(list_clear) */
{
	list_clear(l);
}

/* RC_NOTFOUND if it was never seen. list_clear() it. */
enum rc store_list(struct store *s, const char *sha1, struct list *out,
		   struct err *e) MUST_CHECK;

/* ---- targets: one a node ---- */

/* The files that a node serves. */
enum served_file { FILE_ITL, FILE_CTL, FILE_COUNT };
const char *served_file_name(enum served_file f); /* "itl", "ctl" */
/* The file that a list of this kind is (of LIST_OTHER nobody knows). */
enum served_file list_kind_file(enum list_kind k);

struct served {
	bool known;            /* a fetch, or an operation, said something of it */
	char want[SHA1_HEX];   /* "": nothing yet */
	char prev[SHA1_HEX];   /* what was wanted before */
	char before[SHA1_HEX]; /* what was wanted before the last reset; "": none */
	char have[SHA1_HEX];   /* what was fetched last; "": nothing */
	int64_t since;         /* it serves that: Unix time */
};

struct target {
	struct served itl, ctl;
	int64_t bounce;      /* the operation that asked for a bounce; 0: none */
	struct err error;    /* of the last attempt; rc RC_OK: none */
	int64_t next_try;    /* 0: no attempt is due */
};

/* All zero for a node that has none yet. */
enum rc store_target(struct store *s, const char *node, struct target *out,
		     struct err *e) MUST_CHECK;
/* False if the node has nothing left to do. */
bool target_pending(const struct target *t);
static inline const struct served *target_served(const struct target *t,
						 enum served_file f)
{
	return f == FILE_CTL ? &t->ctl : &t->itl;
}
/* Wanted, and not what the node serves. */
bool served_pending(const struct served *f);

/* In one transaction: keep the list, and let all these nodes want it (as the file
 * that its kind is) and be bounced for operation `op`. list == NULL: a bounce only.
 * Of a reset list, what each node wanted until now is kept as its `before`. */
enum rc store_want(struct store *s, const struct list *list,
		   const char *const *nodes, size_t nnodes, int64_t op,
		   struct err *e) MUST_CHECK;

/* What a fetch brought; list == NULL: the server has no such file. A node that
 * wants nothing yet adopts a list that is not LIST_OTHER. What it is goes into the
 * node's history. */
enum rc store_have(struct store *s, const char *node, enum served_file file,
		   const struct list *list, struct err *e) MUST_CHECK;

/* The lists that nodes served as this file within keep-days (store_prune() ends them),
 * of nodes that are no more too; the newest first. malloc()ed. (store_history.c) */
struct past_list {
	char node[CLUSTER_ID_MAX + 1];
	char sha1[SHA1_HEX];
	int64_t first, last; /* it was seen there: Unix time */
};
enum rc store_past_lists(struct store *s, enum served_file file,
			 struct past_list **out, size_t *n,
			 struct err *e) MUST_CHECK;

/* An attempt ended: with an error and the next try, or (error == NULL) well,
 * and then the bounce that operation `bounce` asked for is done. */
enum rc store_attempt(struct store *s, const char *node, int64_t bounce,
		      const struct err *error, int64_t next_try,
		      struct err *e) MUST_CHECK;

/* ---- operations: at most one runs ---- */

struct op {
	int64_t id;
	char kind[24];   /* the door's request, as "reset"; or STORE_CONFIG_OP */
	char who[64];    /* "alice (uid 1000)" */
	char params[192];
	int64_t started;
	bool wanted; /* nodes want what it is about: it goes on after a kill */
};

/* RC_BUSY names what runs, whose it is, and since when. */
enum rc store_op_begin(struct store *s, const char *kind, const char *who,
		       const char *params, int64_t *id,
		       struct err *e) MUST_CHECK;
/* note: what is worth keeping of it, or "". */
enum rc store_op_end(struct store *s, int64_t id, bool well, const char *note,
		     struct err *e) MUST_CHECK;
/* RC_BUSY, in the same words, if one runs. */
enum rc store_op_idle(struct store *s, const char *kind,
		      struct err *e) MUST_CHECK;
/* The one that runs; RC_NOTFOUND if none does. */
enum rc store_op_running(struct store *s, struct op *out,
			 struct err *e) MUST_CHECK;

/* ---- cluster.conf: which one state was made with (store_config.c) ---- */

#define STORE_CONFIG_OP "config" /* kind of the operation that takes one up */

/* The last one that was taken up: its SHA-256 in hex; "" before the first. */
enum rc store_config(struct store *s, char sha256[CLUSTER_HASH],
		     struct err *e) MUST_CHECK;
/* It was taken up without an operation: with front's start. "config=HASH ...". */
enum rc store_config_done(struct store *s, const char *params,
			  struct err *e) MUST_CHECK;
/* What is known of nodes that are none any more goes: what they shall serve and
 * serve, whose phones are to be reset, their holds. Their histories stay until
 * store_prune(). *gone: how many nodes that were. */
enum rc store_keep_nodes(struct store *s, const struct cluster *c, size_t *gone,
			 struct err *e) MUST_CHECK;

struct op_ended {
	struct op op;
	int64_t ended; /* Unix time */
	bool well;
	char note[480]; /* cut; "": nothing worth keeping */
};
/* The last that ended; RC_NOTFOUND if none did. */
enum rc store_op_last(struct store *s, struct op_ended *out,
		      struct err *e) MUST_CHECK;

struct store_place {
	const char *node;
	const char *sha1;
};
/* In one transaction: these nodes want their `before` again (RC_ERROR if that is
 * another list by now) and are bounced for operation `op`; no node has a `before`
 * afterwards. */
enum rc store_rollback(struct store *s, const struct store_place *places, size_t n,
		       int64_t op, struct err *e) MUST_CHECK;

/* ---- the trust store (store_trust.c) ---- */

/* The signed file's bytes, malloc()ed; RC_NOTFOUND if there never was one. */
enum rc store_trust(struct store *s, uint8_t **out, size_t *n, struct err *e) MUST_CHECK;
/* It takes the place of what was there. */
enum rc store_trust_set(struct store *s, struct bytes file, struct err *e) MUST_CHECK;

/* ---- keys: what the token last said ---- */

/* Replaces them all. */
enum rc store_keys_set(struct store *s, const struct keyd_key *keys, size_t n,
		       struct err *e) MUST_CHECK;
/* Units in enum order, newest generation first. keyd_keys_free() them. */
enum rc store_keys(struct store *s, struct keyd_key **out, size_t *n,
		   struct err *e) MUST_CHECK;

/* ---- holds: when certificates were made ---- */

struct hold {
	enum unit unit;
	char node[CLUSTER_ID_MAX + 1]; /* the publisher's for the cluster's units */
	struct hold_time set;
};

/* One of each unit and node: it takes the place of what was there. */
enum rc store_hold_put(struct store *s, const struct hold *h,
		       struct err *e) MUST_CHECK;
enum rc store_hold_end(struct store *s, enum unit unit, const char *node,
		       struct err *e) MUST_CHECK;
/* All that were ever put, malloc()ed; whether any is left hold_left() says. */
enum rc store_holds(struct store *s, struct hold **out, size_t *n,
		    struct err *e) MUST_CHECK;

/* ---- history: what nodes served, and phones may hold ---- */

struct kept {
	char node[CLUSTER_ID_MAX + 1];
	enum served_file file;
	char sha1[SHA1_HEX];
	int64_t last; /* it was seen there last; 0: it never was */
	bool now;     /* it is want, prev, before or have of the node */
};

/* The lists that a node was seen to serve since then, and those that state needs now,
 * once for each node; malloc()ed. */
enum rc store_kept(struct store *s, int64_t since, struct kept **out, size_t *n,
		   struct err *e) MUST_CHECK;
/* Forget what was not seen since then and state does not need, with the lists that
 * nothing names any more. *forgotten: how many entries. */
enum rc store_prune(struct store *s, int64_t since, size_t *forgotten,
		    struct err *e) MUST_CHECK;

/* ---- phones: nodes whose list they shall be reset for ---- */

struct phones_due {
	char node[CLUSTER_ID_MAX + 1];
	char units[80]; /* whose certificates changed: "CallManager TVS" */
};
/* Once it serves this list; it takes the place of what the node had. */
enum rc store_phones_put(struct store *s, const char *node, const char *sha1,
			 const char *units, struct err *e) MUST_CHECK;
/* The nodes that serve theirs, restarted and verified; malloc()ed. */
enum rc store_phones_due(struct store *s, struct phones_due **out, size_t *n,
			 struct err *e) MUST_CHECK;
enum rc store_phones_end(struct store *s, const char *node,
			 struct err *e) MUST_CHECK;

/* ---- TVS: nodes whose TVS was seen to answer (store_tvs.c) ---- */

struct tvs_seen {
	char node[CLUSTER_ID_MAX + 1];
	int64_t since;    /* it is as it is now: Unix time */
	struct err error; /* why it does not answer; rc RC_OK: it does */
};
/* It takes the place of what the node had. */
enum rc store_tvs_put(struct store *s, const struct tvs_seen *t,
		      struct err *e) MUST_CHECK;
/* malloc()ed. */
enum rc store_tvs(struct store *s, struct tvs_seen **out, size_t *n,
		  struct err *e) MUST_CHECK;

/* ---- signed files: of which certificate a node's are (store_signed.c) ---- */

struct signed_files {
	char cert[SHA1_HEX]; /* SHA-1 of the CallManager certificate; "": never */
	int64_t at;          /* Unix time */
	uint64_t files;      /* that were signed again then */
	uint64_t refused;    /* that could not be, and why the first: */
	struct err error;
};
/* All zero if they never were. */
enum rc store_signed(struct store *s, const char *node, struct signed_files *out,
		     struct err *e) MUST_CHECK;
enum rc store_signed_put(struct store *s, const char *node,
			 const struct signed_files *f, struct err *e) MUST_CHECK;

/* ---- backups: what keyd proved, and what the daily check found since ---- */

struct backup {
	int64_t id;
	char vault[VAULT_TEXT_MAX]; /* vault_target_text() */
	char name[VAULT_NAME_MAX];
	uint8_t digest[32];         /* BLAKE2b-256 of the whole object */
	uint64_t bytes;
	bool plain;
	char key[LABEL_MAX];        /* the label, when it was proved */
	uint8_t key_id[16];
	char route[KEYD_ROUTE_MAX];
	uint32_t security;          /* which security password opens it */
	int64_t made, proved;       /* Unix time */
	int64_t checked;            /* 0: never since */
	struct err error;           /* gone, or changed; rc RC_OK: neither */
};

/* Takes the place of what had its vault and name; its id and check are new. */
enum rc store_backup_put(struct store *s, const struct backup *b,
			 struct err *e) MUST_CHECK;
/* Newest first, malloc()ed. */
enum rc store_backups(struct store *s, struct backup **out, size_t *n,
		      struct err *e) MUST_CHECK;
/* RC_NOTFOUND if there is none. */
enum rc store_backup_remove(struct store *s, const char *vault,
			    const char *name, struct err *e) MUST_CHECK;
/* The last check of a vault; all zero if there was none. */
struct vault_seen {
	int64_t checked;
	char name[VAULT_NAME_MAX]; /* its newest object; "": none, or not known */
	struct err error;          /* rc RC_OK: it was well */
};
enum rc store_vault(struct store *s, const char *vault, struct vault_seen *out,
		    struct err *e) MUST_CHECK;

/* What a check says of a backup. */
struct backup_check {
	int64_t id;
	struct err error; /* gone, or changed; rc RC_OK: it was found as it was */
};
/* A check, with the backups that it knows of now (n may be 0), in one transaction.
 * A backup that has gone from the state is no failure. */
enum rc store_vault_checked(struct store *s, const char *vault,
			    const struct vault_seen *v,
			    const struct backup_check *backups, size_t n,
			    struct err *e) MUST_CHECK;

/* ---- the audit log's heads ---- */

struct audit_head {
	char sha1[SHA1_HEX]; /* the list that was published */
	char kind[8], node[CLUSTER_ID_MAX + 1];
	uint64_t entry;      /* the log's last one then, and its h */
	uint8_t head[32];
	int64_t time;
};

/* For all lists that nodes want and that have none yet. */
enum rc store_heads_add(struct store *s, uint64_t entry, const uint8_t head[32],
			int64_t time, struct err *e) MUST_CHECK;
/* Oldest first, malloc()ed. */
enum rc store_heads(struct store *s, struct audit_head **out, size_t *n,
		    struct err *e) MUST_CHECK;

/* ---- alerts: those that stand ---- */

#define ALERT_NAME_MAX 112
#define ALERT_TEXT_MAX 480

struct alert_row {
	char name[ALERT_NAME_MAX];
	int severity; /* of syslog: 0..7 */
	char text[ALERT_TEXT_MAX];
	int64_t since;
	int64_t sent;   /* 0: not yet */
	uint64_t times; /* how often it was sent */
};

/* It stands, since r->since if it did not before. r->sent and r->times are not
 * looked at. */
enum rc store_alert_put(struct store *s, const struct alert_row *r,
			struct err *e) MUST_CHECK;
enum rc store_alert_sent(struct store *s, const char *name, int64_t at,
			 struct err *e) MUST_CHECK;
enum rc store_alert_end(struct store *s, const char *name,
			struct err *e) MUST_CHECK;
/* The gravest first, malloc()ed. */
enum rc store_alerts(struct store *s, struct alert_row **out, size_t *n,
		     struct err *e) MUST_CHECK;

#endif
