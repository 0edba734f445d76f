#include "keyd/wire.h"

void wire_header(struct writer *w, unsigned what, uint32_t id)
{
	write_u32(w, KEYD_MAGIC);
	write_u16(w, (uint16_t)what);
	write_u32(w, id);
}

bool wire_header_read(struct reader *r, unsigned *what, uint32_t *id)
{
	uint32_t magic = read_u32(r);

	*what = read_u16(r);
	*id = read_u32(r);
	return !r->bad && magic == KEYD_MAGIC;
}

void wire_error(struct writer *w, const struct err *e)
{
	write_u64(w, e->code);
	write_text(w, e->name);
	write_text(w, e->op);
	write_text(w, e->what);
	write_text(w, e->why);
	write_text(w, e->hint);
}

void wire_error_read(struct reader *r, unsigned rc, struct err *e)
{
	struct err got = {.rc = rc < RC_COUNT ? (enum rc)rc : RC_ERROR};

	got.code = (unsigned long)read_u64(r);
	read_text(r, got.name, sizeof got.name);
	read_text(r, got.op, sizeof got.op);
	read_text(r, got.what, sizeof got.what);
	read_text(r, got.why, sizeof got.why);
	read_text(r, got.hint, sizeof got.hint);
	if (!reader_done(r))
		err_set(&got, RC_ERROR, "keyd", "an answer that is none", NULL,
			"rc %u", rc);
	*e = got;
}
