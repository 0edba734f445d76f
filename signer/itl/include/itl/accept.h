/*
 * The phone's decision (spec: phone), as a function.
 *
 * Pure. The TVS is asked through a callback, because a phone asks it only when
 * its own lists do not hold the signer.
 */
#ifndef ITL_ACCEPT_H
#define ITL_ACCEPT_H

#include "itl/itl.h"

enum itl_verdict {
	ITL_FIRST,         /* accepted: nothing was installed */
	ITL_BY_CTL,        /* accepted: a SAST of the installed CTL signed it */
	ITL_BY_ITL,        /* accepted: a SAST of the installed ITL signed it */
	ITL_BY_TVS,        /* accepted: TVS vouches for the signer as SAST */
	ITL_BAD_FORM,      /* rejected: does not parse, or is over the limits */
	ITL_BAD_SIGNATURE, /* rejected: the signer is known, the signature wrong */
	ITL_UNKNOWN_SIGNER /* rejected: neither lists nor TVS know the signer */
};

bool itl_accepted(enum itl_verdict v);
const char *itl_verdict_text(enum itl_verdict v); /* a sentence for people */
const char *itl_verdict_name(enum itl_verdict v); /* "by-itl", for JSON */

/* A TVS's answer about the signer of a list. `cert` is DER, copied by nobody:
 * it must live until itl_accept() returns. */
struct itl_tvs_answer {
	bool valid;
	struct bytes cert;
	uint8_t roles[16];
	size_t nroles;
};

/* Returns false if no TVS could be asked or none matched the installed list. */
typedef bool itl_ask_tvs(void *arg, const struct itl *l,
			 struct itl_tvs_answer *answer);

/*
 * installed_* are files as bytes, or of length 0. `ask` may be NULL: no TVS.
 * Never fails: what is wrong is the verdict; *why gets a sentence that names
 * the signer or the record (not a NULL pointer).
 */
enum itl_verdict itl_accept(struct bytes installed_ctl, struct bytes installed_itl,
			    struct bytes offered, itl_ask_tvs *ask, void *arg,
			    char why[256]);

#endif
