/* What the tests of vaults on an SFTP server share. */
#ifndef VAULT_FIXTURE_H
#define VAULT_FIXTURE_H

#include "support/sshd.h"
#include "support/support.h"
#include "vault/vault.h"

#define NAME "ITLRecovery-70CAF64E-20140226T102400Z.envelope"

extern char *dir; /* of the group */
extern struct sshd sshd;

int start_all(void **state); /* of a group: dir */
int stop_all(void **state);
int start_sshd(void **state); /* one with an empty vault */
int stop_sshd(void **state);

#define WITH(f) cmocka_unit_test_setup_teardown(f, start_sshd, stop_sshd)
/* For those that start and stop several: one that failed has left one. */
#define AFTER(f) cmocka_unit_test_teardown(f, stop_sshd)

/* The server's user, by his key and what the script says of known hosts. */
struct vault_access by_key(void);
struct vault_target target(const char *path, unsigned port);
enum rc open_at(const struct vault_access *a, const char *path, unsigned port,
		struct vault **v, struct err *e) MUST_CHECK;

/* These words stand in the error's text, and a next step. */
void assert_says(const struct err *e, const char *why);

#endif
