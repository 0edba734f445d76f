/* The trust file: what goes in comes out, and nothing else is taken for one. */
#include "make.h"
#include "base/num.h"
#include "itl/trust.h"
#include "support/mutate.h"
#include "support/software.h"
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

static struct party audit, other, callmanager, recovery, small, ec, rsa3072;

static int setup(void **state)
{
	(void)state;
	audit = party_rsa(2048, X509_AUDIT, "AUDIT-c1", "SHA256");
	other = party_rsa(2048, X509_AUDIT, "AUDIT-c1", "SHA256");
	callmanager = party_rsa(2048, X509_CALLMANAGER, "cm.old.example", "SHA256");
	recovery = party_rsa(4096, X509_RECOVERY, "ITLRECOVERY_old.example", "SHA256");
	small = party_rsa(1024, X509_CALLMANAGER, "cm.older.example", "SHA1");
	ec = party_ec("app.example");
	rsa3072 = party_rsa(3072, X509_TVS, "odd.example", "SHA256");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	party_clear(&audit);
	party_clear(&other);
	party_clear(&callmanager);
	party_clear(&recovery);
	party_clear(&small);
	party_clear(&ec);
	party_clear(&rsa3072);
	return 0;
}

static const uint32_t sast = TRUST_ROLE(ITL_SAST);
static const uint32_t of_callmanager = TRUST_ROLE(ITL_SAST) | TRUST_ROLE(ITL_CCM_TFTP);

/* malloc()ed; fails the test if it cannot be built. */
static struct bytes build(const struct trust_entry *entries, size_t n)
{
	struct itl_signer with = party_signer(&audit);
	uint8_t *out = NULL;
	size_t length = 0;
	struct err e;

	assert_ok(trust_build(entries, n, audit.cert, MADE, &with, &out, &length, &e), &e);
	return bytes_of(out, length);
}

static void assert_same(const struct trust *t, const struct trust_entry *entries, size_t n)
{
	assert_int_equal(t->timestamp, MADE);
	assert_int_equal(t->n, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(X509_cmp(t->entries[i].cert, entries[i].cert), 0);
		assert_int_equal(t->entries[i].roles, entries[i].roles);
		assert_int_equal(t->entries[i].ttl, entries[i].ttl);
	}
}

static void round_trip(void **state)
{
	const struct trust_entry entries[] = {
		{callmanager.cert, of_callmanager, TRUST_TTL},
		{recovery.cert, sast, TRUST_TTL_MIN},
		{small.cert, TRUST_ROLES, TRUST_TTL_MAX},
		{ec.cert, TRUST_ROLE(ITL_APP_SERVER) | TRUST_ROLE(ITL_TVS), 3600},
		{rsa3072.cert, TRUST_ROLE(ITL_CCM) | TRUST_ROLE(ITL_CAPF), 61},
	};

	(void)state;
	for (size_t n = 0; n <= COUNT_OF(entries); n++) {
		struct bytes file = build(entries, n), again = build(entries, n);
		struct trust *t = NULL;
		struct err e;

		assert_true(bytes_equal(file, again));
		assert_ok(trust_read(file, audit.cert, &t, &e), &e);
		assert_same(t, entries, n);
		trust_free(t);
		assert_ok(trust_read_unverified(file, &t, &e), &e);
		assert_same(t, entries, n);
		trust_free(t);
		/* Neither another key of that name, nor one that it vouches for. */
		assert_int_equal(trust_read(file, other.cert, &t, &e), RC_VERIFY);
		assert_int_equal(trust_read(file, callmanager.cert, &t, &e), RC_VERIFY);
		bytes_free(file);
		bytes_free(again);
	}
}

/* As a list it has a record a role, which a listing shows. */
static void records(void **state)
{
	const struct trust_entry entry = {callmanager.cert, of_callmanager, 7200};
	struct bytes file = build(&entry, 1);
	struct itl *l = must_parse(file, ITL_STORE);
	struct err e;

	(void)state;
	assert_int_equal(l->nrecords, 2);
	assert_int_equal(l->records[0].role, ITL_SAST);
	assert_int_equal(l->records[1].role, ITL_CCM_TFTP);
	assert_true(bytes_equal(l->records[1].dns, bytes_of("ttl=7200", 9)));
	assert_false(itl_is_ctl(l));
	assert_int_equal(itl_verify_self(l, &e), RC_VERIFY);
	itl_free(l);
	bytes_free(file);
}

