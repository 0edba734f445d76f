/* Against what real call managers wrote: a sample file and two listings. */
#include "make.h"
#include "base/num.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct cluster10 cluster;

static int setup(void **state)
{
	(void)state;
	/* The listings' time zone, without a time zone database. */
	setenv("TZ", "PST8PDT,M3.2.0,M11.1.0", 1);
	tzset();
	cluster = cluster10_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cluster10_clear(&cluster);
	return 0;
}

static struct bytes sample(void)
{
	size_t n = 0;
	uint8_t *p = support_data("cucm10-CTLFile.tlv", &n);

	return bytes_of(p, n);
}

static void sample_parses(void **state)
{
	static const struct {
		unsigned role, length;
		const char *dns;
		uint8_t address[4];
	} records[] = {
		{ITL_SAST, 1147, "gigantic-6", {10, 35, 48, 106}},
		{ITL_CCM_TFTP, 1147, "gigantic-6", {10, 35, 48, 106}},
		{ITL_CCM_TFTP, 1171, "gigantic-7", {10, 35, 150, 151}},
		{ITL_CAPF, 1085, "gigantic-6", {10, 35, 48, 106}},
		{ITL_SAST, 1161, "gigantic-6", {10, 35, 48, 106}},
		{ITL_CCM_TFTP, 1143, "ccm-sjcctg-013", {10, 32, 134, 77}},
	};
	struct bytes file = sample();
	struct itl *l = must_parse(file, 0);
	char hex[SHA1_HEX];

	(void)state;
	assert_string_equal(itl_sha1_hex(file, hex),
			    "7bc2b30ebc2c52dcb6af9389af7a32e4a65be824");
	assert_true(itl_is_ctl(l));
	assert_false(itl_is_itl(l));
	assert_int_equal(l->header_length, 312);
	assert_int_equal(l->timestamp, 0x554ad7b7);
	assert_int_equal(l->nrecords, COUNT_OF(records));
	for (size_t i = 0; i < COUNT_OF(records); i++) {
		const struct itl_record *r = &l->records[i];

		assert_int_equal(r->role, records[i].role);
		assert_int_equal(r->length, records[i].length);
		assert_string_equal(r->dns.p, records[i].dns);
		assert_memory_equal(r->address.p, records[i].address, 4);
	}
	itl_free(l);
	bytes_free(file);
}

static void sample_verifies(void **state)
{
	struct bytes file = sample();
	struct itl *l = must_parse(file, 0);
	X509 *other = NULL;
	struct err e;

	(void)state;
	assert_ok(itl_verify_self(l, &e), &e);
	assert_ptr_equal(itl_find_signer(l, l), &l->records[0]);
	/* Its recovery certificate is another SAST, and not the signer. */
	assert_ok(itl_record_x509(&l->records[4], &other, &e), &e);
	assert_false(itl_signed_by(l, other));
	assert_int_equal(itl_verify(l, other, &e), RC_VERIFY);
	X509_free(other);
	itl_free(l);
	bytes_free(file);
}

