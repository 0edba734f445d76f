#include "keyd/wire.h"
#include <sodium.h>

bool wire_is_secret(unsigned what)
{
	switch (what) {
	case KEYD_TICKET:
	case KEYD_PASSWORD:
	case KEYD_TLS_DECRYPT:
	case KEYD_EXPORT:
	case KEYD_PROVE:
	case KEYD_IMPORT:
	case KEYD_SEAL:
	case KEYD_SECURITY:
	case KEYD_TIDY:
	case KEYD_OVERRIDE:
		return true;
	default:
		return false;
	}
}

enum rc wire_frame_new(size_t n, bool is_secret, struct wire_frame *out,
		       struct err *e)
{
	struct wire_frame f = {.n = n};

	if (is_secret) {
		if (secret_new(n, &f.locked, e) != RC_OK)
			return e->rc;
		f.p = f.locked->p;
	} else if (!(f.p = malloc(n))) {
		return err_errno(e, RC_ERROR, "malloc", NULL, "a frame");
	}
	*out = f;
	return RC_OK;
}

void wire_frame_free(struct wire_frame *f)
{
	if (f->locked) {
		secret_free(f->locked); /* zeroes */
	} else if (f->p) {
		sodium_memzero(f->p, f->n);
		free(f->p);
	}
	*f = (struct wire_frame){0};
}

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
