/*
 * Deferred release: an answer leaves keyd only when the audit entry about it is
 * on disk. (design: Release)
 *
 * Workers append entry and answer to the open batch and go on; one thread takes
 * the batch, writes and syncs its entries once, and sends its answers. While other
 * requests are in flight it waits for them: with few for as long as the last sync took,
 * and up to RELEASE_WAIT_MS while more of them are in flight than wait.
 *
 * A log that has no room (or is read-only now) is *stuck*: what waits is answered
 * with that error and forgotten, and so is all that comes, before anything is done
 * for it (release_open_for()). Once a second an entry of its own is tried; when that
 * is on disk, work goes on. Any other failure of the log ends keyd: what the disk
 * has then is looked at anew.
 *
 * At `rotate` bytes the file becomes audit.log.N, N being the number of its last
 * entry, and a new one begins (audit/audit.h); nothing here removes one. Killed
 * between the two, the next start finds no audit.log, or one without a whole line,
 * and goes on from the newest audit.log.N.
 */
#ifndef KEYD_RELEASE_H
#define KEYD_RELEASE_H

#include "audit/audit.h"
#include "conn.h"
#include "keyd/wire.h"

#define RELEASE_WAIT_MS 8
#define RELEASE_SHARED 8 /* answers that share a sync well: those are no longer few */
#define RELEASE_BATCH 64 /* answers that are worth a sync of their own */

struct release;

struct release_setup {
	const char *path;
	gid_t group;     /* administrators can read and verify it */
	uint64_t rotate; /* bytes; 0: never */
	unsigned checkpoint_seconds; /* that an entry may wait for a checkpoint */
};

/* Open the log (0640), resume its chain, cut a torn last line off, start the
 * thread. */
enum rc release_open(const struct release_setup *setup, struct release **out,
		     struct err *e) MUST_CHECK;

/* RC_ERROR while the log is stuck: do nothing that would have to be recorded.
 * many: there may be any number of them, and anybody's, as handshakes; RC_REFUSED when
 * there is little room left, which is for administrators' work. */
enum rc release_open_for(struct release *r, bool many, struct err *e) MUST_CHECK;

/* A request came in that will be answered through release_answer(). */
void release_expect(struct release *r);

/*
 * Answer `id` on `conn` (a reference is handed over) with `frame`, which is handed
 * over too, after `entry` (NULL: at once) is on disk. A locked frame leaves its
 * place in the connection's room. `last`: then end the process.
 */
void release_answer(struct release *r, struct conn *conn, uint32_t id,
		    struct wire_frame *frame, const struct audit_entry *entry,
		    bool last);

/* An entry without an answer: returns when it is on disk, or cannot be. */
enum rc release_note(struct release *r, const struct audit_entry *entry,
		     struct err *e) MUST_CHECK;

/* Nothing is in flight, and all that was answered is on its way. */
bool release_idle(struct release *r);

/* Send what waits, then end the process. */
void release_last(struct release *r);

/* ---- checkpoints (checkpoint.c) ---- */

/* The last entry that is on disk. */
struct audit_point release_point(struct release *r);

/* Is it time for one? Then the caller makes it, and nobody is told again until
 * release_checkpoint_end(). */
bool release_checkpoint_begin(struct release *r);
/* The point to be covered. RC_NOTFOUND: there is nothing new. */
enum rc release_checkpoint_point(struct release *r, struct audit_point *out,
				 struct err *e) MUST_CHECK;
/* Into the log; returns when it is on disk, as release_note(). */
enum rc release_certificate(struct release *r, const struct audit_certificate *c,
			    struct err *e) MUST_CHECK;
/* Without waiting for the disk. False: it is not in the log. */
bool release_checkpoint(struct release *r, const struct audit_checkpoint *c);
/* done: all up to the point is covered. If not, it is tried again after the time
 * that an entry may wait. */
void release_checkpoint_end(struct release *r, bool done);

#endif
