#include "itlbench.h"
#include "base/file.h"
#include "base/num.h"
#include "bench.h"
#include "itl/itl.h"
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>

#define GOAL 10.0
#define DIGEST_LEN 20 /* SHA-1, as lists have it */

struct verification {
	EVP_PKEY *key;
	EVP_PKEY_CTX *ctx;
	uint8_t digest[DIGEST_LEN], signature[256];
};

static enum rc parse_step(void *arg, unsigned thread, struct err *e)
{
	const struct bytes *file = arg;
	struct itl *l;

	(void)thread;
	if (itl_parse(*file, 0, &l, e))
		return e->rc;
	itl_free(l);
	return RC_OK;
}

static enum rc verify_step(void *arg, unsigned thread, struct err *e)
{
	struct verification *v = arg;

	(void)thread;
	if (EVP_PKEY_verify(v->ctx, v->signature, sizeof v->signature,
			    v->digest, sizeof v->digest) != 1)
		return err_set(e, RC_VERIFY, "EVP_PKEY_verify", "failed", NULL,
			       "a fresh RSA-2048 key");
	return RC_OK;
}

static enum rc measure_parsing(void *arg, double seconds, double *rate,
			       struct err *e)
{
	return bench_rate(parse_step, arg, 1, seconds, rate, e);
}

static enum rc measure_verifying(void *arg, double seconds, double *rate,
				 struct err *e)
{
	return bench_rate(verify_step, arg, 1, seconds, rate, e);
}

static void verification_clear(struct verification *v)
{
	EVP_PKEY_CTX_free(v->ctx);
	EVP_PKEY_free(v->key);
}

static bool rsa_context(EVP_PKEY_CTX *c)
{
	return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_signature_md(c, EVP_sha1()) > 0;
}

/* A signature to verify; the context is made once, as for many lists. */
static enum rc verification_make(struct verification *v, struct err *e)
{
	size_t n = sizeof v->signature;
	EVP_PKEY_CTX *sign;
	bool good;

	*v = (struct verification){
		.key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)};
	sign = v->key ? EVP_PKEY_CTX_new(v->key, NULL) : NULL;
	v->ctx = v->key ? EVP_PKEY_CTX_new(v->key, NULL) : NULL;
	good = sign && v->ctx && EVP_PKEY_sign_init(sign) > 0 &&
	       rsa_context(sign) &&
	       EVP_PKEY_sign(sign, v->signature, &n, v->digest,
			     sizeof v->digest) > 0 &&
	       EVP_PKEY_verify_init(v->ctx) > 0 && rsa_context(v->ctx);
	EVP_PKEY_CTX_free(sign);
	if (good)
		return RC_OK;
	verification_clear(v);
	return err_set(e, RC_ERROR, "EVP_PKEY_sign", "failed", NULL,
		       "a fresh RSA-2048 key");
}

enum rc measure_parse(const struct settings *s, struct err *e)
{
	uint8_t CLEANUP_FREE *file = NULL;
	char name[64];
	struct bytes list;
	struct verification v;
	struct bench_side verify = {"verify one RSA-2048 signature",
				    measure_verifying, &v, 0};
	struct bench_side parse = {name, measure_parsing, &list, 0};
	size_t n;
	enum rc rc;

	if (file_read(s->file, ITL_MAX, &file, &n, e))
		return err_hint(e, "name a list: itlbench parse FILE");
	list = bytes_of(file, n);
	(void)snprintf(name, sizeof name, "parse the structure of %zu bytes", n);
	if (verification_make(&v, e))
		return e->rc;
	rc = bench_compare(&verify, &parse, s->seconds, e);
	verification_clear(&v);
	if (rc == RC_OK)
		bench_print(&verify, &parse, GOAL);
	return rc;
}
