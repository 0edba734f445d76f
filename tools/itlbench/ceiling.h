/*
 * The ceiling: what a token signs when nobody else asks it for anything.
 * C_SignInit and C_Sign over a DigestInfo, a session for each thread, handles
 * looked up once, nothing verified.
 */
#ifndef CEILING_H
#define CEILING_H

#include "base/secret.h"

struct ceiling;

/* Log in with the PIN of the file and take the first private key whose label
 * begins with "CallManager/". RC_NOTFOUND if there is none. */
enum rc ceiling_open(const char *module, const char *uri, const char *pin_file,
		     unsigned sessions, struct ceiling **out,
		     struct err *e) MUST_CHECK;
void ceiling_free(struct ceiling *c); /* NULL is fine */
CLEANUP_DEFINE(struct ceiling *, ceiling_free);

const char *ceiling_label(const struct ceiling *c);
unsigned ceiling_bits(const struct ceiling *c);
unsigned ceiling_sessions(const struct ceiling *c);

/* One signature, in the first session. */
enum rc ceiling_sign(struct ceiling *c, struct err *e) MUST_CHECK;

/* Signatures per second of so many threads, at most one per session. */
enum rc ceiling_rate(struct ceiling *c, unsigned threads, double seconds,
		     double *rate, struct err *e) MUST_CHECK;

#endif
