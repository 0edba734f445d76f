/*
 * Questions to people, on the terminal (/dev/tty), the same in itlctl and
 * itlvault. Where there is no terminal each fails with RC_USAGE and names the
 * option that answers it.
 */
#ifndef ASK_ASK_H
#define ASK_ASK_H

#include "base/secret.h"
#include "vault/vault.h"
#include <stdio.h>

/* The call manager's words (spec: commands). */
#define ASK_ADMIN    "Enter CCM Administrator password :"
#define ASK_SECURITY "Enter cluster security password :"
#define ASK_SFTP     "Enter Sftp password :"

/* From `file` if it is given (secret_read_file()), else asked without echo.
 * `option` ("--password-file FILE") is what the error names. */
enum rc ask_secret(const char *prompt, const char *file, const char *option,
		   struct secret **out, struct err *e) MUST_CHECK;
#define ASK_NEW_MIN 6 /* bytes of a new password, as a call manager has it */

/* Asked twice; RC_USAGE if the two differ, or it has less than ASK_NEW_MIN bytes. */
enum rc ask_new_secret(const char *prompt, const char *again, const char *file,
		       const char *option, struct secret **out,
		       struct err *e) MUST_CHECK;

/* A line with echo, at most cap - 1 bytes; an empty one takes `preset` (NULL: an
 * empty one is asked again, three times). */
enum rc ask_line(const char *prompt, const char *preset, char *to, size_t cap,
		 const char *option, struct err *e) MUST_CHECK;
/* "yes"/"y" or "no"/"n"; anything else is asked again, three times. `sure`: yes
 * without asking. */
enum rc ask_yes(const char *prompt, bool sure, bool *yes,
		struct err *e) MUST_CHECK;

/* Show an unknown host's key in the original's words, on `out`, and ask; no option
 * answers this. */
enum rc ask_host(FILE *out, const struct carry_host_key *key, bool *yes,
		 struct err *e) MUST_CHECK;

/* ---- a vault ---- */

/*
 * VAULT on a command line: a name of vault.conf (conf; NULL: there is none), else
 * a target ("/folder", "sftp://..."). *entry: the one of that name or target,
 * borrowed from conf; NULL if there is none. RC_USAGE if it is neither.
 */
enum rc ask_vault_named(const struct vault_conf *conf, const char *word,
			struct vault_target *target,
			const struct vault_entry **entry, struct err *e) MUST_CHECK;

struct ask_vault {
	FILE *out;                 /* where the host's fingerprint is shown */
	const char *password_file; /* --sftp-password-file, or NULL */
	const char *identity, *known_hosts; /* or NULL */
	const struct vault_entry *entry;    /* of vault.conf, which answers what the
					       members above do not; or NULL */
	struct secret *password;   /* asked for; ask_vault_clear() */
	struct vault_access access; /* of the open vault */
};

/*
 * Have the password of an SFTP server before anything of it is opened, as the
 * original's dialogues do: read if its file is named, else asked for, even if
 * there is an agent; but not where an identity logs in, nor where an agent does
 * and there is no terminal.
 */
enum rc ask_vault_password(struct ask_vault *a, const char *prompt,
			   struct err *e) MUST_CHECK;

/*
 * Open a vault as a person does: agent ($SSH_AUTH_SOCK), identity file, and a
 * password: the one that was asked for, else read if its file is named, else
 * asked for if there is neither agent nor identity. A host that known_hosts has
 * not is shown in the original's words and asked about. *a must outlive the vault.
 */
enum rc ask_vault_open(struct ask_vault *a, const struct vault_target *t,
		       struct vault **out, struct err *e) MUST_CHECK;
void ask_vault_clear(struct ask_vault *a);
static inline void ask_vault_clear_at(struct ask_vault *a)
{
	ask_vault_clear(a);
}

#endif
