#include "base/num.h"
#include "internal.h"
#include <string.h>

struct head {
	struct envelope_cost cost;
	struct bytes salt, stream; /* into the file */
};

static enum rc cut_off(struct err *e)
{
	return envelope_bad(e, RC_USAGE, "damaged: cut off, or added to",
			    "fetch it again, or another backup");
}

static enum rc closed(struct err *e)
{
	return envelope_bad(e, RC_VERIFY,
			    "does not open: the password is wrong, or the file was changed",
			    "try its password again, or another copy of the file");
}

static enum rc damaged(struct err *e, const char *why)
{
	return envelope_bad(e, RC_VERIFY, why, "fetch another backup");
}

/* ---- before the password ---- */

static enum rc read_head(struct reader *r, struct head *h, struct err *e)
{
	uint16_t version;
	uint64_t memory;

	(void)read_bytes(r, MAGIC_LEN);
	version = read_u16(r);
	h->cost.passes = read_u32(r);
	memory = read_u64(r);
	h->cost.memory = memory > SIZE_MAX ? SIZE_MAX : (size_t)memory;
	h->salt = read_bytes(r, crypto_pwhash_SALTBYTES);
	h->stream = read_bytes(r, crypto_secretstream_xchacha20poly1305_HEADERBYTES);
	if (r->bad)
		return cut_off(e);
	if (version != VERSION)
		return envelope_bad(e, RC_USAGE, "of a version that is not known here",
				    "open it with the release that made it");
	return envelope_check_cost(&h->cost, e);
}

/* Hop from message to message to the last byte; the last one has no content. */
static enum rc count_messages(struct reader r, size_t *count, size_t *plain,
			      struct err *e)
{
	struct bytes m = {NULL, 0};
	size_t n = 0, sum = 0;

	for (; reader_left(&r); n++) {
		if (n == MESSAGES_MAX)
			return envelope_bad(e, RC_USAGE, "damaged: it has too many items",
					    "fetch it again, or another backup");
		m = read_bytes32(&r);
		if (r.bad || m.n < TAG_BYTES)
			return cut_off(e);
		sum += m.n - TAG_BYTES;
	}
	if (n < MESSAGES_MIN || m.n != TAG_BYTES)
		return cut_off(e);
	*count = n;
	*plain = sum;
	return RC_OK;
}

/* ---- messages ---- */

/* The next message, decrypted to `to`; the file was walked before. */
static enum rc pull(struct reader *r, const struct secret *state, struct bytes ad,
		    bool last, uint8_t *to, struct bytes *out, struct err *e)
{
	const uint8_t want = last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
				  : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
	struct bytes m = read_bytes32(r);
	uint8_t tag;

	if (crypto_secretstream_xchacha20poly1305_pull(envelope_state(state), to, NULL,
						       &tag, m.p, m.n, ad.p, ad.n) != 0)
		return closed(e);
	if (tag != want)
		return damaged(e, "damaged: its last part is not the last");
	*out = bytes_of(to, m.n - TAG_BYTES);
	return RC_OK;
}

static enum rc read_manifest(struct bytes message, struct envelope_manifest *m,
			     struct err *e)
{
	struct reader r = reader_of(message);
	struct bytes fingerprint;
	bool plain = true;

	for (size_t i = 0; i < MANIFEST_TEXTS; i++) {
		char *text = (char *)m + envelope_texts[i].at;

		read_text(&r, text, envelope_texts[i].cap);
		plain = plain && envelope_is_plain(text);
	}
	fingerprint = read_bytes(&r, sizeof m->fingerprint);
	m->bits = read_u32(&r);
	m->time = (int64_t)read_u64(&r);
	if (!reader_done(&r) || !plain)
		return damaged(e, "damaged: its manifest");
	memcpy(m->fingerprint, fingerprint.p, fingerprint.n);
	return RC_OK;
}

