/* Certificates as the door describes them, and new keys. */
#ifndef ITLCTL_CERTS_H
#define ITLCTL_CERTS_H

#include "itlctl/ctl.h"
#include <openssl/x509.h>

/* A certificate in PEM or DER; NULL if the bytes are neither. */
X509 *certs_read(struct bytes b);

enum certs_how {
	CERTS_REGENERATE = 1, /* one that is there may be replaced */
	CERTS_FORCE = 2,      /* whatever front has against that */
};

/* Have keyd make a new generation of a unit's key (node: NULL for the
 * cluster's units), with a ticket of its own. how: of enum certs_how.
 * json_decref() *cert. */
enum rc certs_generate(struct ctl *c, const struct secret *password,
		       enum unit unit, const char *node, unsigned how,
		       json_t **cert, struct err *e) MUST_CHECK;

/* How many keys a new recovery key took, where it was not the first: " (key 4 of
 * ...)"; "" otherwise. Returns to. */
#define CERTS_TRIES_MAX 96
char *certs_tries(const json_t *cert, char to[CERTS_TRIES_MAX]);

#endif
