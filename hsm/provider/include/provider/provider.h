/*
 * RSA keys that live elsewhere, as EVP_PKEY of an OpenSSL 3 provider.
 *
 * The public half is here; private operations go to callbacks. It knows neither
 * PKCS#11 nor a socket. Signing is one-shot over the *message*, so that the
 * key's owner can look at what it signs; decryption is TLS's RSA key exchange
 * alone. The private half cannot be exported.
 */
#ifndef PROVIDER_PROVIDER_H
#define PROVIDER_PROVIDER_H

#include "base/err.h"
#include <openssl/evp.h>
#include <stddef.h>

/* Called on the thread that runs the operation; must be thread-safe. Return 0,
 * or -1 with nothing written. */
struct provider_ops {
	/* md: "SHA1", "SHA256", "SHA384", "SHA512" or "MD5-SHA1", whatever name
	 * the caller used; pss: 1 for PSS with a salt of the digest's length.
	 * *siglen: in: room, the key's length; out: bytes written, as many. */
	int (*sign)(void *arg, const char *md, int pss,
		    const unsigned char *tbs, size_t n, unsigned char *sig,
		    size_t *siglen);
	/* RFC 5246 7.4.7.1: always gives 48 bytes; never tells good from bad.
	 * NULL: the key does not decrypt. */
	int (*tls_decrypt)(void *arg, unsigned client_version,
			   unsigned negotiated_version, const unsigned char *in,
			   size_t n, unsigned char out[48]);
};

/*
 * Load "default", then this provider, into a library context of its own, and
 * prefer default (?provider=default). provider_context_free() it last, after
 * all keys: OSSL_LIB_CTX_free() alone would leave the providers loaded.
 */
enum rc provider_context(OSSL_LIB_CTX **out, struct err *e) MUST_CHECK;
void provider_context_free(OSSL_LIB_CTX *ctx); /* NULL is fine */
CLEANUP_DEFINE(OSSL_LIB_CTX *, provider_context_free);

/* ops and arg must outlive every use of the key. EVP_PKEY_free() it. Verify
 * with the certificate's key, not with this one. */
enum rc provider_key(OSSL_LIB_CTX *ctx, EVP_PKEY *public_key,
		     const struct provider_ops *ops, void *arg, EVP_PKEY **out,
		     struct err *e) MUST_CHECK;

#endif
