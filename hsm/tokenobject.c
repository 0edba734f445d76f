#include "tokenobject.h"
#include <string.h>

/* SoftHSM's own attributes (OSAttributes.h), and its kinds of values. */
enum {
	OS_LABEL = 0x80005349u,
	OS_SERIAL = 0x8000534au,
	OS_FLAGS = 0x8000534bu,
	OS_SO_PIN = 0x8000534cu,
	OS_USER_PIN = 0x8000534du,
};
enum { KIND_BOOL = 1, KIND_NUMBER, KIND_BYTES };

static void take(struct token_object *o, uint64_t type, uint64_t number,
		 struct bytes value)
{
	switch (type) {
	case OS_LABEL:
		o->label = value;
		break;
	case OS_SERIAL:
		o->serial = value;
		break;
	case OS_FLAGS:
		o->flags = number;
		break;
	case OS_SO_PIN:
		o->so_pin = value;
		break;
	case OS_USER_PIN:
		o->user_pin = value;
		break;
	default: /* a later version's */
		break;
	}
}

static void read_attribute(struct reader *r, struct token_object *o)
{
	uint64_t type = read_u64(r), kind = read_u64(r), number = 0;
	struct bytes value = {0};

	if (kind == KIND_BOOL)
		number = read_u8(r);
	else if (kind == KIND_NUMBER || kind == KIND_BYTES)
		number = read_u64(r);
	else
		r->bad = true;
	if (kind == KIND_BYTES && number > reader_left(r))
		r->bad = true;
	else if (kind == KIND_BYTES)
		value = read_bytes(r, (size_t)number);
	if (!r->bad)
		take(o, type, number, value);
}

bool token_object_read(struct bytes file, struct token_object *out)
{
	struct reader r = reader_of(file);
	struct token_object o = {0};

	(void)read_u64(&r);
	while (!r.bad && reader_left(&r))
		read_attribute(&r, &o);
	/* A cut between two attributes shows by what lacks: the flags say whether
	 * there is a user PIN. */
	if (!reader_done(&r) || !o.label.n || !o.serial.n || !o.so_pin.n ||
	    !(o.flags & CKF_TOKEN_INITIALIZED) ||
	    ((o.flags & CKF_USER_PIN_INITIALIZED) && !o.user_pin.n))
		return false;
	*out = o;
	return true;
}

bool token_object_same(const struct token_object *a, const struct token_object *b)
{
	return bytes_equal(a->label, b->label) &&
	       bytes_equal(a->serial, b->serial) &&
	       bytes_equal(a->so_pin, b->so_pin) &&
	       bytes_equal(a->user_pin, b->user_pin);
}

static void field(unsigned char *to, size_t cap, struct bytes from)
{
	memset(to, ' ', cap);
	memcpy(to, from.p, from.n < cap ? from.n : cap);
}

void token_object_info(const struct token_object *o, CK_TOKEN_INFO *out)
{
	static const char maker[] = "SoftHSM project", model[] = "SoftHSM v2";

	memset(out, 0, sizeof *out);
	field(out->label, sizeof out->label, o->label);
	field(out->serialNumber, sizeof out->serialNumber, o->serial);
	field(out->manufacturerID, sizeof out->manufacturerID, bytes_of_text(maker));
	field(out->model, sizeof out->model, bytes_of_text(model));
	out->flags = (CK_FLAGS)o->flags;
}
