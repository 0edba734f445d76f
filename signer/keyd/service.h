/*
 * keyd's inside: what a worker has when it handles a request.
 */
#ifndef KEYD_SERVICE_H
#define KEYD_SERVICE_H

#include "config.h"
#include "conn.h"
#include "itl/itl.h"
#include "keyd/wire.h"
#include "keyring.h"
#include "limit.h"
#include "proof.h"
#include "release.h"
#include "state.h"
#include "ticket.h"
#include "waiting.h"
#include <openssl/types.h>
#include <stdatomic.h>

struct service {
	struct keyd_config *config;
	struct hsm_token *token;
	struct keyring keys;
	struct keyd_state state;
	struct tickets tickets;
	struct release *release;
	OSSL_LIB_CTX *provider; /* certificates are signed through it */
	pthread_mutex_t generating; /* see request_lock() */
	pthread_rwlock_t keys_used; /* read-held by every request that is handled */
	struct limit limit;
	struct proofs proofs;
	struct waiting waiting;
	atomic_bool sealed; /* the current recovery key; see below */
	bool put_back; /* SoftHSM's token.object, at this start */
	int64_t started;
};

/* What the audit log will say of a request. A handler fills it as it learns. */
struct note {
	bool wanted; /* an entry is written */
	bool limited; /* but of a refusal only one a minute: front did not send it, or
			 nothing was shown that took a password */
	uid_t by;     /* whose minute */
	char event[32];
	char key[LABEL_MAX];
	uint8_t digest[64];
	size_t digest_len;
	uint8_t ticket[4]; /* names it; no use without the rest */
	size_t ticket_len;
	char detail[600];
};

void note_detail(struct note *n, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void note_key(struct note *n, const struct held_key *k);
/* SHA-256 of what was signed. */
void note_digest(struct note *n, struct bytes signed_bytes);
void note_ticket(struct note *n, struct bytes ticket);

struct request {
	struct service *service;
	struct hsm_session *session; /* the worker's own */
	struct conn *conn;
	enum keyd_request what;
	struct reader in;  /* the body */
	int fd;            /* beside the frame, or -1 */
	struct writer out; /* the answer's body */
	struct note note;
};

/*
 * Handle a request: role, then the handler of the table. The answer's body is
 * in request->out on RC_OK. This is all that anybody can have of keyd.
 */
enum rc request_handle(struct request *q, struct err *e) MUST_CHECK;

/* Does it sign or change something? Then each one is in the log, or is not done. */
bool request_is_audited(unsigned what);

/* May this role ask that at all? request_handle() refuses it, if not. */
bool request_allowed(unsigned what, enum role role);

/* Seconds after which a request is given up, for the watchdog. */
unsigned request_deadline(const struct service *s, unsigned what);

/* True if the peer should see its answer and then keyd should end, because the
 * token said something that is no answer. (design: crash-only) */
bool request_is_fatal(const struct err *e);

/* ---- the handlers, by file ---- */
typedef enum rc request_handler(struct request *q, struct err *e);

request_handler request_status, request_keys;                 /* request_read.c */
request_handler request_ticket, request_note, request_rollback,
	request_override; /* request_admin.c */
request_handler request_salt, request_password, request_security,
	request_security_salt;                                /* request_password.c */
request_handler request_export, request_prove, request_import,
	request_seal, request_proof;                          /* request_recovery.c */
request_handler request_itl, request_sgn;                     /* request_routine.c */
request_handler request_ctl;                                  /* request_ctl.c */
request_handler request_reset, request_preview;               /* request_reset.c */
request_handler request_generate;                             /* request_generate.c */
request_handler request_incomplete, request_tidy;              /* request_tidy.c */
request_handler request_remove;                               /* request_remove.c */
request_handler request_csr, request_csr_show, request_cert_import; /* request_csr.c */
request_handler request_trust;                                /* request_trust.c */
request_handler request_tls_sign, request_tls_decrypt;        /* request_tls.c */

/* ---- what several of them need ---- */

/* The request's body was read to its end, and nothing was missing. */
enum rc request_read_done(struct request *q, struct err *e) MUST_CHECK;

/* ticket and uid at the begin of a body. */
struct consent {
	struct bytes ticket, rest; /* of the body */
	uid_t uid;
};
struct consent request_read_consent(struct request *q);
enum rc request_use_consent(struct request *q, const struct consent *c,
			    const struct keyd_intent *intent,
			    struct err *e) MUST_CHECK;

/* The same of a request that an administrator's program sends itself: the user is
 * the kernel's, and the ticket is for all that follows it in the body. */
struct consent request_read_own_consent(struct request *q);
enum rc request_use_own_consent(struct request *q, const struct consent *c,
				enum keyd_op op, struct err *e) MUST_CHECK;

/* Is it the password? Every refusal makes the next try of this user wait.
 * *number (NULL is fine): which one it is. */
enum rc request_check_password(struct request *q, enum which_password which,
			       struct bytes derived, uint32_t *number,
			       struct err *e) MUST_CHECK;

/*
 * One generation, import, seal, removal or tidy at a time. RC_BUSY at once while
 * another runs: a generation takes longer than others may wait until the watchdog ends
 * keyd, and the generation with it. After the ticket, so that nobody holds it without
 * one.
 */
enum rc request_lock(struct request *q, struct err *e) MUST_CHECK;
void request_unlock(struct request *q);

/* Once, before the first request. */
enum rc requests_init(struct service *s, struct err *e) MUST_CHECK;

/*
 * Between the two no other request is being handled: what the ring does not give
 * out any more, nobody has. It waits for those that run (each has its deadline);
 * under request_lock(), so that none of them is a generation.
 */
void request_alone_begin(struct request *q);
void request_alone_end(struct request *q);

/* A node of the configuration, read as text from the body. */
enum rc request_read_node(struct request *q, const struct cluster_node **node,
			  struct err *e) MUST_CHECK;

/* A unit, and its node: NULL for the cluster's units. */
enum rc request_read_place(struct request *q, enum unit *unit,
			   const struct cluster_node **node,
			   struct err *e) MUST_CHECK;

/* A key in this worker's session, as itl wants a signer. */
struct token_signer {
	struct hsm_session *session;
	struct held_key *key;
};
struct itl_signer token_signer_of(struct token_signer *t);
unsigned request_list_digest(const struct request *q);

/* A built list: parse it again and verify it, note its digest, and write it into
 * the answer (as a list, or only its SHA-1). */
enum rc request_give_list(struct request *q, struct bytes list, bool sha1_only,
			  struct err *e) MUST_CHECK;

/* One key as KEYD_KEYS has it. */
void request_write_key(struct request *q, const struct held_key *k);

/* An entry of the log beside the request's own, before that one. key: a label, or NULL. */
enum rc request_note_more(struct request *q, const char *event, const char *key,
			  const char *detail, struct err *e) MUST_CHECK;

/* "EVENT-begin": the id of a new key is in the log before the token has it. */
enum rc request_note_id(struct request *q, const char *event, const char *label,
			const uint8_t id[HSM_ID_LEN], struct err *e) MUST_CHECK;

/* What a unit's keys may do in the token, as hsm_key_generate() takes it. */
unsigned request_unit_usage(enum unit unit);

/* After a key could not be made: what was left of it is known at once. Called
 * between request_lock() and request_unlock(). */
void request_look_for_halves(struct request *q);

/* Look whether the current recovery key can leave: after the start, and after
 * whatever may have changed it. */
enum rc service_look_at_recovery(struct service *s, struct hsm_session *session,
				 struct err *e) MUST_CHECK;

#endif
