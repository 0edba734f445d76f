/* keyd.conf: every mistake names file and line, and no PIN is repeated. */
#include "support/support.h"
#include "base/file.h"
#include "config.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char *dir;

static void put(const char *name, const char *text)
{
	char path[PATH_MAX];
	struct err e;

	assert_ok(file_path(path, sizeof path, dir, name, &e), &e);
	assert_ok(file_replace(path, bytes_of_text(text), 0600, &e), &e);
}

static int start(void **state)
{
	(void)state;
	dir = support_tmpdir();
	put("cluster.conf",
	    "[cluster]\nname = lab\npublisher = n1\nkeyd-user = root\n"
	    "front-user = root\ntvs-user = root\ngroup = root\n"
	    "[node n1]\nhost = a\naddress = 127.0.0.1\nfolder = /x\nrestart = true\n");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	support_tmpdir_remove(dir);
	return 0;
}

#define GOOD "[token]\nmodule = softhsm2\nuri = pkcs11:token=a\n"

static void mistakes(void **state)
{
	const struct {
		const char *text;
		const char *where, *why; /* NULL: it is right */
	} rows[] = {
		{GOOD, NULL, NULL},
		{GOOD "pin = file:/etc/pin\nsessions = 16\n[keyd]\n"
		      "deadline-seconds = 5\n", NULL, NULL},
		{GOOD "pin = prompt\n", NULL, NULL},
		{GOOD "[keyd]\nverify = no\n", NULL, NULL},
		{GOOD "[keyd]\nverify = 0\n", "keyd.conf:5: verify", "yes or no"},
		{GOOD "pin = 1234\n", "keyd.conf:4: pin", "credential:NAME"},
		{GOOD "pim = prompt\n", "keyd.conf:4: pim", "unknown key"},
		{GOOD "uri = pkcs11:token=b\n", "keyd.conf:4: uri", "twice"},
		{GOOD "sessions = 0\n", "keyd.conf:4: sessions", "range"},
		{GOOD "sessions = 257\n", "keyd.conf:4: sessions", "range"},
		{GOOD "[keys]\na = b\n", "keyd.conf:5: keys", "unknown section"},
		{GOOD "nonsense\n", "keyd.conf:4: this line", "neither"},
		{"[token]\nmodule = a\n", "keyd.conf:2: uri", "missing"},
		{"[keyd]\ndeadline-seconds = 3\n", "keyd.conf", "[token]"},
		{"[token]\nmodule = a\nuri = pkcs11:token=a;pin-value=1234\n",
		 "keyd.conf:3: uri: ",
		 "pin-value"},
		{"[token]\nmodule = a\nuri = pkcs11:token=a;token=b\n",
		 "keyd.conf:3: uri: ", "twice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct keyd_config *c = NULL;
		struct err e = {0};
		char text[1200];
		enum rc rc;

		print_message("%s---\n", rows[i].text);
		put("keyd.conf", rows[i].text);
		rc = keyd_config_read(dir, &c, &e);
		if (!rows[i].where) {
			assert_ok(rc, &e);
			keyd_config_free(c);
			continue;
		}
		assert_int_equal(rc, RC_USAGE);
		assert_null(c);
		err_text(&e, text, sizeof text);
		print_message("%s\n", text);
		assert_non_null(strstr(e.what, rows[i].where));
		assert_non_null(strstr(text, rows[i].why));
		assert_null(strstr(text, "1234"));
	}
}

static void a_missing_file(void **state)
{
	char path[PATH_MAX];
	struct keyd_config *c = NULL;
	struct err e;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/keyd.conf", dir);
	assert_int_equal(remove(path), 0);
	assert_int_equal(keyd_config_read(dir, &c, &e), RC_NOTFOUND);
	assert_non_null(strstr(e.what, "keyd.conf"));
}

static void the_pin_file(void **state)
{
	char path[PATH_MAX], text[PATH_MAX + 128];
	struct keyd_config *c = NULL;
	struct err e;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/pin", dir);
	(void)snprintf(text, sizeof text, GOOD "pin = file:%s\n", path);
	put("keyd.conf", text);
	assert_ok(keyd_config_read(dir, &c, &e), &e);
	assert_int_equal(keyd_config_check_files(c, dir, &e), RC_ERROR); /* none there */
	assert_non_null(strstr(e.what, "keyd.conf:4: pin: "));
	put("pin", "1234\n");
	c->keyd_uid = geteuid();
	assert_ok(keyd_config_check_files(c, dir, &e), &e);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(keyd_config_check_files(c, dir, &e), RC_ERROR);
	assert_int_equal(chmod(path, 0600), 0);
	c->keyd_uid = geteuid() + 1;
	assert_int_equal(keyd_config_check_files(c, dir, &e), RC_ERROR);
	keyd_config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes),
		cmocka_unit_test(a_missing_file),
		cmocka_unit_test(the_pin_file),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
