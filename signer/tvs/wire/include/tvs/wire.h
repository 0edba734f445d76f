/*
 * TVS frames (spec: tvs): what a phone asks about a certificate, and the answer.
 *
 *   57 01 CC 00 | session u32 | length u16 | elements: tag u8, length u16, value
 *
 * Pure, big-endian. Nothing is copied: every `struct bytes` of a message points into
 * the frame that was read, or to what its writer was given.
 */
#ifndef TVS_WIRE_H
#define TVS_WIRE_H

#include "base/bytes.h"
#include "base/err.h"

#define TVS_PORT 2445
#define TVS_HEADER 10u        /* bytes before the elements */
#define TVS_REQUEST_MAX 8192u /* bytes of a frame with a request: a certificate of a
				 phone and its name are a quarter of that */
#define TVS_FRAME_MAX (TVS_HEADER + 65535u)
#define TVS_ROLES_MAX 8u
#define TVS_TTL 86400u        /* seconds: what a call manager answers */

enum tvs_kind { TVS_VERIFY = 1, TVS_VERIFIED, TVS_QUERY, TVS_FOUND };

enum tvs_status { TVS_VALID = 0, TVS_INVALID = 1 };

/* Names and serials as lists spell them; a name's NUL is not part of it here. */
struct tvs_message {
	enum tvs_kind kind;
	uint32_t session;
	struct bytes device; /* tag 1, without its first byte; "CP-8861-SEP..." */
	struct bytes cert;   /* tag 2: DER */
	struct bytes subject, issuer, serial; /* tags 3, 4, 5 */
	uint8_t status;      /* tag 7, of answers: enum tvs_status */
	struct bytes roles;  /* tag 8: a byte each, enum itl_role */
	uint32_t ttl;        /* tag 9: seconds */
};

/*
 * How long is the frame that begins with these bytes? RC_OK: *n bytes in all;
 * RC_NOTFOUND: fewer than TVS_HEADER bytes are there; RC_USAGE: no frame begins so,
 * or it would be longer than `max`.
 */
enum rc tvs_frame_length(struct bytes begin, size_t max, size_t *n,
			 struct err *e) MUST_CHECK;

/*
 * A whole frame. RC_USAGE, with the offset, for what a phone does not send and a TVS
 * does not answer: unknown or doubled elements, lengths that do not add up, a request
 * without what its kind asks about, an answer without a status, or one that is valid
 * and lacks roles and time (and, to a QUERY, the certificate).
 */
enum rc tvs_read(struct bytes frame, struct tvs_message *out,
		 struct err *e) MUST_CHECK;

/* Writes a frame; what does not fit, or a name with a NUL, sets w->bad. */
void tvs_write(struct writer *w, const struct tvs_message *m);

#endif
