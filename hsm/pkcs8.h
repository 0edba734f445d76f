/* An RSA private key as it is wrapped: PKCS#8 PrivateKeyInfo (RFC 5208), DER. */
#ifndef HSM_PKCS8_H
#define HSM_PKCS8_H

#include "base/bytes.h"

#define PKCS8_HEAD 16

/* The length that its first 16 bytes tell: pure ASN.1, nothing of the key. 0 if
 * they are not the begin of one of 256 bytes or more. */
size_t pkcs8_length(const uint8_t head[PKCS8_HEAD]);

/* Exactly one, well-formed down to the key's nine numbers. */
bool pkcs8_is_rsa(struct bytes der);

#endif
