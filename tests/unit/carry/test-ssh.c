/* carry's jobs over SSH, as jobs: what they take and bring. How a vault uses them
 * is tests/unit/vault. */
#include "jobs.h"
#include "support/support.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/carry.h"
#include <stdio.h>
#include <string.h>

static void hostkey(void **state)
{
	json_t *j = NULL;
	char start[64];
	struct err e;

	(void)state;
	/* No fingerprint, no login. */
	assert_ok(run(job("hostkey", json_pack("{s:s, s:n}", "fingerprint", "",
					       "identity")),
		      NULL, 0, &j, &e), &e);
	assert_int_equal(json_object_size(j), 7);
	assert_string_equal(text_of(j, "state"), "known");
	assert_string_equal(text_of(j, "type"), "ssh-ed25519");
	assert_string_equal(text_of(j, "fingerprint"), fingerprint);
	assert_string_equal(text_of(j, "address"), "127.0.0.1");
	snprintf(start, sizeof start, "[127.0.0.1]:%u ssh-ed25519 AAAA", sshd.port);
	assert_memory_equal(text_of(j, "entry"), start, strlen(start));
	assert_null(strchr(text_of(j, "entry"), '\n'));
	assert_true(json_is_null(json_object_get(j, "known")));
	assert_true(json_is_null(json_object_get(j, "file")));
	json_decref(j);
	/* By name: what resolves names is not shut out. */
	assert_ok(run(job("hostkey", json_pack("{s:s, s:s}", "fingerprint", "", "host",
					       "localhost")),
		      NULL, 0, &j, &e), &e);
	assert_string_equal(text_of(j, "state"), "unknown");
	assert_string_equal(text_of(j, "address"), "127.0.0.1");
	json_decref(j);
}

static void pinned(void **state)
{
	static const char *const rows[] = {
		"", "SHA256:", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"sha1"};
	struct err e;

	(void)state;
	assert_ok(run(job("probe", json_pack("{s:s}", "folder", ".")), NULL, 0, NULL,
		      &e), &e);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(run(job("probe", json_pack("{s:s, s:s}", "folder", ".",
							    "fingerprint", rows[i])),
				     NULL, 0, NULL, &e), RC_REFUSED);
		assert_non_null(strstr(e.why, "another key"));
		assert_non_null(strstr(e.what, fingerprint));
	}
}

static void not_a_job(void **state)
{
	const struct {
		const char *what;
		json_t *more;
	} rows[] = {
		{"probe", json_pack("{}")}, /* no folder */
		{"probe", json_pack("{s:s, s:s}", "folder", ".", "more", "x")},
		{"probe", json_pack("{s:s, s:s}", "folder", ".", "host", "")},
		{"probe", json_pack("{s:s, s:s}", "folder", ".", "user", "")},
		{"probe", json_pack("{s:s, s:i}", "folder", ".", "port", 0)},
		{"probe", json_pack("{s:s, s:i}", "folder", ".", "port", 65536)},
		{"probe", json_pack("{s:s, s:i}", "folder", ".", "seconds", 0)},
		{"probe", json_pack("{s:s, s:s}", "folder", ".", "known_hosts", "kh")},
		{"probe", json_pack("{s:s, s:i}", "folder", ".", "identity", 1)},
		{"store", json_pack("{s:s, s:s}", "folder", ".", "name", "x")},
		{"store", json_pack("{s:s, s:s, s:n}", "folder", ".", "name", "../x",
				    "aside")},
		{"store", json_pack("{s:s, s:s, s:s}", "folder", ".", "name", "x",
				    "aside", "a/b")},
		{"store", json_pack("{s:s, s:s, s:n}", "folder", "", "name", "x",
				    "aside")},
		{"load", json_pack("{s:s, s:s, s:i}", "folder", ".", "name", "x", "max",
				   -1)},
		{"load", json_pack("{s:s, s:s, s:i}", "folder", ".", "name", "x", "max",
				   (int)CARRY_OBJECT_MAX + 1)},
		{"load", json_pack("{s:s, s:s, s:i}", "folder", ".", "name", ".x", "max",
				   1)},
		{"remove", json_pack("{s:s, s:s}", "folder", ".", "name", "")},
		{"replace", json_pack("{s:s, s:s, s:i}", "folder", ".", "name", "x",
				      "mode", 0644)},
		{"replace", json_pack("{s:s, s:s, s:i}", "folder", "/a b", "name", "x",
				      "mode", 0644)},
		{"replace", json_pack("{s:s, s:s, s:i}", "folder", "/$(id)", "name",
				      "x", "mode", 0644)},
		{"replace", json_pack("{s:s, s:s, s:i}", "folder", "/a", "name", "../x",
				      "mode", 0644)},
		{"replace", json_pack("{s:s, s:s, s:i}", "folder", "/a", "name", "x",
				      "mode", 0755)},
		{"exec", json_pack("{s:s}", "command", "")},
		{"exec", json_pack("{s:s}", "command", "true\nfalse")},
		{"exec", json_pack("{}")},
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(run(job(rows[i].what, rows[i].more), NULL, 0, NULL, &e),
				 RC_USAGE);
		print_message("%s: %s: %s\n", rows[i].what, e.what, e.why);
	}
}

