/* The recovery key's commands: file get tftp, reset remotekey, show backup. */
#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "replies.h"
#include "base/num.h"
#include "itlctl/keyfile.h"
#include <string.h>

#define FILES " --security-password-file %d/security"

/* ---- file get tftp ITLRecovery.p12 ---- */

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

/* ---- reset remotekey ---- */

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
	assert_non_null(strstr(o.out, "\"imported\":{\"key\":\"ITLRecovery/test10/2\",\"route\":\"unwrap\",\"present\":true}"));
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

/* ---- where a file is ---- */

static const struct {
	const char *target, *folder, *name; /* folder NULL: refused */
} targets[] = {
	{"/vault", "/vault", ""},
	{"/vault/ITLRecovery.p12", "/vault", "ITLRecovery.p12"},
	{"/ITLRecovery.p12", "/", "ITLRecovery.p12"},
	{"/vault/" FAKE_NEWEST, "/vault", FAKE_NEWEST},
	{"/vault/other.envelope", "/vault/other.envelope", ""},
	{"sftp://u@h/vault", "sftp://u@h/vault", ""},
	{"sftp://u@h:2022/vault/old.p12", "sftp://u@h:2022/vault", "old.p12"},
	{"sftp://u@h/vault/" FAKE_NEWEST, "sftp://u@h/vault", FAKE_NEWEST},
	{"vault", NULL, NULL},
	{"old.p12", NULL, NULL},
};

static void targets_are_folders_or_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		char text[VAULT_TEXT_MAX];
		struct keyfile k;
		struct err e;
		enum rc rc = keyfile_of_target(targets[i].target, &k, &e);

		print_message("  %s\n", targets[i].target);
		assert_int_equal(rc, targets[i].folder ? RC_OK : RC_USAGE);
		if (rc != RC_OK)
			continue;
		assert_string_equal(vault_target_text(&k.folder, text), targets[i].folder);
		assert_string_equal(k.name, targets[i].name);
	}
}

/* ---- show backup, show alerts ---- */

#define BACKUP(n, error) \
	"{\"id\":" n ",\"vault\":\"sftp://backup@a-server-with-a-rather-long-name.joemar2.lab/srv/backups/of/the/cluster/test10\"," \
	"\"name\":\"" FAKE_NEWEST "\",\"bytes\":9123,\"plain\":false,\"key\":\"ITLRecovery/test10/1\"," \
	"\"route\":\"cbc\",\"made\":1393439067,\"proved\":1393439068,\"checked\":1393525467," \
	"\"error\":" error ",\"counts\":true,\"security\":2}"
#define BACKUPS(key, security, why, list) \
	"{\"result\":{\"key\":" key ",\"security\":" security ",\"good\":true,\"why\":\"" why \
	"\",\"vaults\":[\"office\",\"away\"],\"backups\":[" list "]}}"
#define KEY(sealed) "{\"label\":\"ITLRecovery/test10/1\",\"bits\":2048,\"sealed\":" sealed "}"
#define SET "{\"set\":true,\"set_at\":1393439067}"

