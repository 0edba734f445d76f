/* What the provider's tests share: a key that "lives elsewhere", its owner, and the
 * provider's handle of it. */
#ifndef TEST_HSM_OWNER_H
#define TEST_HSM_OWNER_H

#include "support/support.h"
#include "provider/provider.h"
#include <openssl/x509.h>
#include <stdbool.h>

/* A key "elsewhere": in this process, and it tells what it was asked. */
struct owner {
	EVP_PKEY *key;
	unsigned signs, decrypts;
	bool fails;
	char md[20];
	int pss;
	unsigned char message[512];
	size_t n;
	unsigned client_version, negotiated_version;
};

extern struct owner owner;
extern const struct provider_ops ops;
extern OSSL_LIB_CTX *libctx;
extern EVP_PKEY *far; /* the provider's key */

/* What it was asked, and that it fails. */
void forget(void);

/* A certificate of the key, signed through the provider. X509_free() it. */
X509 *self_signed(void);

/* A group's setup and teardown. */
int owner_start(void **state);
int owner_stop(void **state);

#endif
