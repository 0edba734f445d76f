#include "keyd/intent.h"
#include "base/text.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Lengths come first, so that no two parameter lists have the same bytes. */
static void hash_bytes(crypto_hash_sha256_state *s, struct bytes b)
{
	uint8_t n[4];
	struct writer w = writer_of(n, sizeof n);

	write_u32(&w, (uint32_t)b.n);
	crypto_hash_sha256_update(s, n, sizeof n);
	crypto_hash_sha256_update(s, b.p, b.n);
}

static void hash_u32(crypto_hash_sha256_state *s, uint32_t v)
{
	uint8_t b[4];
	struct writer w = writer_of(b, sizeof b);

	write_u32(&w, v);
	hash_bytes(s, writer_bytes(&w));
}

struct keyd_intent keyd_intent_reset(enum keyd_how how, bool preview,
				     struct bytes source_list,
				     uint32_t timestamp)
{
	static const enum keyd_op ops[2][2] = {
		[KEYD_LOCALKEY] = {KEYD_OP_RESET, KEYD_OP_PREVIEW},
		[KEYD_REMOTEKEY] = {KEYD_OP_REMOTE, KEYD_OP_REMOTE_PREVIEW},
	};
	struct keyd_intent i = {.op = ops[how][preview]};
	crypto_hash_sha256_state s;

	crypto_hash_sha256_init(&s);
	hash_u32(&s, timestamp);
	hash_bytes(&s, source_list);
	crypto_hash_sha256_final(&s, i.params);
	return i;
}

/* A unit's key, and what is to become of it (no bytes: nothing more to say). */
static struct keyd_intent of_place(enum keyd_op op, enum unit unit, const char *node,
				   struct bytes more)
{
	struct keyd_intent i = {.op = op};
	crypto_hash_sha256_state s;

	crypto_hash_sha256_init(&s);
	hash_u32(&s, unit);
	hash_bytes(&s, bytes_of_text(node ? node : ""));
	if (more.n)
		hash_bytes(&s, more);
	crypto_hash_sha256_final(&s, i.params);
	return i;
}

struct keyd_intent keyd_intent_generate(enum unit unit, const char *node)
{
	return of_place(KEYD_OP_GENERATE, unit, node, bytes_of(NULL, 0));
}

struct keyd_intent keyd_intent_csr(enum unit unit, const char *node)
{
	return of_place(KEYD_OP_CSR, unit, node, bytes_of(NULL, 0));
}

struct keyd_intent keyd_intent_cert_import(enum unit unit, const char *node,
					   struct bytes certificates)
{
	return of_place(KEYD_OP_CERT_IMPORT, unit, node, certificates);
}

struct keyd_intent keyd_intent_ctl(uint32_t timestamp)
{
	struct keyd_intent i = {.op = KEYD_OP_CTL};
	crypto_hash_sha256_state s;

	crypto_hash_sha256_init(&s);
	hash_u32(&s, timestamp);
	crypto_hash_sha256_final(&s, i.params);
	return i;
}

struct keyd_intent keyd_intent_rollback(const struct keyd_place *places, size_t n)
{
	struct keyd_intent i = {.op = KEYD_OP_ROLLBACK};
	crypto_hash_sha256_state s;

	crypto_hash_sha256_init(&s);
	for (size_t at = 0; at < n; at++) {
		hash_bytes(&s, bytes_of_text(places[at].node));
		hash_bytes(&s, bytes_of(places[at].sha1, sizeof places[at].sha1));
	}
	crypto_hash_sha256_final(&s, i.params);
	return i;
}

struct keyd_intent keyd_intent_remove(const char *label)
{
	struct keyd_intent i = {.op = KEYD_OP_REMOVE};
	crypto_hash_sha256_state s;

	crypto_hash_sha256_init(&s);
	hash_bytes(&s, bytes_of_text(label));
	crypto_hash_sha256_final(&s, i.params);
	return i;
}

struct keyd_intent keyd_intent_trust(const struct keyd_trust *t)
{
	struct keyd_intent i = {.op = KEYD_OP_TRUST};
	crypto_hash_sha256_state s;

	crypto_hash_sha256_init(&s);
	hash_u32(&s, t->timestamp);
	hash_bytes(&s, bytes_of_text(t->change));
	hash_u32(&s, (uint32_t)t->n);
	for (size_t at = 0; at < t->n; at++) {
		hash_u32(&s, t->entries[at].roles);
		hash_u32(&s, t->entries[at].ttl);
		hash_bytes(&s, t->entries[at].cert);
	}
	crypto_hash_sha256_final(&s, i.params);
	return i;
}

/* As KEYD_OVERRIDE has the text. */
struct keyd_intent keyd_intent_override(const char *text)
{
	uint8_t body[2 + KEYD_OVERRIDE_MAX];
	struct writer w = writer_of(body, sizeof body);

	write_text(&w, text);
	return keyd_intent_body(KEYD_OP_OVERRIDE, writer_bytes(&w));
}

char *keyd_override_text(const char *op, const char *node, const char *why,
			 char text[KEYD_OVERRIDE_MAX])
{
	size_t n;

	(void)snprintf(text, KEYD_OVERRIDE_MAX, "op=%s node=%s overrode=\"", op, node);
	n = strlen(text);
	(void)snprintf(text + n, KEYD_OVERRIDE_MAX - 1 - n, "%s", why);
	/* Byte for byte: why may have gone through a terminal's filter or not. */
	for (char *p = text_flatten(text) + n; *p; p++)
		if (*p == '"' || *p == '\\' || *p < ' ' || *p > '~')
			*p = '?';
	n = strlen(text);
	(void)snprintf(text + n, KEYD_OVERRIDE_MAX - n, "\"");
	return text;
}

struct keyd_intent keyd_intent_body(enum keyd_op op, struct bytes body)
{
	struct keyd_intent i = {.op = op};

	(void)crypto_hash_sha256(i.params, body.p, body.n);
	return i;
}
