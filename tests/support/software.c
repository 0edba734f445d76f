#include "support/software.h"

enum rc software_sign(void *arg, enum itl_digest digest, const struct bytes *parts,
		      size_t nparts, uint8_t *signature, size_t length, struct err *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = length;
	bool ok = EVP_DigestSignInit_ex(ctx, NULL, itl_digest_name(digest), NULL, NULL,
					arg, NULL) == 1;

	for (size_t i = 0; ok && i < nparts; i++)
		ok = EVP_DigestSignUpdate(ctx, parts[i].p, parts[i].n) == 1;
	ok = ok && EVP_DigestSignFinal(ctx, signature, &n) == 1 && n == length;
	EVP_MD_CTX_free(ctx);
	return ok ? RC_OK : err_set(e, RC_ERROR, "sign", NULL, NULL, "a software key");
}

struct itl_signer software_signer(EVP_PKEY *key)
{
	return (struct itl_signer){.sign = software_sign, .arg = key};
}
