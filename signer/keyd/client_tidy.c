/* What is no key, as administrators' programs ask for it. */
#include "base/num.h"
#include "call.h"
#include <stdlib.h>
#include <string.h>

#define HALVES_MAX 65536u /* more than a token holds */

static bool read_half(struct reader *r, struct keyd_half *out)
{
	struct bytes id;

	*out = (struct keyd_half){.have = 0};
	read_text(r, out->label, sizeof out->label);
	id = read_bytes(r, sizeof out->id);
	out->have = read_u8(r);
	out->waits = read_u8(r) == 1;
	read_text(r, out->lack, sizeof out->lack);
	if (id.n)
		memcpy(out->id, id.p, id.n);
	return !r->bad;
}

/* One page. *total: how many there are. */
static enum rc ask_page(struct keyd *k, struct keyd_half **all, size_t *n,
			size_t *total, struct err *e)
{
	uint8_t body[4];
	struct writer w = writer_of(body, sizeof body);
	struct reader r;

	write_u32(&w, num_u32(*n));
	if (call_keyd(k, KEYD_INCOMPLETE, &w, true, &r, e) != RC_OK)
		return e->rc;
	*total = read_u32(&r);
	while (!r.bad && reader_left(&r) && *n < HALVES_MAX) {
		struct keyd_half *more = reallocarray(*all, *n + 1, sizeof *more);

		if (!more)
			return err_errno(e, RC_ERROR, "realloc", NULL, "a half");
		*all = more;
		if (read_half(&r, &more[*n]))
			++*n;
	}
	return reader_done(&r) ? RC_OK : call_malformed(k, e);
}

enum rc keyd_incomplete(struct keyd *k, struct keyd_half **halves, size_t *n,
			struct err *e)
{
	struct keyd_half CLEANUP_FREE *all = NULL;
	size_t have = 0, before, total = 0;

	do {
		before = have;
		if (ask_page(k, &all, &have, &total, e) != RC_OK)
			return e->rc;
	} while (have < total && have > before);
	*halves = all;
	*n = have;
	all = NULL;
	return RC_OK;
}

enum rc keyd_tidy(struct keyd *k, const struct keyd_passwords *pw,
		  const uint8_t id[16], bool give_up, struct err *e)
{
	struct secret CLEANUP(secret_free) *body = NULL;
	struct writer in;
	struct reader r;

	if (call_body(16 + 1, &body, &in, e) != RC_OK)
		return e->rc;
	write_bytes(&in, bytes_of(id, 16));
	write_u8(&in, give_up);
	return call_consented(k, pw->admin, KEYD_OP_TIDY, KEYD_TIDY, &in, &r, e);
}