static void sample_lists(void **state)
{
	static const char *const lines[] = {
		"The checksum value of the CTL file:",
		"7bc2b30ebc2c52dcb6af9389af7a32e4a65be824(SHA1)",
		"Length of CTL file: 7166",
		"HeaderLength: 312 (BYTES)",
		"CTL Record #:6",
		"This etoken was used to sign the CTL file.",
		"This etoken was not used to sign the CTL file.",
		"The CTL file was verified successfully.",
		"gigantic-7",
		"10.35.150.151",
		"CCM+TFTP",
	};
	struct itl_file_facts facts = {"CTL", MADE};
	struct err reason = {0};
	struct bytes file = sample();
	struct itl *l = must_parse(file, 0);
	char *text = itl_listing(l, &facts, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		if (!strstr(text, lines[i]))
			fail_msg("no line \"%s\" in:\n%s", lines[i], text);
	free(text);
	err_set(&reason, RC_VERIFY, "verify list", "no", NULL, "it");
	text = itl_listing(l, &facts, &reason);
	assert_null(strstr(text, "verified successfully"));
	assert_non_null(strstr(text, "could not be verified: verify list on it: no"));
	free(text);
	itl_free(l);
	bytes_free(file);
}

static void missing_file_lists(void **state)
{
	struct itl_file_facts facts = {"ITL", 0};
	char *text = itl_listing(NULL, &facts, NULL);

	(void)state;
	assert_string_equal(text, "Length of ITL file: 0\nITL File not found.\n"
				  "Error parsing the ITL File.\n");
	free(text);
}

static enum rc sign_with_zeros(void *arg, enum itl_digest digest,
			       const struct bytes *parts, size_t nparts,
			       uint8_t *signature, size_t length, struct err *e)
{
	(void)arg, (void)digest, (void)parts, (void)nparts, (void)e;
	memset(signature, 0, length);
	return RC_OK;
}

/* A writer that is right rebuilds the sample, but for its signature's value. */
static void sample_rebuilt(void **state)
{
	static const struct itl_signer zeros = {.sign = sign_with_zeros};
	struct bytes file = sample();
	struct itl *l = must_parse(file, 0);
	struct itl_entry entries[6] = {0};
	uint8_t *out = NULL;
	size_t n = 0, at = l->signature_offset + 3;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(entries); i++) {
		const struct itl_record *r = &l->records[i];

		entries[i] = (struct itl_entry){.role = r->role, .whole = true,
						.dns = (const char *)r->dns.p,
						.has_address = true};
		memcpy(entries[i].address, r->address.p, 4);
		assert_ok(itl_record_x509(r, &entries[i].cert, &e), &e);
	}
	struct itl_plan plan = {"CTLFile.tlv", entries[0].cert, ITL_SHA1, l->timestamp,
				false, {0}, entries, COUNT_OF(entries), false};

	assert_ok(itl_build(&plan, &zeros, &out, &n, &e), &e);
	assert_int_equal(n, file.n);
	assert_memory_equal(out, file.p, at);
	assert_memory_equal(out + at + 128, file.p + at + 128, n - at - 128);
	assert_memory_not_equal(out + at, file.p + at, 128);
	for (size_t i = 0; i < COUNT_OF(entries); i++)
		X509_free(entries[i].cert);
	free(out);
	itl_free(l);
	bytes_free(file);
}

/* ---- the transcripts ---- */

#define MAX_WORDS 4096

struct words {
	char *word[MAX_WORDS];
	size_t n;
};

static struct words split(char *text)
{
	struct words w = {.n = 0};

	for (char *t = strtok(text, " \t\r\n"); t; t = strtok(NULL, " \t\r\n")) {
		assert_true(w.n < MAX_WORDS);
		w.word[w.n++] = t;
	}
	return w;
}

static bool is(const struct words *w, size_t i, const char *word)
{
	return i < w->n && !strcmp(w->word[i], word);
}

static bool is_hex(const char *word)
{
	return word[strspn(word, "0123456789abcdefABCDEF")] == '\0';
}

/* Put the word, with what differs from key to key masked; its length stays. */
static void put_word(FILE *f, const char *word)
{
	size_t colons = 0, n = strlen(word);

	for (const char *p = word; *p; p++)
		colons += *p == ':';
	if (n == 3 * colons + 2 && colons > 2)
		fprintf(f, "serial:%zu\n", colons + 1);
	else if (n > 32 && (strstr(word, "(MD5)") || strstr(word, "(SHA1)")))
		fprintf(f, "%zu%s\n", n, strchr(word, '('));
	else if (!strncmp(word, "CN=ITLRECOVERY_test10pub", 24)) /* see the spec */
		fprintf(f, "CN=ITLRECOVERY_test10%s\n", word + 24);
	else
		fprintf(f, "%s\n", word);
}

