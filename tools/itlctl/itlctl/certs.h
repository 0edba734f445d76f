/* Certificates as the door describes them, and new keys. */
#ifndef ITLCTL_CERTS_H
#define ITLCTL_CERTS_H

#include "itlctl/ctl.h"
#include <openssl/x509.h>

/* A certificate in PEM or DER; NULL if the bytes are neither. */
X509 *certs_read(struct bytes b);

/* All of a file, in its order: PEM, whatever stands between them, or one in DER. Each is
 * given to `take`, which owns it; its error ends the reading. RC_USAGE, with the path,
 * if there is none, or one that cannot be read. */
typedef enum rc certs_take(void *arg, X509 *x, struct err *e);
enum rc certs_read_all(struct bytes file, const char *path, certs_take *take, void *arg,
		       struct err *e) MUST_CHECK;

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
