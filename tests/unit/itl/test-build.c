/* Building, signing again, warnings, differences; .sgn headers. */
#include "make.h"
#include "support/software.h"
#include "base/num.h"
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct party rsa1024, rsa2048, rsa3072, rsa4096, ec;
static struct cluster10 cluster;

static int setup(void **state)
{
	(void)state;
	rsa1024 = party_rsa(1024, X509_CALLMANAGER, "n1024.example", "SHA1");
	rsa2048 = party_rsa(2048, X509_CALLMANAGER, "n2048.example", "SHA256");
	rsa3072 = party_rsa(3072, X509_CALLMANAGER, "n3072.example", "SHA256");
	rsa4096 = party_rsa(4096, X509_CALLMANAGER, "n4096.example", "SHA512");
	ec = party_ec("ec.example");
	cluster = cluster10_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	party_clear(&rsa1024);
	party_clear(&rsa2048);
	party_clear(&rsa3072);
	party_clear(&rsa4096);
	party_clear(&ec);
	cluster10_clear(&cluster);
	return 0;
}

static struct itl_entry sast(struct party *p)
{
	return (struct itl_entry){.role = ITL_SAST, .cert = p->cert, .whole = true};
}

/* Every key that can sign, with every digest: verifies, and no more once one
 * bit of the list or of the signature differs. */
static void round_trips(void **state)
{
	static const struct {
		struct party *signer;
		unsigned modulus;
	} keys[] = {{&rsa1024, 1}, {&rsa2048, 2}, {&rsa4096, 3}};
	static const unsigned digests[] = {ITL_SHA1, ITL_SHA256, ITL_SHA512};
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(keys) * COUNT_OF(digests); i++) {
		struct party *signer = keys[i / COUNT_OF(digests)].signer;
		unsigned digest = digests[i % COUNT_OF(digests)];
		struct itl_entry entry = sast(signer);
		struct bytes file = make_list("ITLFile.tlv", signer, digest, &entry, 1);
		struct itl *l = must_parse(file, 0);
		uint8_t *byte = (uint8_t *)(uintptr_t)file.p;

		assert_int_equal(l->modulus, keys[i / COUNT_OF(digests)].modulus);
		assert_int_equal(l->digest, digest);
		assert_int_equal(l->header_length % 4, 0);
		assert_ok(itl_verify(l, signer->cert, &e), &e);
		assert_ok(itl_verify_self(l, &e), &e);
		byte[file.n - 1] ^= 1;
		assert_int_equal(itl_verify(l, signer->cert, &e), RC_VERIFY);
		byte[file.n - 1] ^= 1;
		byte[l->signature_offset + 3 + l->signature.n - 1] ^= 1;
		assert_int_equal(itl_verify(l, signer->cert, &e), RC_VERIFY);
		itl_free(l);
		bytes_free(file);
	}
}

static enum rc sign_never(void *arg, enum itl_digest digest, const struct bytes *parts,
			  size_t nparts, uint8_t *signature, size_t length, struct err *e)
{
	(void)arg, (void)digest, (void)parts, (void)nparts, (void)signature, (void)length;
	return err_set(e, RC_TOKEN, "C_Sign", "no", NULL, "it");
}

static void refused(void **state)
{
	static const struct {
		struct party *signer;
		unsigned digest;
		const char *name;
		enum rc rc;
		const char *why;
	} rows[] = {
		{&rsa3072, ITL_SHA256, "ITLFile.tlv", RC_REFUSED, "1024, 2048 or 4096"},
		{&ec, ITL_SHA256, "ITLFile.tlv", RC_REFUSED, "1024, 2048 or 4096"},
		{&rsa2048, 0, "ITLFile.tlv", RC_USAGE, "no such digest"},
		{&rsa2048, 4, "ITLFile.tlv", RC_USAGE, "no such digest"},
		{&rsa2048, ITL_SHA1, "", RC_USAGE, "file name"},
		/* the signer's own failure comes through */
		{&rsa2048, ITL_SHA1, "ITLFile.tlv", RC_TOKEN, "no"},
	};
	static const struct itl_signer never = {.sign = sign_never};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct itl_entry entry = sast(rows[i].signer);
		struct itl_plan plan = {.file_name = rows[i].name,
					.signer = rows[i].signer->cert,
					.digest = rows[i].digest,
					.entries = &entry,
					.nentries = 1};
		uint8_t *out = NULL;
		size_t n = 7;
		struct err e;

		assert_int_equal(itl_build(&plan, &never, &out, &n, &e), rows[i].rc);
		assert_non_null(strstr(e.why, rows[i].why));
		assert_null(out);
		assert_int_equal(n, 7);
	}
}

