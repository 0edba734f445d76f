/* What the files of this box share. */
#ifndef ITL_INTERNAL_H
#define ITL_INTERNAL_H

#include "itl/itl.h"
#include <openssl/evp.h>
#include <stdio.h>

CLEANUP_DEFINE(X509 *, X509_free);
CLEANUP_DEFINE(EVP_PKEY *, EVP_PKEY_free);
CLEANUP_DEFINE(EVP_MD_CTX *, EVP_MD_CTX_free);

static inline void openssl_free(void *p)
{
	OPENSSL_free(p);
}
CLEANUP_DEFINE(uint8_t *, openssl_free);

/* Whether its certificate may sign lists. */
static inline bool itl_is_sast(const struct itl_record *r)
{
	return r->has_role && r->role == ITL_SAST;
}

/* Exactly one DER certificate, or NULL with *why. */
X509 *itl_x509(struct bytes der, const char **why);

/* What tag 7 holds: the content of the certificate's BIT STRING, which is the
 * RSAPublicKey, or the EC point. */
struct bytes itl_public_key(const X509 *cert);
struct bytes itl_cert_signature(const X509 *cert);

/* Whether `text` (as any writer joins names, with or without its NUL) names the
 * same parts as `name`. */
bool itl_name_is(struct bytes text, const X509_NAME *name);

/* The list's bytes as they are signed: all but the tag-12 TLV. */
void itl_signed_parts(const struct itl *l, struct bytes parts[2]);

/* The record's number in its list, 1.. */
size_t itl_record_number(const struct itl *l, const struct itl_record *r);

/* A text of a list for people and terminals: without its NUL, and every byte
 * that is not printable ASCII as \xNN. Returns to. */
char *itl_printable(struct bytes text, char *to, size_t cap);
void itl_put_name(FILE *f, struct bytes text);
/* "40:0A:..." */
void itl_put_serial(FILE *f, struct bytes serial);

#endif
