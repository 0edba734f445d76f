/* A log that is in memory as a whole. */
#ifndef TEST_AUDIT_WHOLE_H
#define TEST_AUDIT_WHOLE_H

#include "audit/verify.h"

/* With nothing to compare it to. An empty one has 0 entries. */
enum rc audit_verify(struct bytes log, struct audit_report *out,
		     struct err *e) MUST_CHECK;

#endif
