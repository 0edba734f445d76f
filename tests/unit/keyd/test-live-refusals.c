/* A real keyd: what it refuses, whatever its peer says. */
#include "peer.h"
#include "support/software.h"
#include "itl/itl.h"
#include "x509/x509.h"
#include <string.h>

static void a_reset_without_its_ticket(void **state)
{
	uint8_t zero[KEYD_TICKET_LEN] = {0}, ticket[KEYD_TICKET_LEN];
	struct keyd *k = client();
	struct keyd_intent intent;
	uid_t admin = live_uid(&live, LIVE_ADMIN);
	uint8_t *source, *list = NULL;
	struct err e;
	size_t n, m;

	(void)state;
	source = own_list("n1", &n);
	struct bytes s = bytes_of(source, n);

	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_reset(k, zero, admin, KEYD_LOCALKEY, s, NOW, &list, &m, &e),
			 RC_REFUSED);
	/* used */
	intent = keyd_intent_reset(KEYD_LOCALKEY, false, s, NOW);
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_reset(k, ticket, admin, KEYD_LOCALKEY, s, NOW, &list, &m, &e), &e);
	free(list);
	list = NULL;
	assert_int_equal(keyd_reset(k, ticket, admin, KEYD_LOCALKEY, s, NOW, &list, &m, &e),
			 RC_REFUSED);
	/* another uid, another time, other content: one ticket each */
	for (int i = 0; i < 3; i++) {
		live_ticket(&live, LIVE_ADMIN, &intent, ticket);
		live_be(&live, LIVE_FRONT);
		source[n - 1] ^= i == 2;
		assert_int_equal(keyd_reset(k, ticket, i == 0 ? admin + 1 : admin,
					    KEYD_LOCALKEY, s, NOW + (i == 1), &list,
					    &m, &e), RC_REFUSED);
		source[n - 1] ^= i == 2;
	}
	/* a preview's ticket is none for the reset */
	intent = keyd_intent_reset(KEYD_LOCALKEY, true, s, NOW);
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_int_equal(keyd_reset(k, ticket, admin, KEYD_LOCALKEY, s, NOW, &list, &m, &e),
			 RC_REFUSED);
	live_be(&live, LIVE_ROOT);
	assert_null(list);
	free(source);
	keyd_free(k);
}

/* A list of the right form whose certificates are software's. `mine` (or NULL)
 * takes the place of the recovery certificate. */
static uint8_t *foreign_list(X509 *mine, size_t *n)
{
	struct x509_subject subject = {.cn = "test10pub.joemar2.lab", .o = "cisco"};
	EVP_PKEY *key = EVP_RSA_gen(1024);
	struct itl_entry entries[8];
	struct itl_signer signer = software_signer(key);
	uint8_t *list = NULL;
	X509 *cert = NULL;
	struct err e;

	assert_ok(x509_self_sign(X509_CALLMANAGER, &subject, key, key, NULL, "SHA1",
				 NOW, 5, &cert, &e), &e);
	struct itl_plan plan = {
		.file_name = "ITLFile.tlv",
		.signer = cert,
		.digest = ITL_SHA1,
		.timestamp = NOW,
		.entries = entries,
		.nentries = itl_entries(cert, cert, cert, mine ? mine : cert, NULL,
					0, entries),
	};

	assert_ok(itl_build(&plan, &signer, &list, n, &e), &e);
	X509_free(cert);
	EVP_PKEY_free(key);
	return list;
}

static enum rc try_reset(struct bytes source, struct err *e)
{
	struct keyd_intent intent = keyd_intent_reset(KEYD_LOCALKEY, false, source, NOW);
	uint8_t ticket[KEYD_TICKET_LEN], *list = NULL;
	struct keyd *k = client();
	enum rc rc;
	size_t n;

	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	rc = keyd_reset(k, ticket, live_uid(&live, LIVE_ADMIN), KEYD_LOCALKEY, source, NOW, &list,
			&n, e);
	live_be(&live, LIVE_ROOT);
	free(list);
	keyd_free(k);
	return rc;
}

