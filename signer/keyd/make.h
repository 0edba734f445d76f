/* A new key on its way to a certificate: what a generation, which signs its own, and a
 * request for an authority's have in common (request_generate.c). */
#ifndef KEYD_MAKE_H
#define KEYD_MAKE_H

#include "service.h"
#include "x509/x509.h"

/* A pair under an id that the log knows. Of recovery keys so many (*tries), one after
 * the other, until one can leave the token as it is; at most for half the time that a
 * generation has. hsm_key_free() it. */
enum rc request_make_pair(struct request *q, enum unit unit, unsigned bits,
			  const char *text, struct hsm_key **out, unsigned *tries,
			  struct err *e) MUST_CHECK;

/* It signs with the token through the provider; the object stays where it is until
 * new_key_end(). */
struct new_key {
	struct hsm_session *session;
	struct hsm_key *key;
	struct err token; /* what the token said, if it failed */
	enum x509_profile profile;
	char cn[CLUSTER_CN_MAX + 1];
	struct x509_subject subject;
	EVP_PKEY *signer;
};
enum rc new_key_begin(struct request *q, enum unit unit,
		      const struct cluster_node *node, struct hsm_key *key,
		      struct new_key *out, struct err *e) MUST_CHECK;
/* rc and *e: what became of the signature. */
enum rc new_key_end(struct new_key *k, enum rc rc, struct err *e) MUST_CHECK;

enum x509_profile request_unit_profile(enum unit unit);

#endif
