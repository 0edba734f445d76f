#include "ceiling.h"
#include "base/num.h"
#include "bench.h"
#include "hsm/key.h"
#include "hsm/start.h"
#include <string.h>

#define SIGNATURE_MAX 512 /* RSA-4096 */

struct ceiling {
	struct hsm_module *module;
	struct hsm_token *token;
	struct hsm_session *sessions[BENCH_THREADS_MAX];
	unsigned nsessions;
	struct hsm_key **keys;
	size_t nkeys;
};

/* DigestInfo of a SHA-1 (RFC 8017, 9.2); the digest is all zeros. */
static const uint8_t digest_info[35] = {
	0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
	0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
};

static bool wanted(const char *label)
{
	return !strncmp(label, "CallManager/", strlen("CallManager/"));
}

void ceiling_free(struct ceiling *c)
{
	if (!c)
		return;
	hsm_keys_free(c->keys, c->nkeys);
	while (c->nsessions)
		hsm_session_give(c->sessions[--c->nsessions]);
	hsm_token_free(c->token);
	hsm_module_free(c->module);
	free(c);
}

enum rc ceiling_open(const char *module, const char *uri, const char *pin_file,
		     unsigned sessions, struct ceiling **out, struct err *e)
{
	struct ceiling CLEANUP(ceiling_free) *c = calloc(1, sizeof *c);
	struct secret CLEANUP(secret_free) *pin = NULL;
	const struct hsm_place place = {.module = module, .uri = uri,
					.sessions = sessions};

	if (!c)
		return err_errno(e, RC_ERROR, "malloc", NULL, "ceiling");
	if (secret_read_file(pin_file, &pin, e) ||
	    hsm_start(&place, pin, &c->module, &c->token, e))
		return e->rc;
	while (c->nsessions < sessions)
		c->sessions[c->nsessions++] = hsm_session_take(c->token);
	if (hsm_keys_load(c->sessions[0], wanted, NULL, NULL, &c->keys,
			  &c->nkeys, e))
		return e->rc;
	if (!c->nkeys)
		return err_set(e, RC_NOTFOUND, "find key",
			       "the token has no CallManager key",
			       "itlctl cluster init makes one; itlbench demo has its own",
			       "token \"%s\"", hsm_token_info(c->token)->label);
	*out = c;
	c = NULL;
	return RC_OK;
}

const char *ceiling_label(const struct ceiling *c)
{
	return c->keys[0]->label;
}

unsigned ceiling_bits(const struct ceiling *c)
{
	return c->keys[0]->bits;
}

unsigned ceiling_sessions(const struct ceiling *c)
{
	return c->nsessions;
}

static enum rc sign_step(void *arg, unsigned thread, struct err *e)
{
	struct ceiling *c = arg;
	CK_SESSION_HANDLE h = hsm_session_handle(c->sessions[thread]);
	CK_FUNCTION_LIST *f = hsm_session_functions(c->sessions[thread]);
	CK_MECHANISM rsa = {CKM_RSA_PKCS, NULL, 0};
	CK_BYTE info[sizeof digest_info], signature[SIGNATURE_MAX];
	CK_ULONG n = sizeof signature;
	CK_RV rv = f->C_SignInit(h, &rsa, c->keys[0]->private_handle);

	if (rv != CKR_OK)
		return hsm_err(e, "C_SignInit", rv, "%s", c->keys[0]->label);
	memcpy(info, digest_info, sizeof info); /* the call's is not const */
	rv = f->C_Sign(h, info, sizeof info, signature, &n);
	if (rv != CKR_OK)
		return hsm_err(e, "C_Sign", rv, "%s", c->keys[0]->label);
	return RC_OK;
}

enum rc ceiling_sign(struct ceiling *c, struct err *e)
{
	return sign_step(c, 0, e);
}

enum rc ceiling_rate(struct ceiling *c, unsigned threads, double seconds,
		     double *rate, struct err *e)
{
	assert(threads <= c->nsessions);
	return bench_rate(sign_step, c, threads, seconds, rate, e);
}
