/* Passwords become what keyd wants (Argon2id, here), and tickets. */
#include "base/num.h"
#include "call.h"
#include "keyd/intent.h"
#include <sodium.h>
#include <string.h>

/* Cost of a password: about 0.2 s, 64 MiB. keyd keeps the numbers with the salt,
 * so that they can grow. */
#define ARGON_OPS 3u
#define ARGON_MEMORY (64u << 20)

/* has old u8, old derived, salt, ops and memory u64, derived */
#define CHANGE_LEN (1 + 2 * KEYD_DERIVED_LEN + KEYD_SALT_LEN + 16)

const struct call_password call_admin = {
	KEYD_SALT, KEYD_PASSWORD, "the administrator",
	"root sets it: itlctl cluster init, or itlctl set password user admin",
};
const struct call_password call_security = {
	KEYD_SECURITY_SALT, KEYD_SECURITY, "the cluster security password",
	"set it: itlctl set password user security",
};

struct cost {
	uint8_t salt[KEYD_SALT_LEN];
	uint64_t ops, memory;
};

static enum rc derive(const struct secret *password, const struct cost *c,
		      struct secret **out, struct err *e)
{
	struct secret CLEANUP(secret_free) *s = NULL;

	if (!wire_cost_fits(c->ops, c->memory))
		return err_set(e, RC_REFUSED, "Argon2id",
			       "keyd asks for an absurd cost",
			       "is it keyd who answers there? nothing was sent to it",
			       "%llu passes, %llu bytes",
			       (unsigned long long)c->ops,
			       (unsigned long long)c->memory);
	if (secret_new(KEYD_DERIVED_LEN, &s, e) != RC_OK)
		return e->rc;
	if (crypto_pwhash(s->p, s->n, (const char *)password->p, password->n,
			  c->salt, c->ops, (size_t)c->memory,
			  crypto_pwhash_ALG_ARGON2ID13) != 0)
		return err_errno(e, RC_ERROR, "Argon2id", "free some memory",
				 "%llu bytes", (unsigned long long)c->memory);
	*out = s;
	s = NULL;
	return RC_OK;
}

static enum rc ask_cost(struct keyd *k, const struct call_password *which,
			bool *set, struct cost *out, struct err *e)
{
	struct writer none = writer_of(NULL, 0);
	struct cost c;
	struct bytes salt;
	struct reader r;
	bool is_set;

	if (call_keyd(k, which->salt, &none, true, &r, e) != RC_OK)
		return e->rc;
	is_set = read_u8(&r) == 1;
	salt = read_bytes(&r, sizeof c.salt);
	c.ops = read_u64(&r);
	c.memory = read_u64(&r);
	if (!reader_done(&r))
		return call_malformed(k, e);
	memcpy(c.salt, salt.p, salt.n);
	*set = is_set;
	*out = c;
	return RC_OK;
}

enum rc call_derive(struct keyd *k, const struct call_password *which,
		    const struct secret *password, struct secret **out,
		    struct err *e)
{
	struct cost c = {0};
	bool set = false;

	if (ask_cost(k, which, &set, &c, e) != RC_OK)
		return e->rc;
	if (!set)
		return err_set(e, RC_REFUSED, "password", "none was set yet",
			       which->unset_hint, "%s", which->what);
	return derive(password, &c, out, e);
}

/* ---- tickets ---- */

enum rc keyd_ticket(struct keyd *k, const struct secret *password,
		    const struct keyd_intent *intent,
		    uint8_t ticket[KEYD_TICKET_LEN], struct err *e)
{
	struct secret CLEANUP(secret_free) *derived = NULL;
	struct secret CLEANUP(secret_free) *body = NULL;
	struct bytes got;
	struct writer w;
	struct reader r;

	if (call_derive(k, &call_admin, password, &derived, e) != RC_OK ||
	    secret_new(1 + sizeof intent->params + KEYD_DERIVED_LEN, &body,
		       e) != RC_OK)
		return e->rc;
	w = writer_of(body->p, body->n);
	write_u8(&w, num_u8(intent->op));
	write_bytes(&w, bytes_of(intent->params, sizeof intent->params));
	write_bytes(&w, bytes_of(derived->p, derived->n));
	if (call_keyd(k, KEYD_TICKET, &w, true, &r, e) != RC_OK)
		return e->rc;
	got = read_bytes(&r, KEYD_TICKET_LEN);
	if (!reader_done(&r))
		return call_malformed(k, e);
	memcpy(ticket, got.p, got.n);
	call_forget(k);
	return RC_OK;
}

