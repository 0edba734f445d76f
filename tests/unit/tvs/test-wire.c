/* TVS frames (spec: tvs). */
#include "support/support.h"
#include "support/mutate.h"
#include "base/num.h"
#include "frames.h"
#include <stdlib.h>
#include <string.h>

static void is_text(struct bytes got, const char *text)
{
	assert_int_equal(got.n, strlen(text));
	assert_memory_equal(got.p, text, got.n);
}

static void a_real_request(void **state)
{
	uint8_t frame[153];
	struct bytes f = frames_query(frame);
	struct tvs_message m;
	struct err e;
	size_t n = 0;

	(void)state;
	assert_int_equal(f.n, 153);
	assert_ok(tvs_frame_length(bytes_of(f.p, TVS_HEADER), TVS_REQUEST_MAX, &n, &e), &e);
	assert_int_equal(n, f.n);
	assert_ok(tvs_read(f, &m, &e), &e);
	assert_int_equal(m.kind, TVS_QUERY);
	assert_int_equal(m.session, 1001);
	is_text(m.device, "CP-8861-SEPB000B4BA0AEE");
	assert_int_equal(m.subject.n, 65); /* its NUL is not part of it */
	assert_int_equal(m.issuer.n, 24);
	assert_int_equal(m.serial.n, FRAMES_SERIAL);
	assert_memory_equal(m.subject.p, "CN=s", 4);
	assert_memory_equal(m.issuer.p, "CN=i", 4);
	assert_null(m.cert.p);
}

static void a_real_answer(void **state)
{
	uint8_t frame[1480];
	struct bytes f = frames_found(frame);
	struct tvs_message m;
	struct err e;

	(void)state;
	assert_int_equal(f.n, 1480);
	assert_ok(tvs_read(f, &m, &e), &e);
	assert_int_equal(m.kind, TVS_FOUND);
	assert_int_equal(m.session, 1001);
	assert_int_equal(m.status, TVS_VALID);
	assert_int_equal(m.cert.n, 1451);
	assert_int_equal(m.roles.n, 2);
	assert_int_equal(m.roles.p[1], 2);
	assert_int_equal(m.ttl, TVS_TTL);
}

/* One more byte or one fewer, as bytes and as what the length says. */
static void every_wrong_length(void **state)
{
	uint8_t query[153], found[1480];
	struct bytes frames[] = {frames_query(query), frames_found(found)};
	struct tvs_message m;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(frames); i++) {
		struct bytes f = frames[i];
		unsigned right = (unsigned)f.n - TVS_HEADER;

		for (size_t n = 0; n < f.n; n++) {
			struct bytes cut = support_cut(f, n);

			assert_int_equal(tvs_read(cut, &m, &e), RC_USAGE);
			free((void *)(uintptr_t)cut.p);
		}
		for (unsigned says = 0; says <= UINT16_MAX; says++) {
			uint8_t *at = (uint8_t *)(uintptr_t)f.p;

			at[8] = (uint8_t)(says >> 8);
			at[9] = (uint8_t)says;
			assert_int_equal(tvs_read(f, &m, &e),
					 says == right ? RC_OK : RC_USAGE);
			/* and the bytes with it: an element is cut off then */
			if (says < right)
				assert_int_equal(tvs_read(bytes_of(f.p, TVS_HEADER + says),
							  &m, &e),
						 RC_USAGE);
		}
	}
}

static void how_long_a_frame_is(void **state)
{
	static const struct {
		const char *name;
		uint8_t begin[TVS_HEADER];
		size_t have, max;
		enum rc rc;
		size_t n;
	} rows[] = {
		{"nothing yet", {0}, 0, 100, RC_NOTFOUND, 0},
		{"nine bytes", {0x57, 1, 1}, 9, 100, RC_NOTFOUND, 0},
		{"no elements", {0x57, 1, 1}, 10, 100, RC_OK, 10},
		{"the longest", {0x57, 1, 3, 0, 0, 0, 0, 0, 0, 90}, 10, 100, RC_OK, 100},
		{"too long", {0x57, 1, 3, 0, 0, 0, 0, 0, 0, 91}, 10, 100, RC_USAGE, 0},
		{"another magic", {0x57, 2, 1}, 10, 100, RC_USAGE, 0},
		{"and another", {0x47, 1, 1}, 10, 100, RC_USAGE, 0},
		{"kind 0", {0x57, 1, 0}, 10, 100, RC_USAGE, 0},
		{"kind 5", {0x57, 1, 5}, 10, 100, RC_USAGE, 0},
		{"an answer's fourth byte", {0x57, 1, 4, 0xf7}, 10, 100, RC_OK, 10},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err e;
		size_t n = 0;
		enum rc rc = tvs_frame_length(bytes_of(rows[i].begin, rows[i].have),
					      rows[i].max, &n, &e);

		if (rc != rows[i].rc || n != rows[i].n)
			fail_msg("%s: %s, %zu", rows[i].name, rc_name(rc), n);
	}
}

/* A frame around elements, given as one literal. */
#define ROW(name, kind, elements, rc) {name, kind, elements, sizeof elements - 1, rc}

