/* Lists signed with keys in software, where a token is not what is tested. */
#ifndef SUPPORT_SOFTWARE_H
#define SUPPORT_SOFTWARE_H

#include "itl/itl.h"
#include <openssl/evp.h>

/* An itl_signer's function; arg is the EVP_PKEY. */
enum rc software_sign(void *arg, enum itl_digest digest, const struct bytes *parts,
		      size_t nparts, uint8_t *signature, size_t length, struct err *e);
struct itl_signer software_signer(EVP_PKEY *key);

#endif
