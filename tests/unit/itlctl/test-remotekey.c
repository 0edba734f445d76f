/* utils itl reset remotekey. */
#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "replies.h"
#include "base/num.h"
#include <string.h>

#define REMOTEKEY "utils itl reset remotekey joemar2-server.cisco.com joemar2 /home/joemar2/ITLRecovery.p12"
#define REMOTE "open sftp://joemar2@joemar2-server.cisco.com/home/joemar2;"
#define REMOTE_FILES FILES " --sftp-password-file %d/sftp"

static struct reply replies[3];

static void open_door(struct world *w, const struct reply *more)
{
	memset(replies, 0, sizeof replies);
	replies[0] = (struct reply){"reset-plan", {plan_answer(NULL)}};
	replies[1] = *more;
	world_open(w, replies);
}

static const struct reply works = RESET_IN_ORDER;

static void remotekey_has_the_original_dialogue(void **state)
{
	static const char *const answers[] = {PASSWORD, SECURITY, "of the server", NULL};
	struct keyd_intent meant;
	struct world *w = *state;
	char expected[3000];
	struct output o;
	json_t *reset;

	open_door(w, &works);
	o = world_talk(w, REMOTEKEY, answers);
	(void)snprintf(expected, sizeof expected,
		       "Enter CCM Administrator password :\n"
		       "Enter cluster security password :\n"
		       "Enter Sftp password :\n"
		       "(host key)\n%s"
		       "SHA-1 of the list: " SHA_R " Signed by: CN=ITLRECOVERY "
		       "Recovery key: ITLRecovery/test10/2, imported", reset_dialogue);
	check_squeezed(o.out, expected);
	assert_int_equal(o.code, 0);
	assert_string_equal(fake.calls, REMOTE "get ITLRecovery.p12;decrypt;prove;import replace;");
	assert_string_equal(fake.sftp_password, "of the server");
	/* planned before the fetch, and again with the key in the token */
	assert_int_equal(json_array_size(w->requests), 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(json_string_value(json_object_get(world_request(w, i), "how")), "remotekey");
	reset = world_request(w, 2);
	assert_string_equal(json_string_value(json_object_get(reset, "do")), "reset");
	meant = keyd_intent_reset(KEYD_REMOTEKEY, false, plan_source(), 1393439067);
	assert_int_equal(keyd_seen.ntickets, 1);
	assert_int_equal(keyd_seen.tickets[0].op, KEYD_OP_REMOTE);
	assert_memory_equal(keyd_seen.tickets[0].params, meant.params, sizeof meant.params);
	/* no password goes to front */
	for (size_t i = 0; i < json_array_size(w->requests); i++) {
		char *text = json_dumps(world_request(w, i), 0);

		assert_null(strstr(text, PASSWORD));
		assert_null(strstr(text, SECURITY));
		assert_null(strstr(text, "of the server"));
		free(text);
	}
	output_clear(&o);
}

/* Where nobody can be asked: who logs in, and how. */
static const struct {
	const char *options, *agent;
	int code;
	const char *password, *identity;
} logins[] = {
	{"", NULL, 2, "", ""},
	{"", "/run/agent", 0, "", ""},
	{" --identity /k", NULL, 0, "", "/k"},
	{" --sftp-password-file %d/sftp", NULL, 0, "of the server", ""},
	{" --identity /k --sftp-password-file %d/sftp", "/run/agent", 0, "of the server", "/k"},
};

static void scripts_log_in_by_file_key_or_agent(void **state)
{
	struct world *w = *state;

	open_door(w, &works);
	for (size_t i = 0; i < COUNT_OF(logins); i++) {
		char line[300];
		struct output o;

		fake_reset();
		if (logins[i].agent)
			assert_int_equal(setenv("SSH_AUTH_SOCK", logins[i].agent, 1), 0);
		else
			assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
		(void)snprintf(line, sizeof line, "%s%s", REMOTEKEY FILES, logins[i].options);
		print_message("  %s\n", line);
		o = world_run(w, line);
		assert_int_equal(o.code, logins[i].code);
		if (o.code)
			assert_non_null(strstr(o.err, "--sftp-password-file FILE"));
		assert_string_equal(fake.sftp_password, logins[i].password);
		assert_string_equal(fake.identity, logins[i].identity);
		output_clear(&o);
	}
	assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
}

static const struct {
	const char *fail;
	enum rc rc;
	const char *why;
	int code;
	const char *err;   /* where and what, in one line */
	const char *calls; /* nothing behind the failure */
} failures[] = {
	{"open", RC_REFUSED, "login refused; the server offers publickey", 3,
	 "the open: login refused; the server offers publickey", REMOTE},
	{"open", RC_REFUSED, "the host key has changed", 3, "the host key has changed", REMOTE},
	{"open", RC_ERROR, "nobody answers", 1, "nobody answers", REMOTE},
	{"get", RC_NOTFOUND, "no such file", 1, "the get: no such file",
	 REMOTE "get ITLRecovery.p12;"},
	{"get", RC_ERROR, "connection lost", 1, "connection lost", REMOTE "get ITLRecovery.p12;"},
	{"decrypt", RC_USAGE, "is no PKCS#12 file", 2,
	 "sftp://joemar2@joemar2-server.cisco.com/home/joemar2: ITLRecovery.p12: the decrypt: is no PKCS#12 file",
	 REMOTE "get ITLRecovery.p12;decrypt;"},
	{"decrypt", RC_VERIFY, "does not open", 5, "--p12-password-file",
	 REMOTE "get ITLRecovery.p12;decrypt;"},
	{"decrypt", RC_REFUSED, "key size not allowed", 3, "key size not allowed",
	 REMOTE "get ITLRecovery.p12;decrypt;"},
	{"prove", RC_VERIFY, "the key is not the certificate's", 5,
	 "ITLRecovery.p12: the prove: the key is not the certificate's",
	 REMOTE "get ITLRecovery.p12;decrypt;prove;"},
	{"import", RC_TOKEN, "the token is full", 4, "the token is full",
	 REMOTE "get ITLRecovery.p12;decrypt;prove;import replace;"},
};

static void each_failure_has_its_words(void **state)
{
	struct world *w = *state;

	open_door(w, &works);
	for (size_t i = 0; i < COUNT_OF(failures); i++) {
		struct output o;

		fake_reset();
		fake.fail = failures[i].fail;
		fake.rc = failures[i].rc;
		fake.why = failures[i].why;
		json_array_clear(w->requests);
		o = world_run(w, REMOTEKEY REMOTE_FILES);
		print_message("  %s", o.err);
		assert_int_equal(o.code, failures[i].code);
		assert_true(!strncmp(o.err, "itlctl: ", 8));
		assert_ptr_equal(strchr(o.err, '\n'), o.err + strlen(o.err) - 1);
		assert_non_null(strstr(o.err, failures[i].err));
		assert_string_equal(fake.calls, failures[i].calls);
		assert_int_equal(json_array_size(w->requests), 1); /* the plan */
		assert_int_equal(keyd_seen.ntickets, 0);
		output_clear(&o);
	}
}

static void what_stands_in_the_way_is_told_before_the_fetch(void **state)
{
	static const struct reply busy[] = {
		{"reset-plan", {ERROR("busy", "a reset by uid 1000 runs")}}, {0}};
	struct world *w = *state;
	struct output o;

	world_open(w, busy);
	o = world_run(w, REMOTEKEY REMOTE_FILES);
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.err, "a reset by uid 1000 runs"));
	assert_string_equal(fake.calls, "");
	output_clear(&o);
}

