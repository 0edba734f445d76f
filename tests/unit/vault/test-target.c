/* Where vaults are, what objects are called, vault.conf, lines of known_hosts. */
#include "support/support.h"
#include "base/file.h"
#include "base/num.h"
#include "vault.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void targets(void **state)
{
	static const struct {
		const char *text, *again; /* NULL: refused */
		const char *user, *host, *path;
		unsigned port;
	} rows[] = {
		{"/srv/v", "/srv/v", "", "", "/srv/v", 0},
		{"/srv/v//", "/srv/v", "", "", "/srv/v", 0},
		{"/", "/", "", "", "/", 0},
		{"/~/x", "/~/x", "", "", "/~/x", 0},
		{"sftp://u@h/x", "sftp://u@h/x", "u", "h", "/x", 22},
		{"sftp://u@h:22/x/", "sftp://u@h/x", "u", "h", "/x", 22},
		{"sftp://u@h:2222/x", "sftp://u@h:2222/x", "u", "h", "/x", 2222},
		{"SFTP://u@h/", "sftp://u@h/", "u", "h", "/", 22},
		{"sftp://u@h", "sftp://u@h/", "u", "h", "/", 22},
		{"sftp://u@h/~", "sftp://u@h/~/", "u", "h", ".", 22},
		{"sftp://u@h/~/", "sftp://u@h/~/", "u", "h", ".", 22},
		{"sftp://u@h/~/a/b", "sftp://u@h/~/a/b", "u", "h", "a/b", 22},
		{"sftp://u@h/a/../b", "sftp://u@h/a/../b", "u", "h", "/a/../b", 22},
		{"sftp://u%40d@h/a%20b%25", "sftp://u%40d@h/a%20b%25", "u@d", "h",
		 "/a b%", 22},
		{"sftp://u@[::1]:2222/x", "sftp://u@[::1]:2222/x", "u", "::1", "/x",
		 2222},
		{"sftp://u@192.0.2.1/x", "sftp://u@192.0.2.1/x", "u", "192.0.2.1",
		 "/x", 22},
		{"", NULL, 0, 0, 0, 0},
		{"srv/v", NULL, 0, 0, 0, 0},
		{"/a\nb", NULL, 0, 0, 0, 0},
		{"u@h:/x", NULL, 0, 0, 0, 0},
		{"sftp://h/x", NULL, 0, 0, 0, 0},
		{"sftp://u:@h/x", NULL, 0, 0, 0, 0},
		{"sftp://u:hunter2@h/x", NULL, 0, 0, 0, 0},
		{"ssh://u@h/x", NULL, 0, 0, 0, 0},
		{"file:///x", NULL, 0, 0, 0, 0},
		{"http://u@h/x", NULL, 0, 0, 0, 0},
		{"sftp://u@h/x?y", NULL, 0, 0, 0, 0},
		{"sftp://u@h/x#y", NULL, 0, 0, 0, 0},
		{"sftp://u@h:0/x", NULL, 0, 0, 0, 0},
		{"sftp://u@h:65536/x", NULL, 0, 0, 0, 0},
		{"sftp://u@h*/x", NULL, 0, 0, 0, 0},
		{"sftp://u@a,b/x", NULL, 0, 0, 0, 0},
		{"sftp://u@-oProxyCommand=x/x", NULL, 0, 0, 0, 0},
		{"sftp://u@[fe80::1%25eth0]/x", NULL, 0, 0, 0, 0},
		{"sftp://u@h/a%0ab", NULL, 0, 0, 0, 0},
		{"sftp://u@h/a%00b", NULL, 0, 0, 0, 0},
		{"sftp://u%0a@h/x", NULL, 0, 0, 0, 0},
	};
	char text[VAULT_TEXT_MAX], all[1200];
	struct vault_target t;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum rc rc = vault_target_read(rows[i].text, &t, &e);

		print_message("%s\n", rows[i].text);
		if (!rows[i].again) {
			assert_int_equal(rc, RC_USAGE);
			assert_null(strstr(err_text(&e, all, sizeof all), "hunter2"));
			continue;
		}
		assert_ok(rc, &e);
		assert_string_equal(vault_target_text(&t, text), rows[i].again);
		assert_string_equal(t.user, rows[i].user);
		assert_string_equal(t.host, rows[i].host);
		assert_string_equal(t.path, rows[i].path);
		assert_int_equal(t.port, rows[i].port);
		assert_int_equal(t.remote, rows[i].text[0] != '/');
		assert_ok(vault_target_read(text, &t, &e), &e);
	}
}

/* What is read can be shown whole: nothing is cut in between. */
static void long_targets(void **state)
{
	char text[2000], again[VAULT_TEXT_MAX];
	struct vault_target t;
	struct err e;

	(void)state;
	for (int n = 1; n < 1000; n++) {
		static const char *const fill[] = {"a", "%20"};

		for (size_t k = 0; k < 2; k++) {
			int at = snprintf(text, sizeof text, "sftp://u@h/");

			for (int i = 0; i < n && at < 1900; i++)
				at += snprintf(text + at, sizeof text - (size_t)at, "%s",
					       fill[k]);
			if (vault_target_read(text, &t, &e) == RC_OK)
				assert_string_equal(vault_target_text(&t, again), text);
			else
				assert_true(n > (k ? 290 : 509));
		}
	}
}