#define DEVICE "\1\0\3\1SE"
#define CERT "\2\0\2\x30\0"
#define SUBJECT "\3\0\5CN=s\0"
#define ISSUER "\4\0\5CN=i\0"
#define SERIAL "\5\0\1\x12"
#define VALID "\7\0\1\0"
#define INVALID "\7\0\1\1"
#define ROLES "\x8\0\1\0"
#define TTL "\x9\0\4\0\1\x51\x80"

static void elements(void **state)
{
	static const struct {
		const char *name;
		unsigned kind;
		const char *elements;
		size_t n;
		enum rc rc;
	} rows[] = {
		ROW("VERIFY", TVS_VERIFY, DEVICE CERT, RC_OK),
		ROW("without a device", TVS_VERIFY, CERT, RC_OK),
		ROW("in another order", TVS_VERIFY, CERT DEVICE, RC_OK),
		ROW("without a certificate", TVS_VERIFY, DEVICE, RC_USAGE),
		ROW("with nothing", TVS_VERIFY, "", RC_USAGE),
		ROW("with an issuer", TVS_VERIFY, CERT ISSUER, RC_USAGE),
		ROW("with a status", TVS_VERIFY, CERT VALID, RC_USAGE),
		ROW("twice", TVS_VERIFY, CERT CERT, RC_USAGE),
		ROW("an empty certificate", TVS_VERIFY, "\2\0\0", RC_USAGE),
		ROW("a device without its 01", TVS_VERIFY, CERT "\1\0\2SE", RC_USAGE),
		ROW("a device of 01 alone", TVS_VERIFY, CERT "\1\0\1\1", RC_USAGE),
		ROW("QUERY", TVS_QUERY, DEVICE SUBJECT ISSUER SERIAL, RC_OK),
		ROW("what it needs", TVS_QUERY, SERIAL ISSUER, RC_OK),
		ROW("without a serial", TVS_QUERY, SUBJECT ISSUER, RC_USAGE),
		ROW("without an issuer", TVS_QUERY, SUBJECT SERIAL, RC_USAGE),
		ROW("an empty serial", TVS_QUERY, ISSUER "\5\0\0", RC_USAGE),
		ROW("a name without its NUL", TVS_QUERY, SERIAL "\4\0\4CN=i", RC_USAGE),
		ROW("a NUL within", TVS_QUERY, SERIAL "\4\0\6CN\0=i\0", RC_USAGE),
		ROW("an empty name", TVS_QUERY, SERIAL "\4\0\0", RC_USAGE),
		ROW("tag 0", TVS_QUERY, ISSUER SERIAL "\0\0\1x", RC_USAGE),
		ROW("tag 6", TVS_QUERY, ISSUER SERIAL "\6\0\1x", RC_USAGE),
		ROW("tag 10", TVS_QUERY, ISSUER SERIAL "\xa\0\1x", RC_USAGE),
		ROW("tag 255", TVS_QUERY, ISSUER SERIAL "\xff\0\1x", RC_USAGE),
		ROW("with a certificate", TVS_QUERY, ISSUER SERIAL CERT, RC_USAGE),
		ROW("VERIFIED", TVS_VERIFIED, VALID ROLES TTL, RC_OK),
		ROW("a no", TVS_VERIFIED, INVALID, RC_OK),
		ROW("a no with more", TVS_VERIFIED, INVALID ROLES TTL, RC_OK),
		ROW("a yes alone", TVS_VERIFIED, VALID, RC_USAGE),
		ROW("a yes without roles", TVS_VERIFIED, VALID TTL, RC_USAGE),
		ROW("a yes without a time", TVS_VERIFIED, VALID ROLES, RC_USAGE),
		ROW("no status", TVS_VERIFIED, ROLES TTL, RC_USAGE),
		ROW("a certificate to a VERIFY", TVS_VERIFIED, VALID ROLES TTL CERT, RC_USAGE),
		ROW("a status of 2", TVS_VERIFIED, "\7\0\1\2", RC_USAGE),
		ROW("a status of two bytes", TVS_VERIFIED, "\7\0\2\0\0", RC_USAGE),
		ROW("no role", TVS_VERIFIED, VALID "\x8\0\0" TTL, RC_USAGE),
		ROW("eight roles", TVS_VERIFIED, VALID "\x8\0\x8\0\1\2\3\4\5\6\7" TTL, RC_OK),
		ROW("nine roles", TVS_VERIFIED, VALID "\x8\0\x9\0\1\2\3\4\5\6\7\x8" TTL,
		    RC_USAGE),
		ROW("a time of three bytes", TVS_VERIFIED, VALID ROLES "\x9\0\3\0\0\1",
		    RC_USAGE),
		ROW("a time of five bytes", TVS_VERIFIED, VALID ROLES "\x9\0\5\0\0\0\0\1",
		    RC_USAGE),
		ROW("FOUND", TVS_FOUND, VALID CERT ROLES TTL, RC_OK),
		ROW("not found", TVS_FOUND, INVALID, RC_OK),
		ROW("found without it", TVS_FOUND, VALID ROLES TTL, RC_USAGE),
		ROW("an issuer in an answer", TVS_FOUND, INVALID ISSUER, RC_USAGE),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t frame[256];
		struct writer w = writer_of(frame, sizeof frame);
		struct tvs_message m = {.session = 4711}, before = m;
		struct err e;
		enum rc rc;

		write_u16(&w, 0x5701);
		write_u8(&w, num_u8(rows[i].kind));
		write_u8(&w, 0);
		write_u32(&w, 7);
		write_bytes16(&w, bytes_of(rows[i].elements, rows[i].n));
		rc = tvs_read(writer_bytes(&w), &m, &e);
		if (rc != rows[i].rc)
			fail_msg("%s: %s", rows[i].name, rc_name(rc));
		if (rc != RC_OK)
			assert_memory_equal(&m, &before, sizeof m);
	}
}

