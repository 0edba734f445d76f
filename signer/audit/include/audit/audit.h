/*
 * The audit log: one JSON object a line, chained, and signed now and then.
 *
 *   {"n":7,"t":1763923200,"who":"front","uid":991,"pid":4711,"event":"itl",
 *    "key":"CallManager/n1/1","digest":"<hex>","ticket":"<8 hex>",
 *    "detail":"node=n1","rc":"ok","h":"<64 hex>"}
 *
 * (on one line; pid, key, digest, ticket and detail only where they mean
 * something). h = BLAKE2b-256(the previous line's h as 32 bytes, then this line's
 * bytes up to and without `,"h":`). Before the first line it is 32 zero bytes. So an
 * edited, removed, added or moved line breaks the chain. A line is printable ASCII.
 *
 * Who can write the file can make a whole new chain. Against that, three things:
 *
 * - A *checkpoint* is an entry (event "checkpoint") with the Audit key's signature
 *   over number and head of an entry before it ("upto", "head"): all up to there is
 *   covered. That entry need not be the one just before: signing takes a while, and
 *   nobody waits for it. What is signed is text, which `openssl dgst` can check:
 *   see audit_checkpoint_text().
 * - A *certificate* entry (event "audit-cert") has the Audit certificate itself, at
 *   each start of keyd and for each new key; a new one is signed by the key before
 *   it. Who has the newest certificate needs no other: its checkpoints cover all
 *   that stands before them. Who has an older one follows from it to the newer ones,
 *   and so trusts that no older key has got out: the newest is better.
 * - A *head recorded elsewhere* (number and h of an entry: front has one for each list
 *   that it publishes, each backup in a vault has one) must be in the log. That finds
 *   another chain in the log's place, and one whose end was cut off, without any
 *   signature.
 *
 * A file of the log that does not begin with entry 1 begins with a line that
 * repeats number and head of the entry before, the last of another file:
 *
 *   {"continues":1204,"h":"<64 hex>"}
 *
 * Pure: bytes in, bytes out. Not thread-safe: a chain has one user at a time.
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define AUDIT_HASH_LEN 32
#define AUDIT_HASH_HEX (2 * AUDIT_HASH_LEN + 1)
#define AUDIT_LINE_MAX 4096      /* bytes of a line, its newline included */
#define AUDIT_CERT_MAX 2000u     /* bytes of an Audit certificate: fits a line */
#define AUDIT_SIGNATURE_MAX 512u /* bytes: RSA-4096 */
/* A checkpoint's "upto" lies at most so many entries before it. */
#define AUDIT_COVER_MAX 65536u

#define AUDIT_CHECKPOINT "checkpoint"  /* events of keyd's own */
#define AUDIT_CERTIFICATE "audit-cert"

struct audit_chain {
	uint64_t next; /* number of the next entry, from 1 */
	uint8_t head[AUDIT_HASH_LEN];
};

/* An entry's number and its h: all that came before it, too. 0: before the first. */
struct audit_point {
	uint64_t entry;
	uint8_t head[AUDIT_HASH_LEN];
};
struct audit_point audit_chain_point(const struct audit_chain *c);

/* As people carry it and backups keep it: "1204:<64 hex>". */
#define AUDIT_POINT_MAX 96
char *audit_point_text(const struct audit_point *p, char to[AUDIT_POINT_MAX]);
bool audit_point_read(const char *text, struct audit_point *out);

struct audit_entry {
	int64_t time;         /* Unix time */
	const char *who;      /* "front", "tvs", "admin", "keyd" */
	unsigned uid;
	unsigned pid;         /* the peer's process; 0: left out */
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

/* The line that a file begins with when the chain comes from another one; the
 * chain stays where it is. */
size_t audit_format_continues(const struct audit_chain *c,
			      char line[AUDIT_LINE_MAX]);

/* ---- signed entries ---- */

struct audit_checkpoint {
	int64_t time;
	unsigned uid;        /* keyd's */
	const char *cluster; /* its identifier */
	const char *key;     /* the Audit key's label */
	uint8_t cert[32];    /* SHA-256 of its certificate's DER */
	struct audit_point upto;
	struct bytes signature; /* RSA PKCS #1 v1.5, SHA-256, over its text */
};

struct audit_certificate {
	int64_t time;
	unsigned uid;
	const char *cluster;
	const char *key;
	struct bytes der;    /* at most AUDIT_CERT_MAX */
	uint8_t by[32];      /* SHA-256 of the certificate whose key signed it */
	struct bytes signature; /* empty: there is no key before this one */
};

/*
 * What is signed, with a NUL; returns its length. Lines, each with its newline:
 *   itlkeeper audit checkpoint 1 | cluster=lab | certificate=<64 hex> |
 *   entry=1204 | head=<64 hex> | time=1763923200
 *   itlkeeper audit certificate 1 | cluster=lab | certificate=<64 hex of the new>
 * An Audit key signs nothing else, but its own certificate and trust files, whose
 * signed bytes begin with 01 00 02 (itl/trust.h): no text of these can be one.
 */
#define AUDIT_TEXT_MAX 512
size_t audit_checkpoint_text(const struct audit_checkpoint *c,
			     char to[AUDIT_TEXT_MAX]);
size_t audit_certificate_text(const struct audit_certificate *c,
			      char to[AUDIT_TEXT_MAX]);

/* As audit_format(); "digest" is the certificate's SHA-256. */
size_t audit_format_checkpoint(struct audit_chain *c,
			       const struct audit_checkpoint *p,
			       char line[AUDIT_LINE_MAX]);
size_t audit_format_certificate(struct audit_chain *c,
				const struct audit_certificate *p,
				char line[AUDIT_LINE_MAX]);

/* ---- going on ---- */

/*
 * Go on where a file ends: `tail` is its last bytes, at least 2 * AUDIT_LINE_MAX of
 * them (or all). *torn gets how many bytes at the end are an unfinished line (of
 * a crash; they were never answered for). Only the last whole line is read; a tail
 * without one leaves a chain that starts. RC_VERIFY if that line is none.
 */
enum rc audit_chain_resume(struct audit_chain *c, struct bytes tail,
			   size_t *torn, struct err *e) MUST_CHECK;

#endif
