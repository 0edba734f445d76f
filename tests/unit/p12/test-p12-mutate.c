/*
 * Files with something changed, many times: no crash, no leak (under the
 * sanitizers), and never opened as anything but what they were.
 */
#include "make.h"
#include "base/num.h"
#include "internal.h"
#include "support/mutate.h"
#include <string.h>

/* So that a count of iterations that was changed costs little; at full cost it is
 * the real one. */
#define CHEAP 1000

static struct party party;
static struct secret *password;
static struct bytes cheap; /* 1 iteration */
static struct bytes other; /* the same key, encrypted otherwise */

/* Another program's file: its own encryption for both. */
static struct bytes make_other(void)
{
	PKCS12 *p = PKCS12_create(PASSWORD, FRIENDLY, party.key, party.cert, NULL,
				  NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NID_aes_128_cbc, 1,
				  1, 0);
	unsigned char *der = NULL;
	int n = i2d_PKCS12(p, &der);

	assert_true(n > 0);
	PKCS12_free(p);
	return bytes_of(der, (size_t)n);
}

static int setup(void **state)
{
	(void)state;
	party = party_make(2048);
	password = softhsm_secret(PASSWORD);
	cheap = party_file(&party, PASSWORD, 1, FRIENDLY);
	other = make_other();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free((void *)(uintptr_t)cheap.p);
	OPENSSL_free((void *)(uintptr_t)other.p);
	secret_free(password);
	party_clear(&party);
	return 0;
}

/* Some bytes are not covered by the MAC (an encoding of the same, longer or
 * shorter); whoever changes them changes nothing. */
static void check_same(const struct p12 *p)
{
	assert_true(party_is_wrapped(&party, &p->key));
	assert_int_equal(X509_cmp(p->cert, party.cert), 0);
}

static bool opens(struct bytes file, unsigned iterations_max)
{
	struct p12 CLEANUP(p12_free) *p = NULL;
	struct err e = {0};
	enum rc rc = p12_read(file, password, iterations_max, &p, &e);

	if (rc == RC_OK) {
		check_same(p);
		return true;
	}
	assert_null(p);
	assert_true(rc == RC_USAGE || rc == RC_REFUSED || rc == RC_VERIFY);
	assert_int_equal(e.rc, rc);
	assert_true(e.why[0] && e.what[0] && e.hint[0]);
	return false;
}

static void truncated(void **state)
{
	const struct bytes *samples[] = {&cheap, &other};

	(void)state;
	for (size_t s = 0; s < COUNT_OF(samples); s++) {
		assert_true(opens(*samples[s], CHEAP));
		for (size_t i = 0; i < samples[s]->n; i++) {
			struct bytes cut = support_cut(*samples[s], i);

			assert_false(opens(cut, CHEAP));
			free((void *)(uintptr_t)cut.p);
		}
	}
}

static void added_to(void **state)
{
	uint8_t *longer = calloc(1, cheap.n + 1);

	(void)state;
	memcpy(longer, cheap.p, cheap.n);
	assert_false(opens(bytes_of(longer, cheap.n + 1), CHEAP));
	free(longer);
}

/* Every byte is under the MAC, or checked for what it must be. */
static void every_byte(void **state)
{
	uint8_t *copy = malloc(cheap.n);

	(void)state;
	memcpy(copy, cheap.p, cheap.n);
	for (size_t i = 0; i < cheap.n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			bool dense = i < 128 || i > cheap.n - 128;

			if (!dense && bit != i % 8)
				continue;
			copy[i] ^= (uint8_t)(1u << bit);
			assert_false(opens(bytes_of(copy, cheap.n), CHEAP));
			copy[i] = cheap.p[i];
		}
	free(copy);
}

static void mutate(struct bytes sample, unsigned iterations_max, size_t rounds)
{
	uint64_t random = support_seed();

	while (rounds) {
		struct bytes b = support_mutate(sample, 200, &random);

		if (!bytes_equal(b, sample)) {
			(void)opens(b, iterations_max);
			rounds--;
		}
		free((void *)(uintptr_t)b.p);
	}
}

static void mutated(void **state)
{
	(void)state;
	mutate(cheap, CHEAP, support_rounds(100000));
	mutate(other, CHEAP, support_rounds(100000));
}

static void mutated_at_full_cost(void **state)
{
	struct bytes file = party_file(&party, PASSWORD, P12_ITERATIONS, FRIENDLY);

	(void)state;
	mutate(file, P12_ITERATIONS_MAX, support_rounds(100));
	free((void *)(uintptr_t)file.p);
}

/* The contents changed under a MAC that is right: by one who has the password, or
 * by a program with a fault. It may open, as something else; it must be whole. */
static void mutated_by_one_who_knows(void **state)
{
	const struct bytes *samples[] = {&cheap, &other};
	uint64_t random = support_seed();
	size_t opened = 0;
	struct err e;

	(void)state;
	for (size_t s = 0; s < COUNT_OF(samples); s++) {
		PFX CLEANUP(pfx_free) *pfx = NULL;

		assert_ok(pfx_read(*samples[s], CHEAP, &pfx, &e), &e);
		for (size_t i = 0; i < support_rounds(10000); i++) {
			struct bytes content =
				support_mutate(pfx_content(pfx), 200, &random);
			struct p12 CLEANUP(p12_free) *p = NULL;
			uint8_t CLEANUP_FREE *file = NULL;
			size_t n = 0;

			assert_ok(pfx_write(content, password, 1, &file, &n, &e), &e);
			free((void *)(uintptr_t)content.p);
			if (p12_read(bytes_of(file, n), password, CHEAP, &p, &e))
				continue;
			opened++;
			assert_non_null(p->cert);
			assert_true(p->key.n > 0 && p->key.n % 16 == 0);
			assert_int_equal(p->key.kek->n, WRAPPED_KEK_LEN);
		}
	}
	assert_true(opened > 0); /* so it got that far at all */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncated),
		cmocka_unit_test(added_to),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(mutated),
		cmocka_unit_test(mutated_at_full_cost),
		cmocka_unit_test(mutated_by_one_who_knows),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