static void round_trips(void **state)
{
	static const uint8_t roles[] = {0, 2}, serial[] = {0, 0x80, 1};
	const struct bytes cert = bytes_of_text("0not looked into");
	const struct tvs_message messages[] = {
		{.kind = TVS_VERIFY, .session = 1, .device = bytes_of_text("SEP1"), .cert = cert},
		{.kind = TVS_VERIFY, .session = UINT32_MAX, .cert = cert},
		{.kind = TVS_QUERY, .device = bytes_of_text("SEP1"),
		 .subject = bytes_of_text("CN=s"), .issuer = bytes_of_text("CN=i"),
		 .serial = bytes_of(serial, sizeof serial)},
		{.kind = TVS_VERIFIED, .roles = bytes_of(roles, 2), .ttl = 86400},
		{.kind = TVS_VERIFIED, .status = TVS_INVALID},
		{.kind = TVS_FOUND, .cert = cert, .roles = bytes_of(roles, 1), .ttl = 1},
		{.kind = TVS_FOUND, .status = TVS_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(messages); i++) {
		const struct tvs_message *m = &messages[i];
		uint8_t frame[256], again[256];
		struct writer w = writer_of(frame, sizeof frame);
		struct writer v = writer_of(again, sizeof again);
		struct tvs_message got;
		struct err e;

		tvs_write(&w, m);
		assert_false(w.bad);
		assert_ok(tvs_read(writer_bytes(&w), &got, &e), &e);
		assert_int_equal(got.kind, m->kind);
		assert_int_equal(got.session, m->session);
		assert_int_equal(got.status, m->status);
		assert_int_equal(got.ttl, m->ttl);
		assert_true(bytes_equal(got.device, m->device));
		assert_true(bytes_equal(got.cert, m->cert));
		assert_true(bytes_equal(got.subject, m->subject));
		assert_true(bytes_equal(got.issuer, m->issuer));
		assert_true(bytes_equal(got.serial, m->serial));
		assert_true(bytes_equal(got.roles, m->roles));
		tvs_write(&v, &got);
		assert_true(bytes_equal(writer_bytes(&v), writer_bytes(&w)));
		/* No room, at every length: nothing is written behind the end. */
		for (size_t cap = 0; cap < w.n; cap++) {
			uint8_t *small = malloc(cap ? cap : 1);
			struct writer s = writer_of(small, cap);

			tvs_write(&s, m);
			assert_true(s.bad);
			free(small);
		}
	}
}

static void what_cannot_be_written(void **state)
{
	static uint8_t frame[2 * TVS_FRAME_MAX], large[65536];
	const struct tvs_message rows[] = {
		{.kind = TVS_QUERY, .issuer = {(const uint8_t *)"C\0N", 3}, .serial = {large, 1}},
		{.kind = TVS_VERIFY, .cert = {large, sizeof large}},
		{.kind = TVS_VERIFY, .cert = {large, 65535}},
		{.kind = TVS_VERIFY, .cert = {large, 1}, .device = {large, 65535}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct writer w = writer_of(frame, sizeof frame);

		tvs_write(&w, &rows[i]);
		assert_true(w.bad);
	}
}

/* Whatever a stranger makes of one: no read behind its end, and what is understood
 * is written as it was read. */
static void changed_frames(void **state)
{
	uint64_t random = support_seed();
	uint8_t query[153], found[1480];
	struct bytes frames[] = {frames_query(query), frames_found(found)};

	(void)state;
	for (size_t i = 0; i < support_rounds(200000); i++) {
		struct bytes f = support_mutate(frames[i % 2], 64, &random);
		struct tvs_message m;
		struct err e;

		if (tvs_read(f, &m, &e) == RC_OK) {
			uint8_t again[2048];
			struct writer w = writer_of(again, sizeof again);
			struct tvs_message back;

			tvs_write(&w, &m);
			assert_false(w.bad);
			assert_ok(tvs_read(writer_bytes(&w), &back, &e), &e);
			assert_int_equal(back.session, m.session);
		}
		free((void *)(uintptr_t)f.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_real_request),
		cmocka_unit_test(a_real_answer),
		cmocka_unit_test(every_wrong_length),
		cmocka_unit_test(how_long_a_frame_is),
		cmocka_unit_test(elements),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(what_cannot_be_written),
		cmocka_unit_test(changed_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
