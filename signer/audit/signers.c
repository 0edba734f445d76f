#include "signers.h"
#include "base/hex.h"
#include "internal.h"
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

static void signer_free(struct signer *s)
{
	if (!s)
		return;
	EVP_PKEY_free(s->key);
	free(s);
}

void signers_clear(struct signers *s)
{
	while (s->n)
		signer_free(s->all[--s->n]);
}

static struct signer *find(const struct signers *s, const uint8_t sha256[32])
{
	for (size_t i = 0; i < s->n; i++)
		if (!memcmp(s->all[i]->sha256, sha256, 32))
			return s->all[i];
	return NULL;
}

/* A DER certificate's bytes: the signer, new or known; NULL if it is none. */
static struct signer *add(struct signers *s, struct bytes der)
{
	const uint8_t *p = der.p;
	uint8_t sha256[32];
	struct signer *new;
	X509 *cert;

	audit_sha256(der, sha256);
	new = find(s, sha256);
	if (new || s->n == AUDIT_CERTS_MAX)
		return new;
	cert = d2i_X509(NULL, &p, (long)der.n);
	new = calloc(1, sizeof *new);
	if (new)
		new->key = cert && p == der.p + der.n ? X509_get_pubkey(cert) : NULL;
	X509_free(cert);
	if (!new || !new->key || !EVP_PKEY_is_a(new->key, "RSA")) {
		signer_free(new);
		return NULL;
	}
	memcpy(new->sha256, sha256, sizeof sha256);
	s->all[s->n++] = new;
	return new;
}

enum rc signers_pin(struct signers *s, X509 *cert, struct err *e)
{
	struct signer *new = NULL;
	uint8_t *der = NULL;
	int n = i2d_X509(cert, &der);

	if (n > 0)
		new = add(s, bytes_of(der, (size_t)n));
	OPENSSL_free(der);
	if (!new)
		return err_set(e, RC_VERIFY, "verify",
			       "is none of an Audit key, or there are too many",
			       "name the cluster's Audit certificate", "the certificate");
	new->trusted = true;
	s->pinned = true;
	return RC_OK;
}

static bool fits(const struct signer *s, const char *text, size_t n,
		 struct bytes signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx &&
		    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, s->key) == 1 &&
		    EVP_DigestVerify(ctx, signature.p, signature.n,
				     (const unsigned char *)text, n) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

static const char *text_of(json_t *entry, const char *name)
{
	const char *text = json_string_value(json_object_get(entry, name));

	return text ? text : "";
}

static bool base64_of(json_t *entry, const char *name, uint8_t *to, size_t cap,
		      struct bytes *out)
{
	const char *text = text_of(entry, name);
	size_t n = 0;

	if (!*text || sodium_base642bin(to, cap, text, strlen(text), NULL, &n, NULL,
					sodium_base64_VARIANT_ORIGINAL) != 0)
		return false;
	*out = bytes_of(to, n);
	return true;
}

const char *signers_read_certificate(struct signers *s, json_t *entry)
{
	uint8_t der[AUDIT_CERT_MAX], signature[AUDIT_SIGNATURE_MAX], sha256[32];
	struct audit_certificate c = {.cluster = text_of(entry, "cluster")};
	char text[AUDIT_TEXT_MAX], hex[65];
	struct signer *new, *by;

	if (!base64_of(entry, "certificate", der, sizeof der, &c.der) || !*c.cluster ||
	    strlen(c.cluster) > 64)
		return "the certificate entry has no certificate, or no cluster";
	new = add(s, c.der);
	audit_sha256(c.der, sha256);
	if (!new ||
	    strcmp(text_of(entry, "digest"),
		   hex_of(bytes_of(sha256, sizeof sha256), hex, sizeof hex)) != 0)
		return "the entry's certificate is none, or another one";
	if (!s->pinned)
		new->trusted = true;
	if (!json_object_get(entry, "signature"))
		return NULL;
	if (!base64_of(entry, "signature", signature, sizeof signature,
		       &c.signature) ||
	    !hex_read(text_of(entry, "by"), c.by, sizeof c.by))
		return "the certificate entry's signature is none";
	by = find(s, c.by);
	if (!by)
		return NULL; /* of a key that nobody here knows: it links nothing */
	if (!fits(by, text, audit_certificate_text(&c, text), c.signature))
		return "the signature over the new certificate is false";
	new->trusted |= by->trusted;
	return NULL;
}

const char *signers_read_checkpoint(const struct signers *s, json_t *entry,
				    struct audit_checkpoint *p,
				    const struct signer **signer)
{
	json_t *upto = json_object_get(entry, "upto");
	json_t *time = json_object_get(entry, "t");
	uint8_t signature[AUDIT_SIGNATURE_MAX];
	char text[AUDIT_TEXT_MAX];

	*p = (struct audit_checkpoint){.cluster = text_of(entry, "cluster"),
				       .key = text_of(entry, "key"),
				       .time = json_integer_value(time)};
	if (!json_is_integer(upto) || json_integer_value(upto) < 1 || !*p->cluster ||
	    strlen(p->cluster) > 64 ||
	    !hex_read(text_of(entry, "head"), p->upto.head, AUDIT_HASH_LEN) ||
	    !hex_read(text_of(entry, "digest"), p->cert, sizeof p->cert) ||
	    !base64_of(entry, "signature", signature, sizeof signature,
		       &p->signature))
		return "the checkpoint has not all that one has";
	p->upto.entry = (uint64_t)json_integer_value(upto);
	*signer = find(s, p->cert);
	if (*signer && !fits(*signer, text, audit_checkpoint_text(p, text),
			     p->signature))
		return "the checkpoint's signature is false";
	p->signature = (struct bytes){0};
	return NULL;
}
