/* A vault on a real SFTP server: logins and host keys. */
#include "fixture.h"
#include "base/num.h"
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- logins ---- */

static struct secret *secret_of(const char *text)
{
	struct secret *s = NULL;
	struct err e;

	assert_ok(secret_new(strlen(text), &s, &e), &e);
	memcpy(s->p, text, s->n);
	return s;
}

enum { KEY = 1, LOCKED = 2, PUBLIC = 4, MISSING = 8, AGENT = 16, DEAF = 32,
       PASSWORD = 64, WRONG = 128, EMPTY = 256 };

/* The agent of the server's script, and a file that is no private key. */
static char agent[300], public[310];

static void start_server(const char *options)
{
	sshd_start(&sshd, dir, options);
	sshd_agent(&sshd, agent, sizeof agent);
	snprintf(public, sizeof public, "%s.pub", sshd.key);
}

static struct vault_access access_with(int with, const struct secret *password)
{
	struct vault_access a = by_key();
	char command[400];

	if (with & EMPTY) {
		snprintf(command, sizeof command,
			 "SSH_AUTH_SOCK=%s ssh-add -q -D 2>/dev/null", agent);
		assert_int_equal(system(command), 0);
	}
	a.password = password;
	a.agent = with & AGENT	? agent
		  : with & DEAF ? "/nonexistent/agent"
				: NULL;
	a.identity = with & KEY	      ? sshd.key
		     : with & LOCKED  ? sshd.key_locked
		     : with & PUBLIC  ? public
		     : with & MISSING ? "/nonexistent/key"
				      : NULL;
	return a;
}

static void logins(void **state)
{
	static const struct {
		const char *server;
		int with;
		enum rc rc;
		const char *says;
	} rows[] = {
		{"", KEY, RC_OK, ""},
		{"", AGENT, RC_OK, ""},
		{"", AGENT | LOCKED, RC_OK, ""}, /* the agent has that key open */
		{"", PASSWORD, RC_OK, ""},
		{"", 0, RC_REFUSED,
		 "tried: nothing; the server offers: publickey, password"},
		{"", WRONG, RC_REFUSED,
		 "tried: password; the server offers: publickey, password"},
		{"", LOCKED, RC_USAGE, "the key has a passphrase"},
		{"", LOCKED | PASSWORD, RC_USAGE, "ssh-add"},
		{"", PUBLIC, RC_USAGE, "not a private key"},
		{"", MISSING, RC_ERROR, "ENOENT"},
		{"", DEAF | KEY, RC_ERROR, "start an SSH agent"},
		{"", AGENT | EMPTY, RC_REFUSED, "tried: agent; the server offers"},
		{"", AGENT | EMPTY | PASSWORD, RC_OK, ""},
		{"", AGENT | EMPTY | KEY, RC_OK, ""},
		{"methods=password", KEY, RC_REFUSED,
		 "tried: nothing; the server offers: password"},
		{"methods=password", KEY | AGENT | WRONG, RC_REFUSED,
		 "tried: password; the server offers: password"},
		{"methods=password", KEY | PASSWORD, RC_OK, ""},
		{"methods=publickey", PASSWORD, RC_REFUSED,
		 "tried: nothing; the server offers: publickey"},
		{"methods=keyboard-interactive", PASSWORD, RC_OK, ""},
		{"methods=keyboard-interactive", WRONG, RC_REFUSED,
		 "tried: keyboard-interactive; the server offers: keyboard-interactive"},
		{"methods=password,keyboard-interactive", WRONG, RC_REFUSED,
		 "tried: password; the server offers: password, keyboard-interactive"},
	};
	const char *server = NULL;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct secret CLEANUP(secret_free) *password = NULL;
		struct vault CLEANUP(vault_free) *v = NULL;
		struct vault_access a;
		enum rc rc;

		if (!server || strcmp(server, rows[i].server) != 0) {
			if (server)
				sshd_stop(&sshd);
			start_server(server = rows[i].server);
		}
		if (rows[i].with & (PASSWORD | WRONG))
			password = secret_of(rows[i].with & PASSWORD ? sshd.password
								     : "wrong");
		a = access_with(rows[i].with, password);
		rc = open_at(&a, sshd.vault, sshd.port, &v, &e);
		if (rows[i].rc == RC_OK)
			assert_ok(rc, &e);
		else
			assert_says(&e, rows[i].says);
		assert_int_equal(rc, rows[i].rc);
	}
	sshd_stop(&sshd);
}

/* ---- host keys ---- */

struct asked {
	int times;
	bool yes;
	char text[300];
};

