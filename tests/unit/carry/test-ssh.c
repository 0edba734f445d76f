/* carry's jobs over SSH, as jobs: what they take and bring. How a vault uses them
 * is tests/unit/vault. */
#include "support/sshd.h"
#include "support/support.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/carry.h"
#include "carry/run.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

static char program[PATH_MAX];
static char *dir;
static struct sshd sshd;
static char fingerprint[64];

static int start_all(void **state)
{
	char command[400];
	struct err e;
	FILE *f;

	(void)state;
	assert_ok(proc_sibling("carry", program, sizeof program, &e), &e);
	dir = support_tmpdir();
	sshd_start(&sshd, dir, "");
	snprintf(command, sizeof command,
		 "ssh-keygen -lf %s/host_ed25519.pub | cut -d ' ' -f 2", dir);
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(fingerprint, sizeof fingerprint, f));
	assert_int_equal(pclose(f), 0);
	fingerprint[strcspn(fingerprint, "\n")] = '\0';
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	sshd_stop(&sshd);
	support_tmpdir_remove(dir);
	return 0;
}

/* A good job, then `more` members over it; NULL removes a member. */
static json_t *job(const char *what, json_t *more)
{
	json_t *j = json_pack("{s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:s, s:b, s:b}", "do",
			      what, "host", "127.0.0.1", "port", (int)sshd.port, "user",
			      sshd.user, "seconds", 10, "known_hosts",
			      sshd.known_hosts, "fingerprint", fingerprint, "identity",
			      sshd.key, "agent", 0, "password", 0);

	assert_int_equal(json_object_update(j, more), 0);
	json_decref(more);
	return j;
}

static enum rc run(json_t *j, const char *password, size_t n, json_t **out,
		   struct err *e)
{
	struct secret CLEANUP(secret_free) *s = NULL;
	struct carry_job c = CARRY_JOB(.program = program, .job = j,
				       .content = bytes_of_text("content"),
				       .max = CARRY_OBJECT_MAX, .seconds = 30);
	uint8_t CLEANUP_FREE *text = NULL;
	size_t len = 0;
	enum rc rc;

	if (password) {
		assert_ok(secret_new(n, &s, e), e);
		memcpy(s->p, password, n);
	}
	c.password = s;
	rc = carry_run(&c, &text, &len, e);
	if (rc == RC_OK && out)
		*out = json_loadb((char *)text, len, JSON_REJECT_DUPLICATES, NULL);
	return rc;
}

static const char *text_of(const json_t *j, const char *member)
{
	return json_string_value(json_object_get(j, member));
}

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
		cmocka_unit_test(too_many_files),
	};

	return cmocka_run_group_tests(tests, start_all, stop_all);
}