static enum rc read_item(struct bytes message, struct envelope_item *item, struct err *e)
{
	struct reader r = reader_of(message);
	uint8_t kind = read_u8(&r);

	read_text(&r, item->name, sizeof item->name);
	item->content = read_bytes(&r, reader_left(&r));
	if (r.bad || kind < ENVELOPE_CONF || kind > ENVELOPE_TRUST || !item->name[0] ||
	    !envelope_is_plain(item->name))
		return damaged(e, "damaged: one of its items");
	item->kind = kind;
	return RC_OK;
}

/* What the i-th of n messages holds. */
static enum rc keep(struct envelope *v, size_t i, size_t n, struct bytes message,
		    struct err *e)
{
	if (i == 0)
		return read_manifest(message, &v->manifest, e);
	if (i == 1) {
		v->p12 = message;
		return message.n ? RC_OK : damaged(e, "damaged: it holds no key");
	}
	if (i == n - 1)
		return RC_OK; /* the last: of no content */
	return read_item(message, &v->items[v->nitems++], e);
}

static enum rc read_messages(struct reader *r, const struct secret *state,
			     struct bytes head, size_t n, struct envelope *v,
			     struct err *e)
{
	static const struct bytes nothing;
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		struct bytes m;

		if (pull(r, state, i == 0 ? head : nothing, i == n - 1, v->plain + used,
			 &m, e) != RC_OK ||
		    keep(v, i, n, m, e) != RC_OK)
			return e->rc;
		used += m.n;
	}
	return RC_OK;
}

/* ---- the whole ---- */

static enum rc start(const struct head *h, const struct secret *password,
		     struct secret **state, struct err *e)
{
	struct secret CLEANUP(secret_free) *key = NULL;

	if (envelope_key(password, &h->cost, h->salt.p, &key, e) != RC_OK ||
	    secret_new(crypto_secretstream_xchacha20poly1305_statebytes(), state,
		       e) != RC_OK)
		return e->rc;
	if (crypto_secretstream_xchacha20poly1305_init_pull(envelope_state(*state),
							    h->stream.p, key->p) != 0)
		return closed(e);
	return RC_OK;
}

static enum rc make(size_t nitems, size_t nplain, struct envelope **out,
		    struct err *e)
{
	struct envelope CLEANUP(envelope_free) *v = calloc(1, sizeof *v);

	if (v) {
		v->items = calloc(nitems + 1, sizeof *v->items); /* of none, too */
		v->plain = malloc(nplain + 1);
	}
	if (!v || !v->items || !v->plain)
		return err_errno(e, RC_ERROR, "malloc", NULL, "the envelope");
	*out = v;
	v = NULL;
	return RC_OK;
}

enum rc envelope_open(struct bytes file, const struct secret *password,
		      struct envelope **out, struct err *e)
{
	struct envelope CLEANUP(envelope_free) *v = NULL;
	struct secret CLEANUP(secret_free) *state = NULL;
	struct reader r = reader_of(file);
	struct head h = {0};
	size_t n = 0, nplain = 0;

	if (!envelope_is(file))
		return envelope_bad(e, RC_USAGE, "it is no envelope",
				    "is it a backup of itlvault?");
	if (file.n > ENVELOPE_MAX)
		return envelope_bad(e, RC_REFUSED, "it is larger than 8 MiB",
				    "fetch another backup");
	if (read_head(&r, &h, e) != RC_OK ||
	    count_messages(r, &n, &nplain, e) != RC_OK ||
	    make(n - MESSAGES_MIN, nplain, &v, e) != RC_OK ||
	    start(&h, password, &state, e) != RC_OK ||
	    read_messages(&r, state, bytes_of(file.p, HEAD_LEN), n, v, e) != RC_OK)
		return e->rc;
	*out = v;
	v = NULL;
	return RC_OK;
}

void envelope_free(struct envelope *v)
{
	if (!v)
		return;
	free(v->items);
	free(v->plain);
	free(v);
}
