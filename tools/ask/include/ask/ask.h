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
/* Asked twice; RC_USAGE if the two differ. */
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

/* ---- a vault ---- */

struct ask_vault {
	FILE *out;                 /* where the host's fingerprint is shown */
	bool yes;                  /* --yes: trust a host at first sight */
	const char *password_file; /* --sftp-password-file, or NULL */
	const char *identity, *known_hosts; /* or NULL */
	const struct vault_entry *entry;    /* of vault.conf, which answers what the
					       members above do not; or NULL */
	bool password_first;       /* the original's dialogues ask at once */
	struct secret *password;   /* asked for; ask_vault_clear() */
	struct vault_access access; /* of the open vault */
};

/*
 * Open a vault as a person does: agent ($SSH_AUTH_SOCK), identity file, and a
 * password: asked for if there is neither agent nor identity, or password_first
 * and no identity; read if its file is named. A host that known_hosts has not is
 * shown in the original's words and asked about. *a must outlive the vault.
 */
enum rc ask_vault_open(struct ask_vault *a, const struct vault_target *t,
		       struct vault **out, struct err *e) MUST_CHECK;
void ask_vault_clear(struct ask_vault *a);
static inline void ask_vault_clear_at(struct ask_vault *a)
{
	ask_vault_clear(a);
}

#endif
