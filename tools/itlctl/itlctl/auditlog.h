/* The audit log's files, read in order and verified on the way. */
#ifndef ITLCTL_AUDITLOG_H
#define ITLCTL_AUDITLOG_H

#include "audit/files.h"
#include "audit/verify.h"
#include "itlctl/ctl.h"

/* The cluster's own files; opens NEED_CLUSTER. audit_files_clear() them in any case,
 * as the next. */
enum rc auditlog_find_own(struct ctl *c, struct audit_files *out,
			  struct err *e) MUST_CHECK;
/* The files of the line, or (without any) the cluster's own. */
enum rc auditlog_find(struct ctl *c, struct audit_files *out,
		      struct err *e) MUST_CHECK;

struct auditlog_reader {
	struct audit_verifier *verifier;
	/* Each whole line (n bytes with its newline), after it was verified; `before`
	 * is the chain's place before it. NULL: nobody looks. */
	void (*line)(void *arg, const char *line, size_t n,
		     const struct audit_point *before);
	void *arg;
	bool go_on; /* also behind what does not verify */
};

/* RC_VERIFY: the first line that is wrong. On a terminal, says how far it is. */
enum rc auditlog_read(const struct auditlog_reader *r, const struct audit_files *f,
		      struct err *e) MUST_CHECK;

/* Local time, with seconds. Returns to. */
char *auditlog_time(int64_t t, char to[24]);

#endif