/* Phones go out of service over 65,535 bytes: the record that is too much is
 * named, and one fewer is built. */
static void too_long(void **state)
{
	struct itl_entry entries[100];
	struct itl_plan plan = {.file_name = "CTLFile.tlv",
				.signer = rsa2048.cert,
				.digest = ITL_SHA1,
				.entries = entries,
				.nentries = COUNT_OF(entries)};
	struct itl_signer with = party_signer(&rsa2048);
	uint8_t *out = NULL;
	size_t n = 0;
	unsigned record = 0;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(entries); i++)
		entries[i] = sast(&rsa2048);
	assert_int_equal(itl_build(&plan, &with, &out, &n, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "over 65535 bytes"));
	assert_int_equal(sscanf(e.what, "record %u of 100", &record), 1);
	assert_in_range(record, 30, 50);
	plan.nentries = record;
	assert_int_equal(itl_build(&plan, &with, &out, &n, &e), RC_REFUSED);
	plan.nentries = record - 1;
	assert_ok(itl_build(&plan, &with, &out, &n, &e), &e);
	assert_in_range(n, 60000, ITL_MAX);
	free(out);
}

struct said {
	char text[8][400];
	size_t n;
};

static void hear(void *arg, const char *text)
{
	struct said *s = arg;

	assert_true(s->n < COUNT_OF(s->text));
	strcpy(s->text[s->n++], text);
}

static void warnings(void **state)
{
	struct itl_entry entries[] = {
		sast(&rsa1024),
		sast(&rsa2048),
		{.role = ITL_TFTP, .cert = rsa1024.cert, .whole = true},
		sast(&rsa1024), /* the same again: not a third */
		sast(&rsa4096), /* a third, and too long a key */
		{.role = ITL_TVS, .cert = rsa4096.cert}, /* by its hash */
		{.role = ITL_TVS, .cert = ec.cert},
		sast(&rsa3072),
	};
	static const struct {
		size_t n;
		const char *said[4][2];
	} rows[] = {
		{4, {{NULL}}},
		{5, {{"record 5 (CN=n4096.example;", "third SAST"},
		     {"record 5 (CN=n4096.example;", "key of 4096 bits"}}},
		{7, {{"record 5 ", "third"}, {"record 5 ", "4096"}, {"record 6 ", "4096"}}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bytes file = make_list("ITLFile.tlv", &rsa1024, ITL_SHA1, entries,
					      rows[i].n);
		struct itl *l = must_parse(file, 0);
		struct said said = {.n = 0};
		size_t n = 0, told = itl_warnings(l, hear, &said);

		assert_int_equal(told, said.n);
		for (; rows[i].said[n][0]; n++) {
			assert_non_null(strstr(said.text[n], rows[i].said[n][0]));
			assert_non_null(strstr(said.text[n], rows[i].said[n][1]));
		}
		assert_int_equal(said.n, n);
		itl_free(l);
		bytes_free(file);
	}
}

static void ec_records(void **state)
{
	struct itl_entry entries[] = {
		sast(&rsa2048),
		{.role = ITL_TVS, .cert = ec.cert, .whole = true},
		{.role = ITL_TVS, .cert = ec.cert},
	};
	struct itl_plan plan = {"ITLFile.tlv", rsa2048.cert, ITL_SHA256, MADE,
				true, {1, 1}, entries, COUNT_OF(entries), false};
	struct itl_signer with = party_signer(&rsa2048);
	uint8_t *out = NULL;
	size_t n = 0;
	struct err e;

	(void)state;
	assert_ok(itl_build(&plan, &with, &out, &n, &e), &e);
	struct itl *l = must_parse(bytes_of(out, n), 0);

	assert_ok(itl_verify_self(l, &e), &e);
	assert_true(l->has_signer_version);
	assert_memory_equal(l->signer_version, "\1\1", 2);
	assert_int_equal(l->tags[2].tag, 28);
	for (size_t i = 1; i < 3; i++) {
		assert_int_equal(l->records[i].key.n, 65);
		assert_int_equal(l->records[i].key.p[0], 0x04);
	}
	/* A record that lies about its key does not pass. */
	((uint8_t *)(uintptr_t)l->records[1].key.p)[64] ^= 1;
	assert_int_equal(itl_verify_self(l, &e), RC_VERIFY);
	itl_free(l);
	free(out);
}

/* What a record says beside its certificate must agree with it, even in a list
 * that is rightly signed. */
static void disagreements(void **state)
{
	static const struct {
		uint8_t tag;
		const char *why;
	} rows[] = {
		{3, "SUBJECTNAME"}, {5, "ISSUERNAME"}, {6, "SERIALNUMBER"},
		{7, "PUBLICKEY"},   {8, "SIGNATURE"},  {9, "DER certificate"},
	};
	struct itl_entry entries[] = {sast(&rsa1024), sast(&rsa2048)};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bytes file = make_list("ITLFile.tlv", &rsa1024, ITL_SHA1, entries, 2);
		struct itl *l = must_parse(file, 0);
		struct bytes parts[2] = {
			bytes_of(file.p, l->signature_offset),
			bytes_of(file.p + l->signature_offset + 131,
				 file.n - l->signature_offset - 131),
		};
		struct itl_record *r = &l->records[1];
		struct err e;

		for (size_t j = 0; j < r->ntags; j++)
			if (r->tags[j].tag == rows[i].tag)
				((uint8_t *)(uintptr_t)r->tags[j].value.p)[1] ^= 1;
		assert_ok(software_sign(rsa1024.key, ITL_SHA1, parts, 2,
				     (uint8_t *)(uintptr_t)l->signature.p, 128, &e),
			  &e);
		assert_ok(itl_verify(l, rsa1024.cert, &e), &e);
		assert_int_equal(itl_verify_self(l, &e), RC_VERIFY);
		assert_string_equal(e.what, "record 2");
		assert_non_null(strstr(e.why, rows[i].why));
		itl_free(l);
		bytes_free(file);
	}
}

