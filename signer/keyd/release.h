/*
 * Deferred release: an answer leaves keyd only when the audit entry about it is
 * on disk. (design: Release)
 *
 * Workers append entry and answer to the open batch and go on; one thread takes
 * the batch, writes and syncs its entries once, and sends its answers. It waits
 * up to RELEASE_WAIT_MS for more only while other requests are in flight.
 *
 * If the log cannot be written, every waiting request is answered with that
 * error and keyd ends: nothing that was signed leaves it unrecorded.
 */
#ifndef KEYD_RELEASE_H
#define KEYD_RELEASE_H

#include "audit/audit.h"
#include "conn.h"
#include "keyd/wire.h"

#define RELEASE_WAIT_MS 8
#define RELEASE_BATCH 32 /* answers that are worth a sync of their own */

struct release;

/* Open the log (0640, of the group, so that administrators can verify it),
 * resume its chain, cut a torn last line off, start the thread. */
enum rc release_open(const char *path, gid_t group, struct release **out,
		     struct err *e) MUST_CHECK;

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

/* An entry without an answer: returns when it is on disk. */
void release_note(struct release *r, const struct audit_entry *entry);

/* Nothing is in flight, and all that was answered is on its way. */
bool release_idle(struct release *r);

uint64_t release_entries(struct release *r);

#endif
