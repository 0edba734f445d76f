#include "tvs/wire.h"
#include "base/num.h"
#include <string.h>

enum tag {
	TAG_DEVICE = 1,
	TAG_CERT,
	TAG_SUBJECT,
	TAG_ISSUER,
	TAG_SERIAL,
	TAG_STATUS = 7,
	TAG_ROLES,
	TAG_TTL,
	TAG_END,
};

#define BIT(tag) (1u << (tag))

#define MAGIC 0x5701u

/* What a frame of each kind must have, and what it may. The device's name is of no
 * use to an answer, so it may be missing. */
static const struct rule {
	unsigned must, may;
} rules[] = {
	[TVS_VERIFY] = {BIT(TAG_CERT), BIT(TAG_DEVICE)},
	[TVS_VERIFIED] = {BIT(TAG_STATUS), BIT(TAG_ROLES) | BIT(TAG_TTL)},
	[TVS_QUERY] = {BIT(TAG_ISSUER) | BIT(TAG_SERIAL),
		       BIT(TAG_DEVICE) | BIT(TAG_SUBJECT)},
	[TVS_FOUND] = {BIT(TAG_STATUS),
		       BIT(TAG_CERT) | BIT(TAG_ROLES) | BIT(TAG_TTL)},
};

/* And what an answer must have that says yes. */
static unsigned more_of_valid(enum tvs_kind kind)
{
	return BIT(TAG_ROLES) | BIT(TAG_TTL) |
	       (kind == TVS_FOUND ? BIT(TAG_CERT) : 0);
}

static bool is_kind(unsigned kind)
{
	return kind >= TVS_VERIFY && kind <= TVS_FOUND;
}

enum rc tvs_frame_length(struct bytes begin, size_t max, size_t *n, struct err *e)
{
	struct reader r = reader_of(begin);
	unsigned magic = read_u16(&r), kind = read_u8(&r), length;

	(void)read_u8(&r); /* 0 in requests, anything in answers */
	(void)read_u32(&r);
	length = read_u16(&r);
	if (r.bad)
		return err_set(e, RC_NOTFOUND, "TVS frame", "is not there yet", NULL,
			       "%zu bytes", begin.n);
	if (magic != MAGIC || !is_kind(kind))
		return err_set(e, RC_USAGE, "TVS frame", "begins as none does", NULL,
			       "0x%04x, kind %u", magic, kind);
	if (TVS_HEADER + length > max)
		return err_set(e, RC_USAGE, "TVS frame", "is too long", NULL,
			       "%u bytes", TVS_HEADER + length);
	*n = TVS_HEADER + length;
	return RC_OK;
}

static enum rc bad(struct err *e, const char *why, size_t at)
{
	return err_set(e, RC_USAGE, "TVS frame", why, NULL, "byte %zu", at);
}

/* A name's one NUL is at its end. */
static bool take_name(struct bytes value, struct bytes *out)
{
	if (!value.n || memchr(value.p, 0, value.n) != value.p + value.n - 1)
		return false;
	*out = bytes_of(value.p, value.n - 1);
	return true;
}

static bool take_device(struct bytes value, struct bytes *out)
{
	if (value.n < 2 || value.p[0] != 1)
		return false;
	*out = bytes_of(value.p + 1, value.n - 1);
	return true;
}

static bool take_some(struct bytes value, size_t max, struct bytes *out)
{
	*out = value;
	return value.n && value.n <= max;
}

static bool take_status(struct bytes value, uint8_t *out)
{
	if (value.n != 1 || value.p[0] > TVS_INVALID)
		return false;
	*out = value.p[0];
	return true;
}

static bool take_time(struct bytes value, uint32_t *out)
{
	struct reader r = reader_of(value);

	*out = read_u32(&r);
	return reader_done(&r);
}

static bool take(struct tvs_message *m, unsigned tag, struct bytes value)
{
	switch (tag) {
	case TAG_DEVICE:
		return take_device(value, &m->device);
	case TAG_CERT:
		return take_some(value, TVS_FRAME_MAX, &m->cert);
	case TAG_SUBJECT:
		return take_name(value, &m->subject);
	case TAG_ISSUER:
		return take_name(value, &m->issuer);
	case TAG_SERIAL:
		return take_some(value, TVS_FRAME_MAX, &m->serial);
	case TAG_STATUS:
		return take_status(value, &m->status);
	case TAG_ROLES:
		return take_some(value, TVS_ROLES_MAX, &m->roles);
	case TAG_TTL:
		return take_time(value, &m->ttl);
	}
	return false;
}

