/* How commands use the library of the recovery key's ways, and tell what it did. */
#ifndef ITLCTL_RECOVER_H
#define ITLCTL_RECOVER_H

#include "itlctl/passwords.h"
#include "recovery/recovery.h"

/* The library's view of a command; it borrows both. */
struct recovery recover_with(const struct ctl *c, const struct passwords *pw);

/* A recovery key that came into the token. */
struct imported {
	char label[LABEL_MAX], route[KEYD_ROUTE_MAX];
	bool present; /* it was there before */
};
/* Into the token to stay. */
enum rc recover_import(struct ctl *c, const struct passwords *pw,
		       const struct recovery_file *f, bool replace,
		       struct imported *out, struct err *e) MUST_CHECK;

/* NULL out of memory. */
json_t *recover_imported_json(const struct imported *i);
/* A backup that is proved: that it is, and whether the alert is off. */
void recover_tell_made(const struct ctl *c, const struct recovery_made *m);

#endif
