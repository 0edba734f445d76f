/* Structure: what is refused, and where; what other writers do differently. */
#include "make.h"
#include "support/software.h"
#include "base/num.h"
#include "itl/accept.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct party signer;

static int setup(void **state)
{
	(void)state;
	signer = party_rsa(1024, X509_CALLMANAGER, "other.example", "SHA1");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	party_clear(&signer);
	return 0;
}

static void assert_refused(struct bytes file, unsigned flags, const char *what,
			   const char *why)
{
	struct itl *l = (struct itl *)&signer;
	struct err e = {0};

	assert_int_equal(itl_parse(file, flags, &l, &e), RC_VERIFY);
	assert_ptr_equal(l, &signer); /* untouched */
	if (!strstr(e.what, what) || !strstr(e.why, why))
		fail_msg("\"%s: %s\" instead of \"%s: %s\"", e.what, e.why, what, why);
}

/* One byte of the sample changed. */
static void one_byte(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
		const char *what, *why;
	} rows[] = {
		{0, 2, "offset 0 (itl-format, Header)", "tag 1 (VERSION) must come first"},
		{2, 3, "offset 0 ", "impossible length: 3"},
		{4, 0, "offset 0 ", "version 1.0 is a signed file's"},
		{5, 3, "offset 5 ", "tag 2 (HEADERLENGTH) must come second"},
		{8, 0x80, "offset 8 ", "the header's length is 32824"},
		{9, 0x05, "offset 158 ", "tag 12 says 128 bytes, but 100 follow"},
		{10, 4, "offset 10 ", "tag 4 (SIGNERNAME) is not where it belongs"},
		{10, 77, "offset 10 ", "unknown tag 77"},
		{12, 126, "offset 82 ", "tag 6 says 55 bytes, but 54 follow"},
		{13, 5, "offset 71 ", "tag 5 is doubled"},
		{13, 13, "offset 13 ", "unknown tag 13"},
		{20, 0, "offset 13 ", "does not end in its only NUL"},
		{70, 'x', "offset 13 ", "does not end in its only NUL"},
		{143, 4, "offset 143 ", "tag 4 is doubled"},
		{157, 2, "offset 158 ", "a signature of 128 bytes does not fit modulus 2"},
		{157, 255, "offset 158 ", "a signature of 128 bytes does not fit modulus 255"},
		{158, 14, "offset 158 ", "tag 14 (FILENAME) does not end"},
		{160, 0x81, "offset 290 ", "unknown tag 0"},
		{304, 28, "offset 304 ", "tag 28 (SIGNERVERSION) has an impossible length"},
		{311, 1, "offset 311 ", "cut off within a tag"},
		{312, 3, "record 1, offset 312 (itl-format, Record)",
		 "begins with tag 1 of 2 bytes"},
		{316, 0x7a, "record 2, offset 1458 ", "begins with tag 1 of 2 bytes"},
		{315, 0xff, "record 1, offset 312 ", "the record's length is 65403"},
		{315, 0, "record 2, offset 435 ", "begins with tag 1 of 2 bytes"},
		{389, 13, "record 1, offset 389 ", "unknown tag 13"},
		{389, 3, "record 1, offset 389 ", "tag 3 is doubled"},
		{391, 3, "record 1, offset 389 ", "tag 4 (FUNCTION) has an impossible length: 3"},
		{739, 0xff, "record 1, offset 737 ", "tag 9 says 767 bytes, but 719 follow"},
		{6025, 5, "record 6, offset 6023 ", "begins with tag 1 of 2 bytes"},
	};
	size_t n = 0;
	uint8_t *file = support_data("cucm10-CTLFile.tlv", &n);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t was = file[rows[i].at];

		file[rows[i].at] = rows[i].byte;
		assert_refused(bytes_of(file, n), 0, rows[i].what, rows[i].why);
		file[rows[i].at] = was;
	}
	free(file);
}

static void truncations(void **state)
{
	size_t n = 0;
	uint8_t *file = support_data("cucm10-CTLFile.tlv", &n);
	struct itl *l;
	struct err e;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		/* A copy of its own size, so that a read behind it is found. */
		uint8_t *cut = malloc(i ? i : 1);

		memcpy(cut, file, i);
		/* At a record's end the structure is whole: the signature tells. */
		if (itl_parse(bytes_of(cut, i), 0, &l, &e) == RC_OK) {
			assert_true(i == 312 || i == 1459 || i == 2606 || i == 3777 ||
				    i == 4862 || i == 6023);
			assert_int_equal(itl_verify_self(l, &e), RC_VERIFY);
			itl_free(l);
		}
		free(cut);
	}
	free(file);
}

/* ---- lists of other writers, tag by tag ---- */