static void wrong_key_signs(void **state)
{
	const struct trust_entry entry = {callmanager.cert, sast, TRUST_TTL};
	struct itl_signer with = party_signer(&other);
	uint8_t *out = NULL;
	size_t n = 7;
	struct err e;

	(void)state;
	assert_int_equal(trust_build(&entry, 1, audit.cert, MADE, &with, &out, &n, &e),
			 RC_VERIFY);
	assert_null(out);
	assert_int_equal(n, 7);
}

static X509 *copy_with_serial(X509 *of, long serial)
{
	X509 *x = X509_dup(of);

	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), serial), 1);
	assert_true(X509_sign(x, callmanager.key, EVP_sha256()) > 0);
	return x;
}

static EVP_PKEY *key_of(const char *type)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	if (!strcmp(type, "EC")) {
		EVP_PKEY_CTX_set_group_name(ctx, "P-256");
		assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
		assert_int_equal(EVP_PKEY_set_utf8_string_param(
					 key, "point-format", "compressed"), 1);
	} else {
		assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	}
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* callmanager's certificate, with another key. */
static X509 *copy_with_key(const char *type)
{
	EVP_PKEY *key = key_of(type);
	X509 *x = X509_dup(callmanager.cert);

	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_true(X509_sign(x, callmanager.key, EVP_sha256()) > 0);
	EVP_PKEY_free(key);
	return x;
}

static X509 *copy_with_comment(size_t n)
{
	char CLEANUP_FREE *text = calloc(1, n + 1);
	X509 *x = X509_dup(callmanager.cert);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	assert_int_equal(ASN1_OCTET_STRING_set(value, (uint8_t *)text, num_int(n)), 1);
	ext = X509_EXTENSION_create_by_NID(NULL, NID_netscape_comment, 0, value);
	assert_int_equal(X509_add_ext(x, ext, -1), 1);
	assert_true(X509_sign(x, callmanager.key, EVP_sha256()) > 0);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	return x;
}

static void refused_entries(void **state)
{
	X509 *ed25519 = copy_with_key("ED25519"), *compressed = copy_with_key("EC");
	X509 *large = copy_with_comment(4000), *other_serial = copy_with_serial(small.cert, 7);
	X509 *same_serial = X509_dup(other_serial);
	const struct {
		struct trust_entry entries[2];
		size_t n;
		const char *why;
	} rows[] = {
		{{{callmanager.cert, 0, TRUST_TTL}}, 1, "no role"},
		{{{callmanager.cert, 1u << 5, TRUST_TTL}}, 1, "or one that is none"},
		{{{callmanager.cert, 1u << 31, TRUST_TTL}}, 1, "or one that is none"},
		{{{callmanager.cert, sast, TRUST_TTL_MIN - 1}}, 1, "time to live"},
		{{{callmanager.cert, sast, TRUST_TTL_MAX + 1}}, 1, "time to live"},
		{{{ed25519, TRUST_ROLE(ITL_TVS), TRUST_TTL}}, 1, "neither RSA nor EC"},
		{{{compressed, TRUST_ROLE(ITL_TVS), TRUST_TTL}}, 1, "compressed EC point"},
		{{{large, sast, TRUST_TTL}}, 1, "more than 4096 bytes"},
		{{{ec.cert, sast, TRUST_TTL}}, 1, "RSA keys of 1024, 2048 or 4096"},
		{{{ec.cert, TRUST_ROLE(ITL_TFTP), TRUST_TTL}}, 1, "RSA keys of 1024"},
		{{{rsa3072.cert, of_callmanager, TRUST_TTL}}, 1, "RSA keys of 1024"},
		{{{small.cert, sast, 60}, {small.cert, TRUST_ROLE(ITL_TVS), 60}}, 2,
		 "there twice"},
		{{{other_serial, sast, 60}, {same_serial, sast, 60}}, 2,
		 "another certificate has its issuer and serial number"},
	};
	struct itl_signer with = party_signer(&audit);

	(void)state;
	/* Another certificate of that issuer and serial number. */
	ASN1_TIME_set(X509_getm_notAfter(same_serial), MADE + 99);
	assert_true(X509_sign(same_serial, callmanager.key, EVP_sha256()) > 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t *out = NULL;
		size_t n = 7;
		struct err e = {0};

		assert_int_equal(trust_build(rows[i].entries, rows[i].n, audit.cert, MADE,
					     &with, &out, &n, &e),
				 RC_REFUSED);
		if (!strstr(e.why, rows[i].why))
			fail_msg("\"%s\" instead of \"%s\"", e.why, rows[i].why);
		assert_null(out);
	}
	X509_free(ed25519);
	X509_free(compressed);
	X509_free(large);
	X509_free(other_serial);
	X509_free(same_serial);
}

