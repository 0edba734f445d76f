/*
 * An envelope from a stranger, if it is cheap to try. What does not begin as one is
 * messages (tag, length u16, content) for an envelope with the right key, which
 * only a wrong password keeps from the code behind it.
 */
#include "internal.h"
#include <stdlib.h>
#include <string.h>

#define PASSWORD "fuzz" /* of the corpus, too */
#define COST_MAX (64u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t salt[crypto_pwhash_SALTBYTES];
static struct secret *password, *key;

static void start(void)
{
	struct err e;

	if (key)
		return;
	if (secret_new(sizeof PASSWORD - 1, &password, &e) != RC_OK)
		abort();
	memcpy(password->p, PASSWORD, password->n);
	if (envelope_key(password, &envelope_minimum, salt, &key, &e) != RC_OK)
		abort();
}

static bool is_cheap(struct bytes file)
{
	struct reader r = reader_of(file);
	uint64_t passes, memory;

	(void)read_bytes(&r, MAGIC_LEN + 2);
	passes = read_u32(&r);
	memory = read_u64(&r);
	return passes <= ENVELOPE_PASSES_MAX && memory <= COST_MAX;
}

static void open_file(struct bytes file)
{
	struct envelope *v = NULL;
	struct err e;

	if (envelope_open(file, password, &v, &e) != RC_OK) {
		if (v || (e.rc != RC_USAGE && e.rc != RC_REFUSED && e.rc != RC_VERIFY))
			abort();
		return;
	}
	if (v->p12.n == 0 || v->nitems > ENVELOPE_ITEMS_MAX)
		abort();
	for (size_t i = 0; i < v->nitems; i++)
		if (!v->items[i].name[0] || !envelope_is_plain(v->items[i].name))
			abort();
	envelope_free(v);
}

static void open_messages(struct bytes messages)
{
	crypto_secretstream_xchacha20poly1305_state stream;
	uint8_t head[crypto_secretstream_xchacha20poly1305_HEADERBYTES];
	size_t cap = HEAD_LEN + messages.n * (4 + TAG_BYTES);
	uint8_t *p = malloc(cap), *c = malloc(UINT16_MAX + TAG_BYTES);
	struct reader r = reader_of(messages);
	struct writer w = writer_of(p, cap);

	if (!p || !c)
		abort();
	crypto_secretstream_xchacha20poly1305_init_push(&stream, head, key->p);
	write_bytes(&w, bytes_of(MAGIC, MAGIC_LEN));
	write_u16(&w, VERSION);
	write_u32(&w, envelope_minimum.passes);
	write_u64(&w, envelope_minimum.memory);
	write_bytes(&w, bytes_of(salt, sizeof salt));
	write_bytes(&w, bytes_of(head, sizeof head));
	for (size_t ad = HEAD_LEN; reader_left(&r) && !w.bad; ad = 0) {
		uint8_t tag = read_u8(&r);
		struct bytes m = read_bytes16(&r);
		unsigned long long len = 0;

		if (r.bad)
			break;
		crypto_secretstream_xchacha20poly1305_push(&stream, c, &len, m.p, m.n, p, ad,
							   tag);
		write_bytes32(&w, bytes_of(c, (size_t)len));
	}
	open_file(writer_bytes(&w));
	free(p);
	free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes input = bytes_of(data, n);

	start();
	if (!envelope_is(input))
		open_messages(input);
	else if (is_cheap(input))
		open_file(input);
	return 0;
}
