/* The administrator's consent: password and tickets. And front's word. */
#include "service.h"
#include "base/proc.h"
#include <sodium.h>
#include <string.h>

/* The least that a client may choose for a new password. */
#define MIN_OPS 2u
#define MAX_OPS 10u
#define MIN_MEMORY (32u << 20)
#define MAX_MEMORY (1u << 30)

static void hash_derived(struct bytes derived, uint8_t out[32])
{
	crypto_generichash(out, 32, derived.p, derived.n, NULL, 0);
}

/* Before a password is set, a salt of zeros: nothing can be derived to fit. */
enum rc request_salt(struct request *q, struct err *e)
{
	struct keyd_password p;

	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	keyd_state_password(&q->service->state, &p);
	write_u8(&q->out, p.set);
	write_bytes(&q->out, bytes_of(p.salt, sizeof p.salt));
	write_u64(&q->out, p.ops);
	write_u64(&q->out, p.memory);
	return RC_OK;
}

/* Is it the password? Every refusal makes the next try of this user wait. */
static enum rc check_password(struct request *q, struct bytes derived,
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
	keyd_state_password(&q->service->state, &p);
	if (!p.set)
		return err_set(e, RC_REFUSED, "password", "none was set yet",
			       "root sets it: itlctl cluster init",
			       "the administrator");
	hash_derived(derived, hash);
	right = sodium_memcmp(hash, p.hash, sizeof hash) == 0;
	tickets_tried(t, uid, right, proc_now());
	if (!right)
		return err_set(e, RC_REFUSED, "password", "is wrong",
			       "try again; root can set a new one: itlctl set password user admin",
			       "the administrator");
	return RC_OK;
}

enum rc request_ticket(struct request *q, struct err *e)
{
	struct keyd_intent intent = {.op = (enum keyd_op)read_u8(&q->in)};
	struct bytes params = read_bytes(&q->in, sizeof intent.params);
	struct bytes derived = read_bytes(&q->in, KEYD_DERIVED_LEN);
	uint8_t ticket[KEYD_TICKET_LEN];

	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	memcpy(intent.params, params.p, params.n);
	note_detail(&q->note, "op=%d", intent.op);
	if (check_password(q, derived, e) != RC_OK)
		return e->rc;
	tickets_issue(&q->service->tickets, q->conn->peer.uid, &intent,
		      proc_now(), ticket);
	note_ticket(&q->note, bytes_of(ticket, sizeof ticket));
	write_bytes(&q->out, bytes_of(ticket, sizeof ticket));
	return RC_OK;
}

enum rc request_password(struct request *q, struct err *e)
{
	bool has_old = read_u8(&q->in) == 1;
	struct bytes old = read_bytes(&q->in, KEYD_DERIVED_LEN);
	struct keyd_password next = {.set = true};
	struct bytes salt = read_bytes(&q->in, sizeof next.salt);
	struct bytes derived;

	next.ops = read_u64(&q->in);
	next.memory = read_u64(&q->in);
	derived = read_bytes(&q->in, KEYD_DERIVED_LEN);
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	if (next.ops < MIN_OPS || next.ops > MAX_OPS ||
	    next.memory < MIN_MEMORY || next.memory > MAX_MEMORY)
		return err_set(e, RC_REFUSED, "password",
			       "the cost of its derivation is out of range", NULL,
			       "%llu passes, %llu bytes",
			       (unsigned long long)next.ops,
			       (unsigned long long)next.memory);
	if (has_old) {
		if (check_password(q, old, e) != RC_OK)
			return e->rc;
	} else if (q->conn->peer.uid != 0) {
		return err_set(e, RC_REFUSED, "password",
			       "only root sets it without the old one",
			       "give the old password, or ask root", "user id %u",
			       q->conn->peer.uid);
	}
	memcpy(next.salt, salt.p, salt.n);
	hash_derived(derived, next.hash);
	note_detail(&q->note, "by=%s", has_old ? "old-password" : "root");
	return keyd_state_set_password(&q->service->state, &next, e);
}

/* Marked as front's word: keyd did not see it happen. */
enum rc request_note(struct request *q, struct err *e)
{
	char event[24], text[560];

	read_text(&q->in, event, sizeof event);
	read_text(&q->in, text, sizeof text);
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	(void)snprintf(q->note.event, sizeof q->note.event, "front.%s", event);
	note_detail(&q->note, "%s", text);
	return RC_OK;
}