/* A certificate is one DER certificate: no byte behind it, no other encoding. */
static void one_certificate(void **state)
{
	uint8_t der[2048], *p = der, ber[2048];
	size_t n = (size_t)i2d_X509(rsa1024.cert, &p);
	struct itl_record r = {.cert = bytes_of(der, n)};
	X509 *x = NULL;
	struct err e;

	(void)state;
	assert_ok(itl_record_x509(&r, &x, &e), &e);
	X509_free(x);
	x = NULL;
	der[n] = 0;
	r.cert.n = n + 1;
	assert_int_equal(itl_record_x509(&r, &x, &e), RC_VERIFY);
	r.cert.n = n - 1;
	assert_int_equal(itl_record_x509(&r, &x, &e), RC_VERIFY);
	/* The outer length in three bytes where two do. */
	assert_memory_equal(der, "\x30\x82", 2);
	memcpy(ber, "\x30\x83\x00", 3);
	memcpy(ber + 3, der + 2, n - 2);
	r.cert = bytes_of(ber, n + 1);
	assert_int_equal(itl_record_x509(&r, &x, &e), RC_VERIFY);
	r.cert.n = 0;
	assert_int_equal(itl_record_x509(&r, &x, &e), RC_NOTFOUND);
	assert_null(x);
}

static void resign_keeps_records(void **state)
{
	struct bytes file = cluster10_itl(&cluster, &cluster.callmanager);
	struct itl *l = must_parse(file, 0);
	struct itl_signer with = party_signer(&cluster.recovery);
	uint8_t *out = NULL;
	size_t n = 0;
	bool same = true;
	struct err e;

	(void)state;
	assert_ok(itl_resign(l, cluster.recovery.cert, ITL_SHA1, MADE + 1, NULL, NULL, &with,
			     &out, &n, &e),
		  &e);
	struct itl *reset = must_parse(bytes_of(out, n), 0);

	assert_ok(itl_verify_self(reset, &e), &e);
	assert_int_equal(reset->header_length, 344);
	assert_int_equal(reset->timestamp, MADE + 1);
	assert_int_equal(n - 344, file.n - 324);
	assert_memory_equal(out + 344, file.p + 324, n - 344);
	assert_ptr_equal(itl_find_signer(reset, reset), &reset->records[4]);
	assert_ptr_equal(itl_find_signer(l, reset), &l->records[4]);

	char *diff = itl_diff(l, reset, &same);

	assert_false(same);
	assert_non_null(strstr(diff, "- signer CN=test10pub.joemar2.lab"));
	assert_non_null(strstr(diff, "+ signer CN=ITLRECOVERY_test10.joemar2.lab"));
	assert_non_null(strstr(diff, "  file name ITLFile.tlv"));
	assert_non_null(strstr(diff, "  record TVS CN=test10sub"));
	assert_null(strstr(diff, "+ record"));
	assert_null(strstr(diff, "- record"));
	free(diff);
	itl_free(reset);
	free(out);
	itl_free(l);
	bytes_free(file);
}

