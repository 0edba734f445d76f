/*
 * ITLRecovery.p12: PKCS#12 (RFC 7292) with one private key and its certificate.
 *
 * What we write opens everywhere: the key as PBES2 (RFC 8018) with
 * PBKDF2-HMAC-SHA256 and AES-256-CBC, the certificate in the clear beside it,
 * both with localKeyId and friendlyName, and a MAC (HMAC-SHA256) that costs a
 * guess as many iterations as the key does. The key comes wrapped and stays so:
 * nothing here decrypts it, unless a file uses another encryption than ours.
 *
 * Pure: no files, clock, network, token. Thread-safe.
 */
#ifndef P12_P12_H
#define P12_P12_H

#include "wrapped/wrapped.h"
#include <openssl/x509.h>

#define P12_NAME "ITLRecovery.p12"
#define P12_MAX (64u << 10)              /* bytes of a file */
#define P12_ITERATIONS 600000u           /* ours, of the key and of the MAC */
#define P12_ITERATIONS_MAX 10000000u     /* of a file that is read; more is refused */
#define P12_SALT_LEN 16

/* How the password becomes the key-encryption key. */
struct p12_kdf {
	uint8_t salt[P12_SALT_LEN];
	unsigned iterations;
};

/* Draw salt and IV, derive w->kek: the key can now be wrapped under it. */
enum rc p12_begin(const struct secret *password, unsigned iterations,
		  struct p12_kdf *kdf, struct wrapped_key *w,
		  struct err *e) MUST_CHECK;

/* The file around what was wrapped. *out is malloc()ed, at most P12_MAX. */
enum rc p12_build(const struct secret *password, const struct p12_kdf *kdf,
		  const struct wrapped_key *w, X509 *cert,
		  const char *friendly_name, uint8_t **out, size_t *n,
		  struct err *e) MUST_CHECK;

struct p12 {
	X509 *cert;             /* owned */
	struct wrapped_key key; /* owned */
	char encryption[64];    /* of the key, as the file had it: "PBES2 AES-256-CBC" */
	/* It was encrypted in another way (PBES2 with another cipher, RC2 or 3DES of
	 * PKCS#12): decrypted in locked memory and wrapped anew under a random
	 * key, here. */
	bool converted;
};

/*
 * Read a file, from anywhere. Everything is bounded before it is believed:
 * lengths, iterations, one key, its certificate (others may stand beside it).
 * RC_USAGE: it is no PKCS#12 file, or damaged (why says which). RC_REFUSED:
 * iterations over the limit, or nothing that can be a recovery key (a converted
 * one that is not its certificate's, too: of others the token will say).
 * RC_VERIFY: it does not open: wrong password or changed, which nobody can tell
 * apart. OpenSSL's legacy provider is loaded, into a context of its own, only for
 * a file that needs it. p12_free() it.
 */
enum rc p12_open(struct bytes file, const struct secret *password,
		 struct p12 **out, struct err *e) MUST_CHECK;
void p12_free(struct p12 *p); /* NULL is fine */
CLEANUP_DEFINE(struct p12 *, p12_free);

#endif
