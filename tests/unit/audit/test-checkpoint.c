/* What checkpoints and recorded heads find, and what they cannot. */
#include "log.h"
#include <string.h>

/* 12 entries: 1 certificate, 2-5, 6 checkpoint upto 5, 7-8, 9 checkpoint upto 7
 * (it took a while), 10-12 not covered. */
static struct log *covered_log(void)
{
	struct audit_point seven;
	struct log *l = log_new();

	log_certificate(l, auditor(0), NULL);
	for (int i = 0; i < 4; i++)
		log_add(l, "node=n1");
	log_checkpoint(l, auditor(0), NULL, "lab");
	log_add(l, NULL);
	seven = audit_chain_point(&l->chain);
	log_add(l, NULL);
	log_checkpoint(l, auditor(0), &seven, "lab");
	for (int i = 0; i < 3; i++)
		log_add(l, NULL);
	return l;
}

static enum rc verify(const struct log *l, const struct audit_wanted *w,
		      struct audit_report *r, struct err *e)
{
	struct audit_verifier CLEANUP(audit_verifier_free) *v = audit_verifier_new(w);

	assert_non_null(v);
	if (audit_verifier_file(v, "audit.log", e) != RC_OK ||
	    audit_verifier_feed(v, log_bytes(l), e) != RC_OK) {
		struct err again;

		assert_int_equal(audit_verifier_end(v, r, &again), RC_VERIFY);
		assert_string_equal(again.why, e->why);
		return e->rc;
	}
	return audit_verifier_end(v, r, e);
}

static struct audit_wanted by(unsigned i)
{
	static X509 *certs[4];

	certs[i] = auditor(i)->cert;
	return (struct audit_wanted){.certs = &certs[i], .ncerts = 1, .covered = true,
				     .cluster = "lab"};
}

static void says_what_is_covered(void **state)
{
	struct log *l = covered_log();
	struct audit_wanted w = by(0);
	struct audit_report r;
	struct err e;

	(void)state;
	assert_ok(verify(l, &w, &r, &e), &e);
	assert_int_equal(r.entries, 12);
	assert_int_equal(r.first, 1);
	assert_int_equal(r.last, 12);
	assert_int_equal(r.checkpoints, 2);
	assert_int_equal(r.covered, 7);
	assert_int_equal(r.checkpoint, 9);
	assert_int_equal(r.checkpoint_time, LOG_TIME + 60);
	assert_int_equal(r.behind, 4); /* 8, 10, 11, 12 */
	assert_int_equal(r.strange, 0);
	assert_string_equal(r.cluster, "lab");
	assert_memory_equal(r.cert, auditor(0)->sha256, 32);

	/* without a certificate the log's own is as good */
	w = (struct audit_wanted){0};
	assert_ok(verify(l, &w, &r, &e), &e);
	assert_int_equal(r.checkpoints, 2);
	assert_int_equal(r.covered, 7);
	free(l);
}

/* Any piece size reads the same. */
static void in_pieces(void **state)
{
	static const size_t sizes[] = {1, 2, 63, 64, 1000, 4095, 4096, 4097, 1 << 20};
	struct log *l = covered_log();
	struct audit_wanted w = by(0);

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct audit_verifier *v = audit_verifier_new(&w);
		struct audit_report r;
		struct err e;

		for (size_t at = 0; at < l->n; at += sizes[i])
			assert_ok(audit_verifier_feed(
					  v,
					  bytes_of(l->text + at,
						   l->n - at < sizes[i] ? l->n - at
									: sizes[i]),
					  &e), &e);
		assert_ok(audit_verifier_end(v, &r, &e), &e);
		assert_int_equal(r.entries, 12);
		assert_int_equal(r.checkpoints, 2);
		audit_verifier_free(v);
	}
	free(l);
}

/* Whoever can write the file makes all hashes anew. */
static void a_forged_chain_is_found_up_to_the_last_checkpoint(void **state)
{
	struct audit_wanted w = by(0);
	struct audit_report r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < 12; i++)
		for (int what = 0; what < 2; what++) {
			struct log *l = covered_log();
			enum rc rc;

			log_forge(l, i, what ? ",\"t\":1,\"who\":\"front\",\"uid\":0,\"event\":\"itl\",\"rc\":\"ok\"" : NULL);
			rc = verify(l, &w, &r, &e);
			if (i < 7) {
				assert_int_equal(rc, RC_VERIFY);
			} else {
				assert_ok(rc, &e);
				/* seen, by who remembers how far it went */
				assert_int_equal(r.covered, i == 8 ? 5 : 7);
			}
			free(l);
		}
}

