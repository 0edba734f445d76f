#include "ssh.h"
#include "base/connect.h"
#include "base/num.h"
#include "base/proc.h"
#include "carry/carry.h"
#include "job.h"
#include "sandbox.h"
#include <libssh/callbacks.h>
#include <string.h>

#define MAX_QUESTIONS 4 /* rounds of keyboard-interactive */

enum rc ssh_failed(const struct ssh *s, const char *op, struct err *e)
{
	/* "Socket error: disconnected", or what the server said with its end. */
	const char *why = ssh_get_error(s->session);

	if (proc_now() >= s->deadline - 0.1)
		return err_set(e, RC_STALE, op, "no answer in time",
			       "is it an SSH server, and does it work?", "%s",
			       s->where);
	if (!ssh_is_connected(s->session))
		return err_set(e, RC_STALE, op,
			       why[0] ? why : "the connection was lost",
			       "try again; the server's log may say why it ended",
			       "%s: the connection was lost", s->where);
	return err_set(e, RC_ERROR, op, why, "look at the server's log", "%s",
		       s->where);
}

/* ---- connect ---- */

static enum rc check(struct ssh *s, struct err *e)
{
	if (job_text(s->identity_member, "identity", &s->identity, e) != RC_OK ||
	    (s->password && job_has(CARRY_SECRET_FD, e) != RC_OK) ||
	    (s->agent && job_has(CARRY_AGENT_FD, e) != RC_OK))
		return e->rc;
	if (!s->host[0] || !s->user[0] || s->port < 1 || s->port > UINT16_MAX ||
	    s->seconds < 1 || s->known_hosts[0] != '/')
		return err_set(e, RC_USAGE, "job",
			       "not a host, a port, a user, seconds and a file", NULL,
			       "%s:%d", s->host, s->port);
	(void)snprintf(s->where, sizeof s->where,
		       s->port == 22 ? "%s" : "%s:%d", s->host, s->port);
	s->deadline = proc_now() + s->seconds;
	return RC_OK;
}

/* Nothing comes from the files of the user or the system but known_hosts. */
static bool set_options(struct ssh *s, int fd)
{
	const bool no = false;
	const long seconds = s->seconds;
	const unsigned port = (unsigned)s->port;

	return ssh_options_set(s->session, SSH_OPTIONS_PROCESS_CONFIG, &no) == 0 &&
	       ssh_options_set(s->session, SSH_OPTIONS_HOST, s->host) == 0 &&
	       ssh_options_set(s->session, SSH_OPTIONS_PORT, &port) == 0 &&
	       ssh_options_set(s->session, SSH_OPTIONS_USER, s->user) == 0 &&
	       ssh_options_set(s->session, SSH_OPTIONS_KNOWNHOSTS,
			       s->known_hosts) == 0 &&
	       ssh_options_set(s->session, SSH_OPTIONS_TIMEOUT, &seconds) == 0 &&
	       ssh_options_set(s->session, SSH_OPTIONS_FD, &fd) == 0;
}

char *ssh_fingerprint(ssh_key key)
{
	unsigned char *hash = NULL;
	char *text = NULL;
	size_t n = 0;

	if (key && ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash,
					  &n) == 0)
		text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash,
						n);
	ssh_clean_pubkey_hash(&hash);
	return text;
}

enum rc ssh_open(struct ssh *s, struct err *e)
{
	const char *files[] = {s->known_hosts, CARRY_KNOWN_HOSTS, NULL};
	int fd;

