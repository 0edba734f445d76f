/* Whose checkpoints count: the certificates that a verifier knows. */
#ifndef AUDIT_SIGNERS_H
#define AUDIT_SIGNERS_H

#include "audit/verify.h"
#include <jansson.h>

struct signer {
	uint8_t sha256[32];
	EVP_PKEY *key;
	bool trusted; /* named by the caller, or linked to such a one */
};

struct signers {
	struct signer *all[AUDIT_CERTS_MAX];
	size_t n;
	bool pinned; /* the caller named some: only those are trusted, and what they
			link to; else all that the log has */
};

void signers_clear(struct signers *s);
/* Trusted. RC_VERIFY if it is none with an RSA key. */
enum rc signers_pin(struct signers *s, X509 *cert, struct err *e) MUST_CHECK;

/* A certificate entry, a checkpoint entry: NULL, or what is wrong with it. Fields
 * of *p point into `entry`; *signer: NULL if nobody knows the certificate. */
const char *signers_read_certificate(struct signers *s, json_t *entry);
const char *signers_read_checkpoint(const struct signers *s, json_t *entry,
				    struct audit_checkpoint *p,
				    const struct signer **signer);

#endif
