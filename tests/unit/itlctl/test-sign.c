/* itlctl sign: what is named, by which names, and what is said. That files are signed
 * the integration tests show, with a real service. */
#include "support/support.h"
#include "door.h"
#include "base/file.h"
#include "base/num.h"
#include "itlctl/sign.h"
#include "support/software.h"
#include "x509/x509.h"
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
	EVP_PKEY *key;
	X509 *cert;
	char certs[8192]; /* the door's answer */
} own;

static struct reply service[] = {{"certs", {own.certs}}, {0}};
static const struct reply no_keys[] = {{"certs", {"{\"result\":{\"certs\":[],\"error\":null}}"}},
				       {0}};

static int make_certs(void **state)
{
	const struct x509_subject subject = {.cn = "test10sub.joemar2.lab", .c = "US"};
	BIO *bio = BIO_new(BIO_s_mem());
	json_t *answer;
	struct err e;
	char *pem, *text;
	long n;

	(void)state;
	own.key = EVP_RSA_gen(2048);
	assert_ok(x509_self_sign(X509_CALLMANAGER, &subject, own.key, own.key, NULL, "SHA1",
				 time(NULL) - 60, 5, &own.cert, &e), &e);
	assert_true(PEM_write_bio_X509(bio, own.cert));
	n = BIO_get_mem_data(bio, &pem);
	answer = json_pack("{s:{s:[{s:s, s:s, s:b, s:s, s:s%}], s:n}}", "result", "certs",
			   "unit", "CallManager", "node", "n2", "current", 1, "label",
			   "CallManager/n2/1", "pem", pem, num_size(n), "error");
	text = json_dumps(answer, JSON_COMPACT);
	snprintf(own.certs, sizeof own.certs, "%s", text);
	free(text);
	json_decref(answer);
	BIO_free(bio);
	return 0;
}

static int free_certs(void **state)
{
	(void)state;
	X509_free(own.cert);
	EVP_PKEY_free(own.key);
	return 0;
}

static void write_file(struct world *w, const char *name, const char *text)
{
	char path[512], *slash;
	struct err e;

	snprintf(path, sizeof path, "%s/%s", w->dir, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_ok(file_make_dir(path, 0755, (uid_t)-1, (gid_t)-1, &e), &e);
	*slash = '/';
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
}

/* NAME.sgn beside it, as the service would have signed it. */
static void write_signed(struct world *w, const char *path, const char *name,
			 const char *content, bool edited)
{
	const struct itl_plan plan = {.file_name = name, .signer = own.cert,
				      .digest = ITL_SHA1, .timestamp = 7};
	struct itl_signer with = software_signer(own.key);
	uint8_t sgn[ITL_MAX_SGN_HEADER + 100];
	char whole[512];
	struct err e;
	size_t n = 0;

	assert_ok(itl_build_sgn(&plan, bytes_of_text(content), &with, sgn, ITL_MAX_SGN_HEADER,
				&n, &e), &e);
	memcpy(sgn + n, content, strlen(content));
	n += strlen(content);
	sgn[n - 1] ^= edited;
	snprintf(whole, sizeof whole, "%s/%s.sgn", w->dir, path);
	assert_ok(file_replace(whole, bytes_of(sgn, n), 0644, &e), &e);
}

/* ---- lines that cannot be understood ---- */

static void usage(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *part;
	} rows[] = {
		{"sign", 2, "nothing is named"},
		{"sign --dir %d %d/password", 2, "takes all files"},
		{"sign --pattern a %d/password", 2, "needs --dir"},
		{"sign --dir %d --digest md5", 2, "sha1 or sha512"},
		{"sign --dir %d --verify --dry-run", 2, "signs nothing"},
		{"sign --dir %d --verify --digest sha1", 2, "signs nothing"},
		{"sign --dir %d/nowhere", 1, "No such file"},
		{"sign %d/nowhere/x", 1, "No such file"},
		{"sign %d/run/..", 2, "is no file"},
		{"sign --node n9 --dir %d", 1, "no such node"},
	};
	struct world *w = *state;

	world_open(w, service);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct output o = world_run(w, rows[i].line);

		print_message("  %s: %s", rows[i].line, o.err);
		assert_int_equal(o.code, rows[i].code);
		assert_non_null(strstr(o.err, rows[i].part));
		output_clear(&o);
	}
	assert_null(world_request(w, 0)); /* nobody was asked */
}

