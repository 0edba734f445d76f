/*
 * The audit log: one JSON object a line, chained.
 *
 *   {"n":7,"t":1763923200,"who":"front","uid":991,"event":"itl",
 *    "key":"CallManager/n1/1","digest":"<hex>","ticket":"<8 hex>",
 *    "detail":"node=n1","rc":"ok","h":"<64 hex>"}
 *
 * (on one line; key, digest, ticket and detail only where they mean something).
 * h = BLAKE2b-256(the previous line's h as 32 bytes, then this line's bytes up to
 * and without `,"h":`). Before the first line it is 32 zero bytes. So an edited,
 * removed, added or moved line breaks the chain; lines cut from the end are found
 * by whoever remembers a later head (checkpoints).
 *
 * Pure: bytes in, bytes out. Not thread-safe: a chain has one user at a time.
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "base/bytes.h"
#include "base/err.h"
#include <stdint.h>

#define AUDIT_HASH_LEN 32
#define AUDIT_LINE_MAX 2048 /* bytes of a line, its newline included */

struct audit_chain {
	uint64_t next; /* number of the next entry, from 1 */
	uint8_t head[AUDIT_HASH_LEN];
};

struct audit_entry {
	int64_t time;         /* Unix time */
	const char *who;      /* "front", "tvs", "admin", "keyd" */
	unsigned uid;
	const char *event;    /* "itl", "reset", "ticket", ... */
	const char *key;      /* a label, or NULL */
	struct bytes digest;  /* of what was signed or set; may be empty */
	struct bytes ticket;  /* its first bytes: names it, is no use; or empty */
	const char *detail;   /* key=value pairs, or NULL; cut to fit */
	const char *rc;       /* rc_name() */
};

void audit_chain_start(struct audit_chain *c);

/* Append the entry to line (with a newline and a NUL); returns its length. The
 * chain moves on. Any text is escaped; a too long detail is cut. */
size_t audit_format(struct audit_chain *c, const struct audit_entry *entry,
		    char line[AUDIT_LINE_MAX]);

/*
 * Go on where a log ends: `tail` is its last bytes, at least AUDIT_LINE_MAX of
 * them (or all). *torn gets how many bytes at the end are an unfinished line (of
 * a crash; they were never answered for). Only the last whole line is read.
 * RC_VERIFY if that is not an entry.
 */
enum rc audit_chain_resume(struct audit_chain *c, struct bytes tail,
			   size_t *torn, struct err *e) MUST_CHECK;

struct audit_report {
	uint64_t entries;
	int64_t first_time, last_time;
	uint8_t head[AUDIT_HASH_LEN];
	size_t torn; /* bytes of an unfinished last line */
};

/* The whole chain of a whole log. RC_VERIFY with the number of the first line
 * that is edited, missing, added or moved. An empty log has 0 entries. */
enum rc audit_verify(struct bytes log, struct audit_report *out,
		     struct err *e) MUST_CHECK;

#endif
