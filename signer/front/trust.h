/*
 * The trust store: which certificates of elsewhere TVS vouches for. Its set is a signed
 * file (itl/trust.h), whose bytes state has; TVS reads them from the cluster's
 * PATH_TRUST_FILE, which front alone writes. What is in it an administrator decides,
 * with a ticket that keyd checks: front carries it, and can change nothing.
 */
#ifndef FRONT_TRUST_H
#define FRONT_TRUST_H

#include "door.h"
#include "itl/trust.h"

enum rc show_trust(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_trust_plan(struct call *c, json_t **result, struct err *e) MUST_CHECK;
enum rc op_trust_set(struct call *c, json_t **result, struct err *e) MUST_CHECK;

/* With the start: state that was lost takes up the file that there is; whether it is
 * worth anything, its signature says to those who use it. Then trust_keep(). */
void trust_start(struct service *s);
/* Is the file what state says? Else it is written again, and the log has it. */
void trust_keep(struct service *s);

/* Whether the file that bears this time is state's: a trust-set that was cut off was
 * done. */
bool trust_is_of(struct service *s, uint32_t timestamp);

/* ---- shared by its two files ---- */

/* What state has. */
struct trust_present {
	uint8_t *bytes; /* NULL: nothing was ever added */
	size_t n;
	struct trust *trust; /* of them, not verified; NULL too if it cannot be read */
	char sha1[SHA1_HEX]; /* "" likewise */
};
static inline void trust_present_clear_at(struct trust_present *p)
{
	free(p->bytes);
	trust_free(p->trust);
}
enum rc trust_read_present(struct service *s, struct trust_present *p,
			   struct err *e) MUST_CHECK;

/* trust_keep(), and what went wrong. */
enum rc trust_put_file(struct service *s, struct err *e) MUST_CHECK;

#endif
