#include "pool.h"
#include <fcntl.h>
#include <stdlib.h>

static enum rc open_session(struct hsm_token *t, CK_SESSION_HANDLE *handle,
			    struct err *e)
{
	CK_RV rv = t->pool.functions->C_OpenSession(
		t->pool.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
		handle);

	return rv == CKR_OK ? RC_OK
			    : hsm_err(e, "C_OpenSession", rv, "token \"%s\"",
				      t->info.label);
}

enum rc pool_open(struct hsm_token *t, size_t n, struct err *e)
{
	struct pool *p = &t->pool;

	p->sessions = calloc(n, sizeof *p->sessions);
	if (!p->sessions)
		return err_errno(e, RC_ERROR, "calloc", NULL, "%zu sessions",
				 n);
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->given, NULL);
	for (p->n = 0; p->n < n; p->n++) {
		struct hsm_session *s = &p->sessions[p->n];

		if (open_session(t, &s->handle, e) != RC_OK) {
			pool_close(t);
			return e->rc;
		}
		s->token = t;
		s->next = p->idle;
		p->idle = s;
	}
	return RC_OK;
}

void pool_close(struct hsm_token *t)
{
	struct pool *p = &t->pool;

	if (!p->sessions)
		return;
	for (size_t i = 0; i < p->n; i++)
		(void)p->functions->C_CloseSession(p->sessions[i].handle);
	(void)pthread_cond_destroy(&p->given);
	(void)pthread_mutex_destroy(&p->lock);
	for (size_t k = 0; k < p->n; k++)
		EVP_PKEY_CTX_free(p->sessions[k].verifier.ctx);
	free(p->sessions);
	p->sessions = NULL;
	p->idle = NULL;
	p->n = 0;
}

struct hsm_session *hsm_session_take(struct hsm_token *t)
{
	struct pool *p = &t->pool;
	struct hsm_session *s;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->idle)
		(void)pthread_cond_wait(&p->given, &p->lock);
	s = p->idle;
	p->idle = s->next;
	(void)pthread_mutex_unlock(&p->lock);
	s->next = NULL;
	return s;
}

void hsm_session_give(struct hsm_session *s)
{
	struct pool *p = &s->token->pool;

	(void)pthread_mutex_lock(&p->lock);
	s->next = p->idle;
	p->idle = s;
	(void)pthread_cond_signal(&p->given);
	(void)pthread_mutex_unlock(&p->lock);
}

enum rc hsm_session_reopen(struct hsm_session *s, struct err *e)
{
	CK_SESSION_HANDLE fresh;

	/* The new one first: with the last session the login would end. */
	if (open_session(s->token, &fresh, e) != RC_OK)
		return e->rc;
	(void)s->token->pool.functions->C_CloseSession(s->handle);
	s->handle = fresh;
	return RC_OK;
}

struct hsm_token *hsm_session_token(const struct hsm_session *s)
{
	return s->token;
}

CK_SESSION_HANDLE hsm_session_handle(const struct hsm_session *s)
{
	return s->handle;
}

CK_FUNCTION_LIST *hsm_session_functions(const struct hsm_session *s)
{
	return s->token->pool.functions;
}

enum rc token_sync(struct hsm_session *s, struct err *e)
{
	const char *folder = s->token->folder;
	int CLEANUP(fd_close) fd =
		folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (folder && (fd < 0 || syncfs(fd) != 0))
		return err_errno(e, RC_TOKEN, "syncfs",
				 "look at the token's file system", "%s", folder);
	return RC_OK;
}