/* remotekey: one record, and only that one, is replaced. */
static void resign_replaces_one(void **state)
{
	struct party new = party_rsa(2048, X509_RECOVERY, "ITLRECOVERY_old.lab", "SHA1");
	struct bytes file = cluster10_itl(&cluster, &cluster.callmanager);
	struct itl *l = must_parse(file, 0);
	struct itl_signer with = party_signer(&new);
	uint8_t *out = NULL;
	size_t n = 0;
	bool same = true;
	struct err e;

	(void)state;
	assert_ok(itl_resign(l, new.cert, ITL_SHA256, MADE, cluster.recovery.cert, new.cert,
			     &with, &out, &n, &e),
		  &e);
	struct itl *reset = must_parse(bytes_of(out, n), 0);

	assert_ok(itl_verify_self(reset, &e), &e);
	assert_int_equal(reset->nrecords, l->nrecords);
	for (size_t i = 0; i < l->nrecords; i++) {
		const struct itl_record *a = &l->records[i], *b = &reset->records[i];

		if (i != 4) {
			assert_int_equal(a->length, b->length);
			assert_memory_equal(file.p + a->offset, out + b->offset, a->length);
		}
	}
	assert_string_equal(reset->records[4].subject.p,
			    "CN=ITLRECOVERY_old.lab;OU=tac;O=cisco;L=rtp;ST=nc;C=US");
	assert_ptr_equal(itl_find_signer(reset, reset), &reset->records[4]);

	char *diff = itl_diff(l, reset, &same);

	assert_non_null(strstr(diff, "- record System Administrator Security Token "
				     "CN=ITLRECOVERY_test10.joemar2.lab"));
	assert_non_null(strstr(diff, "+ record System Administrator Security Token "
				     "CN=ITLRECOVERY_old.lab"));
	free(diff);
	itl_free(reset);
	free(out);

	/* Only a SAST record's certificate can be replaced. */
	out = NULL;
	assert_int_equal(itl_resign(l, new.cert, ITL_SHA1, MADE, cluster.tvs.cert, new.cert,
				    &with, &out, &n, &e),
			 RC_NOTFOUND);
	assert_null(out);
	itl_free(l);
	bytes_free(file);
	party_clear(&new);
}

static void resign_keeps_signer_version(void **state)
{
	struct itl_entry entries[] = {sast(&rsa1024), sast(&rsa2048), sast(&rsa2048)};
	struct itl_plan plan = {"CTLFile.tlv", rsa1024.cert, ITL_SHA1, MADE,
				true, {1, 0}, entries, 3, false};
	struct itl_signer first = party_signer(&rsa1024), second = party_signer(&rsa2048);
	uint8_t *out = NULL, *again = NULL;
	size_t n = 0, m = 0;
	struct err e;

	(void)state;
	assert_ok(itl_build(&plan, &first, &out, &n, &e), &e);
	struct itl *l = must_parse(bytes_of(out, n), 0);

	assert_ok(itl_resign(l, rsa2048.cert, ITL_SHA512, MADE, NULL, NULL, &second, &again, &m,
			     &e),
		  &e);
	struct itl *r = must_parse(bytes_of(again, m), 0);

	assert_true(itl_is_ctl(r));
	assert_true(r->has_signer_version);
	assert_memory_equal(r->signer_version, "\1\0", 2);
	assert_ok(itl_verify_self(r, &e), &e);
	/* Two records hold it: which one is meant? */
	assert_int_equal(itl_resign(l, rsa2048.cert, ITL_SHA1, MADE, rsa2048.cert, rsa1024.cert,
				    &second, &again, &m, &e),
			 RC_REFUSED);
	assert_string_equal(e.what, "records 2 and 3");
	itl_free(r);
	itl_free(l);
	free(out);
	free(again);
}

