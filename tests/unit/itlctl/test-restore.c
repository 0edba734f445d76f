/* The cluster security password, and cluster init from a backup. */
#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "replies.h"
#include "base/file.h"
#include "base/num.h"
#include <string.h>
#include <unistd.h>

#define ALERTS {"alerts-check", {"{\"result\":{\"alerts\":[]}}"}}
#define BACKUPS(key) \
	{"backups", {"{\"result\":{\"key\":" key ",\"backups\":[]}}"}}
#define KEY(sealed) "{\"label\":\"ITLRecovery/test10/1\",\"bits\":2048,\"sealed\":" sealed "}"

static const struct reply service[] = {ALERTS, BACKUPS(KEY("false")), {0}};

#define TWO_VAULTS "[vault office]\ntarget = /srv/office\n" \
		   "[vault away]\ntarget = sftp://b@far/srv\nknown-hosts = /etc/known\n"

/* ---- set password user security ---- */

static void a_change_offers_a_new_backup(void **state)
{
	static const char *const answers[] = {PASSWORD, SECURITY, "the new one",
					      "the new one", "y", "of the server",
					      NULL};
	struct world *w = *state;
	struct output o;

	world_vaults(w, TWO_VAULTS);
	world_open(w, service);
	o = world_talk(w, "set password user security", answers);
	check_squeezed(o.out,
		       "Enter CCM Administrator password : "
		       "Please enter the old password: "
		       "Please enter the new password: "
		       "Reenter new password to confirm: "
		       "Password updated successfully. "
		       "Every backup of the recovery key that was saved before is useless now. "
		       "Would you like to make a new backup of the recovery key now [y/n]? y "
		       "Backup to /srv/office ... "
		       "The backup was fetched back, opened and proved: " FAKE_NEWEST " in /srv/office. "
		       "It is recorded, and the alert is off. "
		       "Backup to sftp://b@far/srv ... Enter Sftp password : (host key) "
		       "The backup was fetched back, opened and proved: " FAKE_NEWEST " in sftp://b@far/srv. "
		       "It is recorded, and the alert is off.");
	assert_int_equal(o.code, 0);
	assert_string_equal(keyd_seen.old_security, SECURITY);
	assert_string_equal(keyd_seen.new_security, "the new one");
	/* made with the new one, and the alert was started before */
	assert_string_equal(fake.calls, "security;open /srv/office;backup a new security;"
					"open sftp://b@far/srv;backup a new security;");
	assert_string_equal(json_string_value(json_object_get(world_request(w, 0), "do")), "alerts-check");
	assert_string_equal(fake.known_hosts, "/etc/known"); /* as vault.conf says */
	assert_string_equal(fake.sftp_password, "of the server");
	output_clear(&o);
}

static const struct {
	const char *name;
	uint32_t set;        /* which password was set before */
	const char *vaults;  /* vault.conf, or NULL */
	const char *key;     /* of backups */
	const char *line;
	const char *answers[7];
	const char *seen, *unseen;
	const char *calls;
} changes[] = {
	{"the first one", 0, TWO_VAULTS, KEY("false"), "set password user security",
	 {PASSWORD, "new", "new", "n"}, "open with it from now on", "useless", "security;"},
	{"no", 1, TWO_VAULTS, KEY("false"), "set password user security",
	 {PASSWORD, SECURITY, "new", "new", "n"}, "itlvault backup VAULT", "Backup to", "security;"},
	{"no vault", 1, NULL, KEY("false"), "set password user security",
	 {PASSWORD, SECURITY, "new", "new"}, "file get tftp ITLRecovery.p12", "[y/n]", "security;"},
	{"no vault, and yes", 1, "", KEY("false"), "set password user security --yes",
	 {PASSWORD, SECURITY, "new", "new"}, "file get tftp ITLRecovery.p12", "[y/n]", "security;"},
	{"no key yet", 1, TWO_VAULTS, "null", "set password user security",
	 {PASSWORD, SECURITY, "new", "new"}, "updated successfully", "backup", "security;"},
	{"sealed", 1, TWO_VAULTS, KEY("true"), "set password user security",
	 {PASSWORD, SECURITY, "new", "new"}, "updated successfully", "backup", "security;"},
	{"nobody answers the question", 1, TWO_VAULTS, KEY("false"), "set password user security",
	 {PASSWORD, SECURITY, "new", "new", "!"}, "itlvault backup VAULT", "Backup to", "security;"},
	{"yes", 1, "[vault office]\ntarget = /srv/office\n", KEY("false"),
	 "set password user security --yes", {PASSWORD, SECURITY, "new", "new"},
	 "Backup to /srv/office", "[y/n]", "security;open /srv/office;backup a new security;"},
};