	if (check(s, e) != RC_OK)
		return e->rc;
	/* A server whose key nobody has looked at yet gets no login. */
	if (s->fingerprint[0])
		files[2] = s->identity;
	if (sandbox_files(NULL, files, COUNT_OF(files), e) != RC_OK ||
	    connect_to(s->host, s->port, s->where, s->deadline, &fd, s->address,
		       e) != RC_OK)
		return e->rc;
	s->session = ssh_new();
	if (!s->session || !set_options(s, fd)) {
		fd_close(fd);
		return err_set(e, RC_ERROR, "ssh",
			       s->session ? ssh_get_error(s->session) : NULL, NULL,
			       "%s", s->where);
	}
	/* The key that known_hosts has is preferred, as OpenSSH does: libssh looks
	 * it up by itself. */
	if (ssh_connect(s->session) != SSH_OK)
		return ssh_failed(s, "connect", e);
	if (ssh_get_server_publickey(s->session, &s->key) != SSH_OK ||
	    !(s->key_text = ssh_fingerprint(s->key)))
		return ssh_failed(s, "host key", e);
	return RC_OK;
}

/* ---- log in ---- */

static int by_agent(struct ssh *s, struct err *e)
{
	(void)e;
	if (ssh_set_agent_socket(s->session, CARRY_AGENT_FD) != SSH_OK)
		return SSH_AUTH_DENIED;
	return ssh_userauth_agent(s->session, NULL);
}

/* libssh asks for a passphrase: there is nobody to give it. */
static int on_passphrase(const char *prompt, char *buf, size_t len, int echo,
			 int verify, void *arg)
{
	bool *asked = arg;

	(void)prompt, (void)buf, (void)len, (void)echo, (void)verify;
	*asked = true;
	return -1;
}

static int by_identity(struct ssh *s, struct err *e)
{
	bool asked = false;
	ssh_key key = NULL;
	int rc;

	if (ssh_pki_import_privkey_file(s->identity, NULL, on_passphrase, &asked,
					&key) != SSH_OK) {
		if (access(s->identity, R_OK) != 0)
			err_errno(e, RC_ERROR, "identity",
				  "correct its path, or let this user read it", "%s",
				  s->identity);
		else if (asked)
			err_set(e, RC_USAGE, "identity",
				"the key has a passphrase",
				"add it to an agent (ssh-add) and use the agent, or use a key without one",
				"%s", s->identity);
		else
			err_set(e, RC_USAGE, "identity",
				"is not a private key of SSH",
				"give the private key, not its .pub", "%s",
				s->identity);
		return SSH_AUTH_ERROR;
	}
	rc = ssh_userauth_publickey(s->session, NULL, key);
	ssh_key_free(key);
	return rc;
}

static int by_password(struct ssh *s, struct err *e)
{
	struct secret CLEANUP(secret_free) *p = NULL;

	if (job_password(&p, e) != RC_OK)
		return SSH_AUTH_ERROR;
	return ssh_userauth_password(s->session, NULL, (const char *)p->p);
}

/* The password answers the first question that is not echoed, and no other: it
 * is not sent twice. */
static int by_questions(struct ssh *s, struct err *e)
{
	struct secret CLEANUP(secret_free) *p = NULL;
	bool given = false;
	int rc;

	if (job_password(&p, e) != RC_OK)
		return SSH_AUTH_ERROR;
	rc = ssh_userauth_kbdint(s->session, NULL, NULL);
	for (int round = 0; rc == SSH_AUTH_INFO && round < MAX_QUESTIONS; round++) {
		int n = ssh_userauth_kbdint_getnprompts(s->session);

		for (unsigned i = 0; n > 0 && i < (unsigned)n; i++) {
			const char *answer = "";
			char echo = 1;

			(void)ssh_userauth_kbdint_getprompt(s->session, i, &echo);
			if (!echo && given)
				return SSH_AUTH_DENIED;
			if (!echo)
				answer = (const char *)p->p;
			given = given || !echo;
			if (ssh_userauth_kbdint_setanswer(s->session, i,
							  answer) < 0)
				return SSH_AUTH_ERROR;
		}
		rc = ssh_userauth_kbdint(s->session, NULL, NULL);
	}
	return rc == SSH_AUTH_INFO ? SSH_AUTH_DENIED : rc;
}

