/* What the audit log remembers of keys that are none. */
#ifndef ITLCTL_HALVES_H
#define ITLCTL_HALVES_H

#include "itlctl/ctl.h"
#include "keyd/client.h"
#include <stdint.h>

struct half_past {
	int64_t since;  /* Unix time of its "generate-begin" or "import-begin"; 0: the
			   log does not say */
	bool was_key;   /* it was complete once: a part was lost */
};

/* One for each of the n halves, by all files of the cluster's log, read and verified
 * once. Else (the log is not whole, was changed, or cannot be read) out is filled as
 * far as it tells, and that something was no key is not sure. */
enum rc halves_past(struct ctl *c, const struct keyd_half *halves, size_t n,
		    struct half_past *out, struct err *e) MUST_CHECK;

#endif