static void passwords(void **state)
{
	char longest[SECRET_MAX];
	struct err e;
	json_t *more = json_pack("{s:s, s:n, s:b}", "folder", ".", "identity",
				 "password", 1);

	(void)state;
	memset(longest, 'a', sizeof longest);
	assert_ok(run(job("probe", json_deep_copy(more)), sshd.password,
		      strlen(sshd.password), NULL, &e), &e);
	assert_int_equal(run(job("probe", json_deep_copy(more)), longest,
			     SECRET_MAX - 1, NULL, &e), RC_REFUSED);
	assert_int_equal(run(job("probe", json_deep_copy(more)), longest, SECRET_MAX,
			     NULL, &e), RC_USAGE);
	assert_int_equal(run(job("probe", json_deep_copy(more)), "a\0b", 3, NULL, &e),
			 RC_USAGE);
	/* It says that there is one, and there is none; the same of an agent. */
	assert_int_equal(run(job("probe", more), NULL, 0, NULL, &e), RC_USAGE);
	assert_non_null(strstr(e.what, "descriptor 5"));
	assert_int_equal(run(job("probe", json_pack("{s:s, s:n, s:b}", "folder", ".",
						    "identity", "agent", 1)),
			     NULL, 0, NULL, &e), RC_USAGE);
	assert_non_null(strstr(e.what, "descriptor 6"));
}

/* ---- replace ---- */

static json_t *replace_job(const char *folder)
{
	return job("replace", json_pack("{s:s, s:s, s:i}", "folder", folder, "name",
					"ITLFile.tlv", "mode", 0644));
}

static void is_there(const char *folder)
{
	shell("test \"$(cat %s/ITLFile.tlv)\" = content", folder);
	shell("test \"$(stat -c %%a %s/ITLFile.tlv)\" = 644", folder);
	shell("test \"$(ls -A %s)\" = ITLFile.tlv", folder); /* and nothing else */
}

static void replaces(void **state)
{
	const char *folder = own_folder("replaces");
	json_t *j = NULL;
	struct err e;

	(void)state;
	assert_ok(run(replace_job(folder), NULL, 0, &j, &e), &e);
	assert_true(json_is_true(json_object_get(j, "atomic")));
	assert_string_equal(text_of(j, "note"), "");
	json_decref(j);
	is_there(folder);
	/* Over another one, a read-only one, a link; leftovers of before go. */
	shell("cd %s && echo old >ITLFile.tlv && chmod 0400 ITLFile.tlv && "
	      "touch .ITLFile.tlv.0123456789abcdef.tmp .ITLFile.tlv.0123456789abcdef.old",
	      folder);
	assert_ok(run(replace_job(folder), NULL, 0, &j, &e), &e);
	assert_true(json_is_true(json_object_get(j, "atomic")));
	json_decref(j);
	is_there(folder);
	shell("cd %s && ln -sf /etc/passwd ITLFile.tlv", folder);
	assert_ok(run(replace_job(folder), NULL, 0, NULL, &e), &e);
	is_there(folder);
}

