#include "sealing.h"
#include "support/mutate.h"
#include "base/num.h"
#include <string.h>

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
		cmocka_unit_test(mutated),
		cmocka_unit_test(mutated_at_full_cost),
	};

	return cmocka_run_group_tests(tests, sealing_start, sealing_stop);
}