static void each_change_has_its_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		char backups[300];
		const struct reply list[] = {ALERTS, {"backups", {backups}}, {0}};
		struct output o;
		void *own;

		(void)snprintf(backups, sizeof backups,
			       "{\"result\":{\"key\":%s,\"backups\":[]}}", changes[i].key);
		assert_int_equal(world_setup(&own), 0);
		if (changes[i].vaults)
			world_vaults(own, changes[i].vaults);
		keyd_seen.security = changes[i].set;
		world_open(own, list);
		print_message("  %s\n", changes[i].name);
		o = world_talk(own, changes[i].line, changes[i].answers);
		assert_int_equal(o.code, 0);
		assert_string_equal(o.err, "");
		assert_non_null(strstr(o.out, changes[i].seen));
		assert_null(strstr(o.out, changes[i].unseen));
		assert_string_equal(fake.calls, changes[i].calls);
		assert_string_equal(keyd_seen.new_security, "new");
		output_clear(&o);
		world_teardown(&own);
	}
}

static void a_change_by_files_is_told_in_json(void **state)
{
	static const char *const nothing[] = {NULL};
	struct world *w = *state;
	struct output o;

	world_vaults(w, "[vault office]\ntarget = /srv/office\n");
	world_open(w, service);
	o = world_run(w, "set password user security --json --yes"
			 " --security-password-file %d/security --new-password-file %d/sftp");
	assert_int_equal(o.code, 0);
	assert_ptr_equal(strstr(o.out, "{\"result\":{\"updated\":true,\"backups\":[{\"vault\":\"/srv/office\""), o.out);
	assert_null(strstr(o.out, "of the server")); /* no password */
	assert_string_equal(keyd_seen.old_security, SECURITY);
	assert_string_equal(keyd_seen.new_security, "of the server");
	output_clear(&o);
	/* not asked, and not made */
	fake_reset();
	o = world_talk(w, "set password user security --json --password-file %d/password"
			  " --security-password-file %d/security --new-password-file %d/sftp",
		       nothing);
	assert_string_equal(o.out, "{\"result\":{\"updated\":true,\"backups\":[]}}\n");
	assert_string_equal(fake.calls, "security;");
	output_clear(&o);
}

static void root_may_have_lost_the_old_one(void **state)
{
	static const char *const lost[] = {PASSWORD, "new", "new", NULL};
	static const char *const known[] = {PASSWORD, SECURITY, "new", "new", NULL};
	bool root = geteuid() == 0;
	struct output o;

	world_open(*state, service);
	o = world_talk(*state, "set password user security --force", root ? lost : known);
	assert_int_equal(o.code, 0);
	assert_string_equal(keyd_seen.old_security, root ? "" : SECURITY);
	output_clear(&o);
}

static void a_wrong_old_one_changes_nothing(void **state)
{
	static const char *const answers[] = {PASSWORD, "no", "new", "new", NULL};
	struct world *w = *state;
	struct output o;

	world_open(w, service);
	fake.fail = "security";
	fake.rc = RC_REFUSED;
	fake.why = "wrong password";
	o = world_talk(w, "set password user security", answers);
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.err, "wrong password"));
	assert_null(strstr(o.out, "successfully"));
	assert_int_equal(json_array_size(w->requests), 0);
	output_clear(&o);
}

