/* Signatures of many files, by few keys: what OpenSSL looks up is looked up once. */
#include "internal.h"
#include "base/num.h"
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

const char check_changed[] = "its signature does not verify";

/* One certificate's, with each digest. */
struct key {
	EVP_PKEY_CTX *with[ITL_SHA512 + 1]; /* NULL: not yet */
};

/* The header's words for a signer, as they stood in a file that named him: comparing
 * names as certificates costs more than the signature. */
struct said {
	uint8_t bytes[ITL_MAX_SGN_HEADER];
	size_t n; /* 0: nothing */
};

struct check {
	X509 *const *certs; /* borrowed */
	size_t n;
	EVP_MD_CTX *hash;
	EVP_MD *md[ITL_SHA512 + 1];
	struct key *keys;   /* of each certificate */
	struct said *said;  /* of each */
};

enum rc check_new(X509 *const *certs, size_t n, struct check **out, struct err *e)
{
	struct check CLEANUP(check_free) *c = calloc(1, sizeof *c);

	if (c) {
		c->certs = certs;
		c->n = n;
		c->hash = EVP_MD_CTX_new();
		c->keys = calloc(n + 1, sizeof *c->keys);
		c->said = calloc(n + 1, sizeof *c->said);
		for (unsigned d = ITL_SHA1; d <= ITL_SHA512; d++)
			c->md[d] = EVP_MD_fetch(NULL, itl_digest_name(d), NULL);
	}
	if (!c || !c->hash || !c->keys || !c->said || !c->md[ITL_SHA1] ||
	    !c->md[ITL_SHA512])
		return err_set(e, RC_ERROR, "verify", "out of memory", NULL, "signatures");
	*out = c;
	c = NULL;
	return RC_OK;
}

void check_free(struct check *c)
{
	if (!c)
		return;
	for (size_t i = 0; c->keys && i < c->n; i++)
		for (unsigned d = ITL_SHA1; d <= ITL_SHA512; d++)
			EVP_PKEY_CTX_free(c->keys[i].with[d]);
	for (unsigned d = ITL_SHA1; d <= ITL_SHA512; d++)
		EVP_MD_free(c->md[d]);
	EVP_MD_CTX_free(c->hash);
	free(c->keys);
	free(c->said);
	free(c);
}

/* Serial and issuer as they stand in the header, one after the other. */
static bool said_is(const struct said *s, const struct itl *l)
{
	size_t n = l->signer_serial.n;

	return s->n && s->n == n + l->signer_issuer.n &&
	       !memcmp(s->bytes, l->signer_serial.p, n) &&
	       !memcmp(s->bytes + n, l->signer_issuer.p, l->signer_issuer.n);
}

static void said_keep(struct said *s, const struct itl *l)
{
	struct writer w = writer_of(s->bytes, sizeof s->bytes);

	write_bytes(&w, l->signer_serial);
	write_bytes(&w, l->signer_issuer);
	s->n = writer_bytes(&w).n;
}

static bool find_signer(struct check *c, const struct itl *l, size_t *which)
{
	for (size_t i = 0; i < c->n; i++)
		if (said_is(&c->said[i], l)) {
			*which = i;
			return true;
		}
	for (size_t i = 0; i < c->n; i++)
		if (itl_signed_by(l, c->certs[i])) {
			said_keep(&c->said[i], l);
			*which = i;
			return true;
		}
	return false;
}

static EVP_PKEY_CTX *key_of(struct check *c, size_t which, unsigned digest)
{
	EVP_PKEY_CTX **at = &c->keys[which].with[digest];
	EVP_PKEY *key = X509_get0_pubkey(c->certs[which]);
	EVP_PKEY_CTX *ctx = *at || !key || !EVP_PKEY_is_a(key, "RSA")
				    ? NULL
				    : EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	if (ctx && (EVP_PKEY_verify_init(ctx) <= 0 ||
		    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) <= 0 ||
		    EVP_PKEY_CTX_set_signature_md(ctx, c->md[digest]) <= 0)) {
		EVP_PKEY_CTX_free(ctx);
		ctx = NULL;
	}
	if (ctx)
		*at = ctx;
	return *at;
}

