/* The phone's decision (spec: phone), as a table. */
#include "make.h"
#include "base/num.h"
#include "itl/accept.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before the accident, and CallManager after it. */
static struct cluster10 cluster;
static struct party renewed, stranger;

enum file {
	NONE,
	CTL,	  /* signed by callmanager; SAST: callmanager, recovery */
	ITL,	  /* signed by callmanager; SAST: callmanager, recovery */
	RESET,	  /* its contents, signed by recovery */
	RENEWED,  /* another ITL, signed by the renewed callmanager */
	FOREIGN,  /* another cluster's */
	BROKEN,	  /* ITL with one bit of its last byte changed */
	CUT,	  /* ITL without its last byte */
	GARBAGE,
	TFTP_SIGNED, /* a list that holds callmanager as TFTP alone */
	OTHER_NAME,  /* a list whose tag 14 says something else */
	FILES,
};

static struct bytes files[FILES];

static struct bytes copy(struct bytes b)
{
	uint8_t *p = malloc(b.n);

	memcpy(p, b.p, b.n);
	return bytes_of(p, b.n);
}

static struct bytes list_of(const char *name, struct party *signer, unsigned role)
{
	struct itl_entry entries[] = {
		{.role = role, .cert = signer->cert, .whole = true},
		{.role = ITL_SAST, .cert = cluster.recovery.cert, .whole = true},
	};

	return make_list(name, signer, ITL_SHA1, entries, 2);
}

static int setup(void **state)
{
	struct itl_entry alone;

	(void)state;
	cluster = cluster10_make();
	renewed = party_rsa(1024, X509_CALLMANAGER, "test10pub.joemar2.lab", "SHA1");
	stranger = party_rsa(1024, X509_CALLMANAGER, "stranger.example", "SHA1");
	alone = (struct itl_entry){.role = ITL_SAST, .cert = stranger.cert, .whole = true};
	files[CTL] = list_of("CTLFile.tlv", &cluster.callmanager, ITL_SAST);
	files[ITL] = cluster10_itl(&cluster, &cluster.callmanager);
	files[RESET] = cluster10_itl(&cluster, &cluster.recovery);
	files[RENEWED] = list_of("ITLFile.tlv", &renewed, ITL_SAST);
	files[FOREIGN] = make_list("ITLFile.tlv", &stranger, ITL_SHA1, &alone, 1);
	files[BROKEN] = copy(files[ITL]);
	((uint8_t *)(uintptr_t)files[BROKEN].p)[files[BROKEN].n - 1] ^= 1;
	files[CUT] = bytes_of(copy(files[ITL]).p, files[ITL].n - 1);
	files[GARBAGE] = copy(bytes_of_text("garbage"));
	files[TFTP_SIGNED] = list_of("ITLFile.tlv", &cluster.callmanager, ITL_TFTP);
	files[OTHER_NAME] = list_of("SEP001122334455.cnf.xml", &cluster.callmanager, ITL_SAST);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < FILES; i++)
		bytes_free(files[i]);
	cluster10_clear(&cluster);
	party_clear(&renewed);
	party_clear(&stranger);
	return 0;
}

enum tvs {
	NO_TVS,
	SILENT,	      /* its certificate matches no record of the installed ITL */
	UNKNOWN,      /* it knows no such certificate */
	VOUCHES,      /* the renewed callmanager, as SAST and TFTP */
	ROLE_TFTP,    /* the renewed callmanager, but as TFTP alone */
	OTHER_CERT,   /* a certificate that was not asked for */
	NO_CERT,      /* bytes that are no certificate */
	FALSE_FRIEND, /* a certificate of the right name and serial, another key */
	VOUCHES_OLD,  /* the old callmanager */
};

struct answerer {
	enum tvs tvs;
	size_t asked;
	uint8_t der[2048];
};

/* The same issuer and serial over another key. */
static X509 *false_friend(void)
{
	X509 *x = X509_dup(renewed.cert);

	X509_set_pubkey(x, stranger.key);
	assert_true(X509_sign(x, stranger.key, EVP_sha1()) > 0);
	return x;
}

