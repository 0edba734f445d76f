/* Which certificates a list needs. */
#ifndef FRONT_REFS_H
#define FRONT_REFS_H

#include "base/hex.h"
#include "itl/itl.h"

/* SHA-1 of a certificate, as lists and listings have it. */
void ref_of_cert(const X509 *cert, uint8_t out[SHA1_LEN]);
char *ref_hex(const X509 *cert, char hex[SHA1_HEX]); /* the same; returns hex */

/* A record holds this certificate, whole or by its SHA-1. */
bool list_names(const struct itl *l, const uint8_t sha1[SHA1_LEN]);

/* The certificate's key signed it. */
bool list_is_signed_with(const struct itl *l, X509 *cert);

#endif
