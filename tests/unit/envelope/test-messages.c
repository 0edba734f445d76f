/* The messages of an envelope: moved, and wrong though they open. */
#include "sealing.h"
#include "base/num.h"
#include <string.h>

#define MESSAGE crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
#define PUSH crypto_secretstream_xchacha20poly1305_TAG_PUSH
#define FINAL crypto_secretstream_xchacha20poly1305_TAG_FINAL

/* The messages of a file, with their lengths; into it. */
static size_t split(struct bytes file, struct bytes m[MESSAGES_MAX])
{
	size_t n = 0;

	for (size_t at = HEAD_LEN; at < file.n; n++) {
		struct reader r = reader_of(bytes_of(file.p + at, file.n - at));
		size_t len = 4 + read_u32(&r);

		m[n] = bytes_of(file.p + at, len);
		at += len;
	}
	return n;
}

static struct bytes join(struct bytes file, const struct bytes *m, size_t n)
{
	uint8_t *p = malloc(2 * file.n);
	struct writer w = writer_of(p, 2 * file.n);

	write_bytes(&w, bytes_of(file.p, HEAD_LEN));
	for (size_t i = 0; i < n; i++)
		write_bytes(&w, m[i]);
	assert_false(w.bad);
	return writer_bytes(&w);
}

static void messages_moved(void **state)
{
	struct bytes file = sample(), again = sample(), m[MESSAGES_MAX], o[MESSAGES_MAX];
	size_t n = split(file, m);

	(void)state;
	assert_int_equal(n, 3 + COUNT_OF(items));
	assert_int_equal(split(again, o), n);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			struct bytes list[MESSAGES_MAX + 1], b;

			/* i and j swapped; j instead of i */
			memcpy(list, m, sizeof m);
			list[i] = m[j];
			b = join(file, list, n);
			assert_int_equal(opens_same(b), i == j);
			bytes_free(b);
			list[j] = m[i];
			b = join(file, list, n);
			assert_int_equal(opens_same(b), i == j);
			bytes_free(b);
		}
	for (size_t i = 0; i < n; i++) {
		struct bytes list[MESSAGES_MAX + 1], b;

		/* i left out; doubled; from another envelope of the same password */
		memcpy(list, m, i * sizeof m[0]);
		memcpy(list + i, m + i + 1, (n - i - 1) * sizeof m[0]);
		b = join(file, list, n - 1);
		assert_false(opens_same(b));
		bytes_free(b);
		memcpy(list, m, (i + 1) * sizeof m[0]);
		memcpy(list + i + 1, m + i, (n - i) * sizeof m[0]);
		b = join(file, list, n + 1);
		assert_false(opens_same(b));
		bytes_free(b);
		memcpy(list, m, n * sizeof m[0]);
		list[i] = o[i];
		b = join(file, list, n);
		assert_false(opens_same(b));
		bytes_free(b);
	}
	bytes_free(file);
	bytes_free(again);
}

/* ---- wrong, though they open ---- */

struct part {
	const char *bytes;
	size_t n;
	uint8_t tag;
};

static struct bytes make(const struct part *parts, size_t n)
{
	uint8_t salt[crypto_pwhash_SALTBYTES] = {7}, *p = malloc(4096);
	uint8_t head[crypto_secretstream_xchacha20poly1305_HEADERBYTES];
	crypto_secretstream_xchacha20poly1305_state stream;
	struct secret CLEANUP(secret_free) *key = NULL;
	struct writer w = writer_of(p, 4096);
	struct err e;

	assert_ok(envelope_key(password, &envelope_minimum, salt, &key, &e), &e);
	crypto_secretstream_xchacha20poly1305_init_push(&stream, head, key->p);
	write_bytes(&w, bytes_of("IKEEPENV\0\1", 10));
	write_u32(&w, envelope_minimum.passes);
	write_u64(&w, envelope_minimum.memory);
	write_bytes(&w, bytes_of(salt, sizeof salt));
	write_bytes(&w, bytes_of(head, sizeof head));
	for (size_t i = 0; i < n; i++) {
		uint8_t c[1024];
		unsigned long long len = 0;

		crypto_secretstream_xchacha20poly1305_push(
			&stream, c, &len, (const uint8_t *)parts[i].bytes, parts[i].n, p,
			i == 0 ? HEAD_LEN : 0, parts[i].tag);
		write_bytes32(&w, bytes_of(c, (size_t)len));
	}
	assert_false(w.bad);
	return writer_bytes(&w);
}

#define TEXTS "\0\1n\0\1c\0\1p\0\1v\0\1k\0\1s"
#define ZEROS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define REST ZEROS ZEROS "\0\0\x08\0" "\0\0\0\0\0\0\0\1"
#define PART(text, tag)                                                                \
	{                                                                              \
		text, sizeof(text) - 1, tag                                            \
	}
