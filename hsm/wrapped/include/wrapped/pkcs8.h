/* An RSA private key as it is wrapped: PKCS#8 PrivateKeyInfo (RFC 5208), DER. */
#ifndef WRAPPED_PKCS8_H
#define WRAPPED_PKCS8_H

#include "base/bytes.h"

#define PKCS8_HEAD 16

/* The length that its first 16 bytes tell: pure ASN.1, nothing of the key. 0 if
 * they are not the begin of one of 256 bytes or more. */
size_t pkcs8_length(const uint8_t head[PKCS8_HEAD]);

enum pkcs8 {
	PKCS8_NONE,  /* not exactly one, or damaged */
	PKCS8_OTHER, /* of a key of another kind; what is in it was not looked at */
	PKCS8_RSA,   /* well-formed down to the key's nine numbers */
};

/* Found in place: no copy of the private half is made. */
struct pkcs8_public {
	struct bytes n, e;
};

/* What it is; *public (NULL is fine) is set for an RSA key. (OpenSSL's decoders
 * would copy all of it into memory that they do not clean.) */
enum pkcs8 pkcs8_read(struct bytes der, struct pkcs8_public *public);

static inline bool pkcs8_is_rsa(struct bytes der)
{
	return pkcs8_read(der, NULL) == PKCS8_RSA;
}

/* The same with all numbers, in place, in their order (RFC 8017 A.1.2); each is a
 * DER INTEGER's content. Whether they agree is not looked at. */
enum pkcs8_number { PKCS8_N, PKCS8_E, PKCS8_D, PKCS8_P, PKCS8_Q, PKCS8_DP, PKCS8_DQ,
		    PKCS8_QINV, PKCS8_NUMBERS };
enum pkcs8 pkcs8_read_numbers(struct bytes der,
			      struct bytes numbers[PKCS8_NUMBERS]);

#endif
