/* An authority's certificate, and whether it may take a self-signed one's place. */
#include "parts.h"
#include "base/num.h"
#include <openssl/err.h>
#include <string.h>

#define NAME_MAX_TEXT 160 /* of a name in a message */

CLEANUP_DEFINE(BIO *, BIO_free);
CLEANUP_DEFINE(X509_STORE *, X509_STORE_free);
CLEANUP_DEFINE(X509_STORE_CTX *, X509_STORE_CTX_free);

static void certs_free(STACK_OF(X509) *s)
{
	sk_X509_free(s); /* what it holds is the chain's */
}
typedef STACK_OF(X509) certs;
CLEANUP_DEFINE(certs *, certs_free);

void x509_chain_clear(struct x509_chain *c)
{
	for (size_t i = 0; i < c->n; i++)
		X509_free(c->certs[i]);
	*c = (struct x509_chain){.n = 0};
}

enum rc x509_chain_read(struct bytes der, struct x509_chain *out, struct err *e)
{
	struct x509_chain CLEANUP(x509_chain_clear) c = {.n = 0};
	const uint8_t *p = der.p, *end = der.p + der.n;

	while (p != end && c.n < X509_CHAIN_MAX) {
		size_t before = num_size(end - p);
		X509 *x = d2i_X509(NULL, &p, (long)before);

		if (!x) {
			ERR_clear_error();
			return err_set(e, RC_USAGE, "read certificates",
				       "is no certificate", NULL,
				       "certificate %zu, at byte %zu of %zu", c.n + 1,
				       der.n - before, der.n);
		}
		c.certs[c.n++] = x;
		if (c.n == 1 && before - num_size(end - p) > X509_CERT_MAX)
			return err_set(e, RC_REFUSED, "read certificates",
				       "the first has over 4096 bytes: lists could not hold it",
				       "ask the authority for one with fewer extensions",
				       "certificate 1");
	}
	if (!c.n || p != end)
		return err_set(e, RC_USAGE, "read certificates",
			       c.n ? "there are more than 8" : "there is none",
			       "the certificate comes first, then those of its authorities",
			       "%zu bytes", der.n);
	*out = c;
	c = (struct x509_chain){.n = 0};
	return RC_OK;
}

/* Printable ASCII alone, whatever it holds. */
static const char *name_text(const X509_NAME *name, char to[NAME_MAX_TEXT])
{
	BIO CLEANUP(BIO_free) *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) > 0)
		n = BIO_read(bio, to, NAME_MAX_TEXT - 1);
	to[n > 0 ? n : 0] = '\0';
	return to;
}

static const char *subject_text(const X509 *x, char to[NAME_MAX_TEXT])
{
	return name_text(X509_get_subject_name(x), to);
}

static enum rc refuse(struct err *e, enum rc rc, const char *why, const char *hint,
		      const X509 *x)
{
	char name[NAME_MAX_TEXT];

	return err_set(e, rc, "check certificate", why, hint, "certificate of \"%s\"",
		       subject_text(x, name));
}

/* ---- the first one ---- */

static enum rc check_key(const struct x509_chain *c, const EVP_PKEY *public_key,
			 struct err *e)
{
	for (size_t i = 0; i < c->n; i++) {
		EVP_PKEY *own = X509_get0_pubkey(c->certs[i]);

		if (!own || EVP_PKEY_eq(own, public_key) != 1)
			continue;
		return i == 0 ? RC_OK
			      : refuse(e, RC_USAGE, "is not the first of them",
				       "put it first, and its authorities' behind it",
				       c->certs[i]);
	}
	return refuse(e, RC_REFUSED, "is another key's, not the waiting request's",
		      "itlctl show csr own prints the request that it must answer",
		      c->certs[0]);
}

/* Without what is named here a unit cannot do its work; phones and servers look at
 * it. An authority may leave an extension out, which allows everything. */
static const struct {
	uint32_t usage, extended;
	const char *words;
} needs[] = {
	[X509_CALLMANAGER] = {KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT,
			      XKU_SSL_SERVER | XKU_SSL_CLIENT,
			      "lacks a key usage that it needs: digitalSignature, keyEncipherment, serverAuth, clientAuth"},
	[X509_TVS] = {KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT, XKU_SSL_SERVER,
		      "lacks a key usage that it needs: digitalSignature, keyEncipherment, serverAuth"},
	[X509_CAPF] = {KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN, XKU_SSL_SERVER,
		       "lacks a key usage that it needs: digitalSignature, keyCertSign, serverAuth"},
	[X509_RECOVERY] = {KU_DIGITAL_SIGNATURE, 0,
			   "lacks a key usage that it needs: digitalSignature"},
	[X509_AUDIT] = {KU_DIGITAL_SIGNATURE, 0,
			"lacks a key usage that it needs: digitalSignature"},
};

