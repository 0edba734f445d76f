#include "wrapped/aes.h"
#include "base/cleanup.h"
#include "base/num.h"
#include <openssl/evp.h>

CLEANUP_DEFINE(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free);
CLEANUP_DEFINE(EVP_CIPHER *, EVP_CIPHER_free);

static bool run(const char *name, bool encrypt, const uint8_t *key,
		const uint8_t *iv, bool pad, struct bytes in, uint8_t *out,
		size_t *n)
{
	EVP_CIPHER CLEANUP(EVP_CIPHER_free) *cipher =
		EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX CLEANUP(EVP_CIPHER_CTX_free) *ctx =
		EVP_CIPHER_CTX_new();
	int first = 0, last = 0;

	if (!cipher || !ctx)
		return false;
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (!EVP_CipherInit_ex2(ctx, cipher, key, iv, encrypt, NULL) ||
	    !EVP_CIPHER_CTX_set_padding(ctx, pad) ||
	    !EVP_CipherUpdate(ctx, out, &first, in.p, num_int(in.n)) ||
	    !EVP_CipherFinal_ex(ctx, out + first, &last))
		return false;
	*n = num_size(first) + num_size(last);
	return true;
}

bool aes_cbc_raw(bool encrypt, const uint8_t key[32],
		 const uint8_t iv[AES_BLOCK], struct bytes in, uint8_t *out)
{
	size_t n;

	return run("AES-256-CBC", encrypt, key, iv, false, in, out, &n);
}

bool aes_cbc_pad(bool encrypt, const uint8_t key[32],
		 const uint8_t iv[AES_BLOCK], struct bytes in, uint8_t *out,
		 size_t *n)
{
	return run("AES-256-CBC", encrypt, key, iv, true, in, out, n);
}

bool aes_wrap_pad(bool wrap, const uint8_t key[32], struct bytes in,
		  uint8_t *out, size_t *n)
{
	return run("AES-256-WRAP-PAD", wrap, key, NULL, false, in, out, n);
}
