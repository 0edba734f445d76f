#include "memory.h"
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdlib.h>

static _Thread_local bool phones;

static bool is_too_much(size_t n)
{
	return phones && n > MEMORY_MOST;
}

static void *get(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return is_too_much(n) ? NULL : malloc(n);
}

static void *resize(void *p, size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return is_too_much(n) ? NULL : realloc(p, n);
}

static void give(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

enum rc memory_open(struct err *e)
{
	/* Tables that are loaded with the first error: now, and not by a phone. */
	if (CRYPTO_set_mem_functions(get, resize, give) == 1 &&
	    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
			     NULL) == 1)
		return RC_OK;
	return err_set(e, RC_ERROR, "start", "OpenSSL was in use already", NULL, "its memory");
}

void memory_of_phones(void)
{
	phones = true;
}
