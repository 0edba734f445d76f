/* Certificates in lists, and signatures of lists. */
#include "base/num.h"
#include "internal.h"
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

X509 *itl_x509(struct bytes der, const char **why)
{
	const uint8_t *p = der.p;
	uint8_t CLEANUP(openssl_free) *again = NULL;
	X509 CLEANUP(X509_free) *x = NULL;
	int n;

	x = der.n <= ITL_MAX ? d2i_X509(NULL, &p, (long)der.n) : NULL;
	n = x ? i2d_X509(x, &again) : 0;
	ERR_clear_error();
	*why = "is not a DER certificate";
	if (!x)
		return NULL;
	/* Trailing bytes, or BER that is not DER. */
	if (n <= 0 || !bytes_equal(der, bytes_of(again, (size_t)n))) {
		*why = "is not exactly one DER certificate";
		return NULL;
	}
	X509 *out = x;
	x = NULL;
	return out;
}

bool itl_serial(const X509 *cert, uint8_t buf[ITL_MAX_SERIAL], struct bytes *out)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	uint8_t *p = buf;
	int n = i2d_ASN1_INTEGER(serial, NULL);

	if (n <= 2 || n > ITL_MAX_SERIAL)
		return false;
	n = i2d_ASN1_INTEGER(serial, &p); /* two bytes of tag and length */
	*out = bytes_of(buf + 2, (size_t)n - 2);
	if (out->n > 1 && out->p[0] == 0)
		*out = bytes_of(out->p + 1, out->n - 1);
	return true;
}

struct bytes itl_public_key(const X509 *cert)
{
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(cert);

	return bytes_of(ASN1_STRING_get0_data(bits),
			num_size(ASN1_STRING_length(bits)));
}

struct bytes itl_cert_signature(const X509 *cert)
{
	const ASN1_BIT_STRING *bits = NULL;

	X509_get0_signature(&bits, NULL, cert);
	return bytes_of(ASN1_STRING_get0_data(bits),
			num_size(ASN1_STRING_length(bits)));
}

size_t itl_record_number(const struct itl *l, const struct itl_record *r)
{
	return (size_t)(r - l->records) + 1;
}

enum rc itl_record_x509(const struct itl_record *r, X509 **out, struct err *e)
{
	const char *why = NULL;
	X509 *x;

	if (!r->cert.n)
		return err_set(e, RC_NOTFOUND, "read certificate",
			       "it holds no whole certificate", NULL,
			       "the record at offset %zu", r->offset);
	x = itl_x509(r->cert, &why);
	if (!x)
		return err_set(e, RC_VERIFY, "read certificate", why, NULL,
			       "the record at offset %zu", r->offset);
	*out = x;
	return RC_OK;
}

/* Other writers may keep the leading zero byte. */
static bool serial_is(struct bytes wire, const X509 *cert)
{
	uint8_t buf[ITL_MAX_SERIAL];
	struct bytes serial;

	if (wire.n > 1 && wire.p[0] == 0)
		wire = bytes_of(wire.p + 1, wire.n - 1);
	return itl_serial(cert, buf, &serial) && bytes_equal(wire, serial);
}

bool itl_names_cert(struct bytes issuer, struct bytes serial, const X509 *cert)
{
	return serial_is(serial, cert) && itl_name_is(issuer, X509_get_issuer_name(cert));
}

bool itl_signed_by(const struct itl *l, const X509 *cert)
{
	return itl_names_cert(l->signer_issuer, l->signer_serial, cert);
}

const struct itl_record *itl_find_signer(const struct itl *in,
					 const struct itl *signer_of)
{
	for (size_t i = 0; i < in->nrecords; i++) {
		const struct itl_record *r = &in->records[i];
		const char *why;
		X509 CLEANUP(X509_free) *x = itl_is_sast(r) ? itl_x509(r->cert, &why) : NULL;

		if (x && itl_signed_by(signer_of, x))
			return r;
	}
	return NULL;
}

void itl_signed_parts(const struct itl *l, struct bytes parts[2])
{
	size_t after = l->signature_offset + 3 + l->signature.n;

	parts[0] = bytes_of(l->file.p, l->signature_offset);
	parts[1] = bytes_of(l->file.p + after, l->file.n - after);
}

