/* The two passwords: what their derivation costs, whether one is right, and how a
 * new one is set. */
#include "service.h"
#include "base/proc.h"
#include <sodium.h>
#include <string.h>

static const struct {
	const char *what, *unset_hint, *wrong_hint;
	bool first_by_root; /* only root sets the first one */
} passwords[PASSWORD_COUNT] = {
	[PASSWORD_ADMIN] = {
		"the administrator", "root sets it: itlctl cluster init",
		"try again; root can set a new one: itlctl set password user admin",
		true,
	},
	[PASSWORD_SECURITY] = {
		"the cluster security password",
		"set it: itlctl set password user security",
		"try again; root can set a new one, which no backup of before opens with: itlctl set password user security --force",
		false,
	},
};

static void hash_derived(struct bytes derived, uint8_t out[32])
{
	crypto_generichash(out, 32, derived.p, derived.n, NULL, 0);
}

/* Before a password is set, a salt of zeros: nothing can be derived to fit. */
static enum rc give_salt(struct request *q, enum which_password which,
			 struct err *e)
{
	struct keyd_password p;

	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	keyd_state_password(&q->service->state, which, &p);
	write_u8(&q->out, p.set);
	write_bytes(&q->out, bytes_of(p.salt, sizeof p.salt));
	write_u64(&q->out, p.ops);
	write_u64(&q->out, p.memory);
	return RC_OK;
}

enum rc request_salt(struct request *q, struct err *e)
{
	return give_salt(q, PASSWORD_ADMIN, e);
}

enum rc request_security_salt(struct request *q, struct err *e)
{
	return give_salt(q, PASSWORD_SECURITY, e);
}

enum rc request_check_password(struct request *q, enum which_password which,
			       struct bytes derived, uint32_t *number,
			       struct err *e)
{
	struct tickets *t = &q->service->tickets;
	uid_t uid = q->conn->peer.uid;
	struct keyd_password p;
	uint8_t hash[32];
	bool right;

	/* Nothing was tried: the refusals before it are in the log, and a member
	 * must not be able to fill it. */
	if (tickets_may_try(t, uid, proc_now(), e) != RC_OK) {
		q->note.wanted = false;
		return e->rc;
	}
	keyd_state_password(&q->service->state, which, &p);
	if (!p.set)
		return err_set(e, RC_REFUSED, "password", "none was set yet",
			       passwords[which].unset_hint, "%s",
			       passwords[which].what);
	hash_derived(derived, hash);
	right = sodium_memcmp(hash, p.hash, sizeof hash) == 0;
	tickets_tried(t, uid, which, right, proc_now());
	q->note.limited = false; /* there are waits between */
	if (!right)
		return err_set(e, RC_REFUSED, "password", "is wrong",
			       passwords[which].wrong_hint, "%s",
			       passwords[which].what);
	if (number)
		*number = p.number;
	return RC_OK;
}

/* ---- a new one ---- */

struct change {
	bool has_old;
	struct bytes old, derived;
	struct keyd_password next;
};

static enum rc read_change(struct request *q, struct change *c, struct err *e)
{
	struct bytes salt;

	*c = (struct change){.next = {.set = true}};
	c->has_old = read_u8(&q->in) == 1;
	c->old = read_bytes(&q->in, KEYD_DERIVED_LEN);
	salt = read_bytes(&q->in, sizeof c->next.salt);
	c->next.ops = read_u64(&q->in);
	c->next.memory = read_u64(&q->in);
	c->derived = read_bytes(&q->in, KEYD_DERIVED_LEN);
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	if (!wire_cost_fits(c->next.ops, c->next.memory))
		return err_set(e, RC_REFUSED, "password",
			       "the cost of its derivation is out of range", NULL,
			       "%llu passes, %llu bytes",
			       (unsigned long long)c->next.ops,
			       (unsigned long long)c->next.memory);
	memcpy(c->next.salt, salt.p, salt.n);
	hash_derived(c->derived, c->next.hash);
	return RC_OK;
}

/* Who has not the old password is root, unless there is none and anybody may. */
static enum rc check_old(struct request *q, enum which_password which,
			 const struct change *c, struct err *e)
{
	struct keyd_password now;

	if (c->has_old)
		return request_check_password(q, which, c->old, NULL, e);
	keyd_state_password(&q->service->state, which, &now);
	if (q->conn->peer.uid != 0 &&
	    (now.set || passwords[which].first_by_root))
		return err_set(e, RC_REFUSED, "password",
			       "only root sets it without the old one",
			       "give the old password, or ask root", "user id %u",
			       q->conn->peer.uid);
	return RC_OK;
}

static enum rc set_password(struct request *q, enum which_password which,
			    const struct change *c, struct err *e)
{
	if (check_old(q, which, c, e) != RC_OK)
		return e->rc;
	note_detail(&q->note, "by=%s", c->has_old	      ? "old-password"
				       : q->conn->peer.uid == 0 ? "root"
								: "first");
	return keyd_state_set_password(&q->service->state, which, &c->next, e);
}

enum rc request_password(struct request *q, struct err *e)
{
	struct change c;

	if (read_change(q, &c, e) != RC_OK)
		return e->rc;
	return set_password(q, PASSWORD_ADMIN, &c, e);
}

enum rc request_security(struct request *q, struct err *e)
{
	struct consent consent = request_read_own_consent(q);
	struct change c;

	if (read_change(q, &c, e) != RC_OK ||
	    request_use_own_consent(q, &consent, KEYD_OP_SECURITY, e) != RC_OK)
		return e->rc;
	return set_password(q, PASSWORD_SECURITY, &c, e);
}