static void tlv(struct writer *w, uint8_t tag, struct bytes v)
{
	write_u8(w, tag);
	write_bytes16(w, v);
}

static void tlv_byte(struct writer *w, uint8_t tag, uint8_t v)
{
	tlv(w, tag, bytes_of(&v, 1));
}

static const char *name_text = "C=US,O=cisco,OU=tac,CN=other.example,ST=nc,L=rtp";

static void tlv_name(struct writer *w, uint8_t tag)
{
	tlv(w, tag, bytes_of(name_text, strlen(name_text) + 1));
}

static void tlv_serial(struct writer *w, uint8_t tag)
{
	const ASN1_INTEGER *s = X509_get0_serialNumber(signer.cert);

	tlv(w, tag, bytes_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)));
}

/* Containers are made aside, and then put as a whole. */
static void put_signer_id(struct writer *w, bool reversed)
{
	uint8_t buf[512];
	struct writer in = writer_of(buf, sizeof buf);

	tlv_name(&in, 4);
	if (!reversed)
		tlv_serial(&in, 5);
	tlv_name(&in, 6);
	if (reversed)
		tlv_serial(&in, 5);
	tlv(w, 3, writer_bytes(&in));
}

static void put_signature_info(struct writer *w, bool reversed)
{
	uint8_t a[64], b[64];
	struct writer in = writer_of(a, sizeof a), out = writer_of(b, sizeof b);

	tlv_byte(&in, reversed ? 11 : 10, reversed);
	tlv_byte(&in, reversed ? 10 : 11, !reversed);
	if (!reversed)
		tlv_byte(&out, 8, ITL_SHA512);
	tlv(&out, 9, writer_bytes(&in));
	if (reversed)
		tlv_byte(&out, 8, ITL_SHA512);
	tlv(w, 7, writer_bytes(&out));
}

static size_t signature_at;

/* A letter of the recipe is a part of the header. */
static void put_header_part(struct writer *w, char part)
{
	static const uint8_t zeros[128];

	switch (part) {
	case 'v':
		tlv(w, 28, bytes_of("\1\1", 2));
		break;
	case 'i':
	case 'I':
		put_signer_id(w, part == 'I');
		break;
	case 'a':
	case 'A':
		put_signature_info(w, part == 'A');
		break;
	case 's':
		signature_at = w->n;
		tlv(w, 12, bytes_of(zeros, sizeof zeros));
		break;
	case 'f':
		tlv(w, 14, bytes_of("ITLFile.tlv", 12));
		break;
	case 't':
		tlv(w, 15, bytes_of("\x53\x0e\x31\x5b", 4));
		break;
	case 'p':
		write_u8(w, 13);
		break;
	case 'n': /* nested tags where no container is */
		tlv_serial(w, 5);
		break;
	case 'u':
		tlv(w, 99, bytes_of("unknown", 7));
		break;
	default:
		fail();
	}
}

static void put_record_part(struct writer *w, char part)
{
	const ASN1_BIT_STRING *bits;
	uint8_t *der = NULL;
	int n;

	switch (part) {
	case 'd':
		tlv(w, 2, bytes_of("\0\0", 2));
		break;
	case 'D': /* old: an empty name */
		tlv(w, 2, bytes_of("\0", 1));
		break;
	case 'S':
		tlv_name(w, 3);
		break;
	case 'r':
		tlv(w, 4, bytes_of("\0\0", 2));
		break;
	case 'R': /* CCM+TFTP */
		tlv(w, 4, bytes_of("\0\2", 2));
		break;
	case 'I':
		tlv_name(w, 5);
		break;
	case 'n':
		tlv_serial(w, 6);
		break;
	case 'k':
		bits = X509_get0_pubkey_bitstr(signer.cert);
		tlv(w, 7, bytes_of(bits->data, (size_t)bits->length));
		break;
	case 'g':
		X509_get0_signature(&bits, NULL, signer.cert);
		tlv(w, 8, bytes_of(bits->data, (size_t)bits->length));
		break;
	case 'c':
		n = i2d_X509(signer.cert, &der);
		tlv(w, 9, bytes_of(der, (size_t)n));
		OPENSSL_free(der);
		break;
	case 'a':
		tlv(w, 10, bytes_of("\x0a\0\0\1", 4));
		break;
	case 'h':
		tlv(w, 11, bytes_of("12345678901234567890", 20));
		break;
	case 'H':
		tlv_byte(w, 12, 1);
		break;
	case 'u':
		tlv(w, 99, bytes_of("unknown", 7));
		break;
	default:
		fail();
	}
}

