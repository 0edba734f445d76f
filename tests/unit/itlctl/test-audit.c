/* audit show, verify, export: files as keyd writes them, front and vaults as
 * stand-ins. */
#include "door.h"
#include "../audit/log.h"
#include "audit/files.h"
#include "base/file.h"
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* 1 certificate, 2-4, 5 checkpoint, 6-8; audit.log.3 has the first three lines. */
static struct log *write_log(struct world *w)
{
	struct log *l = log_new();
	char path[512], line[AUDIT_LINE_MAX], rest[16 * AUDIT_LINE_MAX];
	struct audit_chain c;
	struct err e;
	size_t torn, n;

	log_certificate(l, auditor(0), NULL);
	for (int i = 0; i < 3; i++)
		log_add(l, "node=n1");
	log_checkpoint(l, auditor(0), NULL, "test10");
	for (int i = 0; i < 3; i++)
		log_add(l, "node=n2");
	assert_ok(file_path(path, sizeof path, w->dir, "state/keyd", &e), &e);
	assert_ok(file_make_dir(path, 0755, (uid_t)-1, (gid_t)-1, &e), &e);
	assert_ok(file_path(path, sizeof path, w->dir, "state/keyd/audit.log.3", &e), &e);
	assert_ok(file_replace(path, bytes_of(l->text, l->at[3]), 0644, &e), &e);
	assert_ok(audit_chain_resume(&c, bytes_of(l->text, l->at[3]), &torn, &e), &e);
	n = audit_format_continues(&c, line);
	memcpy(rest, line, n);
	memcpy(rest + n, l->text + l->at[3], l->n - l->at[3]);
	assert_ok(file_path(path, sizeof path, w->dir, "state/keyd/audit.log", &e), &e);
	assert_ok(file_replace(path, bytes_of(rest, n + l->n - l->at[3]), 0644, &e), &e);
	return l;
}

static void write_cert(const struct world *w, unsigned i, const char *name)
{
	char path[512];
	FILE *f;
	struct err e;

	assert_ok(file_path(path, sizeof path, w->dir, name, &e), &e);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, auditor(i)->cert), 1);
	assert_int_equal(fclose(f), 0);
}

static char *point(const struct log *l, size_t line, char to[AUDIT_POINT_MAX])
{
	struct audit_chain c;
	struct audit_point p;
	struct err e;
	size_t torn;

	assert_ok(audit_chain_resume(&c, bytes_of(l->text, l->at[line]), &torn, &e), &e);
	p = audit_chain_point(&c);
	return audit_point_text(&p, to);
}

static void check(struct world *w, const char *line, int code, const char *out,
		  const char *err)
{
	struct output o = world_run(w, line);

	if (o.code != code || !strstr(o.out, out) || !strstr(o.err, err))
		fail_msg("%s: %d\n%s%s", line, o.code, o.out, o.err);
	output_clear(&o);
}

static void is_compared_with(void **state)
{
	struct world *w = *state;
	struct log *l = write_log(w);
	char line[700], p[AUDIT_POINT_MAX];

	write_cert(w, 0, "ours.pem");
	write_cert(w, 1, "other.pem");
	check(w, "audit verify", 0, "In 2 files", "");
	check(w, "audit verify", 0, "Not yet covered: 3 entries", "");
	check(w, "audit verify", 0, "which nobody vouched for", "");
	check(w, "audit verify", 0, "could not be asked for", "");
	(void)snprintf(line, sizeof line, "audit verify --cert %s/ours.pem", w->dir);
	check(w, line, 0, "Covered up to entry 4 by the checkpoint in entry 5", "");
	check(w, line, 0, "Signed by the Audit certificate ", "");
	(void)snprintf(line, sizeof line, "audit verify --cert %s/other.pem", w->dir);
	check(w, line, 5, "", "other certificates than the one named");
	(void)snprintf(line, sizeof line, "audit verify --cert %s/cluster.conf", w->dir);
	check(w, line, 2, "", "is no certificate");
	(void)snprintf(line, sizeof line, "audit verify --head %s", point(l, 6, p));
	check(w, line, 0, "1 heads recorded elsewhere", "");
	p[2] = p[2] == 'a' ? 'b' : 'a';
	(void)snprintf(line, sizeof line, "audit verify --head %s", p);
	check(w, line, 5, "", "another head is recorded for this entry: --head");
	p[0] = '9';
	(void)snprintf(line, sizeof line, "audit verify --head %s", p);
	check(w, line, 5, "", "entry 9 was in it: --head");
	check(w, "audit verify --head 9", 2, "", "is not N:HEX");
	/* the later file alone */
	(void)snprintf(line, sizeof line, "audit verify %s/state/keyd/audit.log", w->dir);
	check(w, line, 0, "begins with entry 4", "");
	(void)snprintf(line, sizeof line,
		       "audit verify %s/state/keyd/audit.log %s/state/keyd/audit.log.3",
		       w->dir, w->dir);
	check(w, line, 5, "", "audit.log.3, line 1");
	free(l);
}

