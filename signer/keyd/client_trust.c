/* The trust file's signature. */
#include "base/num.h"
#include "call.h"
#include <stdlib.h>
#include <string.h>

/* Of the whole request. */
static size_t body_size(const struct keyd_trust *t)
{
	size_t n = KEYD_TICKET_LEN + 4 + 4 + 2 + strlen(t->change) + 4;

	for (size_t i = 0; i < t->n; i++)
		n += 4 + 4 + 4 + t->entries[i].cert.n;
	return n;
}

static enum rc take_signature(struct keyd *k, struct reader *r, struct keyd_key *audit,
			      struct keyd_signature *signature, struct err *e)
{
	struct keyd_key got = {0};
	struct bytes b;

	if (!call_read_key(r, &got))
		return call_malformed(k, e);
	b = read_bytes32(r);
	if (!reader_done(r) || b.n == 0 || b.n > sizeof signature->p) {
		X509_free(got.cert);
		return call_malformed(k, e);
	}
	memcpy(signature->p, b.p, b.n);
	signature->n = b.n;
	*audit = got;
	return RC_OK;
}

enum rc keyd_trust(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
		   const struct keyd_trust *t, struct keyd_key *audit,
		   struct keyd_signature *signature, struct err *e)
{
	size_t n = body_size(t);
	uint8_t CLEANUP_FREE *body = NULL;
	struct writer w;
	struct reader r;

	if (n > KEYD_FRAME_MAX - KEYD_HEADER_LEN)
		return err_set(e, RC_USAGE, "trust", "are too many bytes",
			       "remove what nobody needs any more",
			       "%zu certificates, %zu bytes", t->n, n);
	body = malloc(n);
	if (!body)
		return err_errno(e, RC_ERROR, "malloc", NULL, "a request");
	w = writer_of(body, n);
	write_bytes(&w, bytes_of(ticket, KEYD_TICKET_LEN));
	write_u32(&w, uid);
	write_u32(&w, t->timestamp);
	write_text(&w, t->change);
	write_u32(&w, num_u32(t->n));
	for (size_t i = 0; i < t->n; i++) {
		write_u32(&w, t->entries[i].roles);
		write_u32(&w, t->entries[i].ttl);
		write_bytes32(&w, t->entries[i].cert);
	}
	if (call_keyd(k, KEYD_TRUST, &w, false, &r, e) != RC_OK)
		return e->rc;
	return take_signature(k, &r, audit, signature, e);
}