static void same_but_signed_again(void **state)
{
	struct bytes a = cluster10_itl(&cluster, &cluster.callmanager);
	struct bytes b = cluster10_itl(&cluster, &cluster.callmanager);
	struct itl *la = must_parse(a, 0), *lb = must_parse(b, 0);
	bool same = false;
	char *diff;

	(void)state;
	((uint8_t *)(uintptr_t)lb->signature.p)[5] ^= 1;
	diff = itl_diff(la, lb, &same);
	assert_true(same);
	assert_true(!strncmp(diff, "  ", 2));
	assert_null(strstr(diff, "\n- "));
	assert_null(strstr(diff, "\n+ "));
	free(diff);
	/* One bit of a record */
	((uint8_t *)(uintptr_t)b.p)[b.n - 1] ^= 1;
	diff = itl_diff(la, lb, &same);
	assert_false(same);
	assert_non_null(strstr(diff, "\n- record TVS"));
	assert_non_null(strstr(diff, "\n+ record TVS"));
	free(diff);
	itl_free(la);
	itl_free(lb);
	bytes_free(a);
	bytes_free(b);
}

static void sgn(void **state)
{
	static const char content[] = "<device>\n</device>\n";
	struct itl_plan plan = {.file_name = "SEP001122334455.cnf.xml",
				.signer = rsa2048.cert,
				.digest = ITL_SHA512,
				.timestamp = MADE,
				.has_signer_version = true};
	struct itl_signer with = party_signer(&rsa2048);
	uint8_t buf[ITL_MAX_SGN_HEADER + sizeof content];
	struct itl *l = NULL;
	size_t n = 0;
	struct err e;

	(void)state;
	assert_ok(itl_build_sgn(&plan, bytes_of_text(content), &with, buf, ITL_MAX_SGN_HEADER,
				&n, &e),
		  &e);
	memcpy(buf + n, content, strlen(content));
	l = must_parse(bytes_of(buf, n + strlen(content)), ITL_SGN);
	assert_int_equal(l->header_length, n);
	assert_int_equal(n % 4, 0);
	assert_memory_equal(l->version, "\1\0", 2);
	assert_false(l->has_signer_version);
	assert_string_equal(l->file_name.p, plan.file_name);
	assert_memory_equal(l->content.p, content, l->content.n);
	assert_ok(itl_verify(l, rsa2048.cert, &e), &e);
	buf[n] ^= 1;
	assert_int_equal(itl_verify(l, rsa2048.cert, &e), RC_VERIFY);
	itl_free(l);
	/* It is no list, and no list is a signed file. */
	assert_int_equal(itl_parse(bytes_of(buf, n), 0, &l, &e), RC_VERIFY);
	struct bytes list = cluster10_itl(&cluster, &cluster.callmanager);

	assert_int_equal(itl_parse(list, ITL_SGN, &l, &e), RC_VERIFY);
	bytes_free(list);
	/* The header must fit what its caller has. */
	assert_int_equal(itl_build_sgn(&plan, bytes_of_text(content), &with, buf, n - 1, &n, &e),
			 RC_ERROR);
}

static void sgn_is_no_list(void **state)
{
	static const char *const names[] = {"ITLFile.tlv", "CTLFile.tlv", "itlfile.TLV", ".tlv"};
	struct itl_signer with = party_signer(&rsa2048);
	uint8_t buf[ITL_MAX_SGN_HEADER];
	size_t n = 0;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct itl_plan plan = {.file_name = names[i],
					.signer = rsa2048.cert,
					.digest = ITL_SHA1};

		assert_int_equal(itl_build_sgn(&plan, bytes_of_text("x"), &with, buf, sizeof buf,
					       &n, &e),
				 RC_REFUSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),
		cmocka_unit_test(refused),
		cmocka_unit_test(too_long),
		cmocka_unit_test(warnings),
		cmocka_unit_test(ec_records),
		cmocka_unit_test(disagreements),
		cmocka_unit_test(one_certificate),
		cmocka_unit_test(resign_keeps_records),
		cmocka_unit_test(resign_replaces_one),
		cmocka_unit_test(resign_keeps_signer_version),
		cmocka_unit_test(same_but_signed_again),
		cmocka_unit_test(sgn),
		cmocka_unit_test(sgn_is_no_list),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
