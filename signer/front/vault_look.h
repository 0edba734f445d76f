/* What a vault holds, held against the backups that were proved to be in it. */
#ifndef FRONT_VAULT_LOOK_H
#define FRONT_VAULT_LOOK_H

#include "backups.h"

#define LOOK_FETCHES 8 /* objects that one look fetches at most */

struct vault_finding {
	struct vault_seen seen;        /* without its time */
	struct backup_check *backups;  /* what is known now; malloc()ed */
	size_t n;
};
void vault_finding_clear(struct vault_finding *f);
static inline void vault_finding_clear_at(struct vault_finding *f)
{
	vault_finding_clear(f);
}

/*
 * Every backup that st has of this vault is held against the listing. Fetched, and
 * compared with what was proved, are the newest; then older ones, until one that
 * opens today is good; then those that were bad, and are listed again. What else
 * is listed with its size is taken for good, unless it was bad before.
 *
 * The error is the vault's: of the server, of its newest backup, or of an object
 * above that. Of a server that failed meanwhile, *f has what was found until then.
 */
enum rc vault_look(struct vault *v, const char *vault,
		   const struct backup_state *st, struct vault_finding *f,
		   struct err *e) MUST_CHECK;

#endif