static enum rc check_usages(X509 *x, enum x509_profile profile, struct err *e)
{
	uint32_t usage = X509_get_key_usage(x); /* all bits if it has none */
	uint32_t extended = X509_get_extended_key_usage(x);

	if (X509_get_extension_flags(x) & EXFLAG_INVALID)
		return refuse(e, RC_VERIFY, "has an extension that cannot be read",
			      "ask the authority for another one", x);
	if ((usage & needs[profile].usage) == needs[profile].usage &&
	    (extended & XKU_ANYEKU ||
	     (extended & needs[profile].extended) == needs[profile].extended))
		return RC_OK;
	return refuse(e, RC_REFUSED, needs[profile].words,
		      "have the authority keep the extensions of the request", x);
}

/* ---- the others ---- */

static enum rc tell(X509_STORE_CTX *ctx, struct err *e)
{
	int code = X509_STORE_CTX_get_error(ctx);
	const X509 *x = X509_STORE_CTX_get_current_cert(ctx);
	char why[sizeof e->why], issuer[NAME_MAX_TEXT];
	const char *hint = "ask the authority what it gave you";

	(void)snprintf(why, sizeof why, "%s", X509_verify_cert_error_string(code));
	switch (code) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		(void)snprintf(why, sizeof why,
			       "the chain is incomplete: its issuer's certificate is missing, that of \"%s\"",
			       name_text(X509_get_issuer_name(x), issuer));
		hint = "put it into the file too, up to the authority that signed itself (or into --ca FILE)";
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		(void)snprintf(why, sizeof why, "has expired");
		hint = "have the authority make a new one of the same request";
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		(void)snprintf(why, sizeof why, "is not valid yet");
		hint = "look at the clocks, here and of the authority";
		break;
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		(void)snprintf(why, sizeof why,
			       "its signature does not verify with its issuer's key");
		hint = "it was damaged on its way, or its issuer's certificate is another's";
		break;
	default:
		break;
	}
	return refuse(e, RC_VERIFY, why, hint, x);
}

/* Those that signed themselves are what the chain may end in; the rest may lie on
 * the way there. */
static bool sort_out(const struct x509_chain *c, X509_STORE *roots, certs *others)
{
	for (size_t i = 1; i < c->n; i++)
		if (X509_self_signed(c->certs[i], 1) == 1) {
			if (!X509_STORE_add_cert(roots, c->certs[i]))
				return false;
		} else if (sk_X509_push(others, c->certs[i]) <= 0) {
			return false;
		}
	ERR_clear_error();
	return true;
}

static enum rc check_chain(const struct x509_chain *c, int64_t now, struct err *e)
{
	X509_STORE CLEANUP(X509_STORE_free) *roots = X509_STORE_new();
	X509_STORE_CTX CLEANUP(X509_STORE_CTX_free) *ctx = X509_STORE_CTX_new();
	certs CLEANUP(certs_free) *others = sk_X509_new_null();
	enum rc rc = RC_OK;

	if (!roots || !ctx || !others || !sort_out(c, roots, others) ||
	    !X509_STORE_CTX_init(ctx, roots, c->certs[0], others))
		return x509_fail(e, "check certificate", "the request");
	X509_STORE_CTX_set_time(ctx, 0, (time_t)now);
	if (X509_verify_cert(ctx) != 1)
		rc = tell(ctx, e);
	ERR_clear_error();
	return rc;
}

enum rc x509_chain_check(const struct x509_chain *c, enum x509_profile profile,
			 const EVP_PKEY *public_key, int64_t now, struct err *e)
{
	X509 *x = c->certs[0];

	if (check_key(c, public_key, e) != RC_OK)
		return e->rc;
	if (X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0)
		return refuse(e, RC_REFUSED, "names itself as its issuer",
			      "an authority's is wanted here; set cert regen makes a self-signed one", x);
	if (check_usages(x, profile, e) != RC_OK)
		return e->rc;
	return check_chain(c, now, e);
}