static void other_lists(void **state)
{
	struct keyd *k = client();
	struct keyd_key *keys;
	X509 *recovery = NULL;
	uint8_t *list;
	struct err e;
	size_t n, nkeys;

	(void)state;
	/* another cluster's */
	list = foreign_list(NULL, &n);
	assert_int_equal(try_reset(bytes_of(list, n), &e), RC_REFUSED);
	assert_string_equal(e.what, "record 1");
	free(list);
	/* another cluster's that names our recovery certificate */
	assert_ok(keyd_keys(k, &keys, &nkeys, &e), &e);
	for (size_t i = 0; i < nkeys; i++)
		if (keys[i].label.unit == UNIT_ITLRECOVERY)
			recovery = keys[i].cert;
	list = foreign_list(recovery, &n);
	assert_int_equal(try_reset(bytes_of(list, n), &e), RC_REFUSED);
	free(list);
	keyd_keys_free(keys, nkeys);
	keyd_free(k);
	/* a subscriber's, ours */
	list = own_list("n2", &n);
	assert_int_equal(try_reset(bytes_of(list, n), &e), RC_REFUSED);
	/* truncated: does not parse */
	assert_int_equal(try_reset(bytes_of(list, n - 1), &e), RC_VERIFY);
	assert_int_equal(try_reset(bytes_of("", 0), &e), RC_VERIFY);
	free(list);
}

/* What stands beside a certificate, or beside its hash, must be the
 * certificate's: phones read it. */
static void records_that_lie(void **state)
{
	static const char *const members[] = {"key", "subject", "issuer", "serial",
					      "signature", "timestamp"};
	size_t n;

	(void)state;
	for (size_t record = 0; record < 6; record++)
		for (size_t m = 0; m < sizeof members / sizeof *members; m++) {
			uint8_t *list = own_list("n1", &n);
			struct itl *l = NULL;
			struct err e;

			assert_ok(itl_parse(bytes_of(list, n), 0, &l, &e), &e);
			const struct itl_record *r = &l->records[record];
			const struct bytes parts[] = {r->key, r->subject, r->issuer,
						      r->serial, r->signature};
			/* the last: the records are true, the list was not signed so */
			size_t at = m < 5 ? (size_t)(parts[m].p - list) + parts[m].n / 2
					  : l->header_length - 3;

			itl_free(l);
			list[at] ^= 1;
			if (try_reset(bytes_of(list, n), &e) == RC_OK)
				fail_msg("record %zu: signed with another %s",
					 record + 1, members[m]);
			free(list);
		}
}

/* A list of our own certificates that keyd would never make. */
static void records_that_do_not_belong(void **state)
{
	struct keyd *k = client();
	struct keyd_key *keys;
	X509 *of[UNIT_COUNT] = {NULL};
	struct err e;
	size_t nkeys, n;

	(void)state;
	assert_ok(keyd_keys(k, &keys, &nkeys, &e), &e);
	for (size_t i = nkeys; i-- > 0;)
		of[keys[i].label.unit] = keys[i].cert; /* n1's: it comes first */
	const struct {
		const char *name;
		X509 *sast, *capf, *tvs, *recovery;
	} rows[] = {
		{"TVS as CAPF", of[UNIT_CALLMANAGER], of[UNIT_TVS], of[UNIT_TVS],
		 of[UNIT_ITLRECOVERY]},
		{"Audit as CAPF", of[UNIT_CALLMANAGER], of[UNIT_AUDIT], of[UNIT_TVS],
		 of[UNIT_ITLRECOVERY]},
		{"no recovery", of[UNIT_CALLMANAGER], of[UNIT_CAPF], of[UNIT_TVS], NULL},
		{"CAPF as signer", of[UNIT_CAPF], of[UNIT_CAPF], of[UNIT_TVS],
		 of[UNIT_ITLRECOVERY]},
		{"right, but signed by a stranger", of[UNIT_CALLMANAGER], of[UNIT_CAPF],
		 of[UNIT_TVS], of[UNIT_ITLRECOVERY]},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		EVP_PKEY *key = EVP_RSA_gen(1024);
		struct itl_signer signer = software_signer(key);
		struct itl_entry entries[8];
		uint8_t *list = NULL;
		struct itl_plan plan = {
			.file_name = ITL_FILE,
			.signer = rows[i].sast,
			.digest = ITL_SHA1,
			.timestamp = NOW,
			.entries = entries,
			.nentries = itl_entries(rows[i].sast, rows[i].capf,
						rows[i].tvs, rows[i].recovery, NULL,
						0, entries),
		};

		print_message("  %s\n", rows[i].name);
		assert_ok(itl_build(&plan, &signer, &list, &n, &e), &e);
		assert_int_not_equal(try_reset(bytes_of(list, n), &e), RC_OK);
		EVP_PKEY_free(key);
		free(list);
	}
	keyd_keys_free(keys, nkeys);
	keyd_free(k);
}

