/* What phones may not take, though the format allows it. */
#include "base/num.h"
#include "internal.h"
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>

#define MAX_PHONE_BITS 2048 /* 79xx phones verify no more */

struct warner {
	void (*warn)(void *arg, const char *text);
	void *arg;
	size_t n;
};

static void __attribute__((format(printf, 2, 3)))
warning(struct warner *w, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	w->warn(w->arg, text);
	w->n++;
}

/* A hash-only record tells its key's size by tag 7 alone. 0: not RSA. */
static int rsa_bits(const struct itl_record *r)
{
	const uint8_t *p = r->key.p;
	EVP_PKEY CLEANUP(EVP_PKEY_free) *key =
		r->key.n ? d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)r->key.n) : NULL;

	ERR_clear_error();
	return key ? EVP_PKEY_get_bits(key) : 0;
}

static bool same_certificate(const struct itl_record *a, const struct itl_record *b)
{
	return bytes_equal(a->cert, b->cert) && bytes_equal(a->hash, b->hash);
}

/* Whether a SAST record before it holds the same certificate. */
static bool seen_before(const struct itl *l, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (itl_is_sast(&l->records[j]) &&
		    same_certificate(&l->records[j], &l->records[i]))
			return true;
	return false;
}

size_t itl_warnings(const struct itl *l, void (*warn)(void *arg, const char *text),
		    void *arg)
{
	struct warner w = {.warn = warn, .arg = arg};
	size_t sast = 0;
	char name[200];

	for (size_t i = 0; i < l->nrecords; i++) {
		const struct itl_record *r = &l->records[i];
		int bits = rsa_bits(r);

		itl_printable(r->subject, name, sizeof name);
		if (itl_is_sast(r) && !seen_before(l, i) && ++sast > ITL_MAX_SAST)
			warning(&w,
				"record %zu (%s): a %s SAST certificate; "
				"many phones keep at most %d",
				i + 1, name, sast == 3 ? "third" : "further", ITL_MAX_SAST);
		if (bits > MAX_PHONE_BITS)
			warning(&w,
				"record %zu (%s): a key of %d bits; "
				"79xx phones verify at most %d",
				i + 1, name, bits, MAX_PHONE_BITS);
	}
	return w.n;
}
