/* The parts of keyd that need no token: tickets, TLS shapes, state. */
#include "support/support.h"
#include "base/file.h"
#include "keyd/intent.h"
#include "service.h"
#include "state.h"
#include "ticket.h"
#include "tls.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- tickets ---- */

static struct keyd_intent some_intent(void)
{
	return keyd_intent_reset(KEYD_LOCALKEY, false, bytes_of("a list", 6), 1000);
}

static void a_ticket_is_good_once(void **state)
{
	struct keyd_intent intent = some_intent();
	uint8_t ticket[KEYD_TICKET_LEN];
	struct tickets t;
	bool issued;
	struct err e;

	(void)state;
	tickets_init(&t);
	tickets_issue(&t, 7, &intent, 100, ticket);
	assert_ok(tickets_use(&t, ticket, 7, &intent, 101, &issued, &e), &e);
	assert_int_equal(tickets_use(&t, ticket, 7, &intent, 101, &issued, &e),
			 RC_REFUSED);
}

static void a_ticket_is_bound(void **state)
{
	struct keyd_intent good = some_intent();
	const struct {
		const char *name;
		struct keyd_intent intent;
		uid_t uid;
		double at;
		bool flip; /* a bit of the ticket */
	} rows[] = {
		{"another user", good, 8, 101, false},
		{"expired", good, 7, 100 + KEYD_TICKET_SECONDS, false},
		{"another list",
		 keyd_intent_reset(KEYD_LOCALKEY, false, bytes_of("a lisT", 6), 1000), 7, 101, false},
		{"another time",
		 keyd_intent_reset(KEYD_LOCALKEY, false, bytes_of("a list", 6), 1001), 7, 101, false},
		{"a remote one", keyd_intent_reset(KEYD_REMOTEKEY, false, bytes_of("a list", 6), 1000),
		 7, 101, false},
		{"a preview's", keyd_intent_reset(KEYD_LOCALKEY, true, bytes_of("a list", 6), 1000),
		 7, 101, false},
		{"another operation", keyd_intent_generate(UNIT_TVS, "n1"), 7, 101,
		 false},
		{"a guess", good, 7, 101, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t ticket[KEYD_TICKET_LEN];
		struct tickets t;
		bool issued = rows[i].flip;
		struct err e;

		print_message("  %s\n", rows[i].name);
		tickets_init(&t);
		tickets_issue(&t, 7, &good, 100, ticket);
		ticket[5] ^= rows[i].flip;
		assert_int_equal(tickets_use(&t, ticket, rows[i].uid,
					     &rows[i].intent, rows[i].at, &issued,
					     &e),
				 RC_REFUSED);
		/* a guess, and what is no longer open, took no password */
		assert_int_equal(issued, !rows[i].flip &&
						 rows[i].at < 100 + KEYD_TICKET_SECONDS);
		/* Naming it used it up; a wrong guess did not. */
		ticket[5] ^= rows[i].flip;
		assert_int_equal(tickets_use(&t, ticket, 7, &good, 101, &issued, &e),
				 rows[i].flip ? RC_OK : RC_REFUSED);
	}
}

static void intents_differ(void **state)
{
	const struct keyd_place places[] = {{"n1", {1}}, {"n2", {1}}, {"n1", {2}}};
	struct keyd_intent all[] = {
		keyd_intent_generate(UNIT_TVS, "n1"),
		keyd_intent_generate(UNIT_TVS, "n2"),
		keyd_intent_generate(UNIT_CALLMANAGER, "n1"),
		keyd_intent_generate(UNIT_CAPF, NULL),
		keyd_intent_ctl(1),
		keyd_intent_ctl(2),
		keyd_intent_rollback(places, 1),
		keyd_intent_rollback(places, 2),
		keyd_intent_rollback(places + 1, 1),
		keyd_intent_rollback(places + 1, 2),
		keyd_intent_rollback(places + 2, 1),
		keyd_intent_remove("TVS/n1/1"),
		keyd_intent_remove("TVS/n1/11"),
		keyd_intent_override("op=tftp-restart node=n1"),
		keyd_intent_override("op=tftp-restart node=n2"),
		keyd_intent_body(KEYD_OP_SEAL, bytes_of("", 0)),
		keyd_intent_body(KEYD_OP_EXPORT, bytes_of("a", 1)),
		keyd_intent_body(KEYD_OP_EXPORT, bytes_of("b", 1)),
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(all[i].params, all[k].params, 32);
}

static void overrides_have_their_text(void **state)
{
	char text[KEYD_OVERRIDE_MAX], of_why[256], id[CLUSTER_ID_MAX + 1];

	(void)state;
	assert_string_equal(keyd_override_text("tftp-restart", "n1", "they would be locked", text),
			    "op=tftp-restart node=n1 overrode=\"they would be locked\"");
	/* nothing gets out of the quotes, nor into another line */
	assert_string_equal(keyd_override_text("x", "n1", "a\" b=\"c\\\n\xc3\xa4", text),
			    "op=x node=n1 overrode=\"a? b=?c????\"");
	/* The longest fits. */
	memset(of_why, 'w', sizeof of_why - 1);
	of_why[sizeof of_why - 1] = '\0';
	memset(id, 'n', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	(void)keyd_override_text("tftp-restart", id, of_why, text);
	assert_non_null(strstr(text, of_why));
	assert_int_equal(text[strlen(text) - 1], '"');
}

static void the_oldest_ticket_gives_way(void **state)
{
	struct keyd_intent intent = some_intent();
	uint8_t first[KEYD_TICKET_LEN], ticket[KEYD_TICKET_LEN];
	struct tickets t;
	bool issued;
	struct err e;

	(void)state;
	tickets_init(&t);
	tickets_issue(&t, 7, &intent, 100, first);
	for (int i = 1; i <= TICKETS_MAX; i++)
		tickets_issue(&t, 7, &intent, 100 + i * 0.1, ticket);
	assert_int_equal(tickets_use(&t, first, 7, &intent, 110, &issued, &e), RC_REFUSED);
	assert_ok(tickets_use(&t, ticket, 7, &intent, 110, &issued, &e), &e);
}

/* ---- what keyd ends on ---- */

static void answers_that_are_fatal(void **state)
{
	static const struct {
		enum rc rc;
		unsigned long code;
		bool fatal;
	} rows[] = {
		{RC_STALE, CKR_OBJECT_HANDLE_INVALID, true},
		{RC_PIN, CKR_PIN_INCORRECT, true},
		{RC_TOKEN, CKR_DEVICE_REMOVED, true},
		{RC_TOKEN, CKR_GENERAL_ERROR, true},
		{RC_TOKEN, 0, false}, /* many answers to many routes */
		{RC_TOKEN, CKR_DEVICE_MEMORY, false},
		{RC_TOKEN, CKR_KEY_NOT_WRAPPABLE, false},
		{RC_TOKEN, CKR_KEY_UNEXTRACTABLE, false},
		{RC_TOKEN, CKR_WRAPPED_KEY_INVALID, false},
		{RC_TOKEN, CKR_WRAPPED_KEY_LEN_RANGE, false},
		{RC_TOKEN, CKR_MECHANISM_INVALID, false},
		{RC_VERIFY, CKR_GENERAL_ERROR, false},
		{RC_REFUSED, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = {.rc = rows[i].rc, .code = rows[i].code};

		if (request_is_fatal(&e) != rows[i].fatal)
			fail_msg("row %zu", i + 1);
	}
}

/* ---- TLS ---- */

/* A message of the given length that begins with `pad` and holds `text` at `at`. */
static struct bytes message(uint8_t *buf, size_t n, uint8_t fill, size_t at,
			    const void *text, size_t len)
{
	memset(buf, fill, n);
	memcpy(buf + at, text, len);
	return bytes_of(buf, n);
}

#define VERIFY "TLS 1.3, server CertificateVerify" /* and its NUL */
static const uint8_t x25519[] = {3, 0, 29, 32}, p256[] = {3, 0, 23, 65, 4},
		     wrong_length[] = {3, 0, 29, 33}, unknown[] = {3, 1, 0, 32},
		     explicit_prime[] = {1, 0, 29, 32}, compressed[] = {3, 0, 23, 65, 2};

static void only_handshakes_fit(void **state)
{
	const struct {
		const char *name, *digest;
		bool pss, fits;
		size_t n, at;
		uint8_t fill;
		const void *text;
		size_t len;
	} rows[] = {
		{"1.3, SHA-256", "SHA256", true, true, 130, 64, 0x20, VERIFY, 34},
		{"1.3, SHA-384 suite", "SHA256", true, true, 146, 64, 0x20, VERIFY, 34},
		{"1.3, SHA-512", "SHA512", true, true, 146, 64, 0x20, VERIFY, 34},
		{"1.3 without PSS", "SHA256", false, false, 130, 64, 0x20, VERIFY, 34},
		{"1.3, SHA-1", "SHA1", true, false, 130, 64, 0x20, VERIFY, 34},
		{"1.3, a byte more", "SHA256", true, false, 131, 64, 0x20, VERIFY, 34},
		{"1.3, client's", "SHA256", true, false, 130, 64, 0x20,
		 "TLS 1.3, client CertificateVerify", 34},
		{"1.3, padding of zeros", "SHA256", true, false, 130, 64, 0, VERIFY, 34},
		{"1.2, X25519", "SHA256", false, true, 100, 64, 9, x25519, 4},
		{"1.2, X25519, PSS", "SHA256", true, true, 100, 64, 9, x25519, 4},
		{"1.0, X25519", "MD5-SHA1", false, true, 100, 64, 9, x25519, 4},
		{"1.0 with PSS", "MD5-SHA1", true, false, 100, 64, 9, x25519, 4},
		{"1.2, P-256", "SHA1", false, true, 133, 64, 9, p256, 5},
		{"1.2, compressed point", "SHA1", false, false, 133, 64, 9, compressed, 5},
		{"1.2, a byte more", "SHA256", false, false, 101, 64, 9, x25519, 4},
		{"1.2, a byte less", "SHA256", false, false, 99, 64, 9, x25519, 4},
		{"1.2, wrong point length", "SHA256", false, false, 101, 64, 9, wrong_length, 4},
		{"1.2, unknown curve", "SHA256", false, false, 100, 64, 9, unknown, 4},
		{"1.2, explicit curve", "SHA256", false, false, 100, 64, 9, explicit_prime, 4},
		{"unknown digest", "SHA224", false, false, 100, 64, 9, x25519, 4},
		{"a SHA-256 digest", "SHA256", false, false, 32, 0, 9, "", 0},
		{"a SHA-1 digest", "SHA1", false, false, 20, 0, 9, "", 0},
		{"MD5 and SHA-1", "MD5-SHA1", false, false, 36, 0, 9, "", 0},
		{"nothing", "SHA256", false, false, 0, 0, 9, "", 0},
	};
	uint8_t buf[512];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("  %s\n", rows[i].name);
		assert_int_equal(
			tls_message_fits(rows[i].digest, rows[i].pss,
					 message(buf, rows[i].n, rows[i].fill,
						 rows[i].at, rows[i].text,
						 rows[i].len)),
			rows[i].fits);
	}
}

static void unpads_or_hides(void **state)
{
	uint8_t block[256], random[48], secret[48], out[48];
	const struct {
		const char *name;
		size_t at;    /* byte of the block that is changed */
		uint8_t to;
		bool good;
	} rows[] = {
		{"good", 5, 0x77, true},
		{"first byte", 0, 1, false},
		{"second byte", 1, 1, false},
		{"a zero in the padding", 100, 0, false},
		{"a zero early", 2, 0, false},
		{"no separator", 207, 9, false},
		{"wrong version", 209, 1, false},
		{"another secret", 255, 1, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("  %s\n", rows[i].name);
		memset(block, 0x55, sizeof block);
		block[0] = 0;
		block[1] = 2;
		block[207] = 0;
		block[208] = 3;
		block[209] = 3;
		memset(random, 0xee, sizeof random);
		block[rows[i].at] = rows[i].to;
		memcpy(secret, block + 208, sizeof secret);
		tls_unpad(bytes_of(block, sizeof block), 0x0303, random, out);
		assert_memory_equal(out, rows[i].good ? secret : random, 48);
	}
}

/* ---- state ---- */

static void state_survives(void **state)
{
	char *dir = support_tmpdir(), path[108], pin[108];
	struct keyd_password p = {.set = true, .ops = 3, .memory = 1 << 26}, got;
	struct keyd_state s;
	struct err e;
	int fd;

	(void)state;
	snprintf(path, sizeof path, "%s/keyd.state", dir);
	snprintf(pin, sizeof pin, "%s/pin", dir);
	memset(p.hash, 7, sizeof p.hash);
	memset(p.salt, 9, sizeof p.salt);
	assert_ok(keyd_state_load(&s, path, &e), &e);
	keyd_state_password(&s, PASSWORD_ADMIN, &got);
	assert_false(got.set);
	assert_ok(keyd_state_set_password(&s, PASSWORD_ADMIN, &p, &e), &e);

	fd = open(pin, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "1234\n", 5), 5);
	assert_false(keyd_state_pin_refused(&s, pin));
	assert_ok(keyd_state_refuse_pin(&s, pin, &e), &e);

	assert_ok(keyd_state_load(&s, path, &e), &e); /* a restarted process */
	keyd_state_password(&s, PASSWORD_ADMIN, &got);
	assert_true(got.set);
	assert_memory_equal(got.hash, p.hash, sizeof p.hash);
	assert_int_equal(got.memory, p.memory);
	assert_true(keyd_state_pin_refused(&s, pin));
	struct timespec later[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	assert_int_equal(futimens(fd, later), 0); /* somebody wrote another PIN */
	assert_false(keyd_state_pin_refused(&s, pin));
	assert_ok(keyd_state_accept_pin(&s, &e), &e);
	assert_ok(keyd_state_load(&s, path, &e), &e);
	assert_false(s.pin.refused);
	keyd_state_password(&s, PASSWORD_ADMIN, &got);
	assert_true(got.set);
	close(fd);

	assert_int_equal(truncate(path, 20), 0);
	assert_int_equal(keyd_state_load(&s, path, &e), RC_ERROR);
	support_tmpdir_remove(dir);
}

/* A file of the format before there was a security password. */
static void state_of_the_first_format(void **state)
{
	char *dir = support_tmpdir(), path[108];
	uint8_t file[256];
	struct writer w = writer_of(file, sizeof file);
	struct keyd_password got, next = {.set = true, .ops = 4};
	struct keyd_state s;
	struct err e;

	(void)state;
	snprintf(path, sizeof path, "%s/keyd.state", dir);
	write_bytes(&w, bytes_of("IKS1", 4));
	write_u8(&w, 1);
	for (int i = 0; i < KEYD_SALT_LEN; i++)
		write_u8(&w, 9);
	write_u64(&w, 3);
	write_u64(&w, 1 << 26);
	for (int i = 0; i < 32; i++)
		write_u8(&w, 7);
	write_u8(&w, 1);
	write_u64(&w, 11);
	write_u64(&w, 12);
	write_u64(&w, 13);
	write_u32(&w, 14);
	assert_ok(file_replace(path, writer_bytes(&w), 0600, &e), &e);
	for (int written = 0; written < 2; written++) {
		assert_ok(keyd_state_load(&s, path, &e), &e);
		keyd_state_password(&s, PASSWORD_ADMIN, &got);
		assert_true(got.set);
		assert_int_equal(got.ops, 3);
		assert_int_equal(got.salt[15], 9);
		assert_int_equal(got.hash[31], 7);
		assert_int_equal(s.pin.inode, 12);
		assert_int_equal(s.pin.nanoseconds, 14);
		keyd_state_password(&s, PASSWORD_SECURITY, &got);
		assert_int_equal(got.set, written);
		assert_int_equal(got.number, written);
		if (!written)
			assert_ok(keyd_state_set_password(&s, PASSWORD_SECURITY,
							  &next, &e), &e);
	}
	assert_int_equal(got.ops, 4);
	assert_true(got.changed > 0);
	/* a format that is none, and each with a byte too few or too many */
	file[3] = '3';
	assert_ok(file_replace(path, writer_bytes(&w), 0600, &e), &e);
	assert_int_equal(keyd_state_load(&s, path, &e), RC_ERROR);
	file[3] = '1';
	w.n--;
	assert_ok(file_replace(path, writer_bytes(&w), 0600, &e), &e);
	assert_int_equal(keyd_state_load(&s, path, &e), RC_ERROR);
	write_u16(&w, 0);
	assert_ok(file_replace(path, writer_bytes(&w), 0600, &e), &e);
	assert_int_equal(keyd_state_load(&s, path, &e), RC_ERROR);
	support_tmpdir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_is_good_once),
		cmocka_unit_test(a_ticket_is_bound),
		cmocka_unit_test(intents_differ),
		cmocka_unit_test(overrides_have_their_text),
		cmocka_unit_test(the_oldest_ticket_gives_way),
		cmocka_unit_test(answers_that_are_fatal),
		cmocka_unit_test(only_handshakes_fit),
		cmocka_unit_test(unpads_or_hides),
		cmocka_unit_test(state_survives),
		cmocka_unit_test(state_of_the_first_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