static void a_node_without_a_certificate(void **state)
{
	struct world *w = *state;
	struct output o;

	world_open(w, no_keys);
	o = world_run(w, "sign --dir %d --dry-run");
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.err, "no CallManager certificate"));
	output_clear(&o);
}

/* ---- names ---- */

static void names(void **state)
{
	static const struct {
		const char *dir, *args[3];
		const char *tree, *prefix, *name;
	} rows[] = {
		{"n2", {0}, "n2", "", NULL},
		{"n2/", {0}, "n2", "", NULL},
		{"n2/locale", {0}, "n2/locale", "locale/", NULL},
		{"n2/locale/en/..", {0}, "n2/locale", "locale/", NULL},
		{"n1", {0}, "n1", "", NULL}, /* another node's */
		{"n22", {0}, "n22", "", NULL}, /* its name only begins so */
		{"link", {0}, "n2/locale", "locale/", NULL},
		{NULL, {"n2/a.xml"}, "n2", "", "a.xml"},
		{NULL, {"n2/locale/a.xml", "n2/b.xml"}, "n2", "", "locale/a.xml"},
		{NULL, {"link/a.xml"}, "n2", "", "locale/a.xml"},
		{NULL, {"other/a.xml", "other/../other/b.xml"}, "other", "", "a.xml"},
		{NULL, {"other/a.xml", "n2/b.xml"}, NULL, NULL, NULL},
	};
	struct world *w = *state;
	struct cluster *c = NULL;
	char link[300], target[300];
	struct err e;

	assert_ok(cluster_read(w->dir, &c, &e), &e);
	write_file(w, "n2/locale/en/x", "");
	write_file(w, "n1/x", "");
	write_file(w, "n22/x", "");
	write_file(w, "other/x", "");
	snprintf(link, sizeof link, "%s/link", w->dir);
	snprintf(target, sizeof target, "%s/n2/locale", w->dir);
	assert_int_equal(symlink(target, link), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sign_place p CLEANUP(sign_place_clear) = {.nnames = 0};
		const char *args[3];
		char texts[3][512], dir[512], want[512];
		struct ctl ctl = {.cluster = c, .args = args,
				  .node = cluster_node_by_id(c, "n2")};

		snprintf(dir, sizeof dir, "%s/%s", w->dir, rows[i].dir ? rows[i].dir : "");
		if (rows[i].dir)
			ctl.opt.value[OPT_DIR] = dir;
		for (; rows[i].args[ctl.nargs]; ctl.nargs++) {
			snprintf(texts[ctl.nargs], sizeof texts[0], "%s/%s", w->dir,
				 rows[i].args[ctl.nargs]);
			args[ctl.nargs] = texts[ctl.nargs];
		}
		print_message("  %s\n", rows[i].dir ? rows[i].dir : rows[i].args[0]);
		if (!rows[i].tree) {
			assert_int_equal(sign_place(&ctl, &p, &e), RC_USAGE);
			continue;
		}
		assert_ok(sign_place(&ctl, &p, &e), &e);
		snprintf(want, sizeof want, "%s/%s", w->dir, rows[i].tree);
		assert_string_equal(p.dir, want);
		assert_string_equal(p.prefix, rows[i].prefix);
		assert_int_equal(p.nnames, ctl.nargs);
		if (rows[i].name)
			assert_string_equal(p.names[0], rows[i].name);
	}
	cluster_free(c);
}