#define MANIFEST PART(TEXTS REST, MESSAGE)
#define P12 PART("p12", MESSAGE)
#define END PART("", FINAL)

static void wrong_messages(void **state)
{
	static const struct {
		size_t n;
		struct part parts[5];
		enum rc rc;
	} rows[] = {
		{3, {MANIFEST, P12, END}, RC_OK},
		{4, {MANIFEST, P12, PART("\1\0\1a", MESSAGE), END}, RC_OK},
		/* the end is missing, too early, or not alone */
		{3, {MANIFEST, P12, PART("", MESSAGE)}, RC_VERIFY},
		{2, {MANIFEST, P12}, RC_USAGE},
		{2, {MANIFEST, END}, RC_USAGE},
		{4, {MANIFEST, P12, END, END}, RC_VERIFY},
		{3, {MANIFEST, PART("p12", FINAL), PART("", MESSAGE)}, RC_VERIFY},
		{3, {MANIFEST, P12, PART("\1\0\1a", FINAL)}, RC_USAGE},
		{3, {MANIFEST, PART("p12", PUSH), END}, RC_VERIFY},
		/* a manifest that is cut, has more, or has names that are not plain */
		{3, {PART(TEXTS ZEROS, MESSAGE), P12, END}, RC_VERIFY},
		{3, {PART(TEXTS REST "x", MESSAGE), P12, END}, RC_VERIFY},
		{3, {PART("\0\1\n" TEXTS REST, MESSAGE), P12, END}, RC_VERIFY},
		{3, {PART("\0\1n\0\1\x1b\0\1p\0\1v\0\1k\0\1s" REST, MESSAGE), P12, END},
		 RC_VERIFY},
		{3, {PART("", MESSAGE), P12, END}, RC_VERIFY},
		/* no p12 */
		{3, {MANIFEST, PART("", MESSAGE), END}, RC_VERIFY},
		/* items */
		{4, {MANIFEST, P12, PART("\0\0\1a", MESSAGE), END}, RC_VERIFY},
		{4, {MANIFEST, P12, PART("\5\0\1a", MESSAGE), END}, RC_VERIFY},
		{4, {MANIFEST, P12, PART("\1\0\0", MESSAGE), END}, RC_VERIFY},
		{4, {MANIFEST, P12, PART("\1\0\1\t", MESSAGE), END}, RC_VERIFY},
		{4, {MANIFEST, P12, PART("\1\0\2a\0", MESSAGE), END}, RC_VERIFY},
		{4, {MANIFEST, P12, PART("\1\0\2a", MESSAGE), END}, RC_VERIFY},
		{4, {MANIFEST, P12, PART("", MESSAGE), END}, RC_VERIFY},
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bytes file = make(rows[i].parts, rows[i].n);
		enum rc rc = open_rc(file, &e);

		if (rc != rows[i].rc)
			fail_msg("row %zu: %s", i, rc ? e.why : "opens");
		bytes_free(file);
	}
}

/* Each message has at least what authenticates it. */
static void short_messages(void **state)
{
	struct bytes file = sample(), m[MESSAGES_MAX];
	size_t n = split(file, m);
	uint8_t message[4 + TAG_BYTES] = {0};
	struct err e;

	(void)state;
	for (size_t len = 0; len <= TAG_BYTES; len++) {
		struct bytes b;

		message[3] = (uint8_t)len;
		m[2] = bytes_of(message, 4 + len);
		b = join(file, m, n);
		assert_int_equal(open_rc(b, &e), len < TAG_BYTES ? RC_USAGE : RC_VERIFY);
		bytes_free(b);
	}
	bytes_free(file);
}

static void too_many_items(void **state)
{
	struct bytes file = sample(), m[MESSAGES_MAX], list[MESSAGES_MAX + 1], b;
	size_t n = split(file, m);
	struct err e;
	uint8_t *p = malloc(1 << 20);
	struct writer w = writer_of(p, 1 << 20);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(list); i++)
		list[i] = m[n - 2];
	list[MESSAGES_MAX] = m[n - 1];
	write_bytes(&w, bytes_of(file.p, HEAD_LEN));
	for (size_t i = 0; i < COUNT_OF(list); i++)
		write_bytes(&w, list[i]);
	b = writer_bytes(&w);
	assert_int_equal(open_rc(b, &e), RC_USAGE);
	assert_non_null(strstr(e.why, "too many items"));
	free(p);
	bytes_free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_moved),
		cmocka_unit_test(wrong_messages),
		cmocka_unit_test(short_messages),
		cmocka_unit_test(too_many_items),
	};

	return cmocka_run_group_tests(tests, sealing_start, sealing_stop);
}