/*
 * The listing as one word a line, hashes and the signature masked. How many
 * bytes the signature's rows have goes to *signature.
 */
static char *fold(char *listing, size_t *signature)
{
	struct words w = split(listing);
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	for (size_t i = is(&w, 1, "itl") ? 2 : 0; i < w.n; i++) {
		put_word(f, w.word[i]);
		if (i && is(&w, i - 1, "12") && is(&w, i, "SIGNATURE")) {
			fprintf(f, "%s\n", w.word[++i]);
			for (*signature = 0; !is(&w, i + 2, "FILENAME"); (*signature)++)
				assert_true(is_hex(w.word[++i]) && strlen(w.word[i]) <= 2);
		} else if (is(&w, i, "CERTIFICATE") || is(&w, i, "CERTHASH")) {
			fprintf(f, "%s hash\n", w.word[++i]);
			for (size_t j = 0; j < SHA1_LEN; j++)
				assert_true(is_hex(w.word[++i]) && strlen(w.word[i]) == 2);
		}
	}
	fclose(f);
	return text;
}

static void transcripts(void **state)
{
	static const struct {
		const char *file;
		struct party *signer;
		unsigned header;
		size_t whole;
		int64_t modified;
		size_t rows; /* the second's source lost its last line */
	} rows[] = {
		{"test10pub-signed-by-callmanager.txt", &cluster.callmanager, 324, 5302,
		 MADE, 128},
		{"test10pub-signed-by-itlrecovery.txt", &cluster.recovery, 344, 5322,
		 1393439686, 120},
	};

	(void)state;
	assert_int_equal(i2d_X509(cluster.callmanager.cert, NULL), 684);
	assert_int_equal(i2d_X509(cluster.recovery.cert, NULL), 692);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct itl_file_facts facts = {"ITL", rows[i].modified};
		struct bytes file = cluster10_itl(&cluster, rows[i].signer);
		struct itl *l = must_parse(file, 0);
		size_t n, ours = 0, theirs = 0;
		char *real = (char *)support_data(rows[i].file, &n);
		char *listing = itl_listing(l, &facts, NULL);
		struct err e;

		assert_ok(itl_verify_self(l, &e), &e);
		assert_int_equal(l->header_length, rows[i].header);
		assert_int_equal(file.n, rows[i].whole);
		char *a = fold(listing, &ours), *b = fold(real, &theirs);

		assert_string_equal(a, b);
		assert_int_equal(ours, 128);
		assert_int_equal(theirs, rows[i].rows);
		free(a);
		free(b);
		free(listing);
		free(real);
		itl_free(l);
		bytes_free(file);
	}
}

/* A name must not speak to the terminal that shows it. */
static void listing_is_plain(void **state)
{
	struct party evil = party_rsa(1024, X509_CALLMANAGER, "a\033[2J\xc2\x9b", "SHA1");
	struct itl_entry entry = {.role = ITL_SAST, .cert = evil.cert, .whole = true};
	struct bytes file = make_list("ITLFile.tlv", &evil, ITL_SHA1, &entry, 1);
	struct itl *l = must_parse(file, 0);
	struct itl_file_facts facts = {"ITL", MADE};
	char *text = itl_listing(l, &facts, NULL);
	struct err e;

	(void)state;
	assert_ok(itl_verify_self(l, &e), &e);
	assert_non_null(strstr(text, "CN=a\\x1B[2J\\xC2\\x9B;OU=tac"));
	for (char *p = text; *p; p++)
		assert_true(isprint((unsigned char)*p) || *p == '\n');
	free(text);
	itl_free(l);
	bytes_free(file);
	party_clear(&evil);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sample_parses),      cmocka_unit_test(sample_verifies),
		cmocka_unit_test(sample_lists),	      cmocka_unit_test(missing_file_lists),
		cmocka_unit_test(sample_rebuilt),     cmocka_unit_test(transcripts),
		cmocka_unit_test(listing_is_plain),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