static const struct {
	int bit;
	const char *name;
} methods[] = {
	{SSH_AUTH_METHOD_PUBLICKEY, "publickey"},
	{SSH_AUTH_METHOD_PASSWORD, "password"},
	{SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"},
	{SSH_AUTH_METHOD_HOSTBASED, "hostbased"},
	{SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic"},
};

static void add_word(char *to, size_t cap, const char *word)
{
	size_t n = strlen(to);

	(void)snprintf(to + n, cap - n, "%s%s", n ? ", " : "", word);
}

static enum rc refused(const struct ssh *s, const char *tried, int offered,
		       struct err *e)
{
	char names[100] = "", why[sizeof e->why];

	for (size_t i = 0; i < COUNT_OF(methods); i++)
		if (offered & methods[i].bit)
			add_word(names, sizeof names, methods[i].name);
	(void)snprintf(why, sizeof why,
		       "login refused; tried: %s; the server offers: %s",
		       tried[0] ? tried : "nothing", names[0] ? names : "nothing");
	return err_set(e, RC_REFUSED, "login", why,
		       tried[0] ? "check the user, and that the server knows the key or the password"
				: "give it an agent, a key file or a password that the server takes",
		       "%s@%s", s->user, s->where);
}

static enum rc authenticate(struct ssh *s, struct err *e)
{
	const struct {
		const char *name;
		bool wanted;
		int method;
		int (*run)(struct ssh *s, struct err *e);
	} ways[] = {
		{"agent", s->agent, SSH_AUTH_METHOD_PUBLICKEY, by_agent},
		{"key file", s->identity, SSH_AUTH_METHOD_PUBLICKEY, by_identity},
		{"password", s->password, SSH_AUTH_METHOD_PASSWORD, by_password},
		{"keyboard-interactive", s->password, SSH_AUTH_METHOD_INTERACTIVE,
		 by_questions},
	};
	char tried[100] = "";
	bool sent = false; /* the password: a server gets it once */
	int rc = ssh_userauth_none(s->session, NULL), offered = 0;

	e->rc = RC_OK;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		if (rc == SSH_AUTH_SUCCESS || rc == SSH_AUTH_ERROR)
			break;
		offered = ssh_userauth_list(s->session, NULL);
		if (!ways[i].wanted || !(offered & ways[i].method) ||
		    (sent && ways[i].method == SSH_AUTH_METHOD_INTERACTIVE))
			continue;
		add_word(tried, sizeof tried, ways[i].name);
		sent = sent || ways[i].method == SSH_AUTH_METHOD_PASSWORD;
		rc = ways[i].run(s, e);
	}
	if (rc == SSH_AUTH_SUCCESS)
		return RC_OK;
	if (rc == SSH_AUTH_ERROR)
		return e->rc != RC_OK ? e->rc : ssh_failed(s, "login", e);
	return refused(s, tried, offered, e);
}

enum rc ssh_login(struct ssh *s, struct err *e)
{
	if (strcmp(s->key_text, s->fingerprint) != 0)
		return err_set(e, RC_REFUSED, "host key",
			       "the server has another key than before",
			       "somebody may be between you and it: nothing was sent",
			       "%s: %s, not %s", s->where, s->key_text,
			       s->fingerprint);
	return authenticate(s, e);
}

enum rc ssh_sftp(struct ssh *s, struct err *e)
{
	s->sftp = sftp_new(s->session);
	if (!s->sftp || sftp_init(s->sftp) != 0) {
		if (!ssh_is_connected(s->session))
			return ssh_failed(s, "sftp", e);
		return err_set(e, RC_ERROR, "sftp", ssh_get_error(s->session),
			       "enable the sftp subsystem on the server", "%s",
			       s->where);
	}
	return RC_OK;
}

void ssh_progress(struct ssh *s)
{
	if (!s->on_progress)
		return;
	s->deadline = proc_now() + s->seconds;
	s->on_progress();
}

void ssh_clear(struct ssh *s)
{
	sftp_free(s->sftp);
	ssh_string_free_char(s->key_text);
	ssh_key_free(s->key);
	if (s->session && ssh_is_connected(s->session))
		ssh_disconnect(s->session);
	ssh_free(s->session);
}
