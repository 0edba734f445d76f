#include "parts.h"
#include "base/num.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

CLEANUP_DEFINE(ASN1_STRING *, ASN1_STRING_free);
CLEANUP_DEFINE(ASN1_INTEGER *, ASN1_INTEGER_free);

#define AGREE "digitalSignature,keyEncipherment,dataEncipherment,keyAgreement"

/*
 * Spec: itl-format, Certificates. What no source settles is settled here: TVS
 * has ITLRECOVERY's key usage; Audit, which is never in a list, only signs.
 */
const struct profile profiles[] = {
	[X509_CALLMANAGER] = {AGREE ",keyCertSign",
			      "serverAuth,clientAuth,ipsecEndSystem"},
	[X509_TVS] = {AGREE, "serverAuth,clientAuth"},
	[X509_CAPF] = {"digitalSignature,keyEncipherment,keyCertSign",
		       "serverAuth,ipsecEndSystem"},
	[X509_RECOVERY] = {AGREE, "serverAuth,clientAuth"},
	[X509_AUDIT] = {"digitalSignature", NULL},
};

enum rc x509_fail(struct err *e, const char *op, const char *cn)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	err_set(e, RC_ERROR, op, why ? why : "failed in OpenSSL", NULL,
		"the certificate of \"%s\"", cn);
	ERR_clear_error();
	return e->rc;
}

/* In the certificate's order, with X.520's limits. */
static const struct {
	int nid;
	size_t at;
	long min, max;
} parts[] = {
	{NID_countryName, offsetof(struct x509_subject, c), 2, 2},
	{NID_organizationName, offsetof(struct x509_subject, o), 1, 64},
	{NID_organizationalUnitName, offsetof(struct x509_subject, ou), 1, 64},
	{NID_commonName, offsetof(struct x509_subject, cn), 1, 64},
	{NID_stateOrProvinceName, offsetof(struct x509_subject, st), 1, 128},
	{NID_localityName, offsetof(struct x509_subject, l), 1, 128},
};

/* PrintableString where the characters allow it, as a call manager has it. */
static bool add_part(X509_NAME *name, size_t i, const struct x509_subject *subject)
{
	const char *text = *(const char *const *)((const char *)subject + parts[i].at);
	ASN1_STRING CLEANUP(ASN1_STRING_free) *s = NULL;

	if (!text || !*text)
		return true;
	return ASN1_mbstring_ncopy(&s, (const unsigned char *)text, -1, MBSTRING_UTF8,
				   B_ASN1_PRINTABLESTRING | B_ASN1_UTF8STRING,
				   parts[i].min, parts[i].max) > 0 &&
	       X509_NAME_add_entry_by_NID(name, parts[i].nid, ASN1_STRING_type(s),
					  ASN1_STRING_get0_data(s),
					  ASN1_STRING_length(s), -1, 0);
}

X509_NAME *x509_name(const struct x509_subject *subject)
{
	X509_NAME CLEANUP(X509_NAME_free) *name = X509_NAME_new();
	X509_NAME *out;

	for (size_t i = 0; name && i < COUNT_OF(parts); i++)
		if (!add_part(name, i, subject))
			return NULL;
	out = name;
	name = NULL;
	return out;
}

static bool set_names(X509 *x, const struct x509_subject *subject)
{
	X509_NAME CLEANUP(X509_NAME_free) *name = x509_name(subject);

	return name && X509_set_subject_name(x, name) && X509_set_issuer_name(x, name);
}

static bool set_serial(X509 *x)
{
	uint8_t b[X509_SERIAL_LEN];
	ASN1_INTEGER CLEANUP(ASN1_INTEGER_free) *serial = ASN1_INTEGER_new();

	if (!serial || RAND_bytes(b, sizeof b) != 1)
		return false;
	b[0] = 0x40 | (b[0] & 0x3f);
	return ASN1_STRING_set(serial, b, sizeof b) && X509_set_serialNumber(x, serial);
}

static bool set_validity(X509 *x, int64_t not_before, unsigned years)
{
	time_t from = not_before, to;
	struct tm tm;

	if (years < 1 || years > 100 || !gmtime_r(&from, &tm))
		return false;
	tm.tm_year += (int)years;
	to = timegm(&tm);
	return ASN1_TIME_set(X509_getm_notBefore(x), from) &&
	       ASN1_TIME_set(X509_getm_notAfter(x), to);
}

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;

	if (!value)
		return true;
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509_EXTENSION CLEANUP(X509_EXTENSION_free) *ext =
		X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	return ext && X509_add_ext(x, ext, -1);
}

/* Read back from its bytes, so that what was written is what is verified, and
 * with software: the result must not depend on the provider of `key`. */
static enum rc reread(X509 *x, EVP_PKEY *public_key, const char *cn, X509 **out,
		      struct err *e)
{
	uint8_t CLEANUP(openssl_free) *der = NULL;
	int n = i2d_X509(x, &der);
	const uint8_t *p = der;

	if (n <= 0)
		return x509_fail(e, "i2d_X509", cn);
	X509 CLEANUP(X509_free) *again = d2i_X509(NULL, &p, n);
	if (!again)
		return x509_fail(e, "d2i_X509", cn);
	if (X509_verify(again, public_key) != 1) {
		ERR_clear_error();
		return err_set(e, RC_VERIFY, "sign certificate",
			       "its signature does not verify with the public key",
			       "the private and the public key do not belong together: "
			       "list both",
			       "the certificate of \"%s\"", cn);
	}
	*out = again;
	again = NULL;
	return RC_OK;
}

enum rc x509_self_sign(enum x509_profile profile,
		       const struct x509_subject *subject, EVP_PKEY *key,
		       EVP_PKEY *public_key, OSSL_LIB_CTX *libctx,
		       const char *hash, int64_t not_before, unsigned years,
		       X509 **out, struct err *e)
{
	const char *cn = subject->cn ? subject->cn : "";
	X509 CLEANUP(X509_free) *x = X509_new_ex(libctx, NULL);
	EVP_MD_CTX CLEANUP(EVP_MD_CTX_free) *ctx = EVP_MD_CTX_new();

	assert((size_t)profile < COUNT_OF(profiles));
	if (!x || !ctx || !X509_set_version(x, X509_VERSION_3) || !set_serial(x) ||
	    !X509_set_pubkey(x, public_key))
		return x509_fail(e, "make certificate", cn);
	if (!set_names(x, subject)) {
		x509_fail(e, "set subject", cn);
		return err_hint(e, X509_SUBJECT_HINT);
	}
	if (!set_validity(x, not_before, years))
		return err_set(e, RC_USAGE, "set validity", "out of range",
			       "1 to 100 years", "the certificate of \"%s\"", cn);
	if (!add_extension(x, NID_key_usage, profiles[profile].usage) ||
	    !add_extension(x, NID_ext_key_usage, profiles[profile].extended) ||
	    !add_extension(x, NID_subject_key_identifier, "hash"))
		return x509_fail(e, "add extension", cn);
	if (EVP_DigestSignInit_ex(ctx, NULL, hash, libctx, NULL, key, NULL) != 1 ||
	    X509_sign_ctx(x, ctx) <= 0)
		return x509_fail(e, "sign certificate", cn);
	return reread(x, public_key, cn, out, e);
}