/* ---- what is said ---- */

static void a_dry_run(void **state)
{
	struct world *w = *state;
	struct output o;

	world_open(w, service);
	write_file(w, "n2/a.xml", "a");
	write_file(w, "n2/locale/b.xml", "b");
	write_file(w, "n2/c.xml", "c");
	write_signed(w, "n2/c.xml", "c.xml.sgn", "c", false);
	o = world_run(w, "sign --node n2 --dir %d/n2 --dry-run");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "2 would be signed, 1 unchanged, 0 refused"));
	output_clear(&o);
	/* The hash is part of it. */
	o = world_run(w, "sign --node n2 --dir %d/n2 --dry-run --digest sha512 --json");
	assert_non_null(strstr(o.out, "\"signed\":3,"));
	assert_non_null(strstr(o.out, "\"dry_run\":true"));
	output_clear(&o);
	/* So is the name. */
	o = world_run(w, "sign --node n2 --dir %d/n2/locale --dry-run --json");
	assert_non_null(strstr(o.out, "\"signed\":1,"));
	output_clear(&o);
}

static void refusals(void **state)
{
	struct world *w = *state;
	struct output o;
	char path[300];

	world_open(w, service);
	write_file(w, "n2/a.xml", "a");
	snprintf(path, sizeof path, "%s/n2/fifo", w->dir);
	assert_int_equal(mkfifo(path, 0644), 0);
	o = world_run(w, "sign --node n2 --dir %d/n2 --dry-run");
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.err, "sign on fifo: is not a regular file"));
	assert_non_null(strstr(o.out, "1 would be signed, 0 unchanged, 1 refused"));
	output_clear(&o);
	o = world_run(w, "sign --node n2 --dir %d/n2 --dry-run --json");
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.out, "{\"event\":\"refused\",\"file\":\"fifo\",\"error\":{"));
	assert_non_null(strstr(o.out, "\n{\"result\":{"));
	output_clear(&o);
	o = world_run(w, "sign --node n2 %d/n2/missing --dry-run");
	assert_int_equal(o.code, 1);
	output_clear(&o);
}

static void verifying(void **state)
{
	struct world *w = *state;
	struct output o;
	char path[300];

	world_open(w, service);
	write_file(w, "n2/a.xml", "a");
	write_signed(w, "n2/a.xml", "a.xml.sgn", "a", false);
	write_file(w, "n2/old.xml", "new");
	write_signed(w, "n2/old.xml", "old.xml.sgn", "old", false);
	o = world_run(w, "sign --verify --dir %d/n2");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "2 verified, 1 older than their file, 0 refused"));
	assert_non_null(strstr(o.err, "warning: old.xml has changed"));
	output_clear(&o);
	/* What does not verify is graver than what is refused before. */
	snprintf(path, sizeof path, "%s/n2/a-link.sgn", w->dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	write_signed(w, "n2/b.xml", "b.xml.sgn", "b", true);
	o = world_run(w, "sign --verify --dir %d/n2 --json");
	assert_int_equal(o.code, 5);
	assert_non_null(strstr(o.out, "b.xml.sgn"));
	assert_non_null(strstr(o.out, "\"refused\":2,"));
	assert_non_null(strstr(o.out, "\"verified\":1,"));
	assert_non_null(strstr(o.out, "\"outdated\":1,"));
	output_clear(&o);
	o = world_run(w, "sign --verify %d/n2/a.xml.sgn");
	assert_int_equal(o.code, 0);
	output_clear(&o);
	/* The publisher has no such key. */
	o = world_run(w, "sign --node n1 --verify %d/n2/a.xml.sgn");
	assert_int_equal(o.code, 1);
	output_clear(&o);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(usage),     T(a_node_without_a_certificate),
		T(names),     T(a_dry_run),
		T(refusals),  T(verifying),
	};

	return cmocka_run_group_tests(tests, make_certs, free_certs);
}