enum rc tvs_read(struct bytes frame, struct tvs_message *out, struct err *e)
{
	struct tvs_message m = {0};
	struct reader r = reader_of(frame);
	const struct rule *rule;
	unsigned seen = 0;
	size_t n = 0;

	if (tvs_frame_length(frame, TVS_FRAME_MAX, &n, e) != RC_OK)
		return e->rc == RC_NOTFOUND ? bad(e, "is cut off", frame.n) : e->rc;
	if (n != frame.n)
		return bad(e, "is not as long as it says", frame.n);
	(void)read_u16(&r);
	m.kind = read_u8(&r);
	(void)read_u8(&r);
	m.session = read_u32(&r);
	(void)read_u16(&r);
	rule = &rules[m.kind];
	while (reader_left(&r)) {
		size_t at = r.pos;
		unsigned tag = read_u8(&r);
		struct bytes value = read_bytes16(&r);

		if (r.bad)
			return bad(e, "an element is cut off", at);
		if (tag >= TAG_END || !((rule->must | rule->may) & BIT(tag)))
			return bad(e, "an element does not belong there", at);
		if (seen & BIT(tag))
			return bad(e, "an element comes twice", at);
		seen |= BIT(tag);
		if (!take(&m, tag, value))
			return bad(e, "an element's value is none", at);
	}
	if ((seen & rule->must) != rule->must ||
	    (seen & BIT(TAG_STATUS) && m.status == TVS_VALID &&
	     (seen & more_of_valid(m.kind)) != more_of_valid(m.kind)))
		return bad(e, "an element is missing", frame.n);
	*out = m;
	return RC_OK;
}

static void write_element(struct writer *w, unsigned tag, struct bytes value)
{
	write_u8(w, num_u8(tag));
	write_bytes16(w, value);
}

static void write_name(struct writer *w, unsigned tag, struct bytes name)
{
	if (!name.n)
		return;
	if (name.n >= UINT16_MAX || memchr(name.p, 0, name.n)) {
		w->bad = true;
		return;
	}
	write_u8(w, num_u8(tag));
	write_u16(w, (uint16_t)(name.n + 1));
	write_bytes(w, name);
	write_u8(w, 0);
}

static void write_device(struct writer *w, struct bytes device)
{
	if (!device.n)
		return;
	if (device.n >= UINT16_MAX) {
		w->bad = true;
		return;
	}
	write_u8(w, TAG_DEVICE);
	write_u16(w, (uint16_t)(device.n + 1));
	write_u8(w, 1);
	write_bytes(w, device);
}

static void write_request(struct writer *w, const struct tvs_message *m)
{
	write_device(w, m->device);
	if (m->kind == TVS_VERIFY) {
		write_element(w, TAG_CERT, m->cert);
		return;
	}
	write_name(w, TAG_SUBJECT, m->subject);
	write_name(w, TAG_ISSUER, m->issuer);
	write_element(w, TAG_SERIAL, m->serial);
}

/* In the order of a call manager's. */
static void write_answer(struct writer *w, const struct tvs_message *m)
{
	write_element(w, TAG_STATUS, bytes_of(&m->status, 1));
	if (m->status != TVS_VALID)
		return;
	if (m->kind == TVS_FOUND)
		write_element(w, TAG_CERT, m->cert);
	write_element(w, TAG_ROLES, m->roles);
	write_u8(w, TAG_TTL);
	write_u16(w, 4);
	write_u32(w, m->ttl);
}

void tvs_write(struct writer *w, const struct tvs_message *m)
{
	struct writer body;

	write_u16(w, MAGIC);
	write_u8(w, num_u8(m->kind));
	write_u8(w, 0);
	write_u32(w, m->session);
	if (w->bad || w->cap - w->n < 2) {
		w->bad = true;
		return;
	}
	/* The length stands before what it counts. */
	body = writer_of(w->p + w->n + 2, w->cap - w->n - 2);
	if (m->kind == TVS_VERIFY || m->kind == TVS_QUERY)
		write_request(&body, m);
	else
		write_answer(&body, m);
	if (body.bad || body.n > UINT16_MAX) {
		w->bad = true;
		return;
	}
	write_u16(w, (uint16_t)body.n);
	w->n += body.n;
}
