/* A session with an SSH server, for one job. */
#ifndef CARRY_SSH_H
#define CARRY_SSH_H

#include "base/err.h"
#include "base/secret.h"
#include <jansson.h>
#include <libssh/libssh.h>
#include <libssh/sftp.h>
#include <stdbool.h>

/* "SSH" of carry.h, and what came of it. All zero before ssh_open(). */
struct ssh {
	const char *host, *user, *known_hosts, *fingerprint;
	json_t *identity_member;
	const char *identity; /* NULL: none */
	int port, seconds, agent, password;

	char where[300];   /* "host", "host:2222": for messages */
	char address[64];  /* where it was found */
	double deadline;   /* proc_now() */
	ssh_session session;
	ssh_key key;       /* the server's */
	char *key_text;    /* its fingerprint, "SHA256:..." */
	sftp_session sftp; /* NULL before ssh_sftp() */
	void (*on_progress)(void); /* or NULL */
};

/* The members of a job, for job_members(): "{" SSH_MEMBERS ", s:s}". */
#define SSH_MEMBERS "s:s, s:i, s:s, s:i, s:s, s:s, s:o, s:b, s:b"
#define SSH_MEMBERS_OF(s)                                                      \
	"host", &(s)->host, "port", &(s)->port, "user", &(s)->user, "seconds", \
		&(s)->seconds, "known_hosts", &(s)->known_hosts,               \
		"fingerprint", &(s)->fingerprint, "identity",                  \
		&(s)->identity_member, "agent", &(s)->agent, "password",       \
		&(s)->password

/* Connect, until the server has proved that it has its key. ssh_clear() it also
 * when this failed. */
enum rc ssh_open(struct ssh *s, struct err *e) MUST_CHECK;

/* After ssh_open(): the key must be the pinned one; log in. */
enum rc ssh_login(struct ssh *s, struct err *e) MUST_CHECK;
/* After ssh_login(): start SFTP. */
enum rc ssh_sftp(struct ssh *s, struct err *e) MUST_CHECK;

/* What came of a command. */
struct ssh_ran {
	bool refused;   /* the server runs no commands for this login; the rest is not set */
	bool late;      /* it had not ended at the deadline */
	int status;     /* its exit status; -1: none, a signal ended it */
	char said[160]; /* the last line of its standard error, as it came; "" if none */
};
/* After ssh_login(), until the command or the session's time ends. Its standard input
 * is empty; a process that it leaves in the background is not waited for. An error is
 * the connection's. */
enum rc ssh_exec(struct ssh *s, const char *command, struct ssh_ran *out,
		 struct err *e) MUST_CHECK;

/* It has just come on. A job of many steps (on_progress) has its seconds from then; any
 * other has them for the whole. */
void ssh_progress(struct ssh *s);

void ssh_clear(struct ssh *s);
static inline void ssh_clear_at(struct ssh *s)
{
	ssh_clear(s);
}

/* "SHA256:...", as OpenSSH prints it; ssh_string_free_char() it. NULL: no key, or
 * out of memory. */
char *ssh_fingerprint(ssh_key key);

/* The session failed, apart from what a server says of a file: lost, late, or a
 * word of libssh. */
enum rc ssh_failed(const struct ssh *s, const char *op, struct err *e);

#endif
