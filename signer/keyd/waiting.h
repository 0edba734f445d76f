/*
 * Pairs of the token that wait for an authority's certificate, and their requests: at
 * most one of a unit and node. Kept in keyd's state, a file each in csr/, written whole
 * and atomically: what a pair is waiting for cannot be seen in the token. A pair whose
 * file is not there is a half like any other. Thread-safe.
 */
#ifndef KEYD_WAITING_H
#define KEYD_WAITING_H

#include "keyring.h"

#define WAITING_DER_MAX 4096u /* bytes of a request: RSA-4096, the longest names */

struct waiting_pair {
	struct label label;
	uint8_t id[HSM_ID_LEN];
	int64_t made; /* Unix time */
	uint8_t der[WAITING_DER_MAX]; /* PKCS#10 */
	size_t der_len;
};

struct waiting {
	char dir[128];
	pthread_mutex_t lock;
	struct waiting_pair *p;
	size_t n;
};

/* Read what there is, and tell the ring's halves. A file that is none of ours is
 * logged and left; one whose pair is a key by now (a kill between the certificate and
 * the file) goes. It lives as long as the process. */
enum rc waiting_open(struct waiting *w, const struct cluster *c, struct keyring *ring,
		     struct err *e) MUST_CHECK;

/* RC_NOTFOUND, with words, if none waits. node: as a label has it. */
enum rc waiting_find(struct waiting *w, enum unit unit, const char *node,
		     struct waiting_pair *out, struct err *e) MUST_CHECK;

/* In the place of the one of the same unit and node, if there is one. */
enum rc waiting_put(struct waiting *w, const struct waiting_pair *p,
		    struct err *e) MUST_CHECK;

/* It waits no more. RC_OK if it did not. */
enum rc waiting_remove(struct waiting *w, const uint8_t id[HSM_ID_LEN],
		       struct err *e) MUST_CHECK;

#endif
