/* The administrator's consent: tickets. And front's word. */
#include "service.h"
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