/* One serial number of different issuers is two certificates. */
static void same_serial_of_others(void **state)
{
	X509 *a = copy_with_serial(callmanager.cert, 77), *b = copy_with_serial(small.cert, 77);
	const struct trust_entry entries[] = {{a, sast, 60}, {b, sast, 60}};
	struct bytes file = build(entries, 2);
	struct trust *t = NULL;
	struct err e;

	(void)state;
	assert_ok(trust_read(file, audit.cert, &t, &e), &e);
	assert_same(t, entries, 2);
	trust_free(t);
	bytes_free(file);
	X509_free(a);
	X509_free(b);
}

/* Names that lists cannot say whole: certificates are compared, not texts. */
static void odd_names(void **state)
{
	X509 *mail = X509_dup(callmanager.cert), *empty = X509_dup(callmanager.cert);
	X509_NAME *name = X509_get_subject_name(mail), *none = X509_NAME_new();
	struct trust *t = NULL;
	struct err e;

	(void)state;
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "emailAddress", MBSTRING_ASC,
						    (const uint8_t *)"a@b", -1, -1, 0), 1);
	assert_int_equal(X509_set_subject_name(empty, none), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(empty), 5), 1);
	assert_true(X509_sign(mail, callmanager.key, EVP_sha256()) > 0);
	assert_true(X509_sign(empty, callmanager.key, EVP_sha256()) > 0);

	const struct trust_entry entries[] = {{mail, sast, 60}, {empty, sast, 60}};
	struct bytes file = build(entries, 2);

	assert_ok(trust_read(file, audit.cert, &t, &e), &e);
	assert_same(t, entries, 2);
	trust_free(t);
	bytes_free(file);
	X509_free(mail);
	X509_free(empty);
	X509_NAME_free(none);
}

/* As much as may be, and one more: what passes trust_check() can be built. */
static void limits(void **state)
{
	static struct trust_entry entries[TRUST_MAX_ENTRIES + 1];
	struct itl_signer with = party_signer(&audit);
	size_t n = 0, total = 0, one = num_size(i2d_X509(small.cert, NULL));
	struct trust *t = NULL;
	uint8_t *out = NULL;
	struct err e;

	(void)state;
	for (; n < COUNT_OF(entries) && total + one <= TRUST_MAX_CERTS; n++) {
		entries[n] = (struct trust_entry){copy_with_serial(small.cert, 1000 + (long)n),
						  TRUST_ROLES, TRUST_TTL_MAX};
		total += num_size(i2d_X509(entries[n].cert, NULL));
	}
	while (total > TRUST_MAX_CERTS)
		X509_free(entries[--n].cert), total -= one;
	assert_in_range(n, 40, TRUST_MAX_ENTRIES - 1);

	struct bytes file = build(entries, n);

	assert_true(file.n > ITL_MAX && file.n <= ITL_MAX_STORE);
	assert_ok(trust_read(file, audit.cert, &t, &e), &e);
	assert_same(t, entries, n);
	trust_free(t);
	bytes_free(file);
	for (size_t i = 0; i < 2; i++)
		entries[n++] = (struct trust_entry){
			copy_with_serial(small.cert, 9000 + (long)i), sast, 60};
	assert_int_equal(trust_build(entries, n, audit.cert, MADE, &with, &out, &total, &e),
			 RC_REFUSED);
	assert_non_null(strstr(e.why, "too large together"));
	for (size_t i = 0; i < n; i++)
		X509_free(entries[i].cert);
	for (size_t i = 0; i < COUNT_OF(entries); i++)
		entries[i] = (struct trust_entry){small.cert, sast, 60};
	assert_int_equal(trust_build(entries, COUNT_OF(entries), audit.cert, MADE, &with,
				     &out, &total, &e),
			 RC_REFUSED);
	assert_non_null(strstr(e.why, "too many"));
}

