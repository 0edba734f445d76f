/* A file with a recovery key: which folder, and which of its files. */
#ifndef ITLCTL_KEYFILE_H
#define ITLCTL_KEYFILE_H

#include "ask/ask.h"
#include "itlctl/ctl.h"
#include "recovery/recovery.h"

struct keyfile {
	struct vault_target folder;
	const struct vault_entry *entry; /* of vault.conf, borrowed; or NULL */
	char name[VAULT_NAME_MAX];       /* "": the newest backup */
};

/* HOST USER PATH, and --port; a PATH without a slash at its beginning is below
 * the user's home. */
enum rc keyfile_of_words(const struct ctl *c, const char *host, const char *user,
			 const char *path, struct keyfile *out,
			 struct err *e) MUST_CHECK;
/* VAULT (ask_vault_named()), or a file in one behind a slash: *.p12, or the name of
 * a backup. */
enum rc keyfile_of_vault(const struct vault_conf *conf, const char *text,
			 struct keyfile *out, struct err *e) MUST_CHECK;
/* A folder on an SFTP server, as a dialogue asks for it. */
enum rc keyfile_folder(const char *host, const char *port, const char *user,
		       const char *folder, struct vault_target *out,
		       struct err *e) MUST_CHECK;

/*
 * Fetch and open it. k->name gets the newest's name if it had none. A p12 from
 * elsewhere that the security password does not open is asked about, if there
 * is a terminal and no --p12-password-file. recovery_file_free() it.
 */
enum rc keyfile_open(const struct ctl *c, struct keyfile *k, struct ask_vault *a,
		     const struct secret *security, struct recovery_file **out,
		     struct err *e) MUST_CHECK;

#endif
