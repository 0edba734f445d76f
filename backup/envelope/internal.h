/* What the files of this box share. */
#ifndef ENVELOPE_INTERNAL_H
#define ENVELOPE_INTERNAL_H

#include "envelope/envelope.h"
#include <sodium.h>

#define MAGIC "IKEEPENV"
#define MAGIC_LEN 8
#define VERSION 1
#define HEAD_LEN                                                               \
	(MAGIC_LEN + 2 + 4 + 8 + crypto_pwhash_SALTBYTES +                     \
	 crypto_secretstream_xchacha20poly1305_HEADERBYTES)
#define TAG_BYTES crypto_secretstream_xchacha20poly1305_ABYTES
/*
 * The manifest: envelope_texts in their order (each u16 length, text), the
 * fingerprint (32), bits u32, time u64. An item: kind u8, name (u16 length, text),
 * its content up to the message's end.
 */
/* The manifest, the p12, and the last one. */
#define MESSAGES_MIN 3
#define MESSAGES_MAX (MESSAGES_MIN + ENVELOPE_ITEMS_MAX)

enum rc envelope_bad(struct err *e, enum rc rc, const char *why, const char *hint);

/* Whether these costs are within the limits. */
enum rc envelope_check_cost(const struct envelope_cost *cost, struct err *e) MUST_CHECK;

/* Printable ASCII: names that any terminal, folder and log can take. */
bool envelope_is_plain(const char *text);

/* The secretstream's key. */
enum rc envelope_key(const struct secret *password, const struct envelope_cost *cost,
		     const uint8_t salt[crypto_pwhash_SALTBYTES], struct secret **out,
		     struct err *e) MUST_CHECK;

/* A secretstream's state in locked memory: it holds the key. */
static inline crypto_secretstream_xchacha20poly1305_state *
envelope_state(const struct secret *s)
{
	return (crypto_secretstream_xchacha20poly1305_state *)(void *)s->p;
}

/* The manifest's texts, in their order on the wire. */
#define MANIFEST_TEXTS 6
struct envelope_text {
	size_t at, cap; /* within struct envelope_manifest */
};
extern const struct envelope_text envelope_texts[MANIFEST_TEXTS];

#endif
