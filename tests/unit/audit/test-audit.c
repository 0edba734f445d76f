#include "support/support.h"
#include "whole.h"
#include "base/hex.h"
#include <string.h>

/* A log of n entries, as keyd writes it. */
struct log {
	char text[64 * AUDIT_LINE_MAX];
	size_t n;
	size_t at[64]; /* offset of each line, and of the end */
	struct audit_chain chain;
};

static void add(struct log *l, size_t i, const char *detail)
{
	static const uint8_t digest[20] = {0xde, 0xad};
	struct audit_entry entry = {
		.time = 1763900000 + (int64_t)i,
		.who = "front",
		.uid = 991,
		.event = "itl",
		.key = "CallManager/n1/1",
		.digest = bytes_of(digest, sizeof digest),
		.detail = detail,
		.rc = "ok",
	};

	l->at[i] = l->n;
	l->n += audit_format(&l->chain, &entry, l->text + l->n);
	l->at[i + 1] = l->n;
}

static struct log *log_of(size_t n)
{
	struct log *l = calloc(1, sizeof *l);

	assert_non_null(l);
	audit_chain_start(&l->chain);
	for (size_t i = 0; i < n; i++)
		add(l, i, i % 2 ? "node=n1" : NULL);
	return l;
}

static struct bytes all(const struct log *l)
{
	return bytes_of(l->text, l->n);
}

static void verifies(void **state)
{
	struct log *l = log_of(10);
	struct audit_report r;
	struct err e;

	(void)state;
	assert_ok(audit_verify(all(l), &r, &e), &e);
	assert_int_equal(r.entries, 10);
	assert_int_equal(r.first_time, 1763900000);
	assert_int_equal(r.last_time, 1763900009);
	assert_memory_equal(r.head, l->chain.head, sizeof r.head);
	assert_int_equal(r.torn, 0);
	assert_ok(audit_verify(bytes_of("", 0), &r, &e), &e);
	assert_int_equal(r.entries, 0);
	free(l);
}

/* Every bit of every byte of a line is covered. */
static void finds_every_edit(void **state)
{
	struct log *l = log_of(5);
	struct audit_report r;
	struct err e;

	(void)state;
	for (size_t i = l->at[2]; i < l->at[3]; i++)
		for (int bit = 0; bit < 8; bit++) {
			l->text[i] ^= (char)(1 << bit);
			assert_int_equal(audit_verify(all(l), &r, &e),
					 RC_VERIFY);
			l->text[i] ^= (char)(1 << bit);
		}
	assert_ok(audit_verify(all(l), &r, &e), &e);
	free(l);
}

static void finds_what_is_missing(void **state)
{
	struct log *l = log_of(6);
	char *copy = malloc(sizeof l->text);
	struct audit_report r;
	struct err e;
	size_t n;

	(void)state;
	for (size_t drop = 0; drop < 5; drop++) { /* the last one needs a checkpoint */
		n = l->at[drop];
		memcpy(copy, l->text, n);
		memcpy(copy + n, l->text + l->at[drop + 1],
		       l->n - l->at[drop + 1]);
		n += l->n - l->at[drop + 1];
		assert_int_equal(audit_verify(bytes_of(copy, n), &r, &e),
				 RC_VERIFY);
		assert_non_null(strstr(e.what, "line"));
	}
	/* two lines swapped */
	n = l->at[3] - l->at[2];
	memcpy(copy, l->text, l->n);
	memcpy(copy + l->at[2], l->text + l->at[3], l->at[4] - l->at[3]);
	memcpy(copy + l->at[2] + (l->at[4] - l->at[3]), l->text + l->at[2], n);
	assert_int_equal(audit_verify(bytes_of(copy, l->n), &r, &e), RC_VERIFY);
	free(copy);
	free(l);
}

static void resumes_behind_a_torn_line(void **state)
{
	struct log *l = log_of(4);
	struct audit_report r;
	size_t torn = 0, whole = l->n;
	struct err e;

	(void)state;
	for (size_t cut = l->at[3]; cut < whole; cut++) {
		struct audit_chain c = {0};

		assert_ok(audit_chain_resume(&c, bytes_of(l->text, cut), &torn, &e),
			  &e);
		assert_int_equal(torn, cut - l->at[3]);
		assert_int_equal(c.next, 4);
	}
	/* go on from the third line: the chain must hold */
	struct audit_chain c;

	assert_ok(audit_chain_resume(&c, bytes_of(l->text, whole - 5), &torn, &e),
		  &e);
	l->chain = c;
	l->n = whole - 5 - torn;
	add(l, 3, "after the crash");
	add(l, 4, NULL);
	assert_ok(audit_verify(all(l), &r, &e), &e);
	assert_int_equal(r.entries, 5);

	assert_ok(audit_chain_resume(&c, bytes_of("", 0), &torn, &e), &e);
	assert_int_equal(c.next, 1);
	assert_ok(audit_chain_resume(&c, bytes_of("{\"n\":1", 6), &torn, &e), &e);
	assert_int_equal(torn, 6);
	assert_int_equal(audit_chain_resume(&c, bytes_of("junk\n", 5), &torn, &e),
			 RC_VERIFY);
	free(l);
}

static void escapes_and_cuts(void **state)
{
	static char evil[5000];
	struct log *l = calloc(1, sizeof *l);
	struct audit_report r;
	struct err e;

	(void)state;
	assert_non_null(l);
	audit_chain_start(&l->chain);
	add(l, 0, "a\"},\n{\"n\":2\\");
	for (size_t i = 0; i < sizeof evil - 1; i++)
		evil[i] = i % 3 ? (char)0xff : '"';
	add(l, 1, evil);
	memset(evil, 'a', sizeof evil - 1);
	add(l, 2, evil);
	for (size_t i = 0; i < 3; i++)
		assert_true(l->at[i + 1] - l->at[i] < AUDIT_LINE_MAX);
	assert_ok(audit_verify(all(l), &r, &e), &e);
	assert_int_equal(r.entries, 3);
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies),
		cmocka_unit_test(finds_every_edit),
		cmocka_unit_test(finds_what_is_missing),
		cmocka_unit_test(resumes_behind_a_torn_line),
		cmocka_unit_test(escapes_and_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
