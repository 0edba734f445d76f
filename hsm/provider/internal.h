/* Between the parts of the provider. */
#ifndef PROVIDER_INTERNAL_H
#define PROVIDER_INTERNAL_H

#include "provider/provider.h"
#include <openssl/bn.h>
#include <openssl/core_dispatch.h>

#define PROVIDER_NAME "itlkeeper"
#define PROVIDER_QUERY "provider=" PROVIDER_NAME
#define RSA_NAMES "RSA:rsaEncryption:1.2.840.113549.1.1.1"

/* The parameter that carries a struct reference into a new key. It holds
 * pointers, so it is made by provider_key() alone and never exported. */
#define PARAM_REFERENCE "itlkeeper-reference"

struct reference {
	const struct provider_ops *ops;
	void *arg;
};

/* The public half, and where the private one is. Not written to after its
 * import, so threads may share it. */
struct key {
	BIGNUM *n, *e;
	struct reference at; /* ops == NULL: a public key alone */
};

static inline size_t key_size(const struct key *k)
{
	return (size_t)BN_num_bytes(k->n);
}

/* OpenSSL's tables hold functions of every type as this one. */
#define DISPATCH(id, f)                                                        \
	{                                                                      \
		id, (void (*)(void))(f)                                        \
	}
#define DISPATCH_END                                                           \
	{                                                                      \
		0, NULL                                                        \
	}

extern const OSSL_DISPATCH provider_keymgmt[];
extern const OSSL_DISPATCH provider_signature[];
extern const OSSL_DISPATCH provider_decryption[];

#endif
