#include "support/mutate.h"
#include "support/softhsm.h"
#include "base/num.h"
#include "internal.h"
#include <string.h>

#define PASSWORD "correct horse battery staple"
#define WRONG "correct horse battery stable"

#define MESSAGE crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
#define PUSH crypto_secretstream_xchacha20poly1305_TAG_PUSH
#define FINAL crypto_secretstream_xchacha20poly1305_TAG_FINAL

static struct secret *password, *wrong;

static const struct envelope_manifest manifest = {
	.name = "office-0123abcd-20260102T030405Z.env",
	.cluster = "office",
	.publisher = "n1",
	.program = "0.1.0",
	.key = "ITLRecovery/office/1",
	.serial = "5f00aa",
	.fingerprint = {1, 2, 3, 255},
	.bits = 2048,
	.time = 1767322800,
};

static const uint8_t p12[] = "a p12 of a few bytes, with a NUL:\0 here";

static const struct envelope_item items[] = {
	{ENVELOPE_CONF, "cluster.conf", {(const uint8_t *)"[cluster]\n", 10}},
	{ENVELOPE_CERT, "CallManager/n1/3", {(const uint8_t *)"\x30\x00\xff", 3}},
	{ENVELOPE_LIST, "n1", {NULL, 0}},
	{ENVELOPE_TRUST, "trust", {(const uint8_t *)"t", 1}},
};

static int setup(void **state)
{
	(void)state;
	password = softhsm_secret(PASSWORD);
	wrong = softhsm_secret(WRONG);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	secret_free(password);
	secret_free(wrong);
	return 0;
}

static struct bytes seal(const struct envelope_cost *cost, const struct envelope_item *list,
			 size_t n)
{
	uint8_t *out = NULL;
	size_t len = 0;
	struct err e;

	assert_ok(envelope_seal(password, cost, &manifest, bytes_of(p12, sizeof p12), list, n,
				&out, &len, &e),
		  &e);
	return bytes_of(out, len);
}

static struct bytes sample(void)
{
	return seal(&envelope_minimum, items, COUNT_OF(items));
}

static void bytes_free(struct bytes b)
{
	free((void *)(uintptr_t)b.p);
}

static enum rc open_rc(struct bytes file, struct err *e)
{
	struct envelope *v = NULL;
	enum rc rc = envelope_open(file, password, &v, e);

	assert_true((rc == RC_OK) == (v != NULL));
	envelope_free(v);
	return rc;
}

static void check_same(const struct envelope *v)
{
	const struct envelope_manifest *m = &v->manifest;

	assert_string_equal(m->name, manifest.name);
	assert_string_equal(m->cluster, manifest.cluster);
	assert_string_equal(m->publisher, manifest.publisher);
	assert_string_equal(m->program, manifest.program);
	assert_string_equal(m->key, manifest.key);
	assert_string_equal(m->serial, manifest.serial);
	assert_memory_equal(m->fingerprint, manifest.fingerprint, sizeof m->fingerprint);
	assert_int_equal(m->bits, manifest.bits);
	assert_int_equal(m->time, manifest.time);
	assert_true(bytes_equal(v->p12, bytes_of(p12, sizeof p12)));
	assert_int_equal(v->nitems, COUNT_OF(items));
	for (size_t i = 0; i < COUNT_OF(items); i++) {
		assert_int_equal(v->items[i].kind, items[i].kind);
		assert_string_equal(v->items[i].name, items[i].name);
		assert_true(bytes_equal(v->items[i].content, items[i].content));
	}
}

/* ---- what is sealed, opens ---- */

static void comes_back(void **state)
{
	struct bytes file = sample();
	struct envelope *v = NULL;
	struct err e;

	(void)state;
	assert_true(envelope_is(file));
	assert_ok(envelope_open(file, password, &v, &e), &e);
	check_same(v);
	assert_int_equal(v->cost.passes, envelope_minimum.passes);
	assert_int_equal(v->cost.memory, envelope_minimum.memory);
	envelope_free(v);
	v = NULL;
	assert_int_equal(envelope_open(file, wrong, &v, &e), RC_VERIFY);
	assert_string_equal(e.why,
			    "does not open: the password is wrong, or the file was changed");
	assert_null(v);
	envelope_free(NULL);
	bytes_free(file);
}

static void at_its_usual_cost(void **state)
{
	struct bytes file = seal(&envelope_moderate, items, COUNT_OF(items));
	struct envelope *v = NULL;
	struct err e;

	(void)state;
	assert_int_equal(envelope_moderate.passes, 3);
	assert_int_equal(envelope_moderate.memory, 256 << 20);
	assert_ok(envelope_open(file, password, &v, &e), &e);
	check_same(v);
	envelope_free(v);
	bytes_free(file);
}

