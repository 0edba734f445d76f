/* Keys, certificates and lists in software, and the transcripts' cluster. */
#ifndef MAKE_H
#define MAKE_H

#include "support/support.h"

#include "itl/itl.h"
#include "x509/x509.h"
#include <openssl/evp.h>

#define MADE 1393439067 /* Wed Feb 26 10:24:27 PST 2014 */

struct party {
	EVP_PKEY *key;
	X509 *cert;
};

/* Fails the test if it cannot. party_clear() it. */
struct party party_rsa(unsigned bits, enum x509_profile profile, const char *cn,
		       const char *hash);
struct party party_ec(const char *cn);
void party_clear(struct party *p);

struct itl_signer party_signer(struct party *p);

/* test10pub and test10sub, as in the transcripts. */
struct cluster10 {
	struct party callmanager, capf, tvs, recovery, other_tvs;
};

struct cluster10 cluster10_make(void);
void cluster10_clear(struct cluster10 *c);

/* A whole list, malloc()ed: the publisher's ITL signed by `signer`. */
struct bytes cluster10_itl(struct cluster10 *c, struct party *signer);

/* Build from entries; fails the test if it cannot. */
struct bytes make_list(const char *name, struct party *signer, unsigned digest,
		       const struct itl_entry *entries, size_t n);
void bytes_free(struct bytes b);

/* Parse; fails the test if it cannot. */
struct itl *must_parse(struct bytes file, unsigned flags);

#endif
