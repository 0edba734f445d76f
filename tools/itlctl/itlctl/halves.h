/* What the audit log remembers of keys that are none. */
#ifndef ITLCTL_HALVES_H
#define ITLCTL_HALVES_H

#include "keyd/client.h"
#include <stdint.h>

struct half_past {
	int64_t since;  /* Unix time of its "generate-begin" or "import-begin"; 0: the
			   log does not say, or cannot be read */
	bool was_key;   /* it was complete once: a part was lost */
};

/* One for each of the n halves; the log is read once, line by line. Its chain is not
 * verified: nothing is decided by it but a question. */
void halves_past(const char *log, const struct keyd_half *halves, size_t n,
		 struct half_past *out);

#endif