static void checkpoints_of_others(void **state)
{
	static const struct {
		const char *name;
		unsigned key;
		bool certificate, other_cluster, later, old_head;
		const char *why; /* NULL: not wrong, but strange */
	} rows[] = {
		{"another's, unknown", 1, false, false, false, false, NULL},
		{"another's, in the log", 1, true, false, false, false, NULL},
		{"another cluster's", 0, false, true, false, false, "another cluster"},
		{"of what comes after", 0, false, false, true, false, "after it"},
		{"of another log", 0, false, false, false, true, "another log"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct log *l = covered_log();
		struct audit_wanted w = by(0);
		struct audit_point p;
		struct audit_report r;
		struct err e;

		if (rows[i].certificate)
			log_certificate(l, auditor(1), NULL);
		p = audit_chain_point(&l->chain);
		p.entry += rows[i].later;
		p.head[31] ^= rows[i].old_head;
		log_checkpoint(l, auditor(rows[i].key), &p,
			       rows[i].other_cluster ? "other" : "lab");
		if (rows[i].why) {
			assert_int_equal(verify(l, &w, &r, &e), RC_VERIFY);
			assert_non_null(strstr(e.why, rows[i].why));
			assert_non_null(strstr(e.what, "line 13 (entry 13)"));
		} else {
			assert_ok(verify(l, &w, &r, &e), &e);
			assert_int_equal(r.strange, 1);
			assert_int_equal(r.covered, 7);
		}
		free(l);
	}
}

/* Each field that a checkpoint has, changed, with all hashes made anew. */
static void a_changed_checkpoint(void **state)
{
	static const char *const fields[] = {"\"t\":176", "\"digest\":\"", "\"cluster\":\"",
					     "\"upto\":", "\"head\":\"",
					     "\"signature\":\""};

	(void)state;
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		struct log *l = covered_log();
		struct audit_wanted w = by(0);
		char text[AUDIT_LINE_MAX], *at;
		const char *line = strstr(l->text + l->at[8], ",\"t\":");
		struct audit_report r;
		struct err e;
		enum rc rc;

		(void)snprintf(text, sizeof text, "%.*s",
			       (int)(strstr(line, ",\"h\":") - line), line);
		at = strstr(text, fields[i]) + strlen(fields[i]);
		*at = *at == '5' ? '6' : '5';
		log_forge(l, 8, text);
		rc = verify(l, &w, &r, &e);
		if (i == 1) { /* now it is one of a certificate that nobody knows */
			assert_ok(rc, &e);
			assert_int_equal(r.strange, 1);
			assert_int_equal(r.covered, 5);
		} else {
			assert_int_equal(rc, RC_VERIFY);
		}
		free(l);
	}
}