static void one_vault_that_fails_keeps_no_other_waiting(void **state)
{
	struct world *w = *state;
	struct output o;

	world_vaults(w, TWO_VAULTS);
	world_open(w, service);
	fake.fail = "open";
	fake.fail_times = 1;
	fake.rc = RC_ERROR;
	fake.why = "no such folder";
	o = world_run(w, "set password user security --yes"
			 " --security-password-file %d/security --new-password-file %d/sftp"
			 " --sftp-password-file %d/sftp");
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.out, "Password updated successfully."));
	assert_non_null(strstr(o.out, "proved: " FAKE_NEWEST " in sftp://b@far/srv."));
	assert_non_null(strstr(o.err, "office: the open: no such folder"));
	output_clear(&o);
}

/* The first is told last: it is what came of the command. */
static void the_first_of_several_errors_is_the_result(void **state)
{
	struct world *w = *state;
	struct output o;
	const char *last;

	world_vaults(w, TWO_VAULTS);
	world_open(w, service);
	fake.fail = "open";
	fake.rc = RC_ERROR;
	fake.why = "nobody answers";
	o = world_run(w, "set password user security --yes --json"
			 " --security-password-file %d/security --new-password-file %d/sftp"
			 " --sftp-password-file %d/sftp");
	assert_int_equal(o.code, 1);
	assert_true(!strncmp(o.out, "{\"error\":", 9));
	last = strchr(o.out, '\n') + 1;
	assert_true(!strncmp(last, "{\"error\":", 9));
	assert_non_null(strstr(last, "office: the open"));
	assert_true(strstr(o.out, "away: the open") < last);
	assert_ptr_equal(strchr(last, '\n'), last + strlen(last) - 1);
	assert_true(strstr(o.err, "away: the open") < strstr(o.err, "office: the open"));
	output_clear(&o);
}

static void the_service_may_be_gone(void **state)
{
	static const struct reply none[] = {{0}}; /* hangs up */
	struct output o;

	world_open(*state, none);
	o = world_run(*state, "set password user security --security-password-file %d/security"
			      " --new-password-file %d/sftp");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "Password updated successfully."));
	assert_true(!strncmp(o.err, "itlctl: ", 8));
	output_clear(&o);
}

/* ---- cluster init ---- */

#define TFTP_RESTART \
	{"tftp-restart", \
	 {NODE("verified", "n1", "test10pub"), \
	  "{\"result\":{\"node\":\"n1\",\"sha1\":\"" SHA_A "\",\"kind\":\"itl\",\"built\":true}}"}}
#define CERT(tries) \
	{"generate", {"{\"result\":{\"unit\":\"ITLRecovery\",\"node\":null,\"tries\":" tries "}}"}}
#define INIT_PLAN(present) \
	{"init-plan", {"{\"result\":{\"keys\":[{\"unit\":\"ITLRecovery\",\"node\":null," \
		       "\"bits\":2048,\"present\":" present "}],\"nodes\":[\"n1\"]}}"}}

static const struct reply first_time[] = {INIT_PLAN("false"), CERT("4"), TFTP_RESTART, {0}};

static void init_tells_the_tries(void **state)
{
	struct output o;

	world_open(*state, first_time);
	o = world_run(*state, "cluster init");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "RSA-2048 ... done (key 4 of at most 60: its length lets this token wrap it)\n"));
	output_clear(&o);
}

static void init_sets_the_security_password(void **state)
{
	static const char *const yes[] = {PASSWORD, "y", "new", "new", NULL};
	static const char *const no[] = {PASSWORD, "n", NULL};
	static const char *const nothing[] = {NULL};
	static const char not_set[] = "The cluster security password is not set";
	struct output o;

	/* by a script that names no file */
	world_open(*state, first_time);
	keyd_seen.security = 0;
	o = world_run(*state, "cluster init");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, not_set));
	output_clear(&o);
	/* even on somebody's terminal */
	o = world_talk(*state, "cluster init --password-file %d/password", nothing);
	assert_non_null(strstr(o.out, not_set));
	output_clear(&o);
	/* by one that does */
	o = world_run(*state, "cluster init --security-password-file %d/security");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "The cluster security password is set.\n"));
	assert_string_equal(keyd_seen.new_security, SECURITY);
	assert_string_equal(keyd_seen.old_security, "");
	output_clear(&o);
	/* again: it stays */
	keyd_seen.new_security[0] = '\0';
	o = world_run(*state, "cluster init --security-password-file %d/sftp");
	assert_string_equal(keyd_seen.new_security, "");
	output_clear(&o);
	/* by people */
	keyd_seen.security = 0;
	o = world_talk(*state, "cluster init", no);
	assert_non_null(strstr(o.out, not_set));
	assert_int_equal(o.code, 0);
	output_clear(&o);
	o = world_talk(*state, "cluster init", yes);
	assert_string_equal(keyd_seen.new_security, "new");
	assert_int_equal(o.code, 0);
	output_clear(&o);
}

