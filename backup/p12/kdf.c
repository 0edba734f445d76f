#include "base/num.h"
#include "internal.h"
#include <sodium.h>

/* What is hashed: the diversifier, salt and password, each repeated to whole
 * blocks of the hash. */
struct input {
	struct secret *all;
	size_t block; /* of the hash; the diversifier's length */
};

static void input_clear_at(struct input *in)
{
	secret_free(in->all);
}

static size_t round_up(size_t n, size_t block)
{
	return (n + block - 1) / block * block;
}

static void repeat(uint8_t *to, size_t n, struct bytes from)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from.p[i % from.n];
}

/*
 * The password as a BMPString with its terminator. It is taken as UTF-8, as
 * everybody does; OpenSSL takes what is none for Latin-1, and so do we.
 */
static enum rc make_input(const struct secret *password, enum p12_use use,
			  size_t block, struct bytes salt, struct input *in,
			  struct err *e)
{
	unsigned char *bmp = NULL;
	int bmp_n = 0;
	enum rc rc;

	if (!OPENSSL_utf82uni((const char *)password->p, num_int(password->n), &bmp,
			      &bmp_n))
		return p12_failed(e, "OPENSSL_utf82uni");
	size_t s = round_up(salt.n, block), p = round_up((size_t)bmp_n, block);

	in->block = block;
	rc = secret_new(block + s + p, &in->all, e);
	if (rc == RC_OK) {
		memset(in->all->p, (int)use, block);
		repeat(in->all->p + block, s, salt);
		repeat(in->all->p + block + s, p, bytes_of(bmp, (size_t)bmp_n));
	}
	OPENSSL_clear_free(bmp, (size_t)bmp_n);
	return rc;
}

/* Hash, and hash the hash, `iterations` times in all. */
static bool hash(EVP_MD_CTX *ctx, struct bytes in, unsigned iterations, uint8_t *a,
		 unsigned *a_n)
{
	for (unsigned i = 0; i < iterations; i++, in = bytes_of(a, *a_n))
		if (EVP_DigestInit_ex2(ctx, NULL, NULL) != 1 ||
		    EVP_DigestUpdate(ctx, in.p, in.n) != 1 ||
		    EVP_DigestFinal_ex(ctx, a, a_n) != 1)
			return false;
	return true;
}

/* Every block of salt and password plus a (repeated to a block) plus 1. */
static void advance(struct input *in, const uint8_t *a, size_t a_n)
{
	for (size_t at = in->block; at < in->all->n; at += in->block) {
		unsigned carry = 1;

		for (size_t i = in->block; i-- > 0; carry >>= 8) {
			carry += in->all->p[at + i] + (unsigned)a[i % a_n];
			in->all->p[at + i] = (uint8_t)carry;
		}
	}
}

/* OpenSSL's own leaves the password in memory that it freed. */
enum rc p12_derive(const struct secret *password, enum p12_use use, const EVP_MD *md,
		   struct bytes salt, unsigned iterations, uint8_t *out, size_t n,
		   struct err *e)
{
	EVP_MD_CTX CLEANUP(EVP_MD_CTX_free) *ctx = EVP_MD_CTX_new();
	struct input CLEANUP(input_clear) in = {0};
	struct secret CLEANUP(secret_free) *a = NULL;
	unsigned a_n = 0;

	if (!ctx || EVP_DigestInit_ex2(ctx, md, NULL) != 1)
		return p12_failed(e, "EVP_DigestInit");
	if (make_input(password, use, (size_t)EVP_MD_get_block_size(md), salt, &in,
		       e) != RC_OK ||
	    secret_new(EVP_MAX_MD_SIZE, &a, e) != RC_OK)
		return e->rc;
	for (size_t done = 0; done < n; done += a_n) {
		if (done)
			advance(&in, a->p, a_n);
		if (!hash(ctx, bytes_of(in.all->p, in.all->n), iterations, a->p, &a_n))
			return p12_failed(e, "EVP_Digest");
		memcpy(out + done, a->p, n - done < a_n ? n - done : a_n);
	}
	return RC_OK;
}

enum rc p12_pbkdf2(const struct secret *password, const EVP_MD *prf, struct bytes salt,
		   unsigned iterations, size_t n, struct secret **out, struct err *e)
{
	struct secret CLEANUP(secret_free) *key = NULL;

	if (secret_new(n, &key, e) != RC_OK)
		return e->rc;
	if (PKCS5_PBKDF2_HMAC((const char *)password->p, num_int(password->n), salt.p,
			      num_int(salt.n), num_int(iterations), prf, num_int(n),
			      key->p) != 1)
		return p12_failed(e, "PBKDF2");
	*out = key;
	key = NULL;
	return RC_OK;
}