/* A new key: old certificate, new certificate, one from elsewhere. */
static void a_new_key(void **state)
{
	static const struct {
		unsigned pinned;
		bool linked;
		uint64_t covered, strange;
		enum rc rc;
	} rows[] = {
		{0, true, 8, 0, RC_OK},   /* followed from the old one */
		{0, false, 3, 1, RC_OK},  /* nothing links them */
		{1, true, 8, 1, RC_OK},   /* the newest needs no other */
		{1, false, 8, 1, RC_OK},
		{2, true, 0, 2, RC_VERIFY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct log *l = log_new();
		struct audit_wanted w = by(rows[i].pinned);
		struct audit_report r;
		struct err e;

		log_certificate(l, auditor(0), NULL);
		log_add(l, NULL);
		log_add(l, NULL);
		log_checkpoint(l, auditor(0), NULL, "lab"); /* 4, upto 3 */
		log_certificate(l, auditor(1),
				rows[i].linked ? auditor(0) : NULL); /* 5 */
		for (int k = 0; k < 3; k++)
			log_add(l, NULL);
		log_checkpoint(l, auditor(1), NULL, "lab"); /* 9, upto 8 */
		assert_int_equal(verify(l, &w, &r, &e), rows[i].rc);
		assert_int_equal(r.covered, rows[i].covered);
		assert_int_equal(r.strange, rows[i].strange);
		free(l);
	}
}

/* A link that the old key did not sign. */
static void a_false_link(void **state)
{
	struct log *l = log_new();
	struct audit_wanted w = by(0);
	char text[AUDIT_LINE_MAX], *signature;
	struct audit_report r;
	const char *line;
	struct err e;

	(void)state;
	log_certificate(l, auditor(0), NULL);
	log_certificate(l, auditor(1), auditor(0));
	log_checkpoint(l, auditor(1), NULL, "lab");
	assert_ok(verify(l, &w, &r, &e), &e);
	assert_int_equal(r.covered, 2);
	line = strstr(l->text + l->at[1], ",\"t\":");
	(void)snprintf(text, sizeof text, "%.*s", (int)(strstr(line, ",\"h\":") - line),
		       line);
	signature = strstr(text, "\"signature\":\"") + 20;
	*signature = *signature == 'A' ? 'B' : 'A';
	log_forge(l, 1, text);
	assert_int_equal(verify(l, &w, &r, &e), RC_VERIFY);
	assert_non_null(strstr(e.why, "new certificate"));
	free(l);
}

static struct audit_known known_of(const struct log *l, size_t line)
{
	struct audit_known k = {.from = "a backup"};
	struct log *part = log_new();
	struct audit_chain c;
	size_t torn;
	struct err e;

	assert_ok(audit_chain_resume(&c, bytes_of(l->text, l->at[line]), &torn, &e), &e);
	k.at = audit_chain_point(&c);
	free(part);
	return k;
}

static void recorded_heads(void **state)
{
	struct log *l = covered_log(), *other = log_new();
	struct audit_known known[] = {known_of(l, 11), known_of(l, 3), known_of(l, 3)};
	struct audit_wanted w = {.known = known, .nknown = 3};
	struct audit_report r;
	struct err e;

	(void)state;
	assert_ok(verify(l, &w, &r, &e), &e);
	assert_int_equal(r.known, 3);

	/* the end is cut off: nothing in the log can tell */
	l->n = l->at[10];
	assert_int_equal(verify(l, &w, &r, &e), RC_VERIFY);
	assert_non_null(strstr(e.why, "entry 11"));
	assert_non_null(strstr(e.why, "a backup"));
	w.nknown = 0;
	assert_ok(verify(l, &w, &r, &e), &e);

	/* a whole other chain, valid in itself */
	for (int i = 0; i < 20; i++)
		log_add(other, "all is well");
	assert_ok(verify(other, &w, &r, &e), &e);
	w.nknown = 3;
	assert_int_equal(verify(other, &w, &r, &e), RC_VERIFY);
	assert_non_null(strstr(e.what, "entry 3"));
	w = by(0);
	assert_int_equal(verify(other, &w, &r, &e), RC_VERIFY);
	assert_non_null(strstr(e.why, "no checkpoint"));
	/* with a checkpoint of its own */
	log_certificate(other, auditor(3), NULL);
	log_checkpoint(other, auditor(3), NULL, "lab");
	assert_int_equal(verify(other, &w, &r, &e), RC_VERIFY);
	assert_non_null(strstr(e.why, "other certificates"));
	free(other);
	free(l);
}

/* The log in files: cut behind line `a` and behind line `b`, each new file with its
 * first line. */
static enum rc verify_files(const struct log *l, size_t a, size_t b, unsigned give,
			    struct audit_report *r, struct err *e)
{
	const size_t cuts[] = {0, a, b, l->lines};
	struct audit_wanted w = by(0);
	struct audit_verifier CLEANUP(audit_verifier_free) *v = audit_verifier_new(&w);

	for (size_t i = 0; i < 3; i++) {
		char line[AUDIT_LINE_MAX];
		struct audit_chain c;
		size_t torn, n;

		if (!(give & (1u << i)))
			continue;
		if (audit_verifier_file(v, i ? "next" : "first", e) != RC_OK)
			return e->rc;
		assert_ok(audit_chain_resume(&c, bytes_of(l->text, l->at[cuts[i]]),
					     &torn, e), e);
		n = i ? audit_format_continues(&c, line) : 0;
		if (audit_verifier_feed(v, bytes_of(line, n), e) != RC_OK ||
		    audit_verifier_feed(v,
					bytes_of(l->text + l->at[cuts[i]],
						 l->at[cuts[i + 1]] - l->at[cuts[i]]),
					e) != RC_OK)
			return e->rc;
	}
	return audit_verifier_end(v, r, e);
}

static void files_in_order(void **state)
{
	struct log *l = covered_log();
	struct audit_report r;
	struct err e;

	(void)state;
	for (size_t a = 1; a < l->lines; a++)
		for (size_t b = a; b < l->lines; b++) {
			assert_ok(verify_files(l, a, b, 7, &r, &e), &e);
			assert_int_equal(r.entries, 12);
			assert_int_equal(r.covered, 7);
			if (a == b)
				continue;
			/* the one in the middle is missing */
			assert_int_equal(verify_files(l, a, b, 5, &r, &e), RC_VERIFY);
		}
	/* the later ones alone: what they cover is less, and said so */
	assert_ok(verify_files(l, 6, 7, 6, &r, &e), &e);
	assert_int_equal(r.first, 7);
	assert_int_equal(r.covered, 7);
	/* the checkpoint is in the last file, what it covers is not */
	assert_int_equal(verify_files(l, 6, 8, 4, &r, &e), RC_VERIFY);
	assert_int_equal(r.checkpoints, 0);
	assert_ok(verify_files(l, 6, 7, 4, &r, &e), &e);
	assert_int_equal(r.covered, 7);
	free(l);
}

static void a_file_cut_within_a_line(void **state)
{
	struct log *l = covered_log();
	struct audit_wanted w = {0};
	struct audit_verifier *v = audit_verifier_new(&w);
	struct audit_report r;
	struct err e;

	(void)state;
	assert_ok(audit_verifier_file(v, "audit.log.9", &e), &e);
	assert_ok(audit_verifier_feed(v, bytes_of(l->text, l->at[3] - 5), &e), &e);
	assert_int_equal(audit_verifier_file(v, "audit.log", &e), RC_VERIFY);
	assert_string_equal(e.what, "audit.log.9, line 3");
	assert_int_equal(audit_verifier_end(v, &r, &e), RC_VERIFY);
	audit_verifier_free(v);
	free(l);
}

/* Each hash fits, but an entry's number does not. */
static void numbers_that_jump(void **state)
{
	static const int jumps[] = {-1, 1, 70000};

	(void)state;
	for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
		struct log *l = log_new();
		struct audit_wanted w = {0};
		struct audit_report r;
		struct err e;

		log_add(l, NULL);
		log_add(l, NULL);
		l->chain.next += (uint64_t)jumps[i];
		log_add(l, NULL);
		assert_int_equal(verify(l, &w, &r, &e), RC_VERIFY);
		assert_non_null(strstr(e.what, "line 3 (entry "));
		free(l);
	}
}

static void bytes_for_a_terminal(void **state)
{
	static const char *const texts[] = {
		",\"t\":1,\"who\":\"\033[2J\"",
		",\"t\":1,\"who\":\"\xc2\x9b\"",
		",\"t\":1,\"who\":\"a\tb\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct log *l = log_new();
		struct audit_wanted w = {0};
		struct audit_report r;
		struct err e;

		log_add(l, NULL);
		log_forge(l, 0, texts[i]);
		assert_int_equal(verify(l, &w, &r, &e), RC_VERIFY);
		assert_non_null(strstr(e.why, "bytes that no entry has"));
		free(l);
	}
}

static int end(void **state)
{
	(void)state;
	auditors_free();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_covered),
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(a_forged_chain_is_found_up_to_the_last_checkpoint),
		cmocka_unit_test(checkpoints_of_others),
		cmocka_unit_test(a_changed_checkpoint),
		cmocka_unit_test(a_new_key),
		cmocka_unit_test(a_false_link),
		cmocka_unit_test(recorded_heads),
		cmocka_unit_test(files_in_order),
		cmocka_unit_test(a_file_cut_within_a_line),
		cmocka_unit_test(numbers_that_jump),
		cmocka_unit_test(bytes_for_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
