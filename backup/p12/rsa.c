#include "base/num.h"
#include "internal.h"
#include <openssl/core_names.h>

#define MIN_BITS 1024
#define MAX_BITS 4096

enum rc rsa_check_cert(X509 *cert, struct err *e)
{
	EVP_PKEY *key = X509_get0_pubkey(cert); /* NULL: of a kind unknown here */
	int bits;

	if (!key || !EVP_PKEY_is_a(key, "RSA"))
		return p12_bad(e, RC_REFUSED, "its key is not RSA",
			       "phones know RSA recovery keys only");
	bits = EVP_PKEY_get_bits(key);
	if (bits >= MIN_BITS && bits <= MAX_BITS)
		return RC_OK;
	return err_set(e, RC_REFUSED, "open", "this key size is not allowed",
		       "1024 to 4096 bits", "the PKCS#12 file: RSA, %d bits", bits);
}

/* The next value of this type, of definite length, out of *from. */
static bool take(struct bytes *from, int type, struct bytes *content)
{
	const uint8_t *p = from->p;
	long n = 0;
	int tag = 0, class = 0;
	/* 0x80: an error; 0x01: indefinite length */
	int flags = ASN1_get_object(&p, &n, &tag, &class, (long)from->n);

	if (flags & 0x81 || tag != type || class != V_ASN1_UNIVERSAL)
		return false;
	*content = bytes_of(p, (size_t)n);
	from->n -= (size_t)(p - from->p) + (size_t)n;
	from->p = p + n;
	return true;
}

static bool is_zero(struct bytes number)
{
	return number.n == 1 && number.p[0] == 0;
}

static bool is_rsa(struct bytes algorithm)
{
	const ASN1_OBJECT *rsa = OBJ_nid2obj(NID_rsaEncryption);
	struct bytes oid;

	return take(&algorithm, V_ASN1_OBJECT, &oid) &&
	       bytes_equal(oid, bytes_of(OBJ_get0_data(rsa), OBJ_length(rsa)));
}

/*
 * PrivateKeyInfo { version 0, algorithm, OCTET STRING { RSAPrivateKey {
 * version 0, n, e, ... } } }. OpenSSL's decoders would copy all of it into memory
 * that they do not clean.
 */
enum rc rsa_public_of(struct bytes pkcs8, struct rsa_public *out, struct err *e)
{
	struct bytes info, version, algorithm, octets, key;
	struct rsa_public public;

	if (!take(&pkcs8, V_ASN1_SEQUENCE, &info) || pkcs8.n ||
	    !take(&info, V_ASN1_INTEGER, &version) || !is_zero(version) ||
	    !take(&info, V_ASN1_SEQUENCE, &algorithm) ||
	    !take(&info, V_ASN1_OCTET_STRING, &octets))
		return p12_bad(e, RC_REFUSED, "its private key is no PKCS#8 in DER",
			       "export the key again");
	if (!is_rsa(algorithm) || !take(&octets, V_ASN1_SEQUENCE, &key) || octets.n ||
	    !take(&key, V_ASN1_INTEGER, &version) || !is_zero(version) ||
	    !take(&key, V_ASN1_INTEGER, &public.n) ||
	    !take(&key, V_ASN1_INTEGER, &public.e))
		return p12_bad(e, RC_REFUSED, "its private key is not RSA",
			       "phones know RSA recovery keys only");
	*out = public;
	return RC_OK;
}

static bool is_parameter(EVP_PKEY *key, const char *name, struct bytes value)
{
	BIGNUM *have = NULL, *want = BN_bin2bn(value.p, num_int(value.n), NULL);
	bool ok = want && EVP_PKEY_get_bn_param(key, name, &have) == 1 &&
		  BN_cmp(have, want) == 0;

	BN_free(have);
	BN_free(want);
	return ok;
}

bool rsa_is_of(const struct rsa_public *public, X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	return key && EVP_PKEY_is_a(key, "RSA") &&
	       is_parameter(key, OSSL_PKEY_PARAM_RSA_N, public->n) &&
	       is_parameter(key, OSSL_PKEY_PARAM_RSA_E, public->e);
}
