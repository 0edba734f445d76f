/*
 * Verifying an audit log: its files in order, in pieces of any size.
 *
 *   v = audit_verifier_new(&wanted)
 *   for each file: audit_verifier_file(v, name), audit_verifier_feed(v, piece) ...
 *   audit_verifier_end(v, &report)
 *
 * One verifier, one thread. It keeps 2 MiB, however long the log is. What is found:
 * any edit, removal, addition or move of a line (the chain; a changed end too, where
 * a checkpoint or a recorded head covers it), a checkpoint that is not the named
 * certificate's or speaks of another chain, a log that ends before a recorded head or
 * has another one there. What nobody can find from the log alone: a changed end
 * behind the last checkpoint; the report says how long that end is.
 */
#ifndef AUDIT_VERIFY_H
#define AUDIT_VERIFY_H

#include "audit/audit.h"
#include <openssl/x509.h>
#include <stdbool.h>

#define AUDIT_CERTS_MAX 64u /* different Audit certificates of one log */
#define AUDIT_NAME_MAX 160  /* of a file, or of where a head was recorded */

/* A head that was recorded elsewhere. */
struct audit_known {
	struct audit_point at;
	char from[AUDIT_NAME_MAX]; /* where, for people */
};

struct audit_wanted {
	X509 *const *certs; /* those to trust; borrowed until _new() returns */
	size_t ncerts;      /* 0: checkpoints only have to fit the log's own */
	bool covered;       /* a log without a checkpoint of theirs is wrong */
	const char *cluster; /* whose checkpoints they must be; NULL: any one's */
	const struct audit_known *known; /* in any order; copied */
	size_t nknown;
};

struct audit_report {
	uint64_t entries;        /* read */
	uint64_t first, last;    /* numbers; 0: none */
	int64_t first_time, last_time;
	uint8_t head[AUDIT_HASH_LEN];
	size_t torn;             /* bytes of an unfinished last line */
	char cluster[64];        /* as checkpoints name it; "": none did */
	uint64_t checkpoints;    /* whose signature was verified */
	/* The last of them by a trusted certificate (or, with none given, by the log's
	 * own): covered is the entry up to which all is covered, 0: nothing. */
	uint64_t covered, checkpoint;
	int64_t checkpoint_time;
	uint8_t cert[32];        /* SHA-256 of its certificate */
	uint64_t behind;         /* entries that it does not cover, itself not counted */
	uint64_t strange;        /* checkpoints of certificates that nothing links to a
				    trusted one; not among `checkpoints` */
	size_t known;            /* recorded heads that were found as they were */
	size_t unreached;        /* those before the first entry read: not compared */
};

struct audit_verifier;

/* NULL out of memory. audit_verifier_free() it. */
struct audit_verifier *audit_verifier_new(const struct audit_wanted *wanted);
void audit_verifier_free(struct audit_verifier *v);
CLEANUP_DEFINE(struct audit_verifier *, audit_verifier_free);

/* The next file begins. RC_VERIFY if the one before ended within a line. */
enum rc audit_verifier_file(struct audit_verifier *v, const char *name,
			    struct err *e) MUST_CHECK;
/* RC_VERIFY names file, line and number of the first entry that is wrong. */
enum rc audit_verifier_feed(struct audit_verifier *v, struct bytes piece,
			    struct err *e) MUST_CHECK;
/* Where the chain is: the last whole line. */
struct audit_point audit_verifier_point(const struct audit_verifier *v);
/* *out is filled also with RC_VERIFY: as far as it went. */
enum rc audit_verifier_end(struct audit_verifier *v, struct audit_report *out,
			   struct err *e) MUST_CHECK;

#endif
