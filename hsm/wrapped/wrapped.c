#include "wrapped/wrapped.h"
#include "wrapped/aes.h"
#include <sodium.h>

enum rc wrapped_kek_new(struct secret **out, struct err *e)
{
	if (secret_new(WRAPPED_KEK_LEN, out, e) != RC_OK)
		return e->rc;
	randombytes_buf((*out)->p, (*out)->n);
	return RC_OK;
}

enum rc wrapped_key_begin(struct wrapped_key *w, struct err *e)
{
	struct secret *kek;

	if (wrapped_kek_new(&kek, e) != RC_OK)
		return e->rc;
	wrapped_key_clear(w);
	w->kek = kek;
	randombytes_buf(w->iv, sizeof w->iv);
	return RC_OK;
}

enum rc wrapped_key_seal(struct bytes der, struct wrapped_key *out, struct err *e)
{
	struct wrapped_key CLEANUP(wrapped_key_clear) w = {0};

	if (der.n >= sizeof w.bytes) /* one byte of padding at least */
		return err_set(e, RC_REFUSED, "wrap", "is too long",
			       "RSA keys of 1024 to 4096 bits are allowed",
			       "the private key: %zu bytes", der.n);
	if (wrapped_key_begin(&w, e) != RC_OK)
		return e->rc;
	if (!aes_cbc_pad(true, w.kek->p, w.iv, der, w.bytes, &w.n))
		return err_set(e, RC_ERROR, "wrap", "failed in OpenSSL", NULL,
			       "the private key");
	wrapped_key_clear(out);
	*out = w;
	w.kek = NULL;
	return RC_OK;
}
