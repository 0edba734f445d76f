/* Between the files of recovery. */
#ifndef RECOVERY_INTERNAL_H
#define RECOVERY_INTERNAL_H

#include "recovery/recovery.h"

/* A part begins; returns when, for step_end(). */
double step_begin(const struct recovery *r, enum recovery_step s);
void step_end(const struct recovery *r, enum recovery_step s, double since);

/* What a dead publisher is rebuilt from: configuration, certificates, lists. */
struct state {
	struct envelope_item items[ENVELOPE_ITEMS_MAX];
	uint8_t *owned[ENVELOPE_ITEMS_MAX]; /* the items' contents */
	size_t n;
};
enum rc state_gather(const struct recovery *r, struct state *out,
		     struct err *e) MUST_CHECK;
void state_clear(struct state *s);
static inline void state_clear_at(struct state *s)
{
	state_clear(s);
}

/* Fetch, open, prove and record `name` (NULL: the newest). Of *m, route and made
 * are the caller's, if it knows them. */
enum rc recovery_prove(const struct recovery *r, struct vault *v,
		       const char *where, const char *name,
		       struct recovery_made *m, struct err *e) MUST_CHECK;

/* The certificate's serial as hex, and its SHA-256. */
enum rc cert_serial(const X509 *cert, char *to, size_t cap,
		    struct err *e) MUST_CHECK;
enum rc cert_sha256(const X509 *cert, uint8_t out[32], struct err *e) MUST_CHECK;

CLEANUP_DEFINE(X509 *, X509_free);

#endif
