/* What an administrator does all the same. */
#include "call.h"
#include <string.h>

enum rc keyd_override(struct keyd *k, const struct secret *password, const char *text,
		      struct err *e)
{
	struct secret CLEANUP(secret_free) *body = NULL;
	struct writer in;
	struct reader r;

	if (call_body(2 + strlen(text), &body, &in, e) != RC_OK)
		return e->rc;
	write_text(&in, text);
	return call_consented(k, password, KEYD_OP_OVERRIDE, KEYD_OVERRIDE, &in, &r, e);
}

enum rc keyd_use_override(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
			  const char *text, struct err *e)
{
	struct secret CLEANUP(secret_free) *body = NULL;
	struct writer in;
	struct reader r;

	if (call_body(4 + 2 + strlen(text), &body, &in, e) != RC_OK)
		return e->rc;
	memcpy(body->p, ticket, KEYD_TICKET_LEN);
	write_u32(&in, uid);
	write_text(&in, text);
	return call_keyd(k, KEYD_OVERRIDE, &in, false, &r, e);
}
