/* What the commands of the recovery key have in common. */
#ifndef ITLCTL_RECOVER_H
#define ITLCTL_RECOVER_H

#include "ask/ask.h"
#include "itlctl/ctl.h"
#include "recovery/recovery.h"

/* The administrator's and the cluster security password. */
struct recover {
	struct secret *admin, *security; /* owned */
};
/* Ask for both, in the dialogues' order; recover_clear() it in any case. */
enum rc recover_ask(const struct ctl *c, struct recover *out,
		    struct err *e) MUST_CHECK;
void recover_clear(struct recover *r);
static inline void recover_clear_at(struct recover *r)
{
	recover_clear(r);
}

/* The library's view of a command; it borrows both. */
struct recovery recover_with(const struct ctl *c, const struct recover *r);

/* Where people read what is no result: out, or with --json err. */
FILE *recover_words(const struct ctl *c);

/* ---- the vault's side ---- */

/* How the line's options open a vault; ask_vault_clear() it. */
struct ask_vault recover_access(const struct ctl *c);

/* The server's password, before anything else of the server is asked: none with
 * --identity, nor where there is no terminal but an agent. */
enum rc recover_sftp_password(const char *prompt, struct ask_vault *a,
			      struct err *e) MUST_CHECK;

/* ---- import, and what is told afterwards ---- */

/* A recovery key that came into the token. */
struct imported {
	char label[LABEL_MAX], route[KEYD_ROUTE_MAX];
	bool present; /* it was there before */
};
/* Into the token to stay. */
enum rc recover_import(struct ctl *c, const struct recover *r,
		       const struct recovery_file *f, bool replace,
		       struct imported *out, struct err *e) MUST_CHECK;

/* NULL out of memory. */
json_t *recover_imported_json(const struct imported *i);
/* A backup that is proved: that it is, and whether the alert is off. */
void recover_tell_made(const struct ctl *c, const struct recovery_made *m);

#endif