/* front's word: the certificate, and a head beside a list. */
static void is_compared_with_fronts(void **state)
{
	static char audit[600], certs[6000];
	const struct reply replies[] = {{"audit", {audit}}, {"certs", {certs}}, {0}};
	struct world *w = *state;
	struct log *l = write_log(w);
	char p[AUDIT_POINT_MAX], *pem = NULL, *json;
	json_t *j;
	size_t n;
	FILE *f = open_memstream(&pem, &n);

	assert_int_equal(PEM_write_X509(f, auditor(0)->cert), 1);
	assert_int_equal(fclose(f), 0);
	j = json_pack("{s:{s:[{s:s, s:s, s:i}]}}", "result", "certs", "unit", "Audit",
		      "pem", pem, "not_before", 1);
	json = json_dumps(j, 0);
	(void)snprintf(certs, sizeof certs, "%s", json);
	free(json);
	json_decref(j);
	free(pem);
	(void)point(l, 7, p);
	(void)snprintf(audit, sizeof audit,
		       "{\"result\":{\"lists\":[{\"sha1\":\"abcd\",\"kind\":\"itl\",\"entry\":7,\"head\":\"%s\"}]}}",
		       p + 2);
	world_open(w, replies);
	check(w, "audit verify", 0, "1 heads recorded elsewhere are in it", "");
	check(w, "audit verify", 0, "Signed by the Audit certificate", "");
	check(w, "audit verify --json", 0, "\"trusted\":true", "");
	(void)snprintf(audit, sizeof audit,
		       "{\"result\":{\"lists\":[{\"sha1\":\"abcd\",\"kind\":\"reset\",\"entry\":9,\"head\":\"%s\"}]}}",
		       p + 2);
	check(w, "audit verify", 5, "", "entry 9 was in it: with the list abcd (reset)");
	/* files that are named are not this cluster's: nobody is asked */
	{
		char line[600];

		(void)snprintf(line, sizeof line,
			       "audit verify %s/state/keyd/audit.log.3 %s/state/keyd/audit.log",
			       w->dir, w->dir);
		check(w, line, 0, "8 entries, the chain is whole", "");
	}
	free(l);
}

static size_t lines_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void is_shown(void **state)
{
	static const struct {
		const char *line;
		size_t lines;
		const char *has;
	} rows[] = {
		{"audit show", 8, "8  2025-11-23"},
		{"audit show --last 2", 2, "7  2025-11-23"},
		{"audit show --event itl", 6, "front(991) itl CallManager/n1/1: ok node=n1"},
		{"audit show --event checkpoint", 1, "5  "},
		{"audit show --key Audit/", 2, "audit-cert"},
		{"audit show --key CallManager/n2", 0, ""},
		{"audit show --since 6", 3, "6  "},
		{"audit show --since 2025-11-23", 8, ""},
		{"audit show --since 2099-01-01", 0, ""},
		{"audit show --event itl --since 3 --last 1", 1, "8  "},
		{"audit show --json --last 1", 1, "{\"n\":8,\"t\":"},
	};
	struct log *l = write_log(*state);

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct output o = world_run(*state, rows[i].line);

		if (o.code || lines_of(o.out) != rows[i].lines ||
		    !strstr(o.out, rows[i].has))
			fail_msg("%s: %d\n%s%s", rows[i].line, o.code, o.out, o.err);
		output_clear(&o);
	}
	check(*state, "audit show --last 0", 2, "", "--last 0");
	check(*state, "audit show --since yesterday", 2, "", "--since yesterday");
	free(l);
}

/* A log that was changed is shown, as far as it can be, and never to the terminal's
 * harm. */
static void is_shown_when_changed(void **state)
{
	struct world *w = *state;
	struct log *l = log_new();
	char path[512], line[600];
	struct output o;
	struct err e;

	for (int i = 0; i < 3; i++)
		log_add(l, "node=n1");
	log_forge(l, 1, ",\"t\":1,\"who\":\"front\",\"uid\":0,\"event\":\"itl\",\"detail\":\"a\\u001b[2Jb\\u009bc\",\"rc\":\"ok\"");
	*strstr(l->text, "node=n1") = 'N';
	assert_ok(file_path(path, sizeof path, w->dir, "bad.log", &e), &e);
	assert_ok(file_replace(path, log_bytes(l), 0644, &e), &e);
	(void)snprintf(line, sizeof line, "audit show %s", path);
	o = world_run(w, line);
	assert_int_equal(o.code, 5);
	assert_int_equal(lines_of(o.out), 3);
	assert_non_null(strstr(o.out, "a?[2Jb??c"));
	assert_non_null(strstr(o.err, "bad.log, line 1 (entry 1)"));
	output_clear(&o);
	(void)snprintf(line, sizeof line, "audit export %s", path);
	o = world_run(w, line);
	assert_int_equal(o.code, 5);
	assert_string_equal(o.out, "");
	output_clear(&o);
	free(l);
}

/* What is exported verifies as the log does, whole or from an entry on. */
static void is_exported(void **state)
{
	static const struct {
		const char *line;
		const char *said;
	} rows[] = {
		{"audit export", "8 entries, the chain is whole"},
		{"audit export --since 4", "begins with entry 4"},
		{"audit export --since 7 --json", "2 entries, the chain is whole"},
	};
	struct world *w = *state;
	struct log *l = write_log(w);

	write_cert(w, 0, "ours.pem");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct output o = world_run(w, rows[i].line);
		char path[512], line[1200];
		struct err e;

		assert_int_equal(o.code, 0);
		assert_ok(file_path(path, sizeof path, w->dir, "out.log", &e), &e);
		assert_ok(file_replace(path, bytes_of_text(o.out), 0644, &e), &e);
		output_clear(&o);
		(void)snprintf(line, sizeof line, "audit verify %s%s%s", path,
			       i < 2 ? " --cert " : "", i < 2 ? w->dir : "");
		if (i < 2)
			(void)strncat(line, "/ours.pem", sizeof line - strlen(line) - 1);
		if (i == 1) /* what the checkpoint covers is in it: entry 4 */
			check(w, line, 0, "Covered up to entry 4", "");
		check(w, line, 0, rows[i].said, "");
	}
	free(l);
}

static int end(void **state)
{
	(void)state;
	auditors_free();
	return 0;
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(is_compared_with),
		IN_WORLD(is_compared_with_fronts),
		IN_WORLD(is_shown),
		IN_WORLD(is_shown_when_changed),
		IN_WORLD(is_exported),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