/* ---- cluster init --restore ---- */

static struct reply rebuilt[6];

/* The door of a cluster that is rebuilt; failing is the reply to "reset". */
static void open_rebuilt(struct world *w, const struct reply *reset)
{
	static const struct reply others[] = {
		INIT_PLAN("true"), TFTP_RESTART, RESET_IN_ORDER};

	memset(rebuilt, 0, sizeof rebuilt);
	memcpy(rebuilt, others, sizeof others);
	if (reset)
		rebuilt[2] = *reset;
	rebuilt[3] = (struct reply){"reset-plan", {plan_answer(NULL)}};
	keyd_seen.password_set = false;
	keyd_seen.security = 0;
	world_open(w, rebuilt);
}

static void check_requests(struct world *w, const char *expected)
{
	char text[500] = "";
	json_t *request;
	size_t i;

	json_array_foreach(w->requests, i, request) {
		const char *how = json_string_value(json_object_get(request, "how"));

		strcat(text, json_string_value(json_object_get(request, "do")));
		strcat(text, how ? " " : "");
		strcat(text, how ? how : "");
		strcat(text, ";");
	}
	assert_string_equal(text, expected);
}

static void restore_is_one_command(void **state)
{
	struct world *w = *state;
	char expected[3000];
	struct output o;
	char *at;

	open_rebuilt(w, NULL);
	o = world_run(w, "cluster init --restore /vault" FILES);
	assert_int_equal(o.code, 0);
	/* seconds are not what is tested */
	for (at = o.out; (at = strstr(at, " s\n")); *at = 'x')
		at[-1] = at[-3] = 'N';
	(void)snprintf(expected, sizeof expected,
		       "The administrator password is set. "
		       "Recovery key: " FAKE_NEWEST " in /vault, fetched and opened in N.Nxs "
		       "Recovery key: imported as ITLRecovery/test10/2, N.Nxs "
		       "The cluster security password is set to the one of the backup. "
		       "test10pub serves its first list: SHA-1 " SHA_A "\n%s"
		       "SHA-1 of the list: " SHA_R " Signed by: CN=ITLRECOVERY "
		       "The cluster test10 is ready: 0 keys made, 1 lists published. "
		       "Phones that hold the recovery key's certificate accept the list when they are reset. "
		       "From the backup to lists served: N.Nxs", reset_dialogue);
	check_squeezed(o.out, expected);
	assert_string_equal(keyd_seen.new_password, PASSWORD);
	assert_string_equal(keyd_seen.new_security, SECURITY);
	/* it replaces nothing, and nothing is set before it is in the token */
	assert_string_equal(fake.calls, "open /vault;newest;get " FAKE_NEWEST ";"
					"decrypt " FAKE_NEWEST ";import;security;");
	check_requests(w, "init-plan;tftp-restart;reset-plan localkey;reset localkey;");
	output_clear(&o);
	/* one with a trust store, which the new token's Audit key did not sign */
	fake.trust = true;
	o = world_run(w, "cluster init --restore /vault" FILES);
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "itlctl trust add DIR/TrustFile.tlv\n"));
	output_clear(&o);
}