static void a_reset_that_fails_says_that_the_key_is_there(void **state)
{
	static const struct reply fails = {"reset", {ERROR("error", "the disk is full")}};
	struct output o;

	open_door(*state, &fails);
	o = world_run(*state, REMOTEKEY REMOTE_FILES);
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.err, "the disk is full"));
	assert_non_null(strstr(o.err, "imported, as ITLRecovery/test10/2, but the reset failed; the same command can be given again"));
	output_clear(&o);
}

static void remotekey_in_json_tells_what_was_imported(void **state)
{
	struct output o;

	open_door(*state, &works);
	fake.present = true;
	o = world_run(*state, REMOTEKEY REMOTE_FILES " --json");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "\"imported\":{\"key\":\"ITLRecovery/test10/2\",\"route\":\"token-cbc-pad\",\"present\":true}"));
	assert_true(!strncmp(o.out, "{\"event\":\"servers\"", 18));
	assert_non_null(strstr(o.err, "(host key)"));
	output_clear(&o);
}

static void a_dry_run_imports_nothing(void **state)
{
	struct output o;

	open_door(*state, &works);
	o = world_run(*state, REMOTEKEY REMOTE_FILES " --dry-run");
	assert_int_equal(o.code, 0);
	check_squeezed(o.out, "(host key) Signer: CN=ITLRECOVERY_old Node SHA-1 now SHA-1 then "
			      "test10pub " SHA_A " - test10sub - - "
			      "The SHA-1 is known once the key is imported. "
			      "This was a dry run: nothing was changed.");
	assert_string_equal(fake.calls, REMOTE "get ITLRecovery.p12;decrypt;prove;");
	assert_int_equal(keyd_seen.ntickets, 0);
	output_clear(&o);
	o = world_run(*state, REMOTEKEY REMOTE_FILES " --dry-run --json");
	assert_non_null(strstr(o.out, "\"sha1\":null"));
	output_clear(&o);
}