static void names(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{"ITLRecovery-70CAF64E-20140226T102400Z.envelope", true},
		{"ITLRecovery-1-20140226T102400Z.p12", true},
		{"ITLRecovery-1-20140226T102400Z.p12x", false},
		{"ITLRecovery-1-20140226T102400Z", false},
		{"ITLRecovery-1-20140226T102400Z.envelope.tmp", false},
		{"ITLRecovery--20140226T102400Z.envelope", false},
		{"ITLRecovery-xyz-20140226T102400Z.envelope", false},
		{"ITLRecovery-1-20140230T102400Z.envelope", false},
		{"ITLRecovery-1-20140226T252400Z.envelope", false},
		{"ITLRecovery-1-2014226T102400Z.envelope", false},
		{"ITLRecovery-1- 2014226T102400Z.envelope", false},
		{"ITLRecovery-1-20140226T102400.envelope", false},
		{"itlrecovery-1-20140226T102400Z.envelope", false},
		{".ITLRecovery-1-20140226T102400Z.envelope.00.tmp", false},
		{"ITLRecovery.p12", false},
		{"", false},
	};
	struct vault_name n;
	char text[VAULT_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("%s\n", rows[i].text);
		assert_int_equal(vault_name_read(rows[i].text, &n), rows[i].ok);
		if (rows[i].ok)
			assert_string_equal(vault_name_text(&n, text), rows[i].text);
	}
	assert_true(vault_name_read(rows[0].text, &n));
	assert_string_equal(n.serial, "70CAF64E");
	assert_int_equal(n.time, 1393410240);
	assert_false(n.plain);
}

/* ---- vault.conf ---- */

static enum rc read_conf(const char *text, struct vault_conf **c, struct err *e)
{
	char *dir = support_tmpdir(), path[4096];
	enum rc rc;

	assert_ok(file_path(path, sizeof path, dir, VAULT_CONF, e), e);
	if (text)
		assert_ok(file_replace(path, bytes_of_text(text), 0644, e), e);
	rc = vault_conf_read(dir, c, e);
	support_tmpdir_remove(dir);
	return rc;
}

static void conf(void **state)
{
	struct vault_conf CLEANUP(vault_conf_free) *none = NULL;
	struct vault_conf CLEANUP(vault_conf_free) *c = NULL;
	struct err e;

	(void)state;
	assert_ok(read_conf(NULL, &none, &e), &e);
	assert_int_equal(none->n, 0);
	assert_ok(read_conf("[vault safe]\ntarget = sftp://b@h/v\nidentity = /k\n"
			    "known-hosts = /kh\nagent = /a\nkeep = 30\nseconds = 5\n"
			    "[vault disk_2]\ntarget = /v/\n", &c, &e), &e);
	assert_int_equal(c->n, 2);
	assert_string_equal(c->entries[0].name, "safe");
	assert_string_equal(c->entries[0].target.host, "h");
	assert_string_equal(c->entries[0].identity, "/k");
	assert_string_equal(c->entries[0].known_hosts, "/kh");
	assert_string_equal(c->entries[0].agent, "/a");
	assert_int_equal(c->entries[0].keep, 30);
	assert_int_equal(c->entries[0].seconds, 5);
	assert_string_equal(c->entries[1].target.path, "/v");
	assert_null(c->entries[1].identity);
	assert_int_equal(c->entries[1].keep, 10);
	assert_int_equal(c->entries[1].seconds, 60);
}

static void conf_refused(void **state)
{
	static const struct {
		const char *text, *what, *why;
	} rows[] = {
		{"[vault]\ntarget=/v\n", ":2: [vault]", "1 to 32"},
		{"[vault a b]\ntarget=/v\n", ":2: [vault a b]", "1 to 32"},
		{"[vault ../x]\ntarget=/v\n", ":2:", "1 to 32"},
		{"[vault a12345678901234567890123456789012]\ntarget=/v\n", ":2:",
		 "1 to 32"},
		{"[disk]\ntarget=/v\n", ":2: disk", "unknown section"},
		{"[vault a]\nkeep=3\n", ":2: target", "missing"},
		{"[vault a]\ntarget=/v\ntarget=/w\n", ":3: target", "twice"},
		{"[vault a]\ntarget=/v\nkeep=0\n", ":3: keep", "out of range"},
		{"[vault a]\ntarget=/v\nkeep=1001\n", ":3: keep", "out of range"},
		{"[vault a]\ntarget=/v\nseconds=4\n", ":3: seconds", "out of range"},
		{"[vault a]\ntarget=/v\nseconds=601\n", ":3: seconds", "out of range"},
		{"[vault a]\ntarget=/v\npassword=x\n", ":3: password", "unknown key"},
		{"[vault a]\ntarget=/v\nagent=/x\n", ":3: agent", "sftp://"},
		{"[vault a]\ntarget=sftp://u@h/v\nidentity=k\n", ":3: identity",
		 "absolute"},
		{"[vault a]\ntarget=sftp://u:hunter2@h/v\n", ":2: target", "password"},
		{"[vault a]\nkeep=1\ntarget=x\n", ":3: target", "neither"},
		{"[vault a]\ntarget=/1\n[vault b]\ntarget=/2\n[vault c]\ntarget=/3\n"
		 "[vault d]\ntarget=/4\n[vault e]\ntarget=/5\n[vault f]\ntarget=/6\n"
		 "[vault g]\ntarget=/7\n[vault h]\ntarget=/8\n[vault i]\ntarget=/9\n",
		 ":18:", "too many"},
	};
	struct vault_conf *c = NULL;
	char text[1200];
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(read_conf(rows[i].text, &c, &e), RC_USAGE);
		print_message("%s\n", err_text(&e, text, sizeof text));
		assert_non_null(strstr(e.what, rows[i].what));
		assert_non_null(strstr(e.why, rows[i].why));
		assert_null(strstr(text, "hunter2"));
	}
}

