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

enum rc rsa_public_of(struct bytes pkcs8, struct pkcs8_public *out, struct err *e)
{
	switch (pkcs8_read(pkcs8, out)) {
	case PKCS8_RSA:
		return RC_OK;
	case PKCS8_OTHER:
		return p12_bad(e, RC_REFUSED, "its private key is not RSA",
			       "phones know RSA recovery keys only");
	default:
		return p12_bad(e, RC_REFUSED, "its private key is no PKCS#8 in DER",
			       "export the key again");
	}
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

bool rsa_is_of(const struct pkcs8_public *public, X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	return key && EVP_PKEY_is_a(key, "RSA") &&
	       is_parameter(key, OSSL_PKEY_PARAM_RSA_N, public->n) &&
	       is_parameter(key, OSSL_PKEY_PARAM_RSA_E, public->e);
}
