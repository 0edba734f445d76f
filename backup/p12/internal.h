/* What the files of this box share. */
#ifndef P12_INTERNAL_H
#define P12_INTERNAL_H

#include "p12/p12.h"
#include "wrapped/pkcs8.h"
#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>

#define MAX_SALT 128 /* bytes; others write 8 to 20 */
#define MAX_SAFES 8  /* SafeContents; others write 2 */
#define MAX_BAGS 64  /* in all of them: the key, certificates */

/* What to do about a file that is damaged. */
#define P12_AGAIN "fetch or export it again"

CLEANUP_DEFINE(EVP_CIPHER *, EVP_CIPHER_free);
CLEANUP_DEFINE(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free);
CLEANUP_DEFINE(EVP_MD *, EVP_MD_free);
CLEANUP_DEFINE(EVP_MD_CTX *, EVP_MD_CTX_free);
CLEANUP_DEFINE(X509 *, X509_free);
CLEANUP_DEFINE(X509_ALGOR *, X509_ALGOR_free);
CLEANUP_DEFINE(X509_SIG *, X509_SIG_free);
CLEANUP_DEFINE(PKCS7 *, PKCS7_free);
CLEANUP_DEFINE(PKCS12_SAFEBAG *, PKCS12_SAFEBAG_free);

static inline void openssl_free(void *p)
{
	OPENSSL_free(p);
}
CLEANUP_DEFINE(uint8_t *, openssl_free);

static inline void safes_free(STACK_OF(PKCS7) *s)
{
	sk_PKCS7_pop_free(s, PKCS7_free);
}
CLEANUP_DEFINE(STACK_OF(PKCS7) *, safes_free);

static inline void bags_free(STACK_OF(PKCS12_SAFEBAG) *s)
{
	sk_PKCS12_SAFEBAG_pop_free(s, PKCS12_SAFEBAG_free);
}
CLEANUP_DEFINE(STACK_OF(PKCS12_SAFEBAG) *, bags_free);

static inline struct bytes bytes_of_string(const ASN1_STRING *s)
{
	return bytes_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

/* A file that is not taken; forgets what OpenSSL noted. Returns rc. */
enum rc p12_bad(struct err *e, enum rc rc, const char *why, const char *hint);
/* The one answer to a wrong password and to a changed file. */
enum rc p12_closed(struct err *e);
/* OpenSSL failed where only memory can be missing. */
enum rc p12_failed(struct err *e, const char *op);

/* ---- kdf.c: what a password becomes ---- */

/* RFC 7292, B.3 */
enum p12_use { P12_USE_KEY = 1, P12_USE_IV = 2, P12_USE_MAC = 3 };

/* PKCS#12's own derivation (RFC 7292, B.2), for MACs and old encryption. salt: up
 * to MAX_SALT bytes, at least one. md: fetched. */
enum rc p12_derive(const struct secret *password, enum p12_use use, const EVP_MD *md,
		   struct bytes salt, unsigned iterations, uint8_t *out, size_t n,
		   struct err *e) MUST_CHECK;

/* PBKDF2 (RFC 8018); *out has n bytes. */
enum rc p12_pbkdf2(const struct secret *password, const EVP_MD *prf, struct bytes salt,
		   unsigned iterations, size_t n, struct secret **out,
		   struct err *e) MUST_CHECK;

/* ---- pfx.c: the outermost structure, and its MAC ---- */

typedef struct pfx PFX;
void pfx_free(PFX *p);
CLEANUP_DEFINE(PFX *, pfx_free);

/* Exactly one structure, its MAC's iterations and salt within their limits. */
enum rc pfx_read(struct bytes file, unsigned iterations_max, PFX **out,
		 struct err *e) MUST_CHECK;
enum rc pfx_verify(const PFX *p, const struct secret *password,
		   struct err *e) MUST_CHECK;
/* What the MAC covers: the DER (or BER) of AuthenticatedSafe. */
struct bytes pfx_content(const PFX *p);

/* A file around an AuthenticatedSafe. *out is malloc()ed. */
enum rc pfx_write(struct bytes content, const struct secret *password,
		  unsigned iterations, uint8_t **out, size_t *n,
		  struct err *e) MUST_CHECK;

/* A count of iterations from a file, of `what`; NULL is 1, as in a MacData. */
enum rc p12_iterations(const ASN1_INTEGER *from, unsigned max, const char *what,
		       unsigned *out, struct err *e) MUST_CHECK;
/* 1 to MAX_SALT bytes. */
enum rc p12_salt(const ASN1_STRING *from, struct bytes *out, struct err *e) MUST_CHECK;

/* ---- pbe.c: password-based encryption ---- */

struct pbe_scheme;

struct pbe {
	const struct pbe_scheme *scheme;
	const char *prf; /* of PBES2: the name of its hash */
	unsigned iterations;
	size_t salt_n;
	uint8_t salt[MAX_SALT];
	uint8_t iv[EVP_MAX_IV_LENGTH]; /* of PBES2; else derived with the key */
};

/* What an AlgorithmIdentifier says, within the limits. RC_REFUSED if it is none
 * that we know. */
enum rc pbe_read(const X509_ALGOR *alg, unsigned iterations_max, struct pbe *out,
		 struct err *e) MUST_CHECK;
const char *pbe_name(const struct pbe *p); /* "PBES2 AES-256-CBC" */
/* It is what wrapped/wrapped.h holds: no need to decrypt. */
bool pbe_is_ours(const struct pbe *p);
/* The cipher's key; sets p->iv if that comes with it. */
enum rc pbe_key(struct pbe *p, const struct secret *password, struct secret **out,
		struct err *e) MUST_CHECK;
/* In locked memory, never anywhere else. RC_VERIFY if the padding is wrong. */
enum rc pbe_decrypt(struct pbe *p, const struct secret *password, struct bytes from,
		    struct secret **out, struct err *e) MUST_CHECK;

/* ---- rsa.c: what can be a recovery key ---- */

/* RC_REFUSED unless it is RSA with 1024 to 4096 bits. */
enum rc rsa_check_cert(X509 *cert, struct err *e) MUST_CHECK;

/* The public half of a PrivateKeyInfo, in place. RC_REFUSED unless it is an RSA
 * key, whole and alone. */
enum rc rsa_public_of(struct bytes pkcs8, struct pkcs8_public *out,
		      struct err *e) MUST_CHECK;
bool rsa_is_of(const struct pkcs8_public *key, X509 *cert);

/* ---- open.c ---- */

/* p12_open() with a limit of its own, for tests that change files at random. */
enum rc p12_read(struct bytes file, const struct secret *password,
		 unsigned iterations_max, struct p12 **out, struct err *e) MUST_CHECK;

#endif