static void keeps_what_is_not_its_own(void **state)
{
	const char *folder = own_folder("keeps");
	struct err e;

	(void)state;
	shell("cd %s && touch .ITLFile.tlv.x.tmp .CTLFile.tlv.0123456789abcdef.tmp "
	      ".ITLFile.tlv.0123456789abcdef.tmpx .ITLFile.tlv.my-own-old-notes.tmp",
	      folder);
	assert_ok(run(replace_job(folder), NULL, 0, NULL, &e), &e);
	shell("test $(ls -A %s | wc -l) = 5", folder);
	/* A folder of that name is nobody's to move. */
	shell("cd %s && rm ITLFile.tlv && mkdir ITLFile.tlv", folder);
	assert_int_equal(run(replace_job(folder), NULL, 0, NULL, &e), RC_ERROR);
	assert_non_null(strstr(e.why, "not a file"));
	shell("test -d %s/ITLFile.tlv", folder);
	assert_int_equal(run(replace_job("/no/such/folder"), NULL, 0, NULL, &e),
			 RC_NOTFOUND);
	shell("rmdir %s/ITLFile.tlv && chown root %s && chmod 0755 %s", folder, folder,
	      folder);
	assert_int_equal(run(replace_job(folder), NULL, 0, NULL, &e), RC_REFUSED);
}

static const char *expected_note;

static void replace_twice(const char *folder)
{
	json_t *j = NULL;
	struct err e;

	/* Where nothing stood there is no moment without it. */
	assert_ok(run(replace_job(folder), NULL, 0, &j, &e), &e);
	assert_true(json_is_true(json_object_get(j, "atomic")));
	json_decref(j);
	is_there(folder);
	shell("cd %s && echo old >ITLFile.tlv", folder);
	assert_ok(run(replace_job(folder), NULL, 0, &j, &e), &e);
	assert_true(json_is_false(json_object_get(j, "atomic")));
	assert_non_null(strstr(text_of(j, "note"), "a moment without the file"));
	assert_non_null(strstr(text_of(j, "note"), expected_note));
	print_message("%s\n", text_of(j, "note"));
	json_decref(j);
	is_there(folder);
}

/* The command "succeeds", and does nothing. */
static void sftp_alone(void **state)
{
	(void)state;
	expected_note = "the login has SFTP alone";
	with_options("force='internal-sftp -u 0077'", replace_twice);
}

/* It fails, and says so with an escape. */
static void no_shell(void **state)
{
	(void)state;
	expected_note = "mv did not do it: ?]0;no shell?, status 1";
	with_options("shell=noshell", replace_twice);
}

static void no_rename(const char *folder)
{
	struct err e;

	shell("cd %s && echo old >ITLFile.tlv && chown 64100 ITLFile.tlv", folder);
	assert_int_not_equal(run(replace_job(folder), NULL, 0, NULL, &e), RC_OK);
	print_message("%s: %s; %s\n", e.what, e.why, e.hint);
	shell("test \"$(cat %s/ITLFile.tlv)\" = old", folder);
	shell("test \"$(ls -A %s)\" = ITLFile.tlv", folder);
}

/* The old one is moved aside, and back. */
static void no_rename_of_new(void **state)
{
	char option[400];

	(void)state;
	shell("cp %s %s/no-link.so && chmod 0644 %s/no-link.so", NO_LINK, dir, dir);
	snprintf(option, sizeof option, "preload=%s/no-link.so shell=noshell", dir);
	with_options(option, no_rename);
}

static void neither_way(void **state)
{
	(void)state;
	with_options("force=internal-sftp deny=rename", no_rename);
}