static void names_that_are_lists(void **state)
{
	static const char *const names[] = {
		"ITLFile.tlv", "itlfile.TLV", "CTLFile.tlv", "sub/ITLFile.tlv",
		"CTLSEP001122334455.tlv", "", "/etc/passwd", "../x", "a\nb",
		"a\xc2\x9b=31m", /* what terminals obey, too */
	};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct frame *f = frame_of(KEYD_SGN);
		struct err e;

		write_text(&f->w, "n1");
		write_text(&f->w, names[i]);
		write_u8(&f->w, ITL_SHA1);
		write_u32(&f->w, NOW);
		write_bytes32(&f->w, bytes_of_text("content"));
		assert_int_equal(ask_frame(LIVE_FRONT, f, &e), RC_REFUSED);
	}
}

static void what_is_no_handshake(void **state)
{
	uint8_t message[100] = {0};
	struct reader r;
	struct err e;

	(void)state;
	for (int good = 0; good < 2; good++) {
		struct frame *f = frame_of(KEYD_TLS_SIGN);

		write_text(&f->w, "TVS/n1/1");
		write_text(&f->w, "SHA256");
		write_u8(&f->w, 0);
		if (good) /* the shape of an X25519 key exchange */
			memcpy(message + 64, "\3\0\35\40", 4);
		write_bytes32(&f->w, bytes_of(message, good ? 100 : 32));
		assert_int_equal(ask(LIVE_TVS, writer_bytes(&f->w), -1, &r, &e),
				 good ? RC_OK : RC_REFUSED);
	}
	assert_int_equal(read_bytes32(&r).n, 128);
	/* decryption: 48 bytes, whatever the fault; other lengths refused */
	for (size_t n = 127; n <= 129; n++) {
		struct frame *f = frame_of(KEYD_TLS_DECRYPT);

		write_text(&f->w, "TVS/n1/1");
		write_u16(&f->w, 0x0303);
		memset(f->w.p + f->w.n + 4, 0xff, n); /* above the modulus */
		write_u32(&f->w, (uint32_t)n);
		f->w.n += n;
		assert_int_equal(ask(LIVE_TVS, writer_bytes(&f->w), -1, &r, &e),
				 n == 128 ? RC_OK : RC_REFUSED);
		if (n == 128)
			assert_int_equal(reader_left(&r), 48);
	}
}

/* Every request of every role, sent by every other. */
static void roles(void **state)
{
	static const struct {
		unsigned what;
		bool front, tvs, admin;
	} rows[] = {
		{KEYD_STATUS, true, true, true},
		{KEYD_KEYS, true, true, true},
		{KEYD_SALT, false, false, true},
		{KEYD_TICKET, false, false, true},
		{KEYD_PASSWORD, false, false, true},
		{KEYD_ITL, true, false, false},
		{KEYD_SGN, true, false, false},
		{KEYD_CTL, true, false, false},
		{KEYD_RESET, true, false, false},
		{KEYD_PREVIEW, true, false, false},
		{KEYD_GENERATE, true, false, false},
		{KEYD_NOTE, true, false, false},
		{KEYD_TLS_SIGN, false, true, false},
		{KEYD_TLS_DECRYPT, false, true, false},
		{KEYD_EXPORT, false, false, true},
		{KEYD_PROVE, false, false, true},
		{KEYD_IMPORT, false, false, true},
		{KEYD_SEAL, false, false, true},
		{KEYD_SECURITY, false, false, true},
		{KEYD_SECURITY_SALT, false, false, true},
		{KEYD_PROOF, true, false, false},
		{KEYD_INCOMPLETE, true, false, true},
		{KEYD_TIDY, false, false, true},
		{KEYD_ROLLBACK, true, false, false},
		{KEYD_REMOVE, true, false, false},
		{KEYD_CSR, true, false, false},
		{KEYD_CSR_SHOW, true, false, false},
		{KEYD_CERT_IMPORT, true, false, false},
		{KEYD_OVERRIDE, true, false, true},
		{KEYD_TRUST, true, false, false},
	};

	(void)state;
	assert_int_equal(sizeof rows / sizeof *rows, KEYD_REQUEST_END - 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct {
			enum live_who who;
			bool may;
		} peers[] = {
			{LIVE_FRONT, rows[i].front}, {LIVE_TVS, rows[i].tvs},
			{LIVE_ADMIN, rows[i].admin}, {LIVE_ROOT, rows[i].admin},
			{LIVE_STRANGER, false},	     {LIVE_KEYD, false},
		};

		for (size_t p = 0; p < sizeof peers / sizeof *peers; p++) {
			/* An empty body: malformed for who may, refused for others. */
			struct frame *f = frame_of(rows[i].what);
			struct err e = {0};
			enum rc rc = ask_frame(peers[p].who, f, &e);

			if (peers[p].may)
				assert_int_not_equal(rc, RC_REFUSED);
			else
				assert_int_equal(rc, RC_REFUSED);
		}
	}
}

