/* Certificates with a call manager's profile (spec: itl-format, "Certificates"):
 * self-signed ones, requests for an authority's, and what came of those. libcrypto
 * only: the key may live anywhere. */
#ifndef X509_X509_H
#define X509_X509_H

#include "base/bytes.h"
#include "base/err.h"
#include <openssl/x509.h>
#include <stdint.h>

enum x509_profile {
	X509_CALLMANAGER,
	X509_TVS,
	X509_CAPF,
	X509_RECOVERY,
	X509_AUDIT,
};

struct x509_subject {
	/* NULL or "": left out. In the certificate: C, O, OU, CN, ST, L. */
	const char *cn, *ou, *o, *l, *st, *c;
};

#define X509_SERIAL_LEN 16 /* the first byte 0x40 to 0x7F */

/*
 * Make and sign. `key` signs and gives the public key (a provider's key, or a
 * plain one in tests). hash: "SHA1", "SHA256", "SHA512". Valid from not_before
 * (Unix time) for `years` calendar years. The result is verified with
 * `public_key` before it is returned. X509_free() it.
 */
enum rc x509_self_sign(enum x509_profile profile,
		       const struct x509_subject *subject, EVP_PKEY *key,
		       EVP_PKEY *public_key, OSSL_LIB_CTX *libctx,
		       const char *hash, int64_t not_before, unsigned years,
		       X509 **out, struct err *e) MUST_CHECK;

/*
 * A PKCS#10 request with the subject and the key usages that the self-signed
 * certificate would have, signed with SHA-256: only the authority reads it. Keys as
 * above; verified before it is returned. X509_REQ_free() it.
 */
enum rc x509_request(enum x509_profile profile, const struct x509_subject *subject,
		     EVP_PKEY *key, EVP_PKEY *public_key, OSSL_LIB_CTX *libctx,
		     X509_REQ **out, struct err *e) MUST_CHECK;

/* ---- what an authority made of it ---- */

#define X509_CHAIN_MAX 8     /* certificates, the first and the root among them */
#define X509_CERT_MAX 4096u  /* bytes of the first: lists hold it several times */

struct x509_chain {
	X509 *certs[X509_CHAIN_MAX]; /* the certificate, then its authorities' */
	size_t n;
};
void x509_chain_clear(struct x509_chain *c);
static inline void x509_chain_clear_at(struct x509_chain *c)
{
	x509_chain_clear(c);
}

/* DER certificates, one behind the other. RC_USAGE if it is anything else. */
enum rc x509_chain_read(struct bytes der, struct x509_chain *out,
			struct err *e) MUST_CHECK;

/*
 * The first certificate is for `public_key`, has the usages that its unit needs, and
 * leads at the time `now` to a self-signed one of the others. Nothing else is
 * trusted, nor looked up. RC_VERIFY, or RC_REFUSED for what is valid and of no use
 * here; the message names the certificate.
 */
enum rc x509_chain_check(const struct x509_chain *c, enum x509_profile profile,
			 const EVP_PKEY *public_key, int64_t now,
			 struct err *e) MUST_CHECK;

#endif
