/* Requests for certificates (RFC 2986). */
#include "parts.h"
#include <openssl/err.h>

#define HASH "SHA256"

CLEANUP_DEFINE(X509_REQ *, X509_REQ_free);

static void extensions_free(STACK_OF(X509_EXTENSION) *s)
{
	sk_X509_EXTENSION_pop_free(s, X509_EXTENSION_free);
}
typedef STACK_OF(X509_EXTENSION) extensions;
CLEANUP_DEFINE(extensions *, extensions_free);

static bool push(extensions *to, int nid, const char *value)
{
	X509V3_CTX ctx;

	if (!value)
		return true;
	X509V3_set_ctx(&ctx, NULL, NULL, NULL, NULL, 0);
	X509_EXTENSION CLEANUP(X509_EXTENSION_free) *ext =
		X509V3_EXT_conf_nid(NULL, &ctx, nid, value);

	if (!ext || sk_X509_EXTENSION_push(to, ext) <= 0)
		return false;
	ext = NULL; /* the stack's now */
	return true;
}

static bool add_usages(X509_REQ *r, const struct profile *p)
{
	extensions CLEANUP(extensions_free) *all = sk_X509_EXTENSION_new_null();

	return all && push(all, NID_key_usage, p->usage) &&
	       push(all, NID_ext_key_usage, p->extended) &&
	       X509_REQ_add_extensions(r, all);
}

/* As for a certificate: from its bytes, and with software. */
static enum rc reread(X509_REQ *r, EVP_PKEY *public_key, const char *cn,
		      X509_REQ **out, struct err *e)
{
	uint8_t CLEANUP(openssl_free) *der = NULL;
	int n = i2d_X509_REQ(r, &der);
	const uint8_t *p = der;

	if (n <= 0)
		return x509_fail(e, "i2d_X509_REQ", cn);
	X509_REQ CLEANUP(X509_REQ_free) *again = d2i_X509_REQ(NULL, &p, n);

	if (!again)
		return x509_fail(e, "d2i_X509_REQ", cn);
	if (X509_REQ_verify(again, public_key) != 1) {
		ERR_clear_error();
		return err_set(e, RC_VERIFY, "sign request",
			       "its signature does not verify with the public key",
			       "the private and the public key do not belong together: "
			       "list both",
			       "the request of \"%s\"", cn);
	}
	*out = again;
	again = NULL;
	return RC_OK;
}

enum rc x509_request(enum x509_profile profile, const struct x509_subject *subject,
		     EVP_PKEY *key, EVP_PKEY *public_key, OSSL_LIB_CTX *libctx,
		     X509_REQ **out, struct err *e)
{
	const char *cn = subject->cn ? subject->cn : "";
	X509_REQ CLEANUP(X509_REQ_free) *r = X509_REQ_new_ex(libctx, NULL);
	X509_NAME CLEANUP(X509_NAME_free) *name = x509_name(subject);
	EVP_MD_CTX CLEANUP(EVP_MD_CTX_free) *ctx = EVP_MD_CTX_new();

	if (!name) {
		x509_fail(e, "set subject", cn);
		return err_hint(e, X509_SUBJECT_HINT);
	}
	if (!r || !ctx || !X509_REQ_set_version(r, X509_REQ_VERSION_1) ||
	    !X509_REQ_set_subject_name(r, name) || !X509_REQ_set_pubkey(r, public_key) ||
	    !add_usages(r, &profiles[profile]))
		return x509_fail(e, "make request", cn);
	if (EVP_DigestSignInit_ex(ctx, NULL, HASH, libctx, NULL, key, NULL) != 1 ||
	    X509_REQ_sign_ctx(r, ctx) <= 0)
		return x509_fail(e, "sign request", cn);
	return reread(r, public_key, cn, out, e);
}