static void malformed_frames(void **state)
{
	struct frame *f;
	struct reader r;
	struct err e;
	size_t whole;

	(void)state;
	/* every truncation of a good request */
	f = frame_of(KEYD_ITL);
	write_text(&f->w, "n1");
	write_u32(&f->w, NOW);
	whole = f->w.n;
	for (size_t n = 1; n < whole; n++)
		assert_int_equal(ask(LIVE_FRONT, bytes_of(f->bytes, n), -1, &r, &e),
				 RC_USAGE);
	assert_int_equal(ask(LIVE_FRONT, bytes_of(f->bytes, whole), -1, &r, &e),
			 RC_OK);
	/* a byte too many, another magic, an unknown request */
	f->bytes[whole] = 0;
	assert_int_equal(ask(LIVE_FRONT, bytes_of(f->bytes, whole + 1), -1, &r, &e),
			 RC_USAGE);
	f->bytes[0] ^= 1;
	assert_int_equal(ask(LIVE_FRONT, bytes_of(f->bytes, whole), -1, &r, &e),
			 RC_USAGE);
	assert_int_equal(ask_frame(LIVE_FRONT, frame_of(KEYD_REQUEST_END), &e),
			 RC_USAGE);
	assert_int_equal(ask_frame(LIVE_FRONT, frame_of(0), &e), RC_USAGE);
	/* oversize */
	memset(f->bytes, 0, sizeof f->bytes);
	assert_int_equal(ask(LIVE_FRONT, bytes_of(f->bytes, KEYD_FRAME_MAX + 1), -1,
			     &r, &e), RC_USAGE);
	/* lengths that lie */
	f = frame_of(KEYD_SGN);
	write_text(&f->w, "n1");
	write_text(&f->w, "a");
	write_u8(&f->w, ITL_SHA1);
	write_u32(&f->w, NOW);
	write_u32(&f->w, UINT32_MAX);
	assert_int_equal(ask_frame(LIVE_FRONT, f, &e), RC_USAGE);
	/* and it still works */
	free(own_list("n1", &whole));
}

static void wrong_password(void **state)
{
	struct secret *wrong = softhsm_secret("wrong horse");
	struct keyd_intent intent = keyd_intent_ctl(1);
	uint8_t ticket[KEYD_TICKET_LEN];
	struct keyd *k = client();
	struct err e;

	(void)state;
	live_be(&live, LIVE_ROOT); /* root has no way around the password */
	assert_int_equal(keyd_ticket(k, wrong, &intent, ticket, &e), RC_REFUSED);
	assert_int_equal(keyd_ticket(k, wrong, &intent, ticket, &e), RC_REFUSED);
	assert_int_equal(keyd_ticket(k, wrong, &intent, ticket, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "wait"));
	/* a member of the group cannot set it without the old one */
	live_be(&live, LIVE_ADMIN);
	assert_int_equal(keyd_password_set(k, NULL, wrong, &e), RC_REFUSED);
	live_be(&live, LIVE_ROOT);
	secret_free(wrong);
	keyd_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reset_without_its_ticket),
		cmocka_unit_test(other_lists),
		cmocka_unit_test(records_that_lie),
		cmocka_unit_test(records_that_do_not_belong),
		cmocka_unit_test(names_that_are_lists),
		cmocka_unit_test(what_is_no_handshake),
		cmocka_unit_test(roles),
		cmocka_unit_test(malformed_frames),
		cmocka_unit_test(wrong_password),
	};

	return cmocka_run_group_tests(tests, peer_start, peer_stop);
}