/* One page. */
static void check_width(char *text)
{
	char *rest, *line;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		assert_true(strlen(line) <= 100);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static const struct {
	const char *answer;
	size_t shown; /* backups */
	const char *seen[6];
} backups[] = {
	{BACKUPS(KEY("false"), SET, "", BACKUP("1", "null")), 1,
	 {"ITLRecovery/test10/1, RSA-2048, can be exported", "Security password: set 2014-02-26",
	  "office, away", "Backup:            good", "9123 bytes, envelope, route cbc, security password 2",
	  "  yes     ITLRecovery/test10/1"}},
	{BACKUPS(KEY("true"), "{\"set\":true,\"number\":2,\"set_at\":1393439067}", "of an older password",
		 BACKUP("1", "\"gone \\u001b[2J\"")), 1,
	 {"sealed: never leaves its token again", "number 2, set 2014-02-26",
	  "of an older password", "last check: gone ?[2J"}},
	{BACKUPS(KEY("false"), SET, "",
		 BACKUP("7", "null") "," BACKUP("6", "null") "," BACKUP("5", "null") ","
		 BACKUP("4", "null") "," BACKUP("3", "null") "," BACKUP("2", "null") ","
		 BACKUP("1", "null")), 5,
	 {"and 2 older ones: --json shows all"}},
	{BACKUPS("null", "{\"set\":false,\"set_at\":0}", "nothing was made yet", ""), 0,
	 {"none; itlctl cluster init makes it", "not set; itlctl set password user security"}},
	{"{\"result\":{\"key\":null,\"security\":" SET ",\"good\":false,\"why\":\"\","
	 "\"vaults\":[],\"backups\":[],\"error\":\"the token is away\"}}", 0,
	 {"Recovery key:      not known now\n    error: the token is away", "none in vault.conf",
	  "none that counts"}},
};

static void backups_fit_the_page(void **state)
{
	for (size_t i = 0; i < COUNT_OF(backups); i++) {
		const struct reply list[] = {{"backups", {backups[i].answer}}, {0}};
		struct output o;
		void *own;

		(void)state;
		assert_int_equal(world_setup(&own), 0);
		world_open(own, list);
		o = world_run(own, "show backup");
		assert_int_equal(o.code, 0);
		for (size_t k = 0; k < COUNT_OF(backups[i].seen) && backups[i].seen[k]; k++)
			assert_non_null(strstr(o.out, backups[i].seen[k]));
		assert_int_equal(count(o.out, FAKE_NEWEST), backups[i].shown);
		check_width(o.out);
		output_clear(&o);
		o = world_run(own, "show backup --json");
		assert_true(!strncmp(o.out, "{\"result\":{\"key\":", 17));
		output_clear(&o);
		world_teardown(&own);
	}
}

static void alerts_fit_the_page(void **state)
{
	static const struct reply list[] = {
		{"alerts",
		 {"{\"result\":{\"alerts\":[{\"name\":\"RecoveryKeyBackup\",\"severity\":1,"
		  "\"text\":\"The recovery key has no backup that counts, so that phones could never be recovered if its token were lost; make one\","
		  "\"since\":1393439067,\"sent\":1393525467,\"times\":3}],"
		  "\"syslog\":null,\"mail\":{\"rc\":\"refused\",\"op\":\"mail\",\"what\":\"smtp://far\",\"why\":\"no login\",\"name\":\"\",\"code\":0,\"hint\":\"\"}}}"}},
		{0}};
	struct output o;

	world_open(*state, list);
	o = world_run(*state, "show alerts");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "RecoveryKeyBackup                              alert      2014-02-26"));
	assert_non_null(strstr(o.out, "    The recovery key has no backup"));
	assert_non_null(strstr(o.out, "    mail failed: mail on smtp://far: no login"));
	assert_null(strstr(o.out, "syslog failed"));
	check_width(o.out);
	output_clear(&o);
}

static void no_alerts_are_no_alerts(void **state)
{
	static const struct reply none[] = {{"alerts", {"{\"result\":{\"alerts\":[]}}"}}, {0}};
	struct output o;

	world_open(*state, none);
	o = world_run(*state, "show alerts");
	assert_string_equal(o.out, "No alerts.\n");
	output_clear(&o);
	o = world_run(*state, "show alerts --json");
	assert_string_equal(o.out, "{\"result\":{\"alerts\":[]}}\n");
	output_clear(&o);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(get_has_the_original_dialogue),
		IN_WORLD(sizes_are_printed_as_the_original_does),
		IN_WORLD(get_with_a_target_asks_nothing),
		IN_WORLD(a_backup_that_is_not_recorded_is_told),
		IN_WORLD(nothing_is_asked_in_vain),
		IN_WORLD(remotekey_has_the_original_dialogue),
		IN_WORLD(scripts_log_in_by_file_key_or_agent),
		IN_WORLD(each_failure_has_its_words),
		IN_WORLD(what_stands_in_the_way_is_told_before_the_fetch),
		IN_WORLD(a_reset_that_fails_says_that_the_key_is_there),
		IN_WORLD(remotekey_in_json_tells_what_was_imported),
		IN_WORLD(a_dry_run_imports_nothing),
		IN_WORLD(a_p12_of_elsewhere_is_asked_about),
		IN_WORLD(our_own_files_have_no_other_password),
		cmocka_unit_test(targets_are_folders_or_files),
		cmocka_unit_test(backups_fit_the_page),
		IN_WORLD(alerts_fit_the_page),
		IN_WORLD(no_alerts_are_no_alerts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
