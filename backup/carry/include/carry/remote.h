/*
 * Jobs on an SSH server (carry/carry.h): for front's nodes and for vaults.
 *
 * The server's key is looked at by a child of its own, which gets no login; only
 * then is a child started that may log in, and to that key alone. A child met the
 * server, so what it says of a key is checked before it is shown or kept.
 */
#ifndef CARRY_REMOTE_H
#define CARRY_REMOTE_H

#include "carry/run.h"

/* What there is to say of a server's key. */
struct carry_host_key {
	const char *host, *address, *type; /* "ssh-ed25519" */
	const char *fingerprint;           /* "SHA256:..." */
	const char *entry;                 /* its line for known_hosts */
};

/* All borrowed. Tried in this order, where set: agent, identity, password. */
struct carry_host {
	const char *program; /* of carry */
	const char *host, *user;
	unsigned port;
	const char *known_hosts; /* file, an absolute path */
	const char *agent;       /* its socket's path, or NULL */
	const char *identity;    /* a private key without a passphrase, or NULL */
	const struct secret *password; /* or NULL */
	unsigned seconds;        /* for each job */
	int stop_fd;             /* readable: give up; -1: none */
	char fingerprint[128];   /* "" before carry_host_learn() */
};

/*
 * Learn the key that the server must have from now on. RC_REFUSED, with both
 * fingerprints, if it has another than known_hosts says. One that no file knows is
 * shown to `confirm`: yes adds it to known_hosts; an error of its own is the result;
 * NULL: no.
 */
typedef enum rc carry_confirm(void *arg, const struct carry_host_key *key,
			      bool *yes, struct err *e);
enum rc carry_host_learn(struct carry_host *h, carry_confirm *confirm, void *arg,
			 struct err *e) MUST_CHECK;

/*
 * One job, after carry_host_learn(). more: its members beside those of SSH; taken
 * over (NULL: they could not be packed). Of *job, content and max are looked at.
 * result as of carry_run().
 */
enum rc carry_host_run(struct carry_host *h, const char *what, json_t *more,
		       struct carry_job job, uint8_t **result, size_t *n,
		       struct err *e) MUST_CHECK;

/* ---- known_hosts ---- */

/* It may say nothing but that this host has the key of this fingerprint. */
bool known_hosts_line_ok(const char *line, const char *host, unsigned port,
			 const char *fingerprint);

/* Add a line to a file; one that is made, or was empty, gets this mode, and its folder
 * is the user's alone. */
enum rc known_hosts_add(const char *path, const char *line, unsigned mode,
			struct err *e) MUST_CHECK;

#endif
