/* The administrator's consent: tickets. And front's word. */
#include "service.h"
#include "base/num.h"
#include "base/proc.h"
#include <sodium.h>
#include <string.h>

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
	if (request_check_password(q, PASSWORD_ADMIN, derived, NULL, e) != RC_OK)
		return e->rc;
	tickets_issue(&q->service->tickets, q->conn->peer.uid, &intent,
		      proc_now(), ticket);
	note_ticket(&q->note, bytes_of(ticket, sizeof ticket));
	write_bytes(&q->out, bytes_of(ticket, sizeof ticket));
	sodium_memzero(ticket, sizeof ticket);
	return RC_OK;
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

/* The word of an administrator's program, or of front: what is done, keyd does not see.
 * That the password was given for just this is what it stands for. */
enum rc request_override(struct request *q, struct err *e)
{
	struct consent consent = q->conn->role == ROLE_FRONT
					 ? request_read_consent(q)
					 : request_read_own_consent(q);
	char text[KEYD_OVERRIDE_MAX];
	struct keyd_intent intent;

	read_text(&q->in, text, sizeof text);
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	intent = keyd_intent_override(text);
	if (request_use_consent(q, &consent, &intent, e) != RC_OK)
		return e->rc;
	note_detail(&q->note, "%s", text);
	return RC_OK;
}

/* Each list in an entry of its own: 64 nodes do not fit into one. */
static enum rc note_place(struct request *q, const struct keyd_place *p,
			  struct err *e)
{
	char hex[SHA1_HEX], detail[CLUSTER_ID_MAX + SHA1_HEX + 16];

	(void)snprintf(detail, sizeof detail, "node=%s sha1=%s", p->node,
		       hex_of(bytes_of(p->sha1, sizeof p->sha1), hex, sizeof hex));
	return request_note_more(q, "rollback-list", NULL, detail, e);
}

/* Lists that were signed before come back. keyd signs nothing, and need not know
 * them: a front that was taken over could put them there without asking. What this
 * gives is that an honest one cannot without an administrator, and that the log has
 * it. */
enum rc request_rollback(struct request *q, struct err *e)
{
	struct consent consent = request_read_consent(q);
	struct keyd_place places[CLUSTER_MAX_NODES];
	struct keyd_intent intent;
	size_t n = 0;

	while (reader_left(&q->in) > 0 && n < COUNT_OF(places)) {
		const struct cluster_node *node = NULL;
		struct bytes sha1;

		if (request_read_node(q, &node, e) != RC_OK)
			return e->rc;
		sha1 = read_bytes(&q->in, sizeof places[n].sha1);
		if (q->in.bad)
			break;
		(void)snprintf(places[n].node, sizeof places[n].node, "%s", node->id);
		memcpy(places[n++].sha1, sha1.p, sha1.n);
	}
	if (n == 0)
		q->in.bad = true;
	if (request_read_done(q, e) != RC_OK)
		return e->rc;
	intent = keyd_intent_rollback(places, n);
	if (request_use_consent(q, &consent, &intent, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < n; i++)
		if (note_place(q, &places[i], e) != RC_OK)
			return e->rc;
	return RC_OK;
}
