/* What a phone is told: a request and the trust store in, an answer out. Pure. */
#ifndef TVS_ANSWER_H
#define TVS_ANSWER_H

#include "truststore.h"

enum answer_kind { ANSWER_VALID, ANSWER_UNKNOWN };

/* Bytes of any answer: a certificate of the token or of the trust file, and little
 * else. */
#define ANSWER_MAX (16u << 10)

/* `frame`: a whole one (tvs_frame_length()). Writes one frame. RC_USAGE if it is no
 * request: there is no answer to that. */
enum rc answer_request(const struct truststore *t, struct bytes frame, struct writer *out,
		       enum answer_kind *kind, struct err *e) MUST_CHECK;

#endif
