#include "itlbench.h"
#include "base/num.h"
#include "bench.h"
#include "ceiling.h"
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>

#define DIGEST_LEN 20
#define SIGNATURE_MAX 512

/* The same key size in this process's memory. */
struct memory {
	EVP_PKEY *key;
	EVP_PKEY_CTX *ctx[BENCH_THREADS_MAX];
	unsigned n;
};

static void memory_clear(struct memory *m)
{
	while (m->n)
		EVP_PKEY_CTX_free(m->ctx[--m->n]);
	EVP_PKEY_free(m->key);
	m->key = NULL;
}

static enum rc memory_make(struct memory *m, unsigned bits, unsigned threads,
			   struct err *e)
{
	*m = (struct memory){
		.key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits)};
	while (m->key && m->n < threads) {
		EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(m->key, NULL);

		if (!c || EVP_PKEY_sign_init(c) <= 0 ||
		    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) <= 0 ||
		    EVP_PKEY_CTX_set_signature_md(c, EVP_sha1()) <= 0) {
			EVP_PKEY_CTX_free(c);
			break;
		}
		m->ctx[m->n++] = c;
	}
	if (m->n == threads)
		return RC_OK;
	memory_clear(m);
	return err_set(e, RC_ERROR, "EVP_PKEY_sign_init", "failed", NULL,
		       "RSA-%u", bits);
}

static enum rc memory_step(void *arg, unsigned thread, struct err *e)
{
	struct memory *m = arg;
	uint8_t digest[DIGEST_LEN] = {0}, signature[SIGNATURE_MAX];
	size_t n = sizeof signature;

	if (EVP_PKEY_sign(m->ctx[thread], signature, &n, digest,
			  sizeof digest) <= 0)
		return err_set(e, RC_ERROR, "EVP_PKEY_sign", "failed", NULL,
			       "a key in memory");
	return RC_OK;
}

struct pair {
	struct ceiling *ceiling;
	struct memory memory;
	unsigned threads;
};

static enum rc measure_memory(void *arg, double seconds, double *rate,
			      struct err *e)
{
	struct pair *p = arg;

	return bench_rate(memory_step, &p->memory, p->threads, seconds, rate, e);
}

static enum rc measure_ceiling(void *arg, double seconds, double *rate,
			       struct err *e)
{
	struct pair *p = arg;

	return ceiling_rate(p->ceiling, p->threads, seconds, rate, e);
}

static enum rc by_threads(struct pair *p, unsigned most, double seconds,
			  struct err *e)
{
	struct bench_side memory = {"memory", measure_memory, p, 0};
	struct bench_side token = {"token", measure_ceiling, p, 0};

	(void)printf("%s, RSA-%u\n%8s %14s %14s %8s\n",
		     ceiling_label(p->ceiling), ceiling_bits(p->ceiling),
		     "THREADS", "TOKEN /s", "OPENSSL /s", "RATIO");
	for (unsigned t = 1; t <= most; t = t < most && 2 * t > most ? most : 2 * t) {
		p->threads = t;
		if (bench_compare(&memory, &token, seconds, e))
			return e->rc;
		(void)printf("%8u %14.1f %14.1f %8.2f\n", t, token.rate,
			     memory.rate, token.rate / memory.rate);
		(void)fflush(stdout);
	}
	return RC_OK;
}

enum rc measure_token(const struct settings *s, struct err *e)
{
	struct ceiling CLEANUP(ceiling_free) *c = NULL;
	struct pair p = {0};
	enum rc rc;

	if (!s->uri || !s->pin_file)
		return err_set(e, RC_USAGE, "options", "is missing",
			       "name the token and the file with its PIN",
			       "%s", s->uri ? "--pin-file" : "--uri");
	if (ceiling_open(s->module, s->uri, s->pin_file, s->threads, &c, e) ||
	    memory_make(&p.memory, ceiling_bits(c), s->threads, e))
		return e->rc;
	p.ceiling = c;
	rc = by_threads(&p, s->threads, s->seconds, e);
	memory_clear(&p.memory);
	return rc;
}