static void restore_of_a_file_by_sftp_in_json(void **state)
{
	struct world *w = *state;
	struct output o;
	char *last;
	json_t *j, *r;

	open_rebuilt(w, NULL);
	fake.p12_password = "of the server";
	o = world_run(w, "cluster init --restore sftp://u@h/old/ITLRecovery.p12 --json" FILES
			 " --p12-password-file %d/sftp --sftp-password-file %d/sftp");
	assert_int_equal(o.code, 0);
	assert_string_equal(fake.calls, "open sftp://u@h/old;get ITLRecovery.p12;decrypt;import;security;");
	o.out[strlen(o.out) - 1] = '\0';
	last = strrchr(o.out, '\n') + 1;
	j = json_loads(last, 0, NULL);
	r = json_object_get(j, "result");
	assert_true(json_is_true(json_object_get(r, "security_set")));
	assert_string_equal(json_string_value(json_object_get(json_object_get(r, "restored"), "key")),
			    "ITLRecovery/test10/2");
	assert_true(json_is_false(json_object_get(json_object_get(r, "restored"), "trust")));
	assert_string_equal(json_string_value(json_object_get(json_object_get(r, "reset"), "sha1")), SHA_R);
	assert_true(json_is_real(json_object_get(r, "seconds")));
	json_decref(j);
	output_clear(&o);
}

/* By its name in vault.conf, and as that says. */
static void restore_from_a_vault_of_vault_conf(void **state)
{
	static const struct {
		const char *line, *calls;
	} rows[] = {
		{"cluster init --restore away" FILES,
		 "open sftp://b@far/srv;newest;get " FAKE_NEWEST ";decrypt " FAKE_NEWEST ";import;"},
		{"cluster init --restore away/ITLRecovery.p12" FILES,
		 "open sftp://b@far/srv;get ITLRecovery.p12;decrypt;import;"},
	};
	struct world *w = *state;

	world_vaults(w, "[vault away]\ntarget = sftp://b@far/srv\nidentity = %d/security\n"
			"known-hosts = /etc/known\nseconds = 77\n");
	open_rebuilt(w, NULL);
	keyd_seen.security = 2;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char identity[512];
		struct output o;

		fake_reset();
		o = world_run(w, rows[i].line);
		assert_int_equal(o.code, 0);
		assert_string_equal(fake.calls, rows[i].calls);
		(void)snprintf(identity, sizeof identity, "%s/security", w->dir);
		assert_string_equal(fake.identity, identity);
		assert_string_equal(fake.known_hosts, "/etc/known");
		assert_string_equal(fake.sftp_password, "");
		assert_int_equal(fake.seconds, 77);
		output_clear(&o);
	}
}

/* Under this policy a localkey reset is signed by a key that no phone knows. */
static void restore_signs_with_the_recovery_key_under_both_policies(void **state)
{
	static const char conf[] =
		"[cluster]\nname = test10\npublisher = n1\ndomain = joemar2.lab\n"
		"policy = itlrecovery\nrun = %s/run\nstate-dir = %s/state\n"
		"[node n1]\nhost = test10pub\naddress = 127.0.0.1\nfolder = %s/n1\nrestart = true\n";
	struct world *w = *state;
	char text[2048], path[512];
	struct output o;
	struct err e;

	(void)snprintf(text, sizeof text, conf, w->dir, w->dir, w->dir);
	assert_ok(file_path(path, sizeof path, w->dir, "cluster.conf", &e), &e);
	assert_ok(file_replace(path, bytes_of_text(text), 0600, &e), &e);
	open_rebuilt(w, NULL);
	o = world_run(w, "cluster init --restore /vault" FILES);
	assert_int_equal(o.code, 0);
	check_requests(w, "init-plan;tftp-restart;reset-plan remotekey;reset remotekey;");
	output_clear(&o);
}

static void restore_keeps_the_security_password_that_is_set(void **state)
{
	struct output o;

	open_rebuilt(*state, NULL);
	keyd_seen.security = 2;
	o = world_run(*state, "cluster init --restore /vault" FILES);
	assert_int_equal(o.code, 0);
	assert_string_equal(keyd_seen.new_security, "");
	assert_null(strstr(o.out, "security password"));
	output_clear(&o);
}

