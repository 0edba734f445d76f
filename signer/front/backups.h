/* Is the recovery key backed up? And the door's requests about its backups. */
#ifndef FRONT_BACKUPS_H
#define FRONT_BACKUPS_H

#include "door.h"

/* What decides whether a backup counts: what keyd says now, and what is kept. */
struct backup_state {
	int64_t now;     /* Unix time */
	bool known;      /* keyd answered */
	struct err away; /* why it did not */

	bool has_key;    /* the current recovery key: */
	struct label key;
	uint8_t key_id[16];
	unsigned bits;
	bool sealed;
	uint32_t security; /* the present password; 0: none */
	int64_t security_set;

	struct keyd_key *keys; /* all; what the token last said if not known */
	size_t nkeys;
	struct backup *backups; /* newest first */
	size_t nbackups;

	bool good;     /* one of them counts */
	char why[256]; /* else what is missing, and the next step; "" */
};

/* Asks keyd; that it does not answer is no failure. backup_state_clear() it. */
enum rc backup_state_get(struct service *s, struct backup_state *out,
			 struct err *e) MUST_CHECK;
void backup_state_clear(struct backup_state *st);
static inline void backup_state_clear_at(struct backup_state *st)
{
	backup_state_clear(st);
}

/* Pure: it is of the present key, under the present password. */
bool backup_opens(const struct backup_state *st, const struct backup *b);
/* Pure: it opens, is neither gone nor changed, and was proved, or found by a check,
 * within these days. */
#define BACKUP_DAYS 30
bool backup_counts(const struct backup_state *st, const struct backup *b);
/* Pure: fills in good and why from the rest. */
void backup_judge(struct backup_state *st);

/* The newest backup of a vault, by the name that the vault knows it by; NULL:
 * none that the daily check would find. In the order of vault_list(). */
const struct backup *backup_newest(const struct backup *b, size_t n,
				   const char *vault);

#define BACKUPS_MAX 1000u /* that are kept */

enum rc show_backups(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_backup_proved(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_backup_removed(struct call *c, json_t **result, struct err *e) MUST_CHECK;

#endif
