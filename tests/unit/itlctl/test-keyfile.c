/* Where a recovery key's file is, and lines of its commands that say nothing so. */
#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "base/num.h"
#include "itlctl/keyfile.h"
#include "itlctl/pemfile.h"
#include <string.h>
#include <unistd.h>

static const struct {
	const char *vault, *folder, *name; /* folder NULL: refused */
	bool entry;                        /* of vault.conf */
} vaults[] = {
	{"/vault", "/vault", "", false},
	{"/vault/ITLRecovery.p12", "/vault", "ITLRecovery.p12", false},
	{"/ITLRecovery.p12", "/", "ITLRecovery.p12", false},
	{"/vault/" FAKE_NEWEST, "/vault", FAKE_NEWEST, false},
	{"/vault/other.envelope", "/vault/other.envelope", "", false},
	{"sftp://u@h/vault", "sftp://u@h/vault", "", false},
	{"sftp://u@h:2022/vault/old.p12", "sftp://u@h:2022/vault", "old.p12", false},
	{"sftp://u@h/vault/" FAKE_NEWEST, "sftp://u@h/vault", FAKE_NEWEST, false},
	{"office", "/srv/office", "", true},
	{"office/old.p12", "/srv/office", "old.p12", true},
	{"office/" FAKE_NEWEST, "/srv/office", FAKE_NEWEST, true},
	{"/srv/office", "/srv/office", "", true}, /* by its target */
	{"office/other", NULL, NULL, false},
	{"offic", NULL, NULL, false},
	{"vault", NULL, NULL, false},
	{"old.p12", NULL, NULL, false},
};

static void vaults_are_folders_or_files(void **state)
{
	const struct vault_conf conf = {
		.n = 1,
		.entries = {{.name = "office", .target = {.path = "/srv/office"}}}};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(vaults); i++) {
		char text[VAULT_TEXT_MAX];
		struct keyfile k;
		struct err e;
		enum rc rc = keyfile_of_vault(&conf, vaults[i].vault, &k, &e);

		print_message("  %s\n", vaults[i].vault);
		assert_int_equal(rc, vaults[i].folder ? RC_OK : RC_USAGE);
		if (rc != RC_OK)
			continue;
		assert_string_equal(vault_target_text(&k.folder, text), vaults[i].folder);
		assert_string_equal(k.name, vaults[i].name);
		assert_ptr_equal(k.entry, vaults[i].entry ? conf.entries : NULL);
	}
}

/* ---- what is refused before anything is asked ---- */

static const struct {
	const char *line;
	int code;
	const char *out, *err;
} refused[] = {
	{"file get tftp ITLRecovery.p12 --node test10sub", 1, "file not found\n", "file not found"},
	{"file get tftp ITLFile.tlv", 1, "file not found\n", "ITLFile.tlv on test10pub"},
	{"file get tftp itlrecovery.p12", 1, "file not found\n", "itlrecovery.p12"},
	{"file get tftp ITLRecovery.p12 ftp://x/", 2, "", "ftp:"},
	{"file get tftp ITLRecovery.p12 /a /b", 2, "", "too many arguments"},
	{"utils itl reset remotekey h u /p --node test10sub", 3,
	 "This is not publisher node\n", "test10sub"},
	{"utils itl reset remotekey h u", 2, "", "argument is missing"},
	{"utils itl reset remotekey h u /", 2, "", "names no file"},
	{"utils itl reset remotekey h u /a/..", 2, "", "names no file"},
	{"utils itl reset remotekey '' u /a/b", 2, "", "host"},
	{"utils itl reset remotekey u@h u /a/b", 2, "", "host"},
	{"utils itl reset remotekey h/../i u /a/b", 2, "", "host"},
	{"utils itl reset remotekey -h u /a/b", 2, "", "-h"},
	{"utils itl reset remotekey h '' /a/b", 2, "", "user"},
	{"utils itl reset remotekey h u /a/b --port 0", 2, "", "1 to 65535"},
	{"utils itl reset remotekey h u /a/b --port 65536", 2, "", "1 to 65535"},
	{"utils itl reset remotekey h u /a/b --port 22x", 2, "", "22x"},
	{"utils itl reset remotekey h u /a/b --restore /x", 2, "", "--restore"},
	{"cluster init --restore ftp://x/y", 2, "", "ftp:"},
	{"cluster init --restore sftp://u:secret@h/y", 2, "", ""},
	{"show backup --node n1", 2, "", "--node"},
};

static void nothing_is_asked_in_vain(void **state)
{
	struct world *w = *state;

	world_open(w, NULL);
	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		static const char *const none[] = {NULL};
		struct output o;

		print_message("  %s\n", refused[i].line);
		o = world_talk(w, refused[i].line, none);
		assert_int_equal(o.code, refused[i].code);
		assert_string_equal(o.out, refused[i].out);
		assert_non_null(strstr(o.err, refused[i].err));
		assert_null(strstr(o.err, "secret"));
		assert_string_equal(fake.calls, "");
		assert_int_equal(json_array_size(w->requests), 0);
		output_clear(&o);
	}
}

/* A file of the kernel's claims a page and has some digits, as one has that is made
 * shorter between the two looks. */
static void a_file_that_shrinks(void **state)
{
	static const char path[] = "/sys/kernel/uevent_seqnum";
	const struct ctl c = {0};
	struct pemfile f;
	struct err e;

	(void)state;
	if (access(path, R_OK) != 0)
		skip();
	assert_int_equal(pemfile_pair(&c, path, path, &f, &e), RC_ERROR);
	assert_string_equal(e.why, "became shorter while it was read");
	assert_non_null(strstr(e.what, path));
	assert_true(e.hint[0] != '\0');
	assert_false(pemfile_has_key(path));
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vaults_are_folders_or_files),
		cmocka_unit_test(a_file_that_shrinks),
		IN_WORLD(nothing_is_asked_in_vain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