/* ---- signed with the right key, and no trust file all the same ---- */

static struct bytes signed_list(const char *name, unsigned digest, bool store,
				const struct itl_entry *entries, size_t n)
{
	struct itl_signer with = party_signer(&audit);
	struct itl_plan plan = {.file_name = name,
				.signer = audit.cert,
				.digest = digest,
				.timestamp = MADE,
				.entries = entries,
				.nentries = n,
				.store = store};
	uint8_t *out = NULL;
	size_t length = 0;
	struct err e;

	assert_ok(itl_build(&plan, &with, &out, &length, &e), &e);
	return bytes_of(out, length);
}

static void no_trust_file(void **state)
{
	const struct itl_entry good = {.role = ITL_SAST, .cert = small.cert, .whole = true,
				       .dns = "ttl=60"};
	struct itl_entry rows_of[2];
	const struct {
		const char *name, *dns, *why;
		unsigned digest, role;
		bool hash, address, second;
	} rows[] = {
		{"TrustFile.tlv", "ttl=60", NULL, ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"CTLFile.tlv", "ttl=60", "FILENAME", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"ITLFile.tlv", "ttl=60", "FILENAME", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"trustfile.tlv", "ttl=60", "FILENAME", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "ttl=60", "SHA-256", ITL_SHA1, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "ttl=60", "no whole certificate", ITL_SHA256, ITL_SAST, 1, 0, 0},
		{"TrustFile.tlv", "ttl=60", "has an address", ITL_SHA256, ITL_SAST, 0, 1, 0},
		{"TrustFile.tlv", "ttl=60", "no role", ITL_SHA256, 5, 0, 0, 0},
		{"TrustFile.tlv", "ttl=60", "no role", ITL_SHA256, 32, 0, 0, 0},
		{"TrustFile.tlv", "ttl=60", "no role", ITL_SHA256, 256, 0, 0, 0},
		{"TrustFile.tlv", NULL, "no time to live", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "", "no time to live", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "ttl=", "no time to live", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "ttl=060", "no time to live", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "ttl=60s", "no time to live", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "TTL=60", "no time to live", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "ttl=-60", "no time to live", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "ttl=4294967356", "no time to live", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "ttl=18446744073709551676", "no time to live", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "ttl=604801", "no time to live", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "ttl=59", "time to live", ITL_SHA256, ITL_SAST, 0, 0, 0},
		{"TrustFile.tlv", "ttl=60", "role of an earlier one", ITL_SHA256, ITL_SAST, 0, 0, 1},
		{"TrustFile.tlv", "ttl=61", "another time to live", ITL_SHA256, ITL_TVS, 0, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct trust *t = (struct trust *)&audit;
		struct err e = {0};
		struct bytes file;

		rows_of[0] = good;
		rows_of[1] = (struct itl_entry){.role = rows[i].role,
						.cert = small.cert,
						.whole = !rows[i].hash,
						.dns = rows[i].dns,
						.has_address = rows[i].address};
		file = signed_list(rows[i].name, rows[i].digest, true,
				   rows_of + !rows[i].second, 1 + rows[i].second);
		if (!rows[i].why) {
			assert_ok(trust_read(file, audit.cert, &t, &e), &e);
			trust_free(t);
			bytes_free(file);
			continue;
		}
		assert_int_equal(trust_read(file, audit.cert, &t, &e), RC_VERIFY);
		assert_ptr_equal(t, &audit); /* untouched */
		if (!strstr(e.why, rows[i].why))
			fail_msg("row %zu: \"%s\" instead of \"%s\"", i, e.why, rows[i].why);
		bytes_free(file);
	}
}

/* The Audit key's signature over what is there now. */
static void sign_again(struct bytes file)
{
	struct itl_signer with = party_signer(&audit);
	struct itl *l = must_parse(file, ITL_STORE);
	size_t at = l->signature_offset, after = at + 3 + l->signature.n;
	const struct bytes parts[] = {bytes_of(file.p, at),
				      bytes_of(file.p + after, file.n - after)};
	struct err e;

	assert_ok(with.sign(with.arg, ITL_SHA256, parts, 2,
			    (uint8_t *)(uintptr_t)file.p + at + 3, l->signature.n, &e), &e);
	itl_free(l);
}

/* A record that says something else than its certificate. */
static void record_disagrees(void **state)
{
	const struct trust_entry entry = {small.cert, sast, 60};
	struct bytes file = build(&entry, 1);
	struct itl *l = must_parse(file, ITL_STORE);
	uint8_t *key = (uint8_t *)(uintptr_t)l->records[0].key.p + 20;
	struct trust *t = NULL;
	struct err e;

	(void)state;
	*key ^= 1;
	sign_again(file);
	assert_int_equal(trust_read(file, audit.cert, &t, &e), RC_VERIFY);
	assert_non_null(strstr(e.why, "PUBLICKEY differs"));
	*key ^= 1;
	sign_again(file);
	assert_ok(trust_read(file, audit.cert, &t, &e), &e);
	trust_free(t);
	itl_free(l);
	bytes_free(file);
}

/* As lists for newer phones have it: not what we write. */
static void signer_version(void **state)
{
	struct itl_signer with = party_signer(&audit);
	const struct itl_plan plan = {.file_name = TRUST_FILE,
				      .signer = audit.cert,
				      .digest = ITL_SHA256,
				      .has_signer_version = true,
				      .store = true};
	struct trust *t = NULL;
	uint8_t *out = NULL;
	size_t n = 0;
	struct err e;

	(void)state;
	assert_ok(itl_build(&plan, &with, &out, &n, &e), &e);
	assert_int_equal(trust_read(bytes_of(out, n), audit.cert, &t, &e), RC_VERIFY);
	assert_non_null(strstr(e.why, "version"));
	free(out);
}

/* A phone's list keeps its limits, and a store has its own. */
static void store_limits(void **state)
{
	struct itl_entry *entries = calloc(ITL_MAX_STORE_RECORDS + 1, sizeof *entries);
	struct itl_signer with = party_signer(&audit);
	struct itl_plan plan = {.file_name = TRUST_FILE,
				.signer = audit.cert,
				.digest = ITL_SHA256,
				.entries = entries,
				.nentries = ITL_MAX_RECORDS + 1,
				.store = true};
	uint8_t *out = NULL, *long_one;
	size_t n = 0;
	struct itl *l = NULL;
	struct err e;
	bool same = false;

	(void)state;
	for (size_t i = 0; i <= ITL_MAX_STORE_RECORDS; i++)
		entries[i] = (struct itl_entry){.role = ITL_TVS, .cert = small.cert};
	assert_ok(itl_build(&plan, &with, &out, &n, &e), &e);
	assert_true(n > ITL_MAX);
	assert_int_equal(itl_parse(bytes_of(out, n), 0, &l, &e), RC_VERIFY);
	assert_non_null(strstr(e.why, "65535"));
	l = must_parse(bytes_of(out, n), ITL_STORE);
	assert_int_equal(l->nrecords, ITL_MAX_RECORDS + 1);
	free(itl_diff(l, l, &same));
	assert_true(same);
	itl_free(l);
	free(out);

	plan.nentries = ITL_MAX_STORE_RECORDS;
	assert_ok(itl_build(&plan, &with, &out, &n, &e), &e);
	l = must_parse(bytes_of(out, n), ITL_STORE);
	assert_int_equal(l->nrecords, ITL_MAX_STORE_RECORDS);

	/* one record more, and one byte too many */
	size_t record = l->records[0].length, at = l->records[0].offset;

	long_one = calloc(1, ITL_MAX_STORE + 1);
	memcpy(long_one, out, n);
	memcpy(long_one + n, out + at, record);
	itl_free(l);
	assert_int_equal(itl_parse(bytes_of(long_one, n + record), ITL_STORE, &l, &e), RC_VERIFY);
	assert_non_null(strstr(e.why, "more than 1024 records"));
	assert_int_equal(itl_parse(bytes_of(long_one, ITL_MAX_STORE + 1), ITL_STORE, &l, &e),
			 RC_VERIFY);
	assert_non_null(strstr(e.why, "1048576"));
	free(out);
	free(long_one);

	plan.nentries = ITL_MAX_STORE_RECORDS + 1;
	assert_int_equal(itl_build(&plan, &with, &out, &n, &e), RC_REFUSED);
	plan.nentries = ITL_MAX_RECORDS + 1;
	plan.store = false;
	assert_int_equal(itl_build(&plan, &with, &out, &n, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "out of service"));
	free(entries);
}

/* ---- what somebody changed ---- */

static void never_read(struct bytes b)
{
	struct trust *t = NULL;
	struct err e;

	assert_int_equal(trust_read(b, audit.cert, &t, &e), RC_VERIFY);
	if (trust_read_unverified(b, &t, &e) == RC_OK) {
		assert_ok(trust_check(t->entries, t->n, &e), &e);
		trust_free(t);
	}
}

static void mutated(void **state)
{
	const struct trust_entry entries[] = {
		{small.cert, of_callmanager, TRUST_TTL},
		{ec.cert, TRUST_ROLE(ITL_APP_SERVER), 3600},
	};
	struct bytes file = build(entries, 2);
	uint64_t random = support_seed();
	size_t rounds = support_rounds(20000);

	(void)state;
	for (size_t i = 0; i < file.n; i++) {
		struct bytes cut = support_cut(file, i);

		never_read(cut);
		bytes_free(cut);
	}
	while (rounds) {
		struct bytes b = support_mutate(file, 400, &random);

		if (!bytes_equal(b, file)) {
			never_read(b);
			rounds--;
		}
		bytes_free(b);
	}
	bytes_free(file);
}

/* ---- roles ---- */

static void roles(void **state)
{
	static const struct {
		const char *text;
		uint32_t roles;
		const char *again;
	} rows[] = {
		{"SAST", TRUST_ROLE(ITL_SAST), "SAST"},
		{"ccm+tftp,sast", TRUST_ROLE(ITL_SAST) | TRUST_ROLE(ITL_CCM_TFTP), "SAST,CCM+TFTP"},
		{"CallManager", TRUST_ROLE(ITL_SAST) | TRUST_ROLE(ITL_CCM_TFTP), "SAST,CCM+TFTP"},
		{"ITLRecovery", TRUST_ROLE(ITL_SAST), "SAST"},
		{"TVS,TVS", TRUST_ROLE(ITL_TVS), "TVS"},
		{"SAST,CCM,CCM+TFTP,TFTP,CAPF,APP-SERVER,TVS", TRUST_ROLES,
		 "SAST,CCM,CCM+TFTP,TFTP,CAPF,APP-SERVER,TVS"},
		{"", 0, NULL},
		{"SAST,", 0, NULL},
		{",SAST", 0, NULL},
		{"SAST TVS", 0, NULL},
		{"Audit", 0, NULL},
		{"SAS", 0, NULL},
		{"0", 0, NULL},
	};
	char text[TRUST_ROLES_TEXT];
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t got = 7;

		if (!rows[i].again) {
			assert_int_equal(trust_roles_read(rows[i].text, &got, &e), RC_USAGE);
			assert_int_equal(got, 7);
			continue;
		}
		assert_ok(trust_roles_read(rows[i].text, &got, &e), &e);
		assert_int_equal(got, rows[i].roles);
		assert_string_equal(trust_roles_text(got, text), rows[i].again);
	}
	assert_int_equal(trust_roles_of_unit("CallManager"), of_callmanager);
	assert_int_equal(trust_roles_of_unit("ITLRecovery"), sast);
	assert_int_equal(trust_roles_of_unit("CAPF"), TRUST_ROLE(ITL_CAPF));
	assert_int_equal(trust_roles_of_unit("TVS"), TRUST_ROLE(ITL_TVS));
	assert_int_equal(trust_roles_of_unit("Audit"), 0);
	assert_int_equal(trust_roles_of_unit("SAST"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(records),
		cmocka_unit_test(wrong_key_signs),
		cmocka_unit_test(refused_entries),
		cmocka_unit_test(same_serial_of_others),
		cmocka_unit_test(odd_names),
		cmocka_unit_test(limits),
		cmocka_unit_test(no_trust_file),
		cmocka_unit_test(record_disagrees),
		cmocka_unit_test(signer_version),
		cmocka_unit_test(store_limits),
		cmocka_unit_test(mutated),
		cmocka_unit_test(roles),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
