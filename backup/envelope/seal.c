#include "base/num.h"
#include "internal.h"
#include <string.h>

/* An envelope that is being written. */
struct sealer {
	struct writer file;
	struct secret *state;
	struct bytes ad; /* of the next message */
	struct err *e;
};

static enum rc refuse(struct err *e, const char *why, const char *what)
{
	return err_set(e, RC_REFUSED, "seal", why, NULL, "the envelope: %s", what);
}

/* ---- what a message holds ---- */

static enum rc check_manifest(const struct envelope_manifest *m, struct err *e)
{
	for (size_t i = 0; i < MANIFEST_TEXTS; i++) {
		const char *text = (const char *)m + envelope_texts[i].at;

		assert(strnlen(text, envelope_texts[i].cap) < envelope_texts[i].cap);
		if (!envelope_is_plain(text))
			return refuse(e, "not plain text", "its manifest");
	}
	return RC_OK;
}

static enum rc check_item(const struct envelope_item *item, struct err *e)
{
	assert(item->kind >= ENVELOPE_CONF && item->kind <= ENVELOPE_TRUST);
	assert(strnlen(item->name, sizeof item->name) < sizeof item->name);
	if (!item->name[0] || !envelope_is_plain(item->name))
		return refuse(e, "the name of an item is not plain text", "its items");
	return RC_OK;
}

static void put_manifest(struct writer *w, const struct envelope_manifest *m)
{
	for (size_t i = 0; i < MANIFEST_TEXTS; i++)
		write_text(w, (const char *)m + envelope_texts[i].at);
	write_bytes(w, bytes_of(m->fingerprint, sizeof m->fingerprint));
	write_u32(w, m->bits);
	write_u64(w, (uint64_t)m->time);
}

static size_t item_size(const struct envelope_item *item)
{
	return 1 + 2 + strlen(item->name) + item->content.n;
}

static void put_item(struct writer *w, const struct envelope_item *item)
{
	write_u8(w, (uint8_t)item->kind);
	write_text(w, item->name);
	write_bytes(w, item->content); /* to the message's end */
}

/* ---- messages ---- */

static void push(struct sealer *s, struct bytes plain, uint8_t tag)
{
	struct writer *w = &s->file;
	size_t n = plain.n + TAG_BYTES;

	write_u32(w, num_u32(n));
	if (w->bad || n > w->cap - w->n) {
		w->bad = true;
		return;
	}
	(void)crypto_secretstream_xchacha20poly1305_push(
		envelope_state(s->state), w->p + w->n, NULL, plain.p, plain.n, s->ad.p,
		s->ad.n, tag);
	w->n += n;
	s->ad = bytes_of(NULL, 0);
}

static enum rc push_item(struct sealer *s, const struct envelope_item *item)
{
	size_t n = item_size(item);
	uint8_t CLEANUP_FREE *buf = malloc(n);
	struct writer w = writer_of(buf, n);

	if (!buf)
		return err_errno(s->e, RC_ERROR, "malloc", NULL, "%zu bytes", n);
	put_item(&w, item);
	push(s, writer_bytes(&w), crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
	return RC_OK;
}

static void put_head(struct writer *w, const struct envelope_cost *cost,
		     const uint8_t salt[crypto_pwhash_SALTBYTES],
		     const uint8_t *stream_head)
{
	write_bytes(w, bytes_of(MAGIC, MAGIC_LEN));
	write_u16(w, VERSION);
	write_u32(w, cost->passes);
	write_u64(w, cost->memory);
	write_bytes(w, bytes_of(salt, crypto_pwhash_SALTBYTES));
	write_bytes(w, bytes_of(stream_head,
				crypto_secretstream_xchacha20poly1305_HEADERBYTES));
}

static enum rc start(struct sealer *s, const struct secret *password,
		     const struct envelope_cost *cost)
{
	uint8_t salt[crypto_pwhash_SALTBYTES];
	uint8_t head[crypto_secretstream_xchacha20poly1305_HEADERBYTES];
	struct secret CLEANUP(secret_free) *key = NULL;

	randombytes_buf(salt, sizeof salt);
	if (envelope_key(password, cost, salt, &key, s->e) != RC_OK ||
	    secret_new(crypto_secretstream_xchacha20poly1305_statebytes(), &s->state,
		       s->e) != RC_OK)
		return s->e->rc;
	(void)crypto_secretstream_xchacha20poly1305_init_push(envelope_state(s->state),
							      head, key->p);
	put_head(&s->file, cost, salt, head);
	s->ad = writer_bytes(&s->file);
	return RC_OK;
}

static enum rc write_all(struct sealer *s, struct bytes manifest, struct bytes p12,
			 const struct envelope_item *items, size_t nitems)
{
	static const struct bytes nothing;

	push(s, manifest, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
	push(s, p12, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
	for (size_t i = 0; i < nitems; i++)
		if (push_item(s, &items[i]) != RC_OK)
			return s->e->rc;
	push(s, nothing, crypto_secretstream_xchacha20poly1305_TAG_FINAL);
	assert(!s->file.bad && s->file.n == s->file.cap);
	return RC_OK;
}

/* ---- the whole ---- */

/* Of the file; false if it is over the limit. */
static bool file_size(struct bytes manifest, struct bytes p12,
		      const struct envelope_item *items, size_t nitems, size_t *out)
{
	const size_t each = 4 + TAG_BYTES;
	size_t n = HEAD_LEN + 3 * each + manifest.n;

	if (p12.n > ENVELOPE_MAX - n)
		return false;
	n += p12.n;
	for (size_t i = 0; i < nitems; i++) {
		if (items[i].content.n > ENVELOPE_MAX ||
		    each + item_size(&items[i]) > ENVELOPE_MAX - n)
			return false;
		n += each + item_size(&items[i]);
	}
	*out = n;
	return true;
}

enum rc envelope_seal(const struct secret *password, const struct envelope_cost *cost,
		      const struct envelope_manifest *manifest, struct bytes p12,
		      const struct envelope_item *items, size_t nitems, uint8_t **out,
		      size_t *n, struct err *e)
{
	uint8_t buf[sizeof *manifest + 2 * MANIFEST_TEXTS], CLEANUP_FREE *file = NULL;
	struct writer w = writer_of(buf, sizeof buf);
	struct sealer s = {.e = e};
	size_t size = 0;
	enum rc rc;

	assert(p12.n > 0);
	if (envelope_check_cost(cost, e) != RC_OK ||
	    check_manifest(manifest, e) != RC_OK)
		return e->rc;
	if (nitems > ENVELOPE_ITEMS_MAX)
		return refuse(e, "more than 512 items", "its items");
	for (size_t i = 0; i < nitems; i++)
		if (check_item(&items[i], e) != RC_OK)
			return e->rc;
	put_manifest(&w, manifest);
	assert(!w.bad);
	if (!file_size(writer_bytes(&w), p12, items, nitems, &size))
		return refuse(e, "larger than 8 MiB", "its items");
	if (!(file = malloc(size)))
		return err_errno(e, RC_ERROR, "malloc", NULL, "%zu bytes", size);
	s.file = writer_of(file, size);
	rc = start(&s, password, cost);
	if (rc == RC_OK)
		rc = write_all(&s, writer_bytes(&w), p12, items, nitems);
	secret_free(s.state);
	if (rc != RC_OK)
		return rc;
	*out = file;
	*n = size;
	file = NULL;
	return RC_OK;
}
