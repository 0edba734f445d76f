#include "refs.h"
#include <openssl/evp.h>
#include <string.h>

void ref_of_cert(const X509 *cert, uint8_t out[SHA1_LEN])
{
	unsigned n = 0;

	if (!X509_digest(cert, EVP_sha1(), out, &n))
		memset(out, 0, SHA1_LEN); /* no list names it, and keyd has it not */
}

char *ref_hex(const X509 *cert, char hex[SHA1_HEX])
{
	uint8_t sha1[SHA1_LEN];

	ref_of_cert(cert, sha1);
	return hex_of(bytes_of(sha1, sizeof sha1), hex, SHA1_HEX);
}

bool list_names(const struct itl *l, const uint8_t sha1[SHA1_LEN])
{
	for (size_t i = 0; i < l->nrecords; i++) {
		const struct itl_record *r = &l->records[i];
		uint8_t whole[SHA1_LEN];

		if (!r->cert.n) {
			if (bytes_equal(r->hash, bytes_of(sha1, SHA1_LEN)))
				return true;
			continue;
		}
		itl_sha1(r->cert, whole);
		if (!memcmp(whole, sha1, SHA1_LEN))
			return true;
	}
	return false;
}

bool list_is_signed_with(const struct itl *l, X509 *cert)
{
	struct err ignored;

	return itl_signed_by(l, cert) && itl_verify(l, cert, &ignored) == RC_OK;
}
