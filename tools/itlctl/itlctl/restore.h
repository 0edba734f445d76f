/* cluster init --restore: the recovery key comes from a backup, and phones that
 * hold lists of before accept the new ones. */
#ifndef ITLCTL_RESTORE_H
#define ITLCTL_RESTORE_H

#include "itlctl/keyfile.h"
#include "itlctl/recover.h"

struct restored {
	struct imported key;
	bool security_set; /* the password that opened it became the cluster's */
	bool trust;        /* the backup has a trust store */
};

/* pw has both passwords. Another recovery key that the token has is never
 * replaced (RC_REFUSED). */
enum rc restore_key(struct ctl *c, struct keyfile *from, const struct passwords *pw,
		    struct restored *out, struct err *e) MUST_CHECK;

/* The lists that are served, signed by the recovery key. json_decref() *result. */
enum rc restore_reset(struct ctl *c, const struct passwords *pw, json_t **result,
		      struct err *e) MUST_CHECK;

#endif