static enum rc confirm(void *arg, const struct carry_host_key *k, bool *yes,
		       struct err *e)
{
	struct asked *q = arg;

	(void)e;
	q->times++;
	snprintf(q->text, sizeof q->text, "%s %s %s %s", k->host, k->address, k->type,
		 k->fingerprint);
	*yes = q->yes;
	return RC_OK;
}

/* "SHA256:..." of one of the server's keys. */
static void fingerprint(const char *kind, char to[64])
{
	char command[400];
	FILE *f;

	snprintf(command, sizeof command,
		 "ssh-keygen -lf %s/host_%s.pub | cut -d ' ' -f 2", dir, kind);
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(to, 64, f));
	assert_int_equal(pclose(f), 0);
	to[strcspn(to, "\n")] = '\0';
}

static void host_key_dialogue(void **state)
{
	struct asked q = {0};
	struct vault_access a = by_key();
	struct vault *v = NULL;
	char file[300], print[64], expected[200];
	struct stat st;
	struct err e;

	(void)state;
	snprintf(file, sizeof file, "%s/new/known_hosts", dir);
	fingerprint("ed25519", print);
	a.known_hosts = file;
	assert_int_equal(open_at(&a, sshd.vault, sshd.port, &v, &e), RC_REFUSED);
	assert_says(&e, "the host is not known");
	assert_says(&e, print);
	assert_says(&e, "ssh-keyscan");
	a.confirm = confirm;
	a.arg = &q;
	assert_int_equal(open_at(&a, sshd.vault, sshd.port, &v, &e), RC_REFUSED);
	assert_int_equal(q.times, 1);
	assert_int_not_equal(access(file, F_OK), 0);
	snprintf(expected, sizeof expected, "127.0.0.1 127.0.0.1 ssh-ed25519 %s", print);
	assert_string_equal(q.text, expected);
	q.yes = true;
	assert_ok(open_at(&a, sshd.vault, sshd.port, &v, &e), &e);
	assert_int_equal(q.times, 2);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* From then on it is known, while the vault is open and later. */
	assert_ok(vault_put(v, "dialogue", NULL, bytes_of_text("x"), &e), &e);
	assert_ok(vault_remove(v, "dialogue", &e), &e);
	vault_free(v);
	assert_ok(open_at(&a, sshd.vault, sshd.port, &v, &e), &e);
	vault_free(v);
	assert_int_equal(q.times, 2);
}

static void host_key_changes(void **state)
{
	struct asked q = {.yes = true};
	struct vault_access a = by_key();
	struct vault *v = NULL;
	char before[64], after[64];
	struct err e;

	(void)state;
	a.confirm = confirm;
	a.arg = &q;
	fingerprint("ed25519", before);
	assert_ok(open_at(&a, sshd.vault, sshd.port, &v, &e), &e);
	sshd_rekey(&sshd);
	fingerprint("ed25519", after);
	/* An open vault: its key is pinned. */
	assert_int_equal(vault_remove(v, NAME, &e), RC_REFUSED);
	assert_says(&e, "another key than before");
	vault_free(v);
	assert_int_equal(open_at(&a, sshd.vault, sshd.port, &v, &e), RC_REFUSED);
	assert_says(&e, "CHANGED");
	assert_says(&e, before);
	assert_says(&e, after);
	assert_says(&e, "ssh-keygen -f");
	assert_says(&e, a.known_hosts);
	assert_int_equal(q.times, 0);
}

/* A file with some of the server's lines, changed by a command. */
static void known_hosts_by(const char *command, char file[300])
{
	char line[900];

	snprintf(file, 300, "%s/kh", dir);
	snprintf(line, sizeof line, "cd %s && rm -rf kh && cp known_hosts kh && %s",
		 dir, command);
	assert_int_equal(system(line), 0);
}

