/* AES-256 on the host, for what a token cannot do, or need not. OpenSSL cleanses
 * its copies of keys and blocks with its contexts. */
#ifndef WRAPPED_AES_H
#define WRAPPED_AES_H

#include "base/bytes.h"

#define AES_BLOCK 16

/* CBC, whole blocks without padding; out has in.n bytes. */
bool aes_cbc_raw(bool encrypt, const uint8_t key[32],
		 const uint8_t iv[AES_BLOCK], struct bytes in, uint8_t *out);

/* n bytes with PKCS#7 padding, which is one byte at least. */
static inline size_t aes_padded(size_t n)
{
	return (n / AES_BLOCK + 1) * AES_BLOCK;
}

/* CBC with PKCS#7 padding; out has in.n + AES_BLOCK bytes. */
bool aes_cbc_pad(bool encrypt, const uint8_t key[32],
		 const uint8_t iv[AES_BLOCK], struct bytes in, uint8_t *out,
		 size_t *n);

/* RFC 5649; out has in.n + AES_BLOCK bytes. */
bool aes_wrap_pad(bool wrap, const uint8_t key[32], struct bytes in,
		  uint8_t *out, size_t *n);

#endif
