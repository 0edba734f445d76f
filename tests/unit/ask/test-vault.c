/* Which vault a word means, and how one is opened: by whose agent, identity and
 * password, and when that is asked for. */
#include "support/support.h"
#include "ask/ask.h"
#include "base/num.h"
#include <stdlib.h>
#include <string.h>

/* ---- these stand in for the terminal and the vault ---- */

static struct {
	bool terminal;
	unsigned asked; /* how often, on it */
	bool on;        /* the password was not what failed */
	char prompt[64];
	struct vault_access access; /* what the vault was opened with */
	char password[32];
} fake;

enum rc ask_secret(const char *prompt, const char *file, const char *option,
		   struct secret **out, struct err *e)
{
	const char *text = file ? "of a file" : "typed";

	if (file ? !strcmp(file, "/bad") : !fake.terminal)
		return err_set(e, RC_USAGE, "ask", "cannot be had", NULL, "%s", option);
	if (!file) {
		fake.asked++;
		(void)snprintf(fake.prompt, sizeof fake.prompt, "%s", prompt);
	}
	if (secret_new(strlen(text), out, e) != RC_OK)
		return e->rc;
	memcpy((*out)->p, text, (*out)->n);
	return RC_OK;
}

enum rc ask_yes(const char *prompt, bool sure, bool *yes, struct err *e)
{
	(void)prompt, (void)e;
	*yes = sure;
	return RC_OK;
}

enum rc vault_open(const struct vault_target *t, const struct vault_access *a,
		   struct vault **out, struct err *e)
{
	(void)t, (void)e;
	fake.access = *a;
	(void)snprintf(fake.password, sizeof fake.password, "%.*s",
		       a->password ? num_int(a->password->n) : 0,
		       a->password ? (const char *)a->password->p : "");
	*out = NULL;
	return RC_OK;
}

/* ---- VAULT ---- */

static const struct vault_conf conf = {
	.n = 2,
	.entries = {{.name = "office", .target = {.path = "/srv/office"}},
		    {.name = "away",
		     .target = {.remote = true, .user = "b", .host = "far",
				.port = 22, .path = "/srv"}}}};