static void patch(uint8_t *at, size_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* header and records are recipes; records are separated by blanks. */
static size_t make_other(const char *header, const char *records, uint8_t *buf, size_t cap)
{
	struct writer w = writer_of(buf, cap);
	struct err e;

	tlv(&w, 1, bytes_of("\1\2", 2));
	tlv(&w, 2, bytes_of("\0\0", 2));
	signature_at = 0;
	for (; *header; header++)
		put_header_part(&w, *header);
	patch(buf + 8, w.n);
	while (*records) {
		size_t start = w.n;

		tlv(&w, 1, bytes_of("\0\0", 2));
		for (; *records && *records != ' '; records++)
			put_record_part(&w, *records);
		records += *records == ' ';
		patch(buf + start + 3, w.n - start);
	}
	assert_false(w.bad);
	if (signature_at) {
		size_t after = signature_at + 3 + 128;
		struct bytes parts[] = {bytes_of(buf, signature_at),
					bytes_of(buf + after, w.n - after)};

		assert_ok(software_sign(signer.key, ITL_SHA512, parts, 2, buf + signature_at + 3,
				     128, &e),
			  &e);
	}
	return w.n;
}

#define USUAL_HEADER "iasft"
#define USUAL_RECORD "dSrInkgc"

static void other_writers(void **state)
{
	static const struct {
		const char *header, *records;
		size_t nrecords;
	} rows[] = {
		{USUAL_HEADER, USUAL_RECORD, 1},
		{"vIAsft", "SIrnkgc", 1}, /* 28 first; 4, 6, 5; no DNSNAME */
		{"vIasft", "SInrkgc", 1},
		{"tfsaiv", "cgknIrSd", 1},
		{"iaftsppp", USUAL_RECORD, 1},
		{"pipaspfptp", USUAL_RECORD, 1}, /* padding anywhere */
		{USUAL_HEADER "ppppppp", USUAL_RECORD, 1},
		{USUAL_HEADER, USUAL_RECORD " dRa Ra", 3}, /* short CCM+TFTP records */
		{USUAL_HEADER, "DSrInkc", 1},		  /* the USB-token client's */
		{USUAL_HEADER, USUAL_RECORD " SRInkghH", 2},
	};
	uint8_t buf[8192];
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t n = make_other(rows[i].header, rows[i].records, buf, sizeof buf);
		struct itl_file_facts facts = {"ITL", MADE};
		char why[256];
		struct itl *l = must_parse(bytes_of(buf, n), 0);

		assert_int_equal(l->nrecords, rows[i].nrecords);
		assert_ok(itl_verify_self(l, &e), &e);
		assert_int_equal(l->has_signer_version, strchr(rows[i].header, 'v') != NULL);
		assert_int_equal(itl_accept(bytes_of(NULL, 0), bytes_of(buf, n),
					    bytes_of(buf, n), NULL, NULL, why),
				 ITL_BY_ITL);
		free(itl_listing(l, &facts, NULL));
		itl_free(l);
	}
}

static void other_mistakes(void **state)
{
	static const struct {
		const char *header, *records, *what, *why;
	} rows[] = {
		{"asft", "", "offset 0 (itl-format, Header)", "tag 3 (SIGNERID) is missing"},
		{"isft", "", "offset 0 ", "tag 7 (SIGNATUREINFO) is missing"},
		{"iaft", "", "offset 0 ", "tag 12 (SIGNATURE) is missing"},
		{"iast", "", "offset 0 ", "tag 14 (FILENAME) is missing"},
		{"iasf", "", "offset 0 ", "tag 15 (TIMESTAMP) is missing"},
		{"niasft", "", "offset 10 ", "tag 5 (SERIALNUMBER) is not where it belongs"},
		{"iiasft", "", "", "tag 3 is doubled"},
		{"iasfst", "", "", "tag 12 is doubled"},
		{"uiasft", "", "offset 10 ", "unknown tag 99"},
		{USUAL_HEADER, "ru", "record 1, offset ", "unknown tag 99"},
		{USUAL_HEADER, "rr", "record 1, offset ", "tag 4 is doubled"},
		{USUAL_HEADER, "r chHr", "record 2, offset ", "both a certificate and a hash"},
		{USUAL_HEADER, "h", "record 1, offset ", "a hash without its algorithm"},
		{USUAL_HEADER, "H", "record 1, offset ", "a hash without its algorithm"},
	};
	uint8_t buf[8192];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t n = make_other(rows[i].header, rows[i].records, buf, sizeof buf);

		assert_refused(bytes_of(buf, n), 0, rows[i].what, rows[i].why);
	}
}