static bool answer(void *arg, const struct itl *l, struct itl_tvs_answer *a)
{
	struct answerer *me = arg;
	uint8_t *p = me->der;
	X509 *friend = me->tvs == FALSE_FRIEND ? false_friend() : NULL;
	X509 *cert = friend		       ? friend
		     : me->tvs == OTHER_CERT   ? stranger.cert
		     : me->tvs == VOUCHES_OLD  ? cluster.callmanager.cert
					       : renewed.cert;

	assert_non_null(l);
	me->asked++;
	a->cert = bytes_of(me->der, (size_t)i2d_X509(cert, &p));
	if (me->tvs == NO_CERT)
		a->cert.n--;
	a->valid = me->tvs != UNKNOWN;
	a->nroles = me->tvs == ROLE_TFTP ? 1 : 2;
	a->roles[0] = ITL_TFTP;
	a->roles[1] = ITL_SAST;
	X509_free(friend);
	return me->tvs != SILENT;
}

static void decisions(void **state)
{
	static const struct {
		enum file ctl, itl, offered;
		enum tvs tvs;
		enum itl_verdict verdict;
		size_t asked;
	} rows[] = {
		/* nothing installed: whatever has a list's form */
		{NONE, NONE, ITL, NO_TVS, ITL_FIRST, 0},
		{NONE, NONE, FOREIGN, VOUCHES, ITL_FIRST, 0},
		{NONE, NONE, CTL, NO_TVS, ITL_FIRST, 0},
		{NONE, NONE, BROKEN, NO_TVS, ITL_FIRST, 0},
		{NONE, NONE, CUT, NO_TVS, ITL_BAD_FORM, 0},
		{NONE, NONE, GARBAGE, NO_TVS, ITL_BAD_FORM, 0},
		{NONE, NONE, NONE, NO_TVS, ITL_BAD_FORM, 0},
		{NONE, NONE, OTHER_NAME, NO_TVS, ITL_BAD_FORM, 0},
		/* the installed lists know the signer */
		{NONE, ITL, ITL, NO_TVS, ITL_BY_ITL, 0},
		{NONE, ITL, RESET, SILENT, ITL_BY_ITL, 0},
		{NONE, RESET, ITL, NO_TVS, ITL_BY_ITL, 0},
		{CTL, NONE, RESET, NO_TVS, ITL_BY_CTL, 0},
		{CTL, ITL, RESET, NO_TVS, ITL_BY_CTL, 0},
		{CTL, FOREIGN, FOREIGN, NO_TVS, ITL_BY_ITL, 0},
		{CTL, NONE, CTL, NO_TVS, ITL_BY_CTL, 0},
		{NONE, ITL, CUT, NO_TVS, ITL_BAD_FORM, 0},
		{NONE, ITL, OTHER_NAME, NO_TVS, ITL_BAD_FORM, 0},
		{NONE, ITL, BROKEN, NO_TVS, ITL_BAD_SIGNATURE, 0},
		{CTL, NONE, BROKEN, UNKNOWN, ITL_BAD_SIGNATURE, 1},
		{NONE, ITL, BROKEN, VOUCHES_OLD, ITL_BAD_SIGNATURE, 1},
		/* a TFTP record may not sign lists */
		{NONE, TFTP_SIGNED, ITL, NO_TVS, ITL_UNKNOWN_SIGNER, 0},
		{NONE, TFTP_SIGNED, RESET, NO_TVS, ITL_BY_ITL, 0},
		/* an installed list that cannot be read trusts nobody */
		{NONE, GARBAGE, ITL, NO_TVS, ITL_UNKNOWN_SIGNER, 0},
		{GARBAGE, ITL, ITL, NO_TVS, ITL_BY_ITL, 0},
		/* TVS has the last word */
		{NONE, ITL, RENEWED, NO_TVS, ITL_UNKNOWN_SIGNER, 0},
		{NONE, ITL, RENEWED, SILENT, ITL_UNKNOWN_SIGNER, 1},
		{NONE, ITL, RENEWED, UNKNOWN, ITL_UNKNOWN_SIGNER, 1},
		{NONE, ITL, RENEWED, VOUCHES, ITL_BY_TVS, 1},
		{CTL, NONE, RENEWED, VOUCHES, ITL_BY_TVS, 1},
		{NONE, ITL, RENEWED, ROLE_TFTP, ITL_UNKNOWN_SIGNER, 1},
		{NONE, ITL, RENEWED, OTHER_CERT, ITL_UNKNOWN_SIGNER, 1},
		{NONE, ITL, RENEWED, NO_CERT, ITL_UNKNOWN_SIGNER, 1},
		{NONE, ITL, RENEWED, FALSE_FRIEND, ITL_BAD_SIGNATURE, 1},
		{NONE, ITL, FOREIGN, VOUCHES, ITL_UNKNOWN_SIGNER, 1},
		{NONE, FOREIGN, ITL, VOUCHES_OLD, ITL_BY_TVS, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct answerer me = {.tvs = rows[i].tvs};
		char why[256];
		enum itl_verdict v =
			itl_accept(files[rows[i].ctl], files[rows[i].itl],
				   files[rows[i].offered], me.tvs == NO_TVS ? NULL : answer,
				   &me, why);

		if (v != rows[i].verdict || me.asked != rows[i].asked)
			fail_msg("row %zu: %s (%s), asked %zu times", i, itl_verdict_name(v),
				 why, me.asked);
		assert_true(strlen(why) > 0);
		assert_int_equal(itl_accepted(v), !strncmp(itl_verdict_text(v), "accepted", 8));
	}
}

static void why_names_the_record(void **state)
{
	char why[256];

	(void)state;
	itl_accept(files[NONE], files[ITL], files[RESET], NULL, NULL, why);
	assert_string_equal(why, "signed by CN=ITLRECOVERY_test10.joemar2.lab;OU=tac;O=cisco;"
				 "L=rtp;ST=nc;C=US, record 5 of the installed ITL");
	itl_accept(files[NONE], files[ITL], files[BROKEN], NULL, NULL, why);
	assert_non_null(strstr(why, "record 1 of the installed ITL, but the signature does not"));
	itl_accept(files[NONE], files[ITL], files[CUT], NULL, NULL, why);
	assert_non_null(strstr(why, "record 6, offset "));
}

/* A list over the limit takes a phone out of service: not even the first one. */
static void over_the_limit(void **state)
{
	uint8_t *big = calloc(1, ITL_MAX + 1);
	char why[256];

	(void)state;
	memcpy(big, files[ITL].p, files[ITL].n);
	assert_int_equal(itl_accept(files[NONE], files[NONE], bytes_of(big, ITL_MAX + 1), NULL,
				    NULL, why),
			 ITL_BAD_FORM);
	assert_non_null(strstr(why, "65535"));
	free(big);
}

/* Signed content that looks like records must not pass for a list. */
static void signed_file_is_no_list(void **state)
{
	struct itl *l = must_parse(files[ITL], 0);
	struct bytes records = bytes_of(files[ITL].p + l->header_length,
					files[ITL].n - l->header_length);
	struct itl_plan plan = {.file_name = "SEP001122334455.cnf.xml",
				.signer = cluster.callmanager.cert,
				.digest = ITL_SHA1,
				.timestamp = MADE};
	struct itl_signer with = party_signer(&cluster.callmanager);
	uint8_t *buf = malloc(ITL_MAX_SGN_HEADER + records.n);
	char why[256];
	size_t n = 0;
	struct err e;

	(void)state;
	assert_ok(itl_build_sgn(&plan, records, &with, buf, ITL_MAX_SGN_HEADER, &n, &e), &e);
	memcpy(buf + n, records.p, records.n);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(itl_accept(files[NONE], files[i ? ITL : NONE],
					    bytes_of(buf, n + records.n), NULL, NULL, why),
				 ITL_BAD_FORM);
	free(buf);
	itl_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions),
		cmocka_unit_test(why_names_the_record),
		cmocka_unit_test(over_the_limit),
		cmocka_unit_test(signed_file_is_no_list),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
