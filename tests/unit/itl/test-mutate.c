/*
 * The sample with something changed, many times: no crash, no leak (under the
 * sanitizers), and never accepted.
 */
#include "make.h"
#include "base/num.h"
#include "itl/accept.h"
#include "support/mutate.h"
#include <stdlib.h>
#include <string.h>

static struct bytes sample;
static X509 *signer;

static int setup(void **state)
{
	size_t n = 0;
	uint8_t *p = support_data("cucm10-CTLFile.tlv", &n);
	struct itl *l;
	struct err e;

	(void)state;
	sample = bytes_of(p, n);
	l = must_parse(sample, 0);
	assert_ok(itl_record_x509(&l->records[0], &signer, &e), &e);
	assert_ok(itl_verify(l, signer, &e), &e);
	itl_free(l);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	X509_free(signer);
	bytes_free(sample);
	return 0;
}

/* Nobody who knows the signer takes it: neither as the CTL's SAST, nor as the
 * ITL's, nor asked directly. */
static void never_accepted(struct bytes b, bool show)
{
	static const struct bytes none;
	struct itl_file_facts facts = {"CTL", 0};
	struct itl *l = NULL;
	char why[256];
	bool same;
	struct err e;

	assert_false(itl_accepted(itl_accept(sample, none, b, NULL, NULL, why)));
	assert_false(itl_accepted(itl_accept(none, sample, b, NULL, NULL, why)));
	if (itl_parse(b, ITL_LENIENT, &l, &e))
		return;
	assert_int_not_equal(itl_verify(l, signer, &e), RC_OK);
	assert_int_not_equal(itl_verify_self(l, &e), RC_OK);
	if (show) {
		free(itl_listing(l, &facts, &e));
		free(itl_diff(l, l, &same));
	}
	itl_free(l);
}

static void truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < sample.n; i++) {
		struct bytes cut = support_cut(sample, i);

		never_accepted(cut, i % 16 == 0);
		bytes_free(cut);
	}
}

/* The tag-12 TLV is not signed: its framing must be right for other reasons. */
static void signature_framing(void **state)
{
	const size_t at = 158;
	uint8_t *copy = malloc(sample.n);

	(void)state;
	memcpy(copy, sample.p, sample.n);
	for (size_t i = at; i < at + 3; i++)
		for (unsigned v = 0; v < 256; v++) {
			copy[i] = (uint8_t)v;
			if (v != sample.p[i])
				never_accepted(bytes_of(copy, sample.n), false);
			copy[i] = sample.p[i];
		}
	free(copy);
}

static void mutated(void **state)
{
	uint64_t random = support_seed();
	size_t rounds = support_rounds(100000);

	(void)state;
	while (rounds) {
		struct bytes b = support_mutate(sample, 400, &random);

		if (!bytes_equal(b, sample)) {
			never_accepted(b, rounds % 16 == 0);
			rounds--;
		}
		bytes_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncated),
		cmocka_unit_test(signature_framing),
		cmocka_unit_test(mutated),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
