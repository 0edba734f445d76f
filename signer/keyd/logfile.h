/* The audit log's file: its end, appending, rotation. One user at a time. */
#ifndef KEYD_LOGFILE_H
#define KEYD_LOGFILE_H

#include "audit/audit.h"
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct logfile {
	int fd;
	off_t size; /* synced */
	char path[PATH_MAX];
	gid_t group;
	uint64_t rotate, limit; /* bytes: each time, and the next time; 0: never */
};

/* Open or make it and find where the chain goes on; a torn line at its end is cut
 * off. A file without a whole line goes on from the newest audit.log.N. */
enum rc logfile_open(struct logfile *f, const char *path, gid_t group,
		     uint64_t rotate, struct audit_chain *chain,
		     struct err *e) MUST_CHECK;
void logfile_close(struct logfile *f);

/*
 * All of it, on disk. LOGFILE_STUCK: nothing of it is in the file; it has no room,
 * or cannot be written now. LOGFILE_LOST: nobody knows what the file has. *e says
 * why.
 */
enum logfile_end { LOGFILE_DONE, LOGFILE_STUCK, LOGFILE_LOST };
enum logfile_end logfile_append(struct logfile *f, struct bytes lines,
				struct err *e) MUST_CHECK;

/* Little is left of the file system's room: LOGFILE_RESERVE bytes, or a twentieth of
 * it. Not where that cannot be known. Any thread. */
#define LOGFILE_RESERVE (64u << 20)
bool logfile_is_scarce(const struct logfile *f);

/* Begin a new file, if this one is large enough; the chain's last line must be its
 * last. A failure is no harm: it is tried again, later; LOGFILE_LOST alone ends
 * all. *done: a new file was begun. */
enum logfile_end logfile_rotate(struct logfile *f, const struct audit_chain *chain,
				bool *done, struct err *e) MUST_CHECK;

#endif
