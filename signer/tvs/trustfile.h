/* The trust file (itl/trust.h), as it is now: looked at now and then. */
#ifndef TVS_TRUSTFILE_H
#define TVS_TRUSTFILE_H

#include "itl/trust.h"
#include <stdbool.h>
#include <sys/stat.h>

enum trustfile_state { TRUSTFILE_NONE, TRUSTFILE_USED, TRUSTFILE_REFUSED };

struct trustfile { /* of zeros at first */
	enum trustfile_state state;
	struct trust *trust; /* owned; of TRUSTFILE_USED */
	struct err why;      /* of TRUSTFILE_REFUSED */
	uint32_t newest;         /* of all that were used, or signed: its time */
	uint32_t told;           /* signed_at of the last look */
	struct stat seen;
	X509 *audit; /* owned: what it was verified with */
};

void trustfile_clear(struct trustfile *f);

/*
 * Look: read and verify it if it, or the Audit certificate (NULL: there is none yet),
 * is another than before, or keyd signed a newer one (signed_at: that one's time). True if
 * something changed. A file that does not verify, or is older than one that was signed, or
 * used since the start, is not used, nor is what it replaced: `state` and `why` say so.
 */
bool trustfile_look(struct trustfile *f, const char *path, X509 *audit, uint32_t signed_at);

#endif