/* ---- exec ---- */

static enum rc exec(const char *command, int seconds, struct err *e)
{
	return run(job("exec", json_pack("{s:s, s:i}", "command", command, "seconds",
					 seconds)),
		   NULL, 0, NULL, e);
}

static void runs_commands(void **state)
{
	char command[400];
	struct err e;

	(void)state;
	snprintf(command, sizeof command, "test \"$(id -un)\" = %s && echo out", sshd.user);
	assert_ok(exec(command, 10, &e), &e);
	assert_int_equal(exec("echo first >&2; printf 'no such unit\\n' >&2; exit 5", 10,
			      &e), RC_ERROR);
	assert_string_equal(e.why, "the command failed: no such unit, status 5");
	assert_int_equal(exec("kill -9 $$", 10, &e), RC_ERROR);
	assert_non_null(strstr(e.why, "status -1"));
	/* Nothing of it reaches a terminal raw, however much it is. */
	assert_int_equal(exec("printf '\\033[31mred\\007' >&2; false", 10, &e), RC_ERROR);
	assert_non_null(strstr(e.why, "?[31mred?, status 1"));
	assert_int_equal(exec("yes | head -c 3000000; yes | head -c 3000000 >&2; "
			      "printf %2000s x >&2; exit 3", 20, &e), RC_ERROR);
	assert_non_null(strstr(e.why, "status 3"));
	/* It reads nothing, and what it leaves behind is not waited for. */
	assert_ok(exec("cat", 10, &e), &e);
	assert_ok(exec("sleep 40 & exit 0", 10, &e), &e);
}

static void hangs(void **state)
{
	double began = proc_now();
	struct err e;

	(void)state;
	assert_int_equal(exec("echo working >&2; exec sleep 60", 2, &e), RC_ERROR);
	assert_string_equal(e.why, "the command did not end in time: working, status -1");
	assert_true(proc_now() - began < 20);
}

static void runs_no_commands(const char *folder)
{
	struct err e;

	(void)folder;
	assert_int_equal(exec("true", 10, &e), RC_ERROR);
	/* What its shell says comes from the server. */
	print_message("%s\n", e.why);
	assert_null(strchr(e.why, '\033'));
}

static void login_without_shell(void **state)
{
	(void)state;
	with_options("shell=noshell nosftp", runs_no_commands);
}

static void too_many_files(void **state)
{
	char command[500];
	json_t *j = NULL;
	struct err e;

	(void)state;
	snprintf(command, sizeof command,
		 "mkdir %s/many && cd %s/many && seq 4990 | xargs touch && "
		 "touch .hidden 'a b' && mkdir sub", dir, dir);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof command, "%s/many", dir);
	assert_ok(run(job("list", json_pack("{s:s}", "folder", command)), NULL, 0, &j,
		      &e), &e);
	assert_int_equal(json_array_size(j), 4990);
	json_decref(j);
	snprintf(command, sizeof command, "cd %s/many && seq 5001 | xargs touch", dir);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof command, "%s/many", dir);
	assert_int_equal(run(job("list", json_pack("{s:s}", "folder", command)), NULL, 0,
			     NULL, &e), RC_ERROR);
	assert_non_null(strstr(e.why, "too many files"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostkey),	  cmocka_unit_test(pinned),
		cmocka_unit_test(not_a_job),	  cmocka_unit_test(passwords),
		cmocka_unit_test(too_many_files), cmocka_unit_test(replaces),
		cmocka_unit_test(keeps_what_is_not_its_own),
		cmocka_unit_test(sftp_alone),	  cmocka_unit_test(no_shell),
		cmocka_unit_test(no_rename_of_new), cmocka_unit_test(neither_way),	  cmocka_unit_test(runs_commands),
		cmocka_unit_test(hangs),	  cmocka_unit_test(login_without_shell),
	};

	return cmocka_run_group_tests(tests, start_all, stop_all);
}
