/* What keeps a SoftHSM token alive; see hsm/start.h. */
#ifndef HSM_SOFTHSM_H
#define HSM_SOFTHSM_H

#include "hsm/start.h"
#include <limits.h>

/* SoftHSM's configuration, as far as it matters here. */
struct softhsm_conf {
	char file[PATH_MAX];   /* where it was found */
	char tokens[PATH_MAX]; /* directories.tokendir */
	bool files;            /* objectstore.backend = file */
};

/* Where SoftHSM itself would find it. False if it cannot be read. */
bool softhsm_conf_read(struct softhsm_conf *out);

struct softhsm;

/* *out stays NULL if the module is not SoftHSM with the file backend. The place is
 * borrowed. */
enum rc softhsm_open(const struct hsm_place *place, struct softhsm **out,
		     struct err *e) MUST_CHECK;
void softhsm_free(struct softhsm *s); /* NULL is fine; unlocks */
CLEANUP_DEFINE(struct softhsm *, softhsm_free);

/* Before C_Initialize: lock, put back, copy what is whole. */
enum rc softhsm_before(struct softhsm *s, struct err *e) MUST_CHECK;
/* After C_Login: whole again, durable, and the copy of it. *folder (malloc()ed) is
 * the token's own. */
enum rc softhsm_after(struct softhsm *s, char **folder, struct err *e) MUST_CHECK;
void softhsm_unlock(struct softhsm *s);

/* Something was put back by the last softhsm_before(). */
bool softhsm_put_back(const struct softhsm *s);

/* A token.object is torn, and there is no copy of it. */
bool softhsm_torn(const struct softhsm *s);

/* What SoftHSM answers when another program was writing at that moment. */
bool softhsm_raced(const struct err *e);

#endif
