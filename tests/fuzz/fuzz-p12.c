/*
 * A p12 from a stranger; and its contents under a MAC that is right, which only a
 * wrong password or a program with a fault keeps from the code behind it.
 */
#include "internal.h"
#include <stdlib.h>

#define PASSWORD "fuzz" /* of the corpus, too */
#define ITERATIONS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct secret *password(void)
{
	static struct secret *s;
	struct err e;

	if (!s) {
		if (secret_new(sizeof PASSWORD - 1, &s, &e) != RC_OK)
			abort();
		memcpy(s->p, PASSWORD, s->n);
	}
	return s;
}

static void read_file(struct bytes file)
{
	struct p12 *p = NULL;
	struct err e;

	if (p12_read(file, password(), ITERATIONS_MAX, &p, &e) != RC_OK) {
		if (p || (e.rc != RC_USAGE && e.rc != RC_REFUSED && e.rc != RC_VERIFY))
			abort();
		return;
	}
	if (!p->cert || p->key.n == 0 || p->key.n % 16)
		abort();
	p12_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes content = bytes_of(data, n);
	uint8_t *file = NULL;
	PFX *pfx = NULL;
	size_t file_n = 0;
	struct err e;

	read_file(bytes_of(data, n));
	if (pfx_read(bytes_of(data, n), ITERATIONS_MAX, &pfx, &e) == RC_OK)
		content = pfx_content(pfx);
	if (content.n < P12_MAX &&
	    pfx_write(content, password(), 1, &file, &file_n, &e) == RC_OK)
		read_file(bytes_of(file, file_n));
	free(file);
	pfx_free(pfx);
	return 0;
}