enum rc call_consented(struct keyd *k, const struct secret *admin,
		       enum keyd_op op, unsigned what, struct writer *w,
		       struct reader *r, struct err *e)
{
	struct keyd_intent intent;

	if (!w->bad) { /* else call_keyd() says so */
		intent = keyd_intent_body(op, bytes_of(w->p + KEYD_TICKET_LEN,
						       w->n - KEYD_TICKET_LEN));
		if (keyd_ticket(k, admin, &intent, w->p, e) != RC_OK)
			return e->rc;
	}
	return call_keyd(k, what, w, false, r, e);
}

/* ---- new passwords ---- */

/* Derive the old one (NULL: none) and the new one, and write both. */
static enum rc write_change(struct keyd *k, const struct call_password *which,
			    const struct secret *old,
			    const struct secret *new_password, struct writer *w,
			    struct err *e)
{
	struct secret CLEANUP(secret_free) *before = NULL;
	struct secret CLEANUP(secret_free) *after = NULL;
	struct cost next = {.ops = ARGON_OPS, .memory = ARGON_MEMORY};

	randombytes_buf(next.salt, sizeof next.salt);
	if ((old && call_derive(k, which, old, &before, e) != RC_OK) ||
	    derive(new_password, &next, &after, e) != RC_OK)
		return e->rc;
	write_u8(w, before ? 1 : 0);
	/* without an old one: any 32 bytes, which keyd does not look at */
	write_bytes(w, before ? bytes_of(before->p, before->n)
			      : bytes_of(after->p, after->n));
	write_bytes(w, bytes_of(next.salt, sizeof next.salt));
	write_u64(w, next.ops);
	write_u64(w, next.memory);
	write_bytes(w, bytes_of(after->p, after->n));
	return RC_OK;
}

enum rc keyd_password_set(struct keyd *k, const struct secret *old,
			  const struct secret *new_password, struct err *e)
{
	struct secret CLEANUP(secret_free) *body = NULL;
	struct writer w;
	struct reader r;

	if (secret_new(CHANGE_LEN, &body, e) != RC_OK)
		return e->rc;
	w = writer_of(body->p, body->n);
	if (write_change(k, &call_admin, old, new_password, &w, e) != RC_OK)
		return e->rc;
	return call_keyd(k, call_admin.set, &w, false, &r, e);
}

enum rc keyd_security_set(struct keyd *k, const struct keyd_passwords *pw,
			  const struct secret *new_password, struct err *e)
{
	struct secret CLEANUP(secret_free) *body = NULL;
	struct writer w;
	struct reader r;

	if (secret_new(KEYD_TICKET_LEN + CHANGE_LEN, &body, e) != RC_OK)
		return e->rc;
	w = writer_of(body->p, body->n);
	w.n = KEYD_TICKET_LEN;
	if (write_change(k, &call_security, pw->security, new_password, &w,
			 e) != RC_OK)
		return e->rc;
	return call_consented(k, pw->admin, KEYD_OP_SECURITY, call_security.set,
			      &w, &r, e);
}

enum rc call_body(size_t n, struct secret **out, struct writer *w, struct err *e)
{
	if (secret_new(KEYD_TICKET_LEN + n, out, e) != RC_OK)
		return e->rc;
	*w = writer_of((*out)->p, (*out)->n);
	w->n = KEYD_TICKET_LEN;
	return RC_OK;
}
