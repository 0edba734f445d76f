/*
 * A private key on its way out of a token or into one: PKCS#8 PrivateKeyInfo in
 * DER, encrypted with AES-256-CBC and PKCS#7 padding over the exact DER (what
 * PBES2 of RFC 8018 encrypts). The key-encryption key is beside it, in locked
 * memory: whoever holds one of these can have the private key.
 */
#ifndef WRAPPED_WRAPPED_H
#define WRAPPED_WRAPPED_H

#include "base/bytes.h"
#include "base/secret.h"
#include <string.h>

#define WRAPPED_KEK_LEN 32
#define WRAPPED_IV_LEN 16
#define WRAPPED_MAX 4096 /* bytes; an RSA-4096 key has about 2400 */

struct wrapped_key {
	struct secret *kek; /* WRAPPED_KEK_LEN bytes; owned */
	uint8_t iv[WRAPPED_IV_LEN];
	size_t n; /* bytes in use; 0: the key is still in its token */
	uint8_t bytes[WRAPPED_MAX];
};

static inline struct bytes wrapped_bytes(const struct wrapped_key *w)
{
	return bytes_of(w->bytes, w->n);
}

static inline void wrapped_key_clear(struct wrapped_key *w)
{
	secret_free(w->kek);
	*w = (struct wrapped_key){0};
}

static inline void wrapped_key_clear_at(struct wrapped_key *w)
{
	wrapped_key_clear(w);
}

/* Random, in locked memory. secret_free() it. */
enum rc wrapped_kek_new(struct secret **out, struct err *e) MUST_CHECK;

/* A random key-encryption key and IV, and nothing wrapped yet. What was in *w is
 * cleared. */
enum rc wrapped_key_begin(struct wrapped_key *w, struct err *e) MUST_CHECK;

/* A DER that lies here in the clear, under a random key and IV. What was in *out is
 * cleared. RC_REFUSED if it is too long to be an RSA key's. */
enum rc wrapped_key_seal(struct bytes der, struct wrapped_key *out,
			 struct err *e) MUST_CHECK;

#endif
