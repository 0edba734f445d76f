/* A token's pool of sessions, between token.c and session.c. */
#ifndef HSM_POOL_H
#define HSM_POOL_H

#include "hsm/token.h"
#include <openssl/evp.h>
#include <pthread.h>

struct hsm_session {
	struct hsm_token *token;
	CK_SESSION_HANDLE handle;
	/* The last verification, ready for the next one of its kind: most work is
	 * many signatures of one key. It holds its own reference to the key. */
	struct {
		EVP_PKEY_CTX *ctx;
		const void *digest;
		int padding;
	} verifier;
	struct hsm_session *next; /* while it is not lent */
};

struct pool {
	CK_FUNCTION_LIST *functions; /* the module's */
	CK_SLOT_ID slot;
	struct hsm_session *sessions; /* an array of n */
	size_t n;
	struct hsm_session *idle;
	pthread_mutex_t lock;
	pthread_cond_t given;
};

struct hsm_token {
	struct hsm_token_info info;
	struct pool pool;
	bool logged_in;
	bool pin_refused; /* no second try */
	bool unverified;  /* hsm_place's */
	char *folder;     /* of files that the token does not make durable, or NULL */
};

/* Open n sessions of t->pool.functions and .slot; on failure none stays. */
enum rc pool_open(struct hsm_token *t, size_t n, struct err *e) MUST_CHECK;
void pool_close(struct hsm_token *t);

/* What the token has written since is on its disk, if it lies in files. */
enum rc token_sync(struct hsm_session *s, struct err *e) MUST_CHECK;

#endif