static void no_items_and_most_items(void **state)
{
	static struct envelope_item many[ENVELOPE_ITEMS_MAX + 1];
	static const size_t counts[] = {0, 1, ENVELOPE_ITEMS_MAX};
	uint8_t *out = NULL;
	size_t n = 0;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = items[i % COUNT_OF(items)];
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		struct bytes file = seal(&envelope_minimum, many, counts[i]);
		struct envelope *v = NULL;

		assert_ok(envelope_open(file, password, &v, &e), &e);
		assert_int_equal(v->nitems, counts[i]);
		envelope_free(v);
		bytes_free(file);
	}
	assert_int_equal(envelope_seal(password, &envelope_minimum, &manifest,
				       bytes_of(p12, 1), many, COUNT_OF(many), &out, &n, &e),
			 RC_REFUSED);
	assert_null(out);
}

/* To the byte: the largest that is sealed is the largest that opens. */
static void largest(void **state)
{
	struct envelope_item big = {ENVELOPE_LIST, "n", {NULL, 0}};
	uint8_t *content = calloc(1, ENVELOPE_MAX), *out = NULL;
	struct bytes empty = seal(&envelope_minimum, &big, 1), file;
	size_t n = 0;
	struct err e;

	(void)state;
	big.content = bytes_of(content, ENVELOPE_MAX - empty.n);
	file = seal(&envelope_minimum, &big, 1);
	assert_int_equal(file.n, ENVELOPE_MAX);
	assert_int_equal(open_rc(file, &e), RC_OK);
	for (size_t more = 1; more < ENVELOPE_MAX; more *= 64) {
		big.content.n = ENVELOPE_MAX - empty.n + more;
		if (big.content.n > ENVELOPE_MAX)
			break;
		assert_int_equal(envelope_seal(password, &envelope_minimum, &manifest,
					       bytes_of(p12, sizeof p12), &big, 1, &out, &n,
					       &e),
				 RC_REFUSED);
	}
	/* One byte behind it: refused for its size, whatever it is. */
	out = calloc(1, ENVELOPE_MAX + 1);
	memcpy(out, file.p, file.n);
	assert_int_equal(open_rc(bytes_of(out, ENVELOPE_MAX + 1), &e), RC_REFUSED);
	free(out);
	free(content);
	bytes_free(empty);
	bytes_free(file);
}

static void is_one(void **state)
{
	(void)state;
	assert_true(envelope_is(bytes_of("IKEEPENV", 8)));
	assert_true(envelope_is(bytes_of("IKEEPENV\1", 9)));
	assert_false(envelope_is(bytes_of("IKEEPENV", 7)));
	assert_false(envelope_is(bytes_of("IKEEPENW", 8)));
	assert_false(envelope_is(bytes_of(NULL, 0)));
}

/* ---- what is not sealed ---- */

static void costs(void **state)
{
	static const struct {
		unsigned passes;
		uint64_t memory;
		enum rc rc;
	} rows[] = {
		{1, 8192, RC_OK},
		{10, 8192, RC_OK},
		{0, 8192, RC_REFUSED},
		{11, 8192, RC_REFUSED},
		{UINT32_MAX, 8192, RC_REFUSED},
		{1, 0, RC_REFUSED},
		{1, 8191, RC_REFUSED},
		{1, (1u << 30) + 1, RC_REFUSED},
		{1, UINT64_MAX, RC_REFUSED},
	};
	struct bytes good = sample();
	uint8_t *copy = malloc(good.n);
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct envelope_cost cost = {rows[i].passes, (size_t)rows[i].memory};
		uint8_t *out = NULL;
		size_t n = 0;
		struct writer w;

		assert_int_equal(envelope_seal(password, &cost, &manifest, bytes_of(p12, 1),
					       NULL, 0, &out, &n, &e),
				 rows[i].rc);
		free(out);
		/* The same in a file: refused before it is paid. */
		memcpy(copy, good.p, good.n);
		w = writer_of(copy + MAGIC_LEN + 2, 12);
		write_u32(&w, rows[i].passes);
		write_u64(&w, rows[i].memory);
		if (rows[i].rc == RC_REFUSED)
			assert_int_equal(open_rc(bytes_of(copy, good.n), &e), RC_REFUSED);
	}
	free(copy);
	bytes_free(good);
}

static void names_that_are_not_plain(void **state)
{
	static const char *const names[] = {"", "a\nb", "\x1b[m", "caf\xc3\xa9", "\x7f"};
	struct envelope_item item = items[0];
	struct envelope_manifest m;
	uint8_t *out = NULL;
	size_t n = 0;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		strcpy(item.name, names[i]);
		assert_int_equal(envelope_seal(password, &envelope_minimum, &manifest,
					       bytes_of(p12, 1), &item, 1, &out, &n, &e),
				 RC_REFUSED);
		m = manifest;
		strcpy(m.cluster, names[i]);
		if (names[i][0])
			assert_int_equal(envelope_seal(password, &envelope_minimum, &m,
						       bytes_of(p12, 1), NULL, 0, &out, &n,
						       &e),
					 RC_REFUSED);
	}
	assert_null(out);
}

