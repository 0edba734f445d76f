/* file get tftp ITLRecovery.p12. */
#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "base/num.h"
#include <string.h>

/* The dialogue (spec: commands), behind the two prompts for passwords. The size
 * is the original's own. */
static const char get_dialogue[] =
	"Enter CCM Administrator password :\n"
	"Enter cluster security password :\n"
	"Please wait while the system is gathering files info ...done.\n"
	"Sub-directories were not traversed.\n"
	"Number of files affected: 1\n"
	"Total size in Bytes: 1709\n"
	"Total size in Kbytes: 1.6689453\n"
	"Would you like to proceed [y/n]? y\n"
	"SFTP server IP: joemar2-server.cisco.com\n"
	"SFTP server port [22]:\n"
	"User ID: joemar2\n"
	"Password:\n"
	"Download directory: /home/joemar2/\n"
	"(host key)\n"
	"....\n"
	"Transfer completed.\n"
	"Downloading file: /usr/local/cm/tftp/ITLRecovery.p12\n";

static void get_has_the_original_dialogue(void **state)
{
	static const char *const answers[] = {
		PASSWORD, SECURITY, "y", "joemar2-server.cisco.com", "", "joemar2",
		"of the server", "/home/joemar2/", NULL};
	struct world *w = *state;
	char expected[2000];
	struct output o;

	world_open(w, NULL);
	o = world_talk(w, "file get tftp ITLRecovery.p12", answers);
	(void)snprintf(expected, sizeof expected,
		       "%s The backup was fetched back, opened and proved: "
		       "ITLRecovery.p12 in sftp://joemar2@joemar2-server.cisco.com/home/joemar2. "
		       "It is recorded, and the alert is off.", get_dialogue);
	check_squeezed(o.out, expected);
	assert_string_equal(o.err, "");
	assert_int_equal(o.code, 0);
	assert_string_equal(fake.calls,
			    "make security;"
			    "open sftp://joemar2@joemar2-server.cisco.com/home/joemar2;"
			    "store sftp://joemar2@joemar2-server.cisco.com/home/joemar2;");
	assert_string_equal(fake.sftp_password, "of the server");
	output_clear(&o);
}

static const struct {
	size_t bytes;
	const char *kbytes;
} sizes[] = {
	{1709, "1.6689453"}, {2048, "2.0"}, {2560, "2.5"}, {4001, "3.9072266"},
	{1025, "1.0009766"}, {102401, "100.00098"}, {11264, "11.0"},
};

static void sizes_are_printed_as_the_original_does(void **state)
{
	static const char *const answers[] = {PASSWORD, SECURITY, "n", NULL};
	struct world *w = *state;

	world_open(w, NULL);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		char line[100];
		struct output o;

		fake.size = sizes[i].bytes;
		o = world_talk(w, "file get tftp ITLRecovery.p12", answers);
		(void)snprintf(line, sizeof line,
			       "Bytes: %zu\nTotal size in Kbytes: %s\n",
			       sizes[i].bytes, sizes[i].kbytes);
		print_message("  %s", line);
		assert_non_null(strstr(o.out, line));
		output_clear(&o);
	}
}

static void get_with_a_target_asks_nothing(void **state)
{
	struct world *w = *state;
	json_t *j, *r;
	struct output o;

	world_open(w, NULL);
	o = world_run(w, "file get tftp ITLRecovery.p12 sftp://joe@far:2022/b --yes --json"
			 FILES " --sftp-password-file %d/sftp");
	assert_int_equal(o.code, 0);
	j = json_loads(o.out, 0, NULL);
	r = json_object_get(j, "result");
	assert_string_equal(json_string_value(json_object_get(r, "vault")), "sftp://joe@far:2022/b");
	assert_string_equal(json_string_value(json_object_get(r, "name")), "ITLRecovery.p12");
	assert_true(json_is_true(json_object_get(r, "recorded")));
	assert_true(json_is_null(json_object_get(r, "error")));
	assert_string_equal(fake.sftp_password, "of the server");
	json_decref(j);
	output_clear(&o);
}

static void a_backup_that_is_not_recorded_is_told(void **state)
{
	struct world *w = *state;
	struct output o;

	world_open(w, NULL);
	fake.unrecorded = true;
	o = world_run(w, "file get tftp ITLRecovery.p12 /vault --yes" FILES);
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "It is not recorded.\n"));
	assert_null(strstr(o.out, "alert is off"));
	assert_non_null(strstr(o.err, "front is gone; the alert goes on until"));
	output_clear(&o);
}

static void get_to_a_vault_of_vault_conf(void **state)
{
	struct world *w = *state;
	char identity[512];
	struct output o;

	world_vaults(w, "[vault office]\ntarget = /srv/office\n"
			"[vault away]\ntarget = sftp://b@far/srv\nidentity = %d/security\n"
			"known-hosts = /etc/known\nseconds = 77\n");
	world_open(w, NULL);
	o = world_run(w, "file get tftp ITLRecovery.p12 away --yes" FILES);
	assert_int_equal(o.code, 0);
	assert_string_equal(fake.calls, "make security;open sftp://b@far/srv;store sftp://b@far/srv;");
	(void)snprintf(identity, sizeof identity, "%s/security", w->dir);
	assert_string_equal(fake.identity, identity);
	assert_string_equal(fake.known_hosts, "/etc/known");
	assert_int_equal(fake.seconds, 77);
	output_clear(&o);
	/* what the line says stands before it */
	o = world_run(w, "file get tftp ITLRecovery.p12 away --yes --known-hosts /k" FILES);
	assert_string_equal(fake.known_hosts, "/k");
	output_clear(&o);
}

static void a_vault_that_is_none_is_told_at_once(void **state)
{
	static const char *const none[] = {NULL};
	struct world *w = *state;
	struct output o;

	world_open(w, NULL);
	o = world_talk(w, "file get tftp ITLRecovery.p12 away", none);
	assert_int_equal(o.code, 2);
	assert_non_null(strstr(o.err, "name a vault of vault.conf"));
	output_clear(&o);
	world_vaults(w, "[vault away]\ntarget = nowhere\n");
	o = world_talk(w, "file get tftp ITLRecovery.p12 away", none);
	assert_int_equal(o.code, 2);
	assert_non_null(strstr(o.err, "vault.conf:2"));
	output_clear(&o);
}

static void no_is_no(void **state)
{
	static const char *const answers[] = {PASSWORD, SECURITY, "n", NULL};
	struct output o;

	world_open(*state, NULL);
	o = world_talk(*state, "file get tftp ITLRecovery.p12", answers);
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.err, "ITLRecovery.p12: was not wanted; nothing was changed"));
	assert_string_equal(fake.calls, "make security;");
	output_clear(&o);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(get_has_the_original_dialogue),
		IN_WORLD(sizes_are_printed_as_the_original_does),
		IN_WORLD(get_with_a_target_asks_nothing),
		IN_WORLD(get_to_a_vault_of_vault_conf),
		IN_WORLD(a_vault_that_is_none_is_told_at_once),
		IN_WORLD(no_is_no),
		IN_WORLD(a_backup_that_is_not_recorded_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