static void known_hosts_forms(void **state)
{
	static const struct {
		const char *command;
		enum rc rc;
		const char *says;
	} rows[] = {
		{"true", RC_OK, ""},
		{"ssh-keygen -q -H -f kh 2>/dev/null", RC_OK, ""},
		{"sed -i '/ssh-rsa/!d' kh", RC_OK, ""}, /* of several, that kind */
		{"sed -i '/ecdsa/!d' kh", RC_OK, ""},
		{"sed -i 's/^/other,*.example.net,/' kh", RC_OK, ""},
		{"sed -i '1i garbage\\n# a comment\\n\\nother ssh-foo AAAA' kh", RC_OK,
		 ""},
		{"sed -i 's/ *$/\\r/' kh", RC_OK, ""},
		{": >kh", RC_REFUSED, "not known"},
		{"rm kh", RC_REFUSED, "not known"},
		{"sed -i 's/^.127.0.0.1.:/[127.0.0.1]:1/' kh", RC_REFUSED, "not known"},
		{"sed -i 's/^[^ ]*/127.0.0.1/' kh", RC_REFUSED, "not known"},
		{"sed -i '/ed25519/!d; s/^/@revoked /' kh", RC_REFUSED, "revoked"},
		{"sed '/ed25519/!d; s/^/@revoked /' known_hosts >>kh", RC_REFUSED,
		 "revoked"},
		{"rm kh && mkdir kh", RC_ERROR, "not a regular file"},
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct vault CLEANUP(vault_free) *v = NULL;
		struct vault_access a = by_key();
		char file[300];
		enum rc rc;

		known_hosts_by(rows[i].command, file);
		a.known_hosts = file;
		rc = open_at(&a, sshd.vault, sshd.port, &v, &e);
		print_message("%s\n", rows[i].command);
		if (rows[i].rc == RC_OK)
			assert_ok(rc, &e);
		else
			assert_says(&e, rows[i].says);
		assert_int_equal(rc, rows[i].rc);
	}
}

#define SYSTEM "/etc/ssh/ssh_known_hosts"

/* This process sees an /etc/ssh of its own, and no other process does. */
static bool hide_system(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/etc/ssh", "tmpfs", 0, NULL) == 0;
}

/* 0: it says that, of that file; 77: nothing may be mounted here. */
static int open_with_system(const struct vault_access *a, const char *file,
			    const char *says)
{
	struct vault *v = NULL;
	char text[1200], command[400];
	struct err e;

	if (!hide_system())
		return 77;
	snprintf(command, sizeof command, "cp '%s' " SYSTEM, file);
	if (system(command) != 0)
		return 1;
	if (open_at(a, sshd.vault, sshd.port, &v, &e) == RC_OK) {
		vault_free(v);
		return says ? 1 : 0;
	}
	err_text(&e, text, sizeof text);
	(void)fprintf(stderr, "%s\n", text);
	return says && e.rc == RC_REFUSED && strstr(text, says) &&
			       strstr(text, "in " SYSTEM) &&
			       !strstr(text, a->known_hosts)
		       ? 0
		       : 1;
}

/* What it says of a key that only the system's file has, names that file. */
static void known_hosts_of_the_system(void **state)
{
	static const struct {
		const char *command, *says; /* NULL: it opens */
	} rows[] = {
		{"true", NULL},
		{"sed -i '/ed25519/!d; s/^/@revoked /' kh", "revoked"},
		{"(printf '[127.0.0.1]:%u '; ssh-keygen -q -t ed25519 -N '' -f other "
		 "&& cut -d ' ' -f 1,2 other.pub) >kh", "ssh-keygen -f " SYSTEM " -R"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct vault_access a = by_key();
		char file[300], command[400];
		int status;
		pid_t pid;

		snprintf(command, sizeof command, rows[i].command, sshd.port);
		known_hosts_by(command, file);
		a.known_hosts = "/nonexistent/known_hosts";
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(open_with_system(&a, file, rows[i].says));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 77)
			skip();
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

/* It is known by a key of a kind that the server has no more. */
static void another_kind_is_a_change(void **state)
{
	struct vault_access a = by_key();
	struct asked q = {.yes = true};
	struct vault *v = NULL;
	char file[300], line[700];
	struct err e;

	(void)state;
	sshd_start(&sshd, dir, "hostkeys=ed25519");
	snprintf(file, sizeof file, "%s/other", dir);
	snprintf(line, sizeof line,
		 "(printf '[127.0.0.1]:%u '; cut -d ' ' -f 1,2 %s/host_rsa.pub) >%s",
		 sshd.port, dir, file);
	assert_int_equal(system(line), 0);
	a.known_hosts = file;
	a.confirm = confirm;
	a.arg = &q;
	assert_int_equal(open_at(&a, sshd.vault, sshd.port, &v, &e), RC_REFUSED);
	assert_says(&e, "CHANGED");
	assert_int_equal(q.times, 0);
	sshd_stop(&sshd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AFTER(logins),
		WITH(host_key_dialogue),
		WITH(known_hosts_forms),
		WITH(known_hosts_of_the_system),
		WITH(host_key_changes),
		AFTER(another_kind_is_a_change),
	};

	return cmocka_run_group_tests(tests, start_all, stop_all);
}