/* Each "It Sy KEY" of the page is a row, and each row stands there. */
static void man_page_has_every_key(void **state)
{
	uint8_t CLEANUP_FREE *page = NULL;
	const char *p;
	size_t n, found = 0, rows = 0;
	struct err e;

	(void)state;
	assert_ok(file_read(MAN_PAGE, 1 << 20, &page, &n, &e), &e);
	for (const struct conf_row *r = vault_rows; r->key; r++, rows++) {
		char line[64];

		(void)snprintf(line, sizeof line, "\n.It Sy %s\n", r->key);
		if (!strstr((char *)page, line))
			fail_msg("the page lacks the key %s", r->key);
	}
	for (p = (char *)page; (p = strstr(p, "\n.It Sy ")); p++)
		found++;
	assert_int_equal(found, rows);
}

/* ---- known_hosts ---- */

#define KEY                                                                    \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILb6RO83ep6mdwyCOG9xcSYYTViIARvN61QrWr7/UPUW"
#define PRINT "SHA256:MoOCrpxhhcF180F41k59Tpr4jHqigs2/74iqftKfNns"

static void known_lines(void **state)
{
	static const struct {
		const char *line, *host;
		unsigned port;
		bool ok;
	} rows[] = {
		{"h " KEY, "h", 22, true},
		{"h " KEY, "H", 22, true},
		{"[h]:2222 " KEY, "h", 2222, true},
		{"[::1]:2222 " KEY, "::1", 2222, true},
		{"h " KEY, "g", 22, false},
		{"h " KEY, "h", 2222, false},
		{"h,* " KEY, "h", 22, false},
		{"* " KEY, "h", 22, false},
		{"h " KEY "\n* " KEY, "h", 22, false},
		{"h " KEY " comment", "h", 22, false},
		{"h  " KEY, "h", 22, false},
		{"h ssh-ed25519 ", "h", 22, false},
		{"h ssh-ed25519", "h", 22, false},
		{"h ssh-ed25519 AAAAC3Nz", "h", 22, false},
		{"@cert-authority h " KEY, "h", 22, false},
		{"h\t" KEY, "h", 22, false},
		{"h x\n*\t" KEY, "h", 22, false},
		{"", "h", 22, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("%s\n", rows[i].line);
		assert_int_equal(known_hosts_line_ok(rows[i].line, rows[i].host,
						     rows[i].port, PRINT),
				 rows[i].ok);
	}
	assert_false(known_hosts_line_ok("h " KEY, "h", 22, "SHA256:x"));
}

static void known_hosts_grow(void **state)
{
	char *dir = support_tmpdir(), path[4096], sub[4096];
	uint8_t CLEANUP_FREE *text = NULL;
	struct stat st;
	struct err e;
	mode_t mask;
	size_t n;

	(void)state;
	assert_ok(file_path(sub, sizeof sub, dir, ".ssh", &e), &e);
	assert_ok(file_path(path, sizeof path, sub, "known_hosts", &e), &e);
	assert_ok(known_hosts_add(path, "one", 0600, &e), &e);
	assert_int_equal(stat(sub, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(unlink(path), 0);
	mask = umask(077);
	assert_ok(known_hosts_add(path, "one", 0644, &e), &e);
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644); /* for another user to read */
	/* A last line that somebody left without its end. */
	assert_ok(file_replace(path, bytes_of_text("one\ntwo"), 0644, &e), &e);
	assert_ok(known_hosts_add(path, "three", 0600, &e), &e);
	assert_ok(known_hosts_add(path, "four", 0600, &e), &e);
	assert_ok(file_read(path, 100, &text, &n, &e), &e);
	assert_string_equal((char *)text, "one\ntwo\nthree\nfour\n");
	assert_int_equal(known_hosts_add(dir, "x", 0600, &e), RC_ERROR);
	support_tmpdir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(long_targets),
		cmocka_unit_test(names),
		cmocka_unit_test(conf),
		cmocka_unit_test(conf_refused),
		cmocka_unit_test(man_page_has_every_key),
		cmocka_unit_test(known_lines),
		cmocka_unit_test(known_hosts_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