/* All but the signature's TLV (spec: itl-format, What is signed). */
static bool digest_of(struct check *c, const struct itl *l, uint8_t *out, unsigned *n)
{
	size_t after = l->signature_offset + 3 + l->signature.n;

	return EVP_DigestInit_ex2(c->hash, c->md[l->digest], NULL) == 1 &&
	       EVP_DigestUpdate(c->hash, l->file.p, l->signature_offset) == 1 &&
	       EVP_DigestUpdate(c->hash, l->file.p + after, l->file.n - after) == 1 &&
	       EVP_DigestFinal_ex(c->hash, out, n) == 1;
}

const char *check_sgn(struct check *c, const struct itl *l, size_t *which)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	EVP_PKEY_CTX *ctx;
	unsigned n = 0;
	bool ok;

	if (l->digest < ITL_SHA1 || l->digest > ITL_SHA512 || l->signature_algo != 0)
		return "its algorithms are none that phones know";
	if (!find_signer(c, l, which))
		return "its signer is none of the certificates";
	ctx = key_of(c, *which, l->digest);
	/* RSA of 512 bits proves nothing. */
	ok = ctx && l->modulus >= 1 && digest_of(c, l, digest, &n) &&
	     EVP_PKEY_verify(ctx, l->signature.p, l->signature.n, digest, n) == 1;
	ERR_clear_error();
	return ok ? NULL : check_changed;
}

/* ---- whole files ---- */

enum rc check_read(struct check *c, struct bytes sgn, const char *path, struct itl **l,
		   size_t *which, struct err *e)
{
	const char *why;

	if (itl_parse(sgn, ITL_SGN, l, e) != RC_OK)
		return err_within(e, path);
	why = check_sgn(c, *l, which);
	if (why)
		return err_set(e, RC_VERIFY, "verify", why,
			       "itlctl sign makes it anew from its file", "%.190s", path);
	return RC_OK;
}

const char *check_fault(struct check *c, struct bytes sgn, const char *name,
			unsigned digest, struct bytes content)
{
	struct itl CLEANUP(itl_free) *l = NULL;
	struct err ignored;
	const char *why;
	size_t which;

	if (sgn.n < content.n ||
	    memcmp(sgn.p + (sgn.n - content.n), content.p, content.n) != 0)
		return "holds other bytes";
	if (itl_parse(sgn, ITL_SGN, &l, &ignored) != RC_OK ||
	    l->content.n != content.n || l->digest != digest ||
	    !bytes_equal(l->file_name, bytes_of(name, strlen(name) + 1)))
		return "has another header";
	why = check_sgn(c, l, &which);
	return why ? why : which == 0 ? NULL : "is another's";
}

enum rc check_answer(struct check *c, struct bytes sgn, const char *name, unsigned digest,
		     struct bytes content, bool file, struct err *e)
{
	const char *why = check_fault(c, sgn, name, digest, content);

	if (why == check_changed && file)
		return err_set(e, RC_REFUSED, "sign", "it changed while it was signed",
			       "sign it again when it is whole", "%.150s", name);
	if (why)
		return err_set(e, RC_VERIFY, "sign", why,
			       "was the node's certificate renewed meanwhile? give the command again",
			       "%.150s", name);
	return RC_OK;
}

enum rc check_name(const struct itl *l, const char *path, char name[SGN_NAME_MAX],
		   struct err *e)
{
	if (l->file_name.n > SGN_NAME_MAX)
		return err_set(e, RC_REFUSED, "sign", "the name in its header is too long",
			       NULL, "%.190s", path);
	memcpy(name, l->file_name.p, l->file_name.n);
	return RC_OK;
}
