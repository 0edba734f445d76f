/* A recovery key in software, its certificate, and files with it. */
#ifndef MAKE_H
#define MAKE_H

#include "support/softhsm.h"
#include "support/support.h"

#include "p12/p12.h"
#include <openssl/evp.h>

#define PASSWORD "correct horse battery staple"
#define WRONG "correct horse battery stable"
#define FRIENDLY "ITLRECOVERY_pbx1"

struct party {
	EVP_PKEY *key;
	X509 *cert;
	uint8_t *pkcs8; /* PrivateKeyInfo, DER */
	size_t pkcs8_n;
};

/* Fails the test if it cannot. party_clear() it. */
struct party party_make(unsigned bits);
void party_clear(struct party *p);

/* What a token does: w->bytes, under w->kek and w->iv. */
void party_wrap(const struct party *p, struct wrapped_key *w);

/* The whole of it; the caller frees .p. */
struct bytes party_file(const struct party *p, const char *password, unsigned iterations,
			const char *friendly_name);

/* Whether w opens to the party's private key, every number of it. */
bool party_is_wrapped(const struct party *p, const struct wrapped_key *w);
/* The same of any encoding of a private key that OpenSSL reads. */
bool party_is_key(const struct party *p, EVP_PKEY *key);

/* p12_open() that must not fail. */
struct p12 *must_open(struct bytes file, const char *password);
/* What p12_open() answers. */
enum rc open_rc(struct bytes file, const char *password, struct err *e);

#endif