/* ---- files that were changed ---- */

static bool opens_same(struct bytes file)
{
	struct envelope CLEANUP(envelope_free) *v = NULL;
	struct err e = {0};
	enum rc rc = envelope_open(file, password, &v, &e);

	if (rc == RC_OK) {
		check_same(v);
		return true;
	}
	assert_true(rc == RC_USAGE || rc == RC_REFUSED || rc == RC_VERIFY);
	assert_true(e.rc == rc && e.why[0] && e.what[0] && e.hint[0]);
	return false;
}

static void truncated(void **state)
{
	struct bytes file = sample();
	struct err e;

	(void)state;
	for (size_t i = 0; i < file.n; i++) {
		struct bytes cut = support_cut(file, i);

		assert_int_equal(open_rc(cut, &e), RC_USAGE);
		bytes_free(cut);
	}
	bytes_free(file);
}

static void added_to(void **state)
{
	struct bytes file = sample();
	uint8_t *longer = calloc(1, file.n + 64);
	struct err e;

	(void)state;
	memcpy(longer, file.p, file.n);
	for (size_t more = 1; more <= 64; more++)
		assert_int_equal(open_rc(bytes_of(longer, file.n + more), &e), RC_USAGE);
	free(longer);
	bytes_free(file);
}

/* Every bit of every byte, the costs' included where they stay affordable. */
static void every_bit(void **state)
{
	struct bytes file = sample();
	uint8_t *copy = malloc(file.n);

	(void)state;
	memcpy(copy, file.p, file.n);
	for (size_t i = 0; i < file.n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			/* memory, from 2^24 up: seconds, not another path */
			if (i == MAGIC_LEN + 2 + 4 + 4)
				continue;
			copy[i] ^= (uint8_t)(1u << bit);
			assert_false(opens_same(bytes_of(copy, file.n)));
			copy[i] = file.p[i];
		}
	free(copy);
	bytes_free(file);
}

static void version(void **state)
{
	struct bytes file = sample();
	uint8_t *copy = malloc(file.n);
	struct err e;

	(void)state;
	memcpy(copy, file.p, file.n);
	copy[MAGIC_LEN + 1] = 2;
	assert_int_equal(open_rc(bytes_of(copy, file.n), &e), RC_USAGE);
	assert_non_null(strstr(e.why, "version"));
	copy[0] = 'i';
	assert_int_equal(open_rc(bytes_of(copy, file.n), &e), RC_USAGE);
	assert_non_null(strstr(e.why, "no envelope"));
	free(copy);
	bytes_free(file);
}

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

static void mutate(const struct envelope_cost *cost, size_t rounds)
{
	struct bytes file = seal(cost, items, COUNT_OF(items));
	uint64_t random = support_seed();

	while (rounds) {
		struct bytes b = support_mutate(file, HEAD_LEN + 8, &random);
		struct reader r = reader_of(b);
		uint64_t paid;

		(void)read_bytes(&r, MAGIC_LEN + 2);
		paid = read_u32(&r);
		paid *= read_u64(&r);
		/* A cost that was raised is tested in costs(). */
		if (!bytes_equal(b, file) && (r.bad || paid <= cost->passes * cost->memory)) {
			assert_false(opens_same(b));
			rounds--;
		}
		bytes_free(b);
	}
	bytes_free(file);
}

static void mutated(void **state)
{
	(void)state;
	mutate(&envelope_minimum, support_rounds(100000));
}

static void mutated_at_full_cost(void **state)
{
	(void)state;
	mutate(&envelope_moderate, support_rounds(100));
}

/* ---- messages that are wrong though they open ---- */

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
		cmocka_unit_test(comes_back),
		cmocka_unit_test(at_its_usual_cost),
		cmocka_unit_test(no_items_and_most_items),
		cmocka_unit_test(largest),
		cmocka_unit_test(is_one),
		cmocka_unit_test(costs),
		cmocka_unit_test(names_that_are_not_plain),
		cmocka_unit_test(truncated),
		cmocka_unit_test(added_to),
		cmocka_unit_test(every_bit),
		cmocka_unit_test(version),
		cmocka_unit_test(messages_moved),
		cmocka_unit_test(mutated),
		cmocka_unit_test(mutated_at_full_cost),
		cmocka_unit_test(wrong_messages),
		cmocka_unit_test(short_messages),
		cmocka_unit_test(too_many_items),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
