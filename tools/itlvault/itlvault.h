/*
 * itlvault: backups of the recovery key, made, proved, shown, and brought back.
 *
 * One run does one verb of the table in main.c. With a running service it is the
 * client of keyd and front; --token makes it use a token of its own instead.
 */
#ifndef ITLVAULT_H
#define ITLVAULT_H

#include "ask/ask.h"
#include "recovery/recovery.h"
#include <jansson.h>

struct options {
	const char *config;
	const char *password_file, *security_file, *p12_file, *sftp_file;
	const char *identity, *known_hosts;
	const char *token, *module, *pin_file; /* a token of its own */
	const char *state; /* folder for the cluster's public state */
	unsigned keep;     /* 0: as vault.conf says */
	bool json, yes, plain, replace, force, help, version;
};

struct itlvault {
	struct options o;
	int nargs; /* behind the verb */
	char **args;
	struct cluster *cluster; /* NULL: --token, and no configuration here */
	struct vault_conf *conf; /* NULL: as cluster */
	struct keyd *keyd;
	struct front *front;     /* NULL if it does not answer and may be missing */
	struct secret *admin, *security, *inner;
	struct recovery r;       /* ready for use; its vault is not open */
};

typedef enum rc verb_fn(struct itlvault *a, struct err *e) MUST_CHECK;
verb_fn verb_backup, verb_list, verb_verify, verb_restore, verb_rehearse,
	verb_prune, verb_seal;

/* ---- vaults (open.c) ---- */

/* A vault that somebody named, open. */
struct place {
	char text[VAULT_TEXT_MAX]; /* as it is shown and recorded */
	const struct vault_entry *entry; /* of vault.conf, or NULL */
	struct ask_vault ask;
	struct vault *vault;
};
static inline void place_clear_at(struct place *p)
{
	vault_free(p->vault);
	ask_vault_clear(&p->ask);
}

/* VAULT, as ask_vault_named() has it. */
enum rc place_open(struct itlvault *a, const char *word, struct place *out,
		   struct err *e) MUST_CHECK;

/* Do it for the vaults that the words name; without any, for all of vault.conf.
 * One that fails does not keep the others waiting: the first error is returned,
 * the others are printed as they happen. */
enum rc places_each(struct itlvault *a,
		    enum rc (*run)(struct itlvault *a, struct place *p,
				   struct err *e),
		    struct err *e) MUST_CHECK;

/* The vault of the first word (or the only one of vault.conf), and the object of
 * the second (NULL: the newest). */
enum rc place_and_object(struct itlvault *a, struct place *out,
			 const char **object, struct err *e) MUST_CHECK;

/* ---- output (report.c) ---- */

/* {"result": ...} as a line; the result is taken over, NULL: out of memory. */
enum rc report_json(json_t *result, struct err *e) MUST_CHECK;
void report_error(const struct err *e, bool json);
/* Progress, as recovery calls it; arg is a struct itlvault. */
void report_step(void *arg, enum recovery_step step, double seconds);
/* "2014-02-26 10:24" of local time; "-" for 0. */
char *report_time(int64_t t, char to[24]);
/* What was proved, in two lines; and a word if front does not know. */
void report_proved(const struct recovery_made *m);

/* ---- what the service knows (front.c) ---- */

/* front's "backups"; json_decref() it. */
enum rc front_backups(struct itlvault *a, json_t **out,
		      struct err *e) MUST_CHECK;
/* What it knows of an object; NULL if nothing. Borrowed. */
const json_t *front_backup_of(const json_t *backups, const char *vault,
			      const char *name);
bool front_counts(const json_t *backup);
/* Fetch it, and compare it with what was proved: a vault can have changed since the
 * service looked last. */
enum rc front_backup_is_there(struct place *p, const json_t *backup,
			      struct err *e) MUST_CHECK;

/* ---- a token of its own (token.c) ---- */

struct own_token;
enum rc own_token_open(struct itlvault *a, struct own_token **out,
		       struct err *e) MUST_CHECK;
void own_token_free(struct own_token *t);
CLEANUP_DEFINE(struct own_token *, own_token_free);

/* What a recovery key became there. */
struct own_key {
	char label[64];
	const char *route; /* static text */
	bool present; /* it was the current one already */
};
/* The p12's key as the cluster's next recovery key. RC_REFUSED if there is
 * another, unless `replace`; `only` refuses any. */
enum rc own_token_import(struct own_token *t, const char *cluster,
			 const struct p12 *p12, bool replace, bool only,
			 struct own_key *out, struct err *e) MUST_CHECK;
/* Prove it there as a session object; *route is static text. */
enum rc own_token_prove(struct own_token *t, const struct p12 *p12,
			const char **route, struct err *e) MUST_CHECK;
/* Sign a list with the key that was imported: source re-signed (the reset), or,
 * where there is none, a list of the recovery certificate alone. malloc()ed. */
enum rc own_token_sign_list(struct own_token *t, struct bytes source,
			    uint8_t **list, size_t *n, struct err *e) MUST_CHECK;
/* Take the imported key out again. */
enum rc own_token_forget(struct own_token *t, struct err *e) MUST_CHECK;

/* ---- public state (state.c) ---- */

/* Whether it has a trust store. */
bool state_has_trust(const struct recovery_file *f);
/* Write what an envelope knows of the cluster below a folder, which must not be
 * there yet. */
enum rc state_write(const struct recovery_file *f, const char *dir,
		    struct err *e) MUST_CHECK;

#endif
