/*
 * A change of the trust store: what there is, what it shall hold, and who agreed.
 *
 * Front is not believed: what there is counts only as far as an Audit key of the token
 * signed it, and the new set is made here, of that and of what the administrator gave.
 * It is the ticket's, to the last certificate.
 */
#ifndef ITLCTL_TRUSTSET_H
#define ITLCTL_TRUSTSET_H

#include "itl/trust.h"
#include "itlctl/ctl.h"

struct trustset {
	struct ctl *c;
	const char *command;   /* "trust add" */
	struct keyd_key *keys; /* the token's */
	size_t nkeys;
	struct trust *was;     /* what there is, verified; NULL: nothing that is */
	bool renew;            /* it wants a new signature, whatever else changes */
	char file[CLUSTER_PATH_MAX];
	char base[SHA1_HEX];   /* of the file that there is; "": none */
	uint32_t timestamp;
	/* What it shall hold; with their certificates, owned. One more than may be, so
	 * that trust_check() says what is too much. */
	struct trust_entry entries[TRUST_MAX_ENTRIES + 1];
	size_t n;
};

/*
 * Ask front and keyd, and verify what there is. If that is signed by no Audit key of the
 * token (the state was restored, or somebody wrote the file), it is RC_VERIFY; unless
 * `whole`: then what there is goes, and what is added is all. trustset_clear() it in any
 * case.
 */
enum rc trustset_open(struct ctl *c, const char *command, bool whole,
		      struct trustset *out, struct err *e) MUST_CHECK;
void trustset_clear(struct trustset *s);
static inline void trustset_clear_at(struct trustset *s)
{
	trustset_clear(s);
}

/* Its certificate is shared. One that is there gets these roles and this time. RC_REFUSED
 * for what trust_check_entry() refuses, and for a certificate of the token. */
enum rc trustset_add(struct trustset *s, const struct trust_entry *entry,
		     struct err *e) MUST_CHECK;
/* By its SHA-1 in hex, its subject ("CN=...;OU=..."), or that one's CN. RC_NOTFOUND;
 * RC_USAGE if several have it. */
enum rc trustset_remove(struct trustset *s, const char *which, struct err *e) MUST_CHECK;

/*
 * Show what changes; unless --dry-run, ask for the password and for consent, have it
 * signed, and say so. Nothing to do is well done.
 */
enum rc trustset_apply(struct trustset *s, struct err *e) MUST_CHECK;

/* ---- the difference (trustdiff.c) ---- */

/* How many certificates are not as they were. */
size_t trustset_changes(const struct trustset *s);
/* In words; as name=value words of the audit log (what fits: keyd has the digest of all
 * of it); {file,certificates,added,changed,removed: [SHA-1]}. */
void trustset_show(const struct trustset *s, FILE *out);
void trustset_words(const struct trustset *s, char to[KEYD_TRUST_CHANGE]);
json_t *trustset_json(const struct trustset *s);

/* The entry of this certificate; NULL if there is none. */
const struct trust_entry *trustset_find(const struct trust_entry *entries, size_t n,
					const X509 *cert);
char *trustset_sha1(const X509 *cert, char hex[SHA1_HEX]); /* returns hex */
/* "CN=...;OU=...", or "-". Returns name. */
char *trustset_subject(const X509 *cert, char name[ITL_MAX_NAME]);

#endif
