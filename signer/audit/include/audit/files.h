/*
 * The files of an audit log: audit.log, and the older audit.log.N beside it, N
 * being the number of the last entry in each. Looks into one folder; not pure, and
 * so a library of its own (audit-files).
 */
#ifndef AUDIT_FILES_H
#define AUDIT_FILES_H

#include "base/err.h"
#include <stdint.h>

struct audit_files {
	char **paths;  /* owned, oldest first; `path` itself is the last, if it is there */
	uint64_t *last; /* of the older ones: N */
	size_t n;
	size_t older;  /* how many of them are audit.log.N */
};

/* RC_NOTFOUND if there is none at all. audit_files_clear() it in any case. */
enum rc audit_files_find(const char *path, struct audit_files *out,
			 struct err *e) MUST_CHECK;
void audit_files_clear(struct audit_files *f);
static inline void audit_files_clear_at(struct audit_files *f)
{
	audit_files_clear(f);
}

#endif