static void lenient(void **state)
{
	struct itl_file_facts facts = {"ITL", MADE};
	uint8_t buf[8192];
	size_t n = make_other("uiasft", USUAL_RECORD "u", buf, sizeof buf);
	struct itl *l = must_parse(bytes_of(buf, n), ITL_LENIENT);
	char why[256];
	struct err e;
	char *text;

	(void)state;
	assert_int_equal(l->nunknown, 2);
	assert_int_equal(l->tags[2].tag, 99);
	assert_memory_equal(l->tags[2].value.p, "unknown", 7);
	assert_int_equal(l->records[0].tags[9].tag, 99);
	assert_ok(itl_verify_self(l, &e), &e);
	text = itl_listing(l, &facts, NULL);
	assert_non_null(strstr(text, "99      (unknown)           7"));
	/* A phone is not lenient. */
	assert_int_equal(itl_accept(bytes_of(NULL, 0), bytes_of(buf, n), bytes_of(buf, n),
				    NULL, NULL, why),
			 ITL_BAD_FORM);
	assert_non_null(strstr(why, "offset 10 "));
	free(text);
	itl_free(l);
}

static void limits(void **state)
{
	static uint8_t buf[ITL_MAX + 1];
	size_t n = make_other(USUAL_HEADER, "", buf, sizeof buf);
	struct itl *l;

	(void)state;
	/* ITL_MAX_RECORDS of them, each nothing but its length */
	for (size_t i = 0; i < ITL_MAX_RECORDS + 1; i++)
		memcpy(buf + n + 5 * i, "\1\0\2\0\5", 5);
	l = must_parse(bytes_of(buf, n + 5 * ITL_MAX_RECORDS), 0);
	assert_int_equal(l->nrecords, ITL_MAX_RECORDS);
	itl_free(l);
	assert_refused(bytes_of(buf, n + 5 * ITL_MAX_RECORDS + 5), 0, "record 257",
		       "more than 256 records");
	assert_refused(bytes_of(buf, ITL_MAX + 1), 0, "65536 bytes",
		       "phones cannot load more than 65535 bytes");
	/* One record up to the last byte that a list may have. */
	patch(buf + n + 3, ITL_MAX - n);
	buf[n + 5] = 9;
	patch(buf + n + 6, ITL_MAX - n - 8);
	l = must_parse(bytes_of(buf, ITL_MAX), 0);
	assert_int_equal(l->nrecords, 1);
	itl_free(l);
}

/* Serial and issuer as certificates, however a writer spells the issuer. */
static void signer_names(void **state)
{
	static const struct {
		const char *issuer;
		bool is;
	} rows[] = {
		{"CN=other.example;OU=tac;O=cisco;L=rtp;ST=nc;C=US", true},
		{"C=US,O=cisco,OU=tac,CN=other.example,ST=nc,L=rtp", true},
		{"C=US, O=cisco, OU=tac, CN=other.example, ST=nc, L=rtp", true},
		{"cn=\"other.example\";ou=tac;o=\"cisco;l=rtp;st=nc;c=\"US", true},
		{"CN=Other.example;OU=tac;O=cisco;L=rtp;ST=nc;C=US", false},
		{"CN=other.examples;OU=tac;O=cisco;L=rtp;ST=nc;C=US", false},
		{"CN=other.exampl;OU=tac;O=cisco;L=rtp;ST=nc;C=US", false},
		{"CN=other.example;OU=tac;O=cisco;L=rtp;ST=nc", false},
		{"CN=other.example;OU=tac;O=cisco;L=rtp;ST=nc;C=US;C=US", false},
		{"CN=other.example;OU=tac;O=cisco;L=rtp;ST=nc;C=US;DC=x", false},
		{"CN=other.example;OU=tac;O=cisco;L=rtp;ST=nc;C=US;", false},
		{"CN=other.example", false},
		{"", false},
	};
	const ASN1_INTEGER *serial = X509_get0_serialNumber(signer.cert);
	uint8_t padded[17] = {0};
	struct itl l = {0};

	(void)state;
	memcpy(padded + 1, ASN1_STRING_get0_data(serial), 16);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		l.signer_issuer = bytes_of(rows[i].issuer, strlen(rows[i].issuer) + 1);
		l.signer_serial = bytes_of(padded + 1, 16);
		if (itl_signed_by(&l, signer.cert) != rows[i].is)
			fail_msg("%s", rows[i].issuer);
		l.signer_serial = bytes_of(padded, 17); /* other writers' leading zero */
		assert_int_equal(itl_signed_by(&l, signer.cert), rows[i].is);
		l.signer_serial = bytes_of(padded + 1, 15);
		assert_false(itl_signed_by(&l, signer.cert));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_byte),	  cmocka_unit_test(truncations),
		cmocka_unit_test(other_writers),  cmocka_unit_test(other_mistakes),
		cmocka_unit_test(lenient),	  cmocka_unit_test(limits),
		cmocka_unit_test(signer_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
