#include "support/support.h"
#include "base/hex.h"
#include "base/num.h"
#include <string.h>

static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void test_reader(void **state)
{
	struct reader r = reader_of(bytes_of(data, sizeof data));

	(void)state;
	assert_int_equal(read_u8(&r), 0x01);
	assert_int_equal(read_u16(&r), 0x0203);
	assert_int_equal(read_u32(&r), 0x04050607);
	assert_true(read_u64(&r) == UINT64_C(0x08090a0b0c0d0e0f));
	assert_true(reader_done(&r));
	assert_int_equal(read_u8(&r), 0);
	assert_true(r.bad);
	assert_false(reader_done(&r));
}

/* The first call past the end is sticky, and moves nothing. */
static void test_reader_is_sticky(void **state)
{
	static const struct {
		size_t have, ask;
		bool bad;
	} rows[] = {{0, 0, false}, {0, 1, true},	   {3, 3, false},
		    {3, 4, true},  {3, SIZE_MAX, true}, {15, 16, true}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct reader r = reader_of(bytes_of(data, rows[i].have));
		struct bytes b = read_bytes(&r, rows[i].ask);

		assert_int_equal(r.bad, rows[i].bad);
		if (!rows[i].bad) {
			assert_int_equal(b.n, rows[i].ask);
			continue;
		}
		assert_null(b.p);
		assert_int_equal(b.n, 0);
		assert_int_equal(r.pos, 0);
		assert_int_equal(read_u8(&r), 0);
	}
}

static void test_lengths(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		bool wide; /* a u32 length */
		const char *value;
	} rows[] = {
		{"\0\0", 2, false, ""},	     {"\0\3abc", 5, false, "abc"},
		{"\0\3ab", 4, false, NULL},  {"\0", 1, false, NULL},
		{"\xff\xff" "a", 3, false, NULL},
		{"\0\0\0\2hi", 6, true, "hi"}, {"\xff\xff\xff\xff", 4, true, NULL},
		{"\0\0\0", 3, true, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct reader r = reader_of(bytes_of(rows[i].bytes, rows[i].n));
		struct bytes b = rows[i].wide ? read_bytes32(&r)
					      : read_bytes16(&r);

		assert_int_equal(r.bad, !rows[i].value);
		if (rows[i].value)
			assert_true(bytes_equal(b, bytes_of_text(rows[i].value)));
	}
}

static void test_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *value; /* NULL: bad */
	} rows[] = {
		{"\0\0", 2, ""},	{"\0\3abc", 5, "abc"},
		{"\0\4abcd", 6, NULL}, /* no room for its NUL */
		{"\0\3a\0c", 5, NULL}, {"\0\3ab", 4, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct reader r = reader_of(bytes_of(rows[i].bytes, rows[i].n));
		char to[4] = "zzz";

		read_text(&r, to, sizeof to);
		assert_int_equal(r.bad, !rows[i].value);
		assert_string_equal(to, rows[i].value ? rows[i].value : "");
	}
}

static void test_writer(void **state)
{
	static const uint8_t want[] = {1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0,	  0,
				       0, 0, 4, 0, 2, 'h', 'i', 0, 0, 0, 1, 'x'};
	uint8_t buf[sizeof want];
	struct writer w = writer_of(buf, sizeof buf);

	(void)state;
	write_u8(&w, 1);
	write_u16(&w, 2);
	write_u32(&w, 3);
	write_u64(&w, 4);
	write_text(&w, "hi");
	write_bytes32(&w, bytes_of_text("x"));
	assert_false(w.bad);
	assert_true(bytes_equal(writer_bytes(&w), bytes_of(want, sizeof want)));
	/* Full: nothing more, and nothing of what was asked. */
	write_u8(&w, 9);
	assert_true(w.bad);
	assert_int_equal(writer_bytes(&w).n, 0);
	assert_memory_equal(buf, want, sizeof want);
}

static void test_writer_is_whole(void **state)
{
	uint8_t buf[4] = {9, 9, 9, 9};
	struct writer w = writer_of(buf, 3);

	(void)state;
	write_u32(&w, 0x01020304);
	assert_true(w.bad);
	assert_memory_equal(buf, "\x09\x09\x09\x09", 4);
	write_u8(&w, 1); /* would fit, but bad stays */
	assert_int_equal(buf[0], 9);
}

static void test_writer_long_text(void **state)
{
	static uint8_t buf[70000];
	static char text[65537];
	struct writer w = writer_of(buf, sizeof buf);

	(void)state;
	memset(text, 'a', sizeof text - 1);
	write_text(&w, text);
	assert_true(w.bad);
	text[65535] = '\0';
	w = writer_of(buf, sizeof buf);
	write_text(&w, text);
	assert_false(w.bad);
	assert_int_equal(w.n, 65537);
}

static void test_equal(void **state)
{
	(void)state;
	assert_true(bytes_equal(bytes_of(NULL, 0), bytes_of("", 0)));
	assert_true(bytes_equal(bytes_of("ab", 2), bytes_of_text("ab")));
	assert_false(bytes_equal(bytes_of("ab", 2), bytes_of("ac", 2)));
	assert_false(bytes_equal(bytes_of("ab", 2), bytes_of("ab", 1)));
}

static void test_hex(void **state)
{
	static const struct {
		const char *hex;
		bool good;
	} rows[] = {
		{"00ff10", true},  {"00FF10", true},   {"00ff1", false},
		{"00ff", false},   {"00ff1000", false}, {"00fg10", false},
		{"00 f10", false}, {"", false},	       {"0x00ff", false},
	};
	uint8_t to[3];
	char text[8];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (hex_read(rows[i].hex, to, sizeof to) != rows[i].good)
			fail_msg("\"%s\"", rows[i].hex);
		if (rows[i].good)
			assert_memory_equal(to, "\x00\xff\x10", 3);
	}
	assert_string_equal(hex_of(bytes_of(to, 3), text, sizeof text), "00ff10");
	assert_string_equal(hex_of(bytes_of(to, 3), text, 6), "00ff");
	assert_string_equal(hex_of(bytes_of(to, 3), text, 1), "");
	assert_string_equal(hex_of(bytes_of(NULL, 0), text, 8), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_reader_is_sticky),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_is_whole),
		cmocka_unit_test(test_writer_long_text),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
