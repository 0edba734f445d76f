/*
 * A private key on its way out of a token or into one: PKCS#8 PrivateKeyInfo in
 * DER, encrypted with AES-256-CBC and PKCS#7 padding over the exact DER (what
 * PBES2 of RFC 8018 encrypts). The key-encryption key is beside it, in locked
 * memory: whoever holds one of these can have the private key.
 */
#ifndef BASE_WRAPPED_H
#define BASE_WRAPPED_H

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

#endif