static void words_name_vaults(void **state)
{
	static const struct {
		const char *word, *target; /* NULL: refused */
		const struct vault_entry *entry;
		bool nowhere;              /* there is no vault.conf */
	} rows[] = {
		{"office", "/srv/office", &conf.entries[0], false},
		{"away", "sftp://b@far/srv", &conf.entries[1], false},
		{"away", NULL, NULL, true},
		{"Office", NULL, NULL, false},
		{"offic", NULL, NULL, false},
		{"", NULL, NULL, false},
		{"/srv/office", "/srv/office", &conf.entries[0], false},
		{"/srv/office/", "/srv/office", NULL, true},
		{"sftp://b@far:22/srv", "sftp://b@far/srv", &conf.entries[1], false},
		{"sftp://b@far/srv/other", "sftp://b@far/srv/other", NULL, false},
		{"ftp://b@far/srv", NULL, NULL, false},
		{"sftp://b:hidden@far/srv", NULL, NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct vault_entry *entry = NULL;
		char text[1200] = "";
		struct vault_target t;
		struct err e;
		enum rc rc = ask_vault_named(rows[i].nowhere ? NULL : &conf,
					     rows[i].word, &t, &entry, &e);

		print_message("  %s\n", rows[i].word);
		assert_int_equal(rc, rows[i].target ? RC_OK : RC_USAGE);
		assert_ptr_equal(entry, rows[i].entry);
		if (rc == RC_OK) {
			assert_string_equal(vault_target_text(&t, text), rows[i].target);
			continue;
		}
		assert_non_null(strstr(err_text(&e, text, sizeof text), "name a vault of vault.conf"));
		assert_null(strstr(text, "hidden"));
	}
}

/* ---- logins ---- */

#define AGENT "/run/agent"
#define TYPED "typed"

/* "/dev/null" is a file of the entry that can be read, "/none" is not there. */
static char null[] = "/dev/null", none[] = "/none", known[] = "/known";
static const struct vault_entry with_identity = {.identity = null, .known_hosts = known, .seconds = 77};
static const struct vault_entry with_agent = {.agent = null, .seconds = 60};
static const struct vault_entry of_others = {.identity = none, .agent = none, .seconds = 60};

static const struct {
	const char *name;
	const char *agent, *identity, *file;
	const struct vault_entry *entry;
	bool terminal, first; /* first: asked before the vault, as dialogues do */
	enum rc rc;
	const char *password;
	unsigned asked;
} logins[] = {
	{"nothing", NULL, NULL, NULL, NULL, true, false, RC_OK, TYPED, 1},
	{"nothing, nobody", NULL, NULL, NULL, NULL, false, false, RC_USAGE, "", 0},
	{"agent", AGENT, NULL, NULL, NULL, true, false, RC_OK, "", 0},
	{"identity", NULL, "/k", NULL, NULL, true, false, RC_OK, "", 0},
	{"file", NULL, NULL, "/f", NULL, false, false, RC_OK, "of a file", 0},
	{"all", AGENT, "/k", "/f", NULL, true, false, RC_OK, "of a file", 0},
	{"entry's identity", NULL, NULL, NULL, &with_identity, false, false, RC_OK, "", 0},
	{"entry's agent", NULL, NULL, NULL, &with_agent, false, false, RC_OK, "", 0},
	{"entry of another user", NULL, NULL, NULL, &of_others, true, false, RC_OK, TYPED, 1},

	{"first: nothing", NULL, NULL, NULL, NULL, true, true, RC_OK, TYPED, 1},
	{"first: nothing, nobody", NULL, NULL, NULL, NULL, false, true, RC_USAGE, "", 0},
	{"first: agent", AGENT, NULL, NULL, NULL, true, true, RC_OK, TYPED, 1},
	{"first: agent, nobody", AGENT, NULL, NULL, NULL, false, true, RC_OK, "", 0},
	{"first: identity", NULL, "/k", NULL, NULL, true, true, RC_OK, "", 0},
	{"first: identity and file", NULL, "/k", "/f", NULL, true, true, RC_OK, "of a file", 0},
	{"first: entry's identity", NULL, NULL, NULL, &with_identity, true, true, RC_OK, "", 0},
	{"first: a bad file", AGENT, NULL, "/bad", NULL, false, true, RC_USAGE, "", 0},
};

static enum rc log_in(size_t i, struct ask_vault *a, struct err *e)
{
	const struct vault_target t = {.remote = true, .user = "u", .host = "h",
				       .port = 22, .path = "/"};
	struct vault *v;

	if (logins[i].first && ask_vault_password(a, "First:", e) != RC_OK)
		return e->rc;
	fake.on = true;
	return ask_vault_open(a, &t, &v, e);
}

static void passwords_are_asked_for_where_they_are_needed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(logins); i++) {
		struct ask_vault a = {.out = stdout,
				      .password_file = logins[i].file,
				      .identity = logins[i].identity,
				      .entry = logins[i].entry};
		struct err e;

		print_message("  %s\n", logins[i].name);
		memset(&fake, 0, sizeof fake);
		fake.terminal = logins[i].terminal;
		if (logins[i].agent)
			assert_int_equal(setenv("SSH_AUTH_SOCK", logins[i].agent, 1), 0);
		else
			assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
		assert_int_equal(log_in(i, &a, &e), logins[i].rc);
		if (logins[i].first) /* told before anything else is done */
			assert_int_equal(fake.on, logins[i].rc == RC_OK);
		assert_string_equal(fake.password, logins[i].password);
		assert_int_equal(fake.asked, logins[i].asked);
		if (fake.asked)
			assert_string_equal(fake.prompt, logins[i].first ? "First:" : ASK_SFTP);
		ask_vault_clear(&a);
		assert_null(a.password);
	}
	assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
}

static void the_entry_answers_what_the_line_does_not(void **state)
{
	const struct vault_target t = {.path = "/"};
	struct ask_vault a = {.out = stdout, .entry = &with_identity};
	struct vault *v;
	struct err e;

	(void)state;
	assert_ok(ask_vault_open(&a, &t, &v, &e), &e);
	assert_string_equal(fake.access.identity, null);
	assert_string_equal(fake.access.known_hosts, known);
	assert_int_equal(fake.access.seconds, 77);
	a.identity = "/k";
	a.known_hosts = "/mine";
	assert_ok(ask_vault_open(&a, &t, &v, &e), &e);
	assert_string_equal(fake.access.identity, "/k");
	assert_string_equal(fake.access.known_hosts, "/mine");
	assert_int_equal(fake.access.seconds, 77);
}

static void a_folder_needs_no_password(void **state)
{
	const struct vault_target t = {.path = "/"};
	struct ask_vault a = {.out = stdout};
	struct vault *v;
	struct err e;

	(void)state;
	memset(&fake, 0, sizeof fake);
	assert_ok(ask_vault_open(&a, &t, &v, &e), &e);
	assert_int_equal(fake.asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_name_vaults),
		cmocka_unit_test(passwords_are_asked_for_where_they_are_needed),
		cmocka_unit_test(the_entry_answers_what_the_line_does_not),
		cmocka_unit_test(a_folder_needs_no_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