static bool verifies(const struct itl *l, EVP_PKEY *key)
{
	EVP_MD_CTX CLEANUP(EVP_MD_CTX_free) *ctx = EVP_MD_CTX_new();
	struct bytes parts[2];
	bool ok;

	itl_signed_parts(l, parts);
	ok = ctx &&
	     EVP_DigestVerifyInit_ex(ctx, NULL, itl_digest_name(l->digest), NULL, NULL,
				     key, NULL) == 1 &&
	     EVP_DigestVerifyUpdate(ctx, parts[0].p, parts[0].n) == 1 &&
	     EVP_DigestVerifyUpdate(ctx, parts[1].p, parts[1].n) == 1 &&
	     EVP_DigestVerifyFinal(ctx, l->signature.p, l->signature.n) == 1;
	ERR_clear_error();
	return ok;
}

static enum rc not_verified(struct err *e, const struct itl *l, const char *why,
			    const char *hint)
{
	char signer[120];

	return err_set(e, RC_VERIFY, "verify list", why, hint, "the list signed by %s",
		       itl_printable(l->signer_name, signer, sizeof signer));
}

enum rc itl_verify(const struct itl *l, X509 *cert, struct err *e)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	if (!itl_signed_by(l, cert))
		return not_verified(e, l,
				    "the certificate is not the signer that the header "
				    "names (issuer and serial)",
				    NULL);
	if (l->signature_algo != 0)
		return not_verified(e, l, "its signature algorithm is not RSA (tag 10)",
				    NULL);
	if (!itl_digest_name(l->digest))
		return not_verified(e, l, "its digest algorithm is unknown (tag 8)", NULL);
	/* 1, 2, 3: 1024, 2048, 4096 bits; 512 bits prove nothing. */
	if (!key || !EVP_PKEY_is_a(key, "RSA") || l->modulus < 1 ||
	    num_size(EVP_PKEY_get_size(key)) != l->signature.n)
		return not_verified(e, l,
				    "the signer's key is not RSA of the header's size",
				    "keys of 1024, 2048 and 4096 bits sign lists");
	if (!verifies(l, key))
		return not_verified(e, l, "the signature does not verify",
				    "the list was changed, or another key signed it");
	return RC_OK;
}

/* What the record says beside its certificate, or NULL if it agrees. */
const char *itl_record_disagrees(const struct itl_record *r, const X509 *x)
{
	if (r->subject.n && !itl_name_is(r->subject, X509_get_subject_name(x)))
		return "SUBJECTNAME differs from the certificate's";
	if (r->issuer.n && !itl_name_is(r->issuer, X509_get_issuer_name(x)))
		return "ISSUERNAME differs from the certificate's";
	if (r->serial.n && !serial_is(r->serial, x))
		return "SERIALNUMBER differs from the certificate's";
	if (r->key.n && !bytes_equal(r->key, itl_public_key(x)))
		return "PUBLICKEY differs from the certificate's";
	if (r->signature.n && !bytes_equal(r->signature, itl_cert_signature(x)))
		return "SIGNATURE differs from the certificate's";
	return NULL;
}

static enum rc check_record(const struct itl *l, const struct itl_record *r,
			    struct err *e)
{
	const char *why = NULL;

	if (!r->cert.n)
		return RC_OK; /* a hash, whose length is structure; or a short record */
	X509 CLEANUP(X509_free) *x = itl_x509(r->cert, &why);

	if (x)
		why = itl_record_disagrees(r, x);
	if (!why)
		return RC_OK;
	return err_set(e, RC_VERIFY, "verify list", why,
		       "whoever built the list must build it again", "record %zu",
		       itl_record_number(l, r));
}

enum rc itl_verify_self(const struct itl *l, struct err *e)
{
	const struct itl_record *r = itl_find_signer(l, l);
	X509 CLEANUP(X509_free) *signer = NULL;

	if (!r)
		return not_verified(e, l, "none of its own SAST records is its signer",
				    NULL);
	if (itl_record_x509(r, &signer, e) || itl_verify(l, signer, e))
		return e->rc;
	for (size_t i = 0; i < l->nrecords; i++)
		if (check_record(l, &l->records[i], e))
			return e->rc;
	return RC_OK;
}

void itl_sha1(struct bytes file, uint8_t out[SHA1_LEN])
{
	size_t n = 0;

	if (!EVP_Q_digest(NULL, "SHA1", NULL, file.p, file.n, out, &n))
		memset(out, 0, SHA1_LEN); /* out of memory; matches no list */
}

char *itl_sha1_hex(struct bytes file, char out[SHA1_HEX])
{
	uint8_t digest[SHA1_LEN];

	itl_sha1(file, digest);
	return hex_of(bytes_of(digest, sizeof digest), out, SHA1_HEX);
}