/* ---- a p12 with a password of its own ---- */

static void a_p12_of_elsewhere_is_asked_about(void **state)
{
	static const char *const answers[] = {PASSWORD, SECURITY, "x", "its own", NULL};
	static const char *const wrong[] = {PASSWORD, SECURITY, "x", "not this", NULL};
	struct output o;

	open_door(*state, &works);
	fake.p12_password = "its own";
	o = world_talk(*state, REMOTEKEY, answers);
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "Enter Sftp password : \n(host key)\nEnter password of the p12 file : \n"));
	output_clear(&o);
	o = world_talk(*state, REMOTEKEY, wrong);
	assert_int_equal(o.code, 5);
	assert_non_null(strstr(o.err, "does not open"));
	output_clear(&o);
	/* without a terminal: the file's option, or the error as it was */
	o = world_run(*state, REMOTEKEY REMOTE_FILES);
	assert_int_equal(o.code, 5);
	output_clear(&o);
	fake.p12_password = "of the server";
	o = world_run(*state, REMOTEKEY REMOTE_FILES " --p12-password-file %d/sftp");
	assert_int_equal(o.code, 0);
	output_clear(&o);
}

static void our_own_files_have_no_other_password(void **state)
{
	static const char *const answers[] = {PASSWORD, SECURITY, "x", NULL};
	struct output o;

	open_door(*state, &works);
	fake.p12_password = "of an older time";
	fake.content = "IKEEPENV and more";
	o = world_talk(*state, REMOTEKEY, answers);
	assert_int_equal(o.code, 5);
	output_clear(&o);
	fake.content = NULL;
	o = world_talk(*state, "utils itl reset remotekey h u " FAKE_NEWEST, answers);
	assert_int_equal(o.code, 5);
	/* its name is held against what is in it */
	assert_non_null(strstr(fake.calls, "decrypt " FAKE_NEWEST ";"));
	output_clear(&o);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(remotekey_has_the_original_dialogue),
		IN_WORLD(scripts_log_in_by_file_key_or_agent),
		IN_WORLD(each_failure_has_its_words),
		IN_WORLD(what_stands_in_the_way_is_told_before_the_fetch),
		IN_WORLD(a_reset_that_fails_says_that_the_key_is_there),
		IN_WORLD(remotekey_in_json_tells_what_was_imported),
		IN_WORLD(a_dry_run_imports_nothing),
		IN_WORLD(a_p12_of_elsewhere_is_asked_about),
		IN_WORLD(our_own_files_have_no_other_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
