/* Signing a tree, knowing what is unchanged, signing again, verifying. */
#include "tree.h"
#include "base/num.h"
#include <string.h>
#include <unistd.h>

static void fill(struct tree *t)
{
	static uint8_t large[200000];

	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (uint8_t)(i * 7);
	tree_text(t, "SEP001122334455.cnf.xml", "<device/>\n");
	tree_text(t, "empty.xml", "");
	tree_text(t, "one", "1");
	tree_write(t, "locale/en/large.jar", large, sizeof large);
}

static void a_tree_is_signed(void **state)
{
	struct tree *t = *state;
	struct stat st;

	fill(t);
	assert_int_equal(chmod(tree_path(t, "one"), 0640), 0);
	tree_expect(t, 4, 0, 0);
	tree_phone_takes(t, "SEP001122334455.cnf.xml", "SEP001122334455.cnf.xml", &alice);
	tree_phone_takes(t, "empty.xml", "empty.xml", &alice);
	tree_phone_takes(t, "one", "one", &alice);
	tree_phone_takes(t, "locale/en/large.jar", "locale/en/large.jar", &alice);
	/* Whoever serves the file can read this one, too. */
	assert_int_equal(stat(tree_path(t, "one.sgn"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(stat(tree_path(t, "empty.xml.sgn"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(t->sum.bytes, 200000 + strlen("<device/>\n") + 1);
}

static void names_have_a_prefix(void **state)
{
	struct tree *t = *state;

	tree_text(t, "x.xml", "x");
	tree_text(t, "deep/y.xml", "y");
	t->job.prefix = "locale/";
	tree_expect(t, 2, 0, 0);
	tree_phone_takes(t, "x.xml", "locale/x.xml", &alice);
	tree_phone_takes(t, "deep/y.xml", "locale/deep/y.xml", &alice);
	tree_expect(t, 0, 2, 0);
}

static void what_is_unchanged_is_known(void **state)
{
	struct tree *t = *state;

	fill(t);
	tree_expect(t, 4, 0, 0);
	tree_expect(t, 0, 4, 0);
	assert_int_equal(t->batches, 0);
	tree_text(t, "one", "2"); /* as long as before */
	tree_expect(t, 1, 3, 0);
	tree_phone_takes(t, "one", "one", &alice);
	/* Another hash, another signer: all anew. */
	t->job.digest = ITL_SHA512;
	tree_expect(t, 4, 0, 0);
	tree_phone_takes(t, "one", "one", &alice);
	tree_expect(t, 0, 4, 0);
	t->job.signer = bob.cert;
	t->by = &bob;
	tree_expect(t, 4, 0, 0);
	tree_phone_takes(t, "one", "one", &bob);
}

/* Whatever byte of a .sgn is another one, or not there. */
static void an_edited_one_is_found(void **state)
{
	struct tree *t = *state;
	struct bytes good;
	size_t step;

	tree_text(t, "a.xml", "content of some length");
	tree_expect(t, 1, 0, 0);
	good = tree_read(t, "a.xml.sgn");
	step = good.n / 25 + 1;
	for (size_t at = 0; at < good.n; at += at < 10 ? 1 : step) {
		uint8_t *bad = malloc(good.n);

		memcpy(bad, good.p, good.n);
		bad[at] ^= 0x01;
		tree_write(t, "a.xml.sgn", bad, good.n);
		free(bad);
		tree_expect(t, 1, 0, 0);
	}
	for (size_t n = 0; n < good.n; n += step) {
		tree_write(t, "a.xml.sgn", good.p, n);
		tree_expect(t, 1, 0, 0);
	}
	tree_phone_takes(t, "a.xml", "a.xml", &alice);
	free((void *)(uintptr_t)good.p);
}

/* Good for another file, and signed by another. */
static void a_foreign_one_is_found(void **state)
{
	struct tree *t = *state;

	tree_text(t, "a.xml", "same");
	tree_text(t, "b.xml", "same");
	tree_expect(t, 2, 0, 0);
	assert_int_equal(rename(tree_path(t, "a.xml.sgn"), tree_path(t, "b.xml.sgn")), 0);
	tree_expect(t, 2, 0, 0);
	tree_phone_takes(t, "b.xml", "b.xml", &alice);
	/* A link in its place is replaced, not followed. */
	tree_text(t, "elsewhere", "do not touch");
	assert_int_equal(unlink(tree_path(t, "b.xml.sgn")), 0);
	assert_int_equal(symlink("elsewhere", tree_path(t, "b.xml.sgn")), 0);
	t->job.pattern = "b.*";
	tree_expect(t, 1, 0, 0);
	tree_phone_takes(t, "b.xml", "b.xml", &alice);
	struct bytes b = tree_read(t, "elsewhere");

	assert_int_equal(b.n, 12);
	free((void *)(uintptr_t)b.p);
}

static void patterns_choose(void **state)
{
	static const struct {
		const char *pattern;
		size_t n;
	} rows[] = {{"*.cnf.xml", 2}, {"SEP*", 1}, {"locale/*.cnf.xml", 1}, {"nothing", 0},
		    {"*", 3}, {"locale/*", 1}};
	struct tree *t = *state;

	tree_text(t, "SEP1.cnf.xml", "1");
	tree_text(t, "locale/x.cnf.xml", "2");
	tree_text(t, "ring.pcm", "3");
	t->job.dry_run = true;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		t->job.pattern = rows[i].pattern;
		tree_expect(t, rows[i].n, 0, 0);
	}
	assert_int_equal(t->batches, 0);
	assert_false(tree_has(t, "ring.pcm.sgn"));
}

static void batches_have_limits(void **state)
{
	uint8_t *large = calloc(1, SGN_FILE_MAX);
	struct tree *t = *state;
	char name[32];

	for (size_t i = 0; i < 2 * SGN_BATCH_MAX + 50; i++) {
		snprintf(name, sizeof name, "SEP%zu.xml", i);
		tree_text(t, name, name);
	}
	t->job.workers = 1;
	tree_expect(t, 2 * SGN_BATCH_MAX + 50, 0, 0);
	assert_int_equal(t->largest, SGN_BATCH_MAX);
	assert_int_equal(t->batches, 3);
	tree_write(t, "large1", large, SGN_FILE_MAX);
	tree_write(t, "large2", large, SGN_FILE_MAX);
	tree_write(t, "small", large, 10);
	tree_expect(t, 3, 2 * SGN_BATCH_MAX + 50, 0);
	assert_true(t->largest_bytes <= SGN_BATCH_BYTES + 10);
	tree_phone_takes(t, "large2", "large2", &alice);
	free(large);
}

/* ---- failures of who signs ---- */

static void one_that_is_disliked(void **state)
{
	struct tree *t = *state;

	fill(t);
	t->dislike = "one.sgn";
	tree_expect(t, 3, 0, 1);
	tree_refused(t, "one", "it is disliked");
	assert_false(tree_has(t, "one.sgn"));
}

/* Its key was renewed in the middle of the run. */
static void another_one_signs(void **state)
{
	struct tree *t = *state;

	tree_text(t, "a.xml", "a");
	t->by = &bob;
	tree_expect(t, 0, 0, 1);
	tree_refused(t, "a.xml", "renewed meanwhile");
	assert_int_equal(t->told[0].rc, RC_VERIFY);
	assert_false(tree_has(t, "a.xml.sgn"));
}

static void a_failure_keeps_what_was_signed(void **state)
{
	struct tree *t = *state;
	size_t have = 0;
	char name[32];

	for (size_t i = 0; i < 3 * SGN_BATCH_MAX; i++) {
		snprintf(name, sizeof name, "SEP%zu.xml", i);
		tree_text(t, name, name);
	}
	t->job.workers = 1;
	t->fail_at = 3;
	assert_int_equal(tree_run(t), RC_TOKEN);
	assert_string_equal(t->error.why, "the token is gone");
	assert_int_equal(t->sum.fate[SGN_SIGNED], 2 * SGN_BATCH_MAX);
	for (size_t i = 0; i < 3 * SGN_BATCH_MAX; i++) {
		snprintf(name, sizeof name, "SEP%zu.xml.sgn", i);
		have += tree_has(t, name);
	}
	assert_int_equal(have, 2 * SGN_BATCH_MAX);
	t->fail_at = 0;
	tree_expect(t, SGN_BATCH_MAX, 2 * SGN_BATCH_MAX, 0);
}

static bool stop(void *arg)
{
	struct tree *t = arg;

	return t->batches > 0;
}

static void it_can_be_stopped(void **state)
{
	struct tree *t = *state;
	char name[32];

	for (size_t i = 0; i < 3 * SGN_BATCH_MAX; i++) {
		snprintf(name, sizeof name, "SEP%zu.xml", i);
		tree_text(t, name, name);
	}
	t->job.workers = 1;
	t->job.stop = stop;
	assert_int_equal(tree_run(t), RC_STALE);
	assert_true(t->sum.fate[SGN_SIGNED] >= SGN_BATCH_MAX);
	assert_true(t->sum.fate[SGN_SIGNED] < 3 * SGN_BATCH_MAX);
}

/* ---- again, by another signer ---- */

static void as_again(struct tree *t)
{
	static X509 *before[1];

	before[0] = alice.cert;
	t->job.what = SGN_AGAIN;
	t->job.signer = bob.cert;
	t->job.signers = before;
	t->job.nsigners = 1;
	t->by = &bob;
}

static void another_signer_signs_the_same(void **state)
{
	struct tree *t = *state;

	fill(t);
	tree_expect(t, 4, 0, 0);
	t->job.digest = ITL_SHA512;
	tree_text(t, "two", "2");
	tree_expect(t, 5, 0, 0);
	/* What was served stays what is served, whatever the file has now. */
	tree_text(t, "one", "not yet signed");
	as_again(t);
	tree_expect(t, 5, 0, 0);
	tree_phone_takes(t, "two", "two", &bob);
	tree_phone_takes(t, "locale/en/large.jar", "locale/en/large.jar", &bob);
	tree_text(t, "one", "1");
	tree_phone_takes(t, "one", "one", &bob);
	struct bytes sgn = tree_read(t, "one.sgn");
	struct itl *l = NULL;

	assert_ok(itl_parse(sgn, ITL_SGN, &l, &t->error), &t->error);
	assert_int_equal(l->digest, ITL_SHA512);
	itl_free(l);
	free((void *)(uintptr_t)sgn.p);
	tree_expect(t, 0, 5, 0);
}

/* Files of both signers and both hashes, one beside the other. */
static void a_mixed_tree(void **state)
{
	X509 *both[] = {bob.cert, alice.cert};
	struct tree *t = *state;
	char name[32];

	t->job.workers = 1;
	for (unsigned i = 0; i < 12; i++) {
		snprintf(name, sizeof name, "f%02u.xml", i);
		tree_text(t, name, name);
		t->job.pattern = name;
		t->job.digest = i % 2 ? ITL_SHA1 : ITL_SHA512;
		t->by = i % 3 ? &alice : &bob;
		t->job.signer = t->by->cert;
		tree_expect(t, 1, 0, 0);
	}
	t->job.pattern = NULL;
	t->job.what = SGN_VERIFY;
	t->job.signer = NULL;
	t->job.signers = both;
	t->job.nsigners = 2;
	tree_expect(t, 0, 12, 0);
	as_again(t);
	tree_expect(t, 8, 4, 0);
	for (unsigned i = 0; i < 12; i++) {
		struct itl *l = NULL;

		snprintf(name, sizeof name, "f%02u.xml", i);
		tree_phone_takes(t, name, name, &bob);
		strcat(name, ".sgn");
		struct bytes sgn = tree_read(t, name);

		assert_ok(itl_parse(sgn, ITL_SGN, &l, &t->error), &t->error);
		assert_int_equal(l->digest, i % 2 ? ITL_SHA1 : ITL_SHA512);
		itl_free(l);
		free((void *)(uintptr_t)sgn.p);
	}
}

/* Nobody gets a signature over what another one put there. */
static void what_was_edited_is_not_signed_again(void **state)
{
	struct tree *t = *state;
	struct bytes sgn, now;

	tree_text(t, "a.xml", "aaaa");
	tree_text(t, "b.xml", "bbbb");
	tree_expect(t, 2, 0, 0);
	sgn = tree_read(t, "a.xml.sgn");
	((uint8_t *)(uintptr_t)sgn.p)[sgn.n - 1] = 'X';
	tree_write(t, "a.xml.sgn", sgn.p, sgn.n);
	tree_text(t, "c.xml.sgn", "no signed file at all");
	as_again(t);
	tree_expect(t, 1, 0, 2);
	tree_refused(t, "a.xml", "does not verify");
	now = tree_read(t, "a.xml.sgn");
	assert_true(bytes_equal(now, sgn));
	/* A stranger's neither. */
	t->job.nsigners = 0;
	t->job.signer = alice.cert;
	t->by = &alice;
	tree_expect(t, 0, 0, 3);
	tree_refused(t, "b.xml", "none of the certificates");
	free((void *)(uintptr_t)now.p);
	free((void *)(uintptr_t)sgn.p);
}

/* ---- verifying ---- */

static void a_tree_is_verified(void **state)
{
	X509 *both[] = {alice.cert, bob.cert};
	struct tree *t = *state;
	struct bytes sgn;

	fill(t);
	tree_expect(t, 4, 0, 0);
	t->job.what = SGN_VERIFY;
	t->job.signer = NULL;
	t->job.signers = both;
	t->job.nsigners = 2;
	t->job.sign = NULL;
	tree_expect(t, 0, 4, 0);
	t->job.signers = both + 1;
	t->job.nsigners = 1;
	tree_expect(t, 0, 0, 4);
	assert_int_equal(t->told[0].rc, RC_VERIFY);
	t->job.signers = both;
	sgn = tree_read(t, "one.sgn");
	tree_write(t, "three.sgn", sgn.p, sgn.n);
	tree_text(t, "empty.xml", "no more");
	tree_expect(t, 0, 3, 1);
	assert_int_equal(t->sum.fate[SGN_OUTDATED], 1);
	tree_refused(t, "three", "under another name");
	free((void *)(uintptr_t)sgn.p);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, tree_start, tree_stop)
	const struct CMUnitTest tests[] = {
		T(a_tree_is_signed),
		T(names_have_a_prefix),
		T(what_is_unchanged_is_known),
		T(an_edited_one_is_found),
		T(a_foreign_one_is_found),
		T(patterns_choose),
		T(batches_have_limits),
		T(one_that_is_disliked),
		T(another_one_signs),
		T(a_failure_keeps_what_was_signed),
		T(it_can_be_stopped),
		T(another_signer_signs_the_same),
		T(a_mixed_tree),
		T(what_was_edited_is_not_signed_again),
		T(a_tree_is_verified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