static const struct {
	const char *fail;
	enum rc rc;
	const char *why;
	int code;
	const char *err, *calls;
} unrestored[] = {
	{"newest", RC_NOTFOUND, "holds no backup", 1, "/vault: the newest: holds no backup",
	 "open /vault;newest;"},
	{"decrypt", RC_VERIFY, "does not open", 5, "/vault: the decrypt: does not open",
	 "open /vault;newest;get " FAKE_NEWEST ";decrypt " FAKE_NEWEST ";"},
	{"import", RC_REFUSED, "another recovery key is there", 3, "reset remotekey replaces the token's key",
	 "open /vault;newest;get " FAKE_NEWEST ";decrypt " FAKE_NEWEST ";import;"},
	{"import", RC_TOKEN, "the token is full", 4, "the token is full",
	 "open /vault;newest;get " FAKE_NEWEST ";decrypt " FAKE_NEWEST ";import;"},
};

static void what_is_not_restored_makes_no_cluster(void **state)
{
	struct world *w = *state;

	open_rebuilt(w, NULL);
	for (size_t i = 0; i < COUNT_OF(unrestored); i++) {
		struct output o;

		fake_reset();
		fake.fail = unrestored[i].fail;
		fake.rc = unrestored[i].rc;
		fake.why = unrestored[i].why;
		o = world_run(w, "cluster init --restore /vault" FILES);
		print_message("  %s", o.err);
		assert_int_equal(o.code, unrestored[i].code);
		assert_non_null(strstr(o.err, unrestored[i].err));
		assert_string_equal(fake.calls, unrestored[i].calls);
		assert_string_equal(keyd_seen.new_security, "");
		assert_int_equal(json_array_size(w->requests), 0);
		output_clear(&o);
	}
}

/* Phones wait for the reset, not for a node that is down. */
static void a_node_without_a_list_keeps_no_phone_waiting(void **state)
{
	static const struct reply down = {"tftp-restart", {ERROR("error", "no answer")}};
	struct world *w = *state;
	struct output o;

	open_rebuilt(w, NULL);
	rebuilt[1] = down;
	o = world_run(w, "cluster init --restore /vault" FILES);
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.err, "no answer"));
	check_requests(w, "init-plan;tftp-restart;reset-plan localkey;reset localkey;");
	output_clear(&o);
}

static void the_list_that_failed_first_is_the_result(void **state)
{
	static const struct reply down = {"tftp-restart", {ERROR("busy", "no answer")}};
	static const struct reply fails = {"reset", {ERROR("refused", "the disk is full")}};
	struct world *w = *state;
	struct output o;
	const char *last;

	open_rebuilt(w, &fails);
	rebuilt[1] = down;
	o = world_run(w, "cluster init --restore /vault --json" FILES);
	assert_int_equal(o.code, 1);
	assert_true(!strncmp(o.out, "{\"error\":{\"rc\":\"refused\"", 24));
	last = strchr(o.out, '\n') + 1;
	assert_true(!strncmp(last, "{\"error\":{\"rc\":\"busy\"", 21));
	assert_ptr_equal(strchr(last, '\n'), last + strlen(last) - 1);
	output_clear(&o);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_change_offers_a_new_backup),
		cmocka_unit_test(each_change_has_its_words),
		IN_WORLD(a_change_by_files_is_told_in_json),
		IN_WORLD(root_may_have_lost_the_old_one),
		IN_WORLD(a_wrong_old_one_changes_nothing),
		IN_WORLD(one_vault_that_fails_keeps_no_other_waiting),
		IN_WORLD(the_first_of_several_errors_is_the_result),
		IN_WORLD(the_service_may_be_gone),
		IN_WORLD(init_tells_the_tries),
		IN_WORLD(init_sets_the_security_password),
		IN_WORLD(restore_is_one_command),
		IN_WORLD(restore_of_a_file_by_sftp_in_json),
		IN_WORLD(restore_from_a_vault_of_vault_conf),
		IN_WORLD(restore_signs_with_the_recovery_key_under_both_policies),
		IN_WORLD(restore_keeps_the_security_password_that_is_set),
		IN_WORLD(what_is_not_restored_makes_no_cluster),
		IN_WORLD(a_node_without_a_list_keeps_no_phone_waiting),
		IN_WORLD(the_list_that_failed_first_is_the_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
