/*
 * What OpenSSL frees is zeroed. It cleanses its key objects, but not all that it
 * decodes and encodes on the way: a private key that a token (SoftHSM) or we read
 * from PKCS#8 would stay in the heap, whole.
 *
 * A header alone: base itself needs no libcrypto.
 */
#ifndef BASE_WIPE_H
#define BASE_WIPE_H

#include "base/err.h"
#include <malloc.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <string.h>

static inline void *wipe_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n ? malloc(n) : NULL; /* as OpenSSL's own */
}

static inline void wipe_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (p)
		sodium_memzero(p, malloc_usable_size(p));
	free(p);
}

static inline void *wipe_realloc(void *p, size_t n, const char *file, int line)
{
	size_t had = p ? malloc_usable_size(p) : 0;
	void *more = wipe_malloc(n, file, line);

	if (!more && n)
		return NULL;
	if (more && had)
		memcpy(more, p, had < n ? had : n);
	wipe_free(p, file, line);
	return more;
}

/* For all of the process, modules that it loads included. The first thing in
 * main(): it fails once OpenSSL has allocated anything. */
MUST_CHECK static inline enum rc wipe_openssl(struct err *e)
{
	if (CRYPTO_set_mem_functions(wipe_malloc, wipe_realloc, wipe_free) == 1)
		return RC_OK;
	return err_set(e, RC_ERROR, "OpenSSL",
		       "has allocated memory before it could be told to wipe it",
		       NULL, "this process");
}

#endif
