#include "base/num.h"
#include "internal.h"
#include <sodium.h>

/* What stands in the file. */
struct contents {
	STACK_OF(PKCS12_SAFEBAG) *safes[MAX_SAFES];
	size_t nsafes;
	/* into safes */
	const PKCS12_SAFEBAG *key;
	const PKCS12_SAFEBAG *certs[MAX_BAGS];
	size_t ncerts;
};

static void contents_clear_at(struct contents *c)
{
	for (size_t i = 0; i < c->nsafes; i++)
		bags_free(c->safes[i]);
}

static void x509s_clear_at(X509 *(*certs)[MAX_BAGS])
{
	for (size_t i = 0; i < MAX_BAGS; i++)
		X509_free((*certs)[i]);
}

/* ---- SafeContents ---- */

/* Of an encrypted one, the plaintext holds certificates as a rule, but may hold
 * anything: it stays in locked memory too. */
static enum rc decrypt_safe(const PKCS7 *p7, const struct secret *password,
			    unsigned iterations_max, STACK_OF(PKCS12_SAFEBAG) **out,
			    struct err *e)
{
	const PKCS7_ENC_CONTENT *enc = p7->d.encrypted ? p7->d.encrypted->enc_data : NULL;
	struct secret CLEANUP(secret_free) *plain = NULL;
	struct pbe pbe;
	const uint8_t *p;

	if (!enc || !enc->enc_data || OBJ_obj2nid(enc->content_type) != NID_pkcs7_data)
		return p12_bad(e, RC_USAGE, "damaged: an encrypted part has no content",
			       P12_AGAIN);
	if (pbe_read(enc->algorithm, iterations_max, &pbe, e) != RC_OK ||
	    pbe_decrypt(&pbe, password, bytes_of_string(enc->enc_data), &plain,
			e) != RC_OK)
		return e->rc;
	p = plain->p;
	STACK_OF(PKCS12_SAFEBAG) *bags = (STACK_OF(PKCS12_SAFEBAG) *)ASN1_item_d2i(
		NULL, &p, num_int(plain->n), ASN1_ITEM_rptr(PKCS12_SAFEBAGS));

	if (!bags || p != plain->p + plain->n) {
		bags_free(bags);
		return p12_closed(e);
	}
	*out = bags;
	return RC_OK;
}

static enum rc read_safe(PKCS7 *p7, const struct secret *password,
			 unsigned iterations_max, STACK_OF(PKCS12_SAFEBAG) **out,
			 struct err *e)
{
	switch (OBJ_obj2nid(p7->type)) {
	case NID_pkcs7_data:
		*out = PKCS12_unpack_p7data(p7);
		return *out ? RC_OK
			    : p12_bad(e, RC_USAGE, "damaged: a part's content",
				      P12_AGAIN);
	case NID_pkcs7_encrypted:
		return decrypt_safe(p7, password, iterations_max, out, e);
	default:
		return p12_bad(e, RC_REFUSED,
			       "a part of it is neither plain nor protected by a password",
			       "export the key again, with a password");
	}
}

static enum rc sort_bag(struct contents *c, const PKCS12_SAFEBAG *bag, struct err *e)
{
	switch (PKCS12_SAFEBAG_get_nid(bag)) {
	case NID_pkcs8ShroudedKeyBag:
		if (c->key)
			return p12_bad(e, RC_REFUSED, "it has more than one private key",
				       "export the recovery key alone");
		c->key = bag;
		return RC_OK;
	case NID_certBag:
		if (c->ncerts == COUNT_OF(c->certs))
			return p12_bad(e, RC_REFUSED, "it has too many certificates",
				       "export the recovery key's certificate alone");
		c->certs[c->ncerts++] = bag;
		return RC_OK;
	case NID_crlBag:
		return RC_OK;
	case NID_keyBag:
		return p12_bad(e, RC_REFUSED, "its private key is not encrypted",
			       "export the key again, with a password");
	default:
		return p12_bad(e, RC_REFUSED,
			       "it has something that is neither key nor certificate",
			       "export the recovery key and its certificate alone");
	}
}

static enum rc read_contents(const PFX *pfx, const struct secret *password,
			     unsigned iterations_max, struct contents *c, struct err *e)
{
	struct bytes content = pfx_content(pfx);
	const uint8_t *p = content.p;
	STACK_OF(PKCS7) CLEANUP(safes_free) *parts = (STACK_OF(PKCS7) *)ASN1_item_d2i(
		NULL, &p, num_int(content.n), ASN1_ITEM_rptr(PKCS12_AUTHSAFES));

	if (!parts || p != content.p + content.n)
		return p12_bad(e, RC_USAGE, "damaged: its parts", P12_AGAIN);
	if (sk_PKCS7_num(parts) > MAX_SAFES)
		return p12_bad(e, RC_REFUSED, "it has too many parts",
			       "export the recovery key and its certificate alone");
	for (int i = 0; i < sk_PKCS7_num(parts); i++) {
		STACK_OF(PKCS12_SAFEBAG) *bags = NULL;

		if (read_safe(sk_PKCS7_value(parts, i), password, iterations_max, &bags,
			      e) != RC_OK)
			return e->rc;
		c->safes[c->nsafes++] = bags;
		for (int j = 0; j < sk_PKCS12_SAFEBAG_num(bags); j++)
			if (sort_bag(c, sk_PKCS12_SAFEBAG_value(bags, j), e) != RC_OK)
				return e->rc;
	}
	if (!c->key || !c->ncerts)
		return p12_bad(e, RC_REFUSED,
			       c->key ? "it has no certificate" : "it has no private key",
			       "export the recovery key with its certificate");
	return RC_OK;
}

/* ---- the key ---- */

static enum rc keep_wrapped(struct pbe *pbe, const struct secret *password,
			    struct bytes encrypted, struct wrapped_key *w, struct err *e)
{
	if (encrypted.n < 16 || encrypted.n % 16 || encrypted.n > sizeof w->bytes)
		return p12_bad(e, RC_REFUSED,
			       "the length of its private key is out of range",
			       "RSA keys of 1024 to 4096 bits are allowed");
	if (pbe_key(pbe, password, &w->kek, e) != RC_OK)
		return e->rc;
	memcpy(w->iv, pbe->iv, sizeof w->iv);
	memcpy(w->bytes, encrypted.p, encrypted.n);
	w->n = encrypted.n;
	return RC_OK;
}

/* ---- its certificate ---- */

static struct bytes local_key_id(const PKCS12_SAFEBAG *bag)
{
	const ASN1_TYPE *id = PKCS12_SAFEBAG_get0_attr(bag, NID_localKeyID);

	return id && id->type == V_ASN1_OCTET_STRING
		       ? bytes_of_string(id->value.octet_string)
		       : bytes_of(NULL, 0);
}

/* A key that was decrypted chooses its certificate itself; else the localKeyId
 * does; one certificate alone needs none. */
static bool belongs(const struct contents *c, size_t i, X509 *cert,
		    const struct pkcs8_public *public)
{
	struct bytes id = local_key_id(c->key);

	if (public)
		return rsa_is_of(public, cert);
	return c->ncerts == 1 || (id.n && bytes_equal(id, local_key_id(c->certs[i])));
}

static enum rc choose_cert(const struct contents *c, const struct pkcs8_public *public,
			   X509 **out, struct err *e)
{
	X509 CLEANUP(x509s_clear) *certs[MAX_BAGS] = {NULL};
	X509 *found = NULL;

	for (size_t i = 0; i < c->ncerts; i++) {
		certs[i] = PKCS12_SAFEBAG_get1_cert(c->certs[i]);
		if (!certs[i])
			return p12_bad(e, RC_USAGE, "damaged: a certificate", P12_AGAIN);
		if (!belongs(c, i, certs[i], public) ||
		    (found && X509_cmp(found, certs[i]) == 0))
			continue;
		if (found)
			return p12_bad(e, RC_REFUSED,
				       "it has more than one certificate for the key",
				       "export the recovery key and its certificate alone");
		found = certs[i];
	}
	if (!found && public)
		return p12_bad(e, RC_REFUSED, "the key does not match its certificate",
			       "export the key again, with its own certificate");
	if (!found)
		return p12_bad(e, RC_REFUSED,
			       "nothing says which of its certificates is the key's",
			       "export the recovery key and its certificate alone");
	if (rsa_check_cert(found, e) != RC_OK)
		return e->rc;
	X509_up_ref(found);
	*out = found;
	return RC_OK;
}

static enum rc convert(const struct contents *c, struct pbe *pbe,
		       const struct secret *password, struct bytes encrypted,
		       struct p12 *p, struct err *e)
{
	struct secret CLEANUP(secret_free) *plain = NULL;
	struct pkcs8_public public;

	if (pbe_decrypt(pbe, password, encrypted, &plain, e) != RC_OK ||
	    rsa_public_of(bytes_of(plain->p, plain->n), &public, e) != RC_OK ||
	    choose_cert(c, &public, &p->cert, e) != RC_OK)
		return e->rc;
	return wrapped_key_seal(bytes_of(plain->p, plain->n), &p->key, e);
}

static enum rc read_key(const struct contents *c, const struct secret *password,
			unsigned iterations_max, struct p12 *p, struct err *e)
{
	const X509_ALGOR *algorithm;
	const ASN1_OCTET_STRING *octets;
	struct bytes encrypted;
	struct pbe pbe;

	X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(c->key), &algorithm, &octets);
	encrypted = bytes_of_string(octets);
	if (pbe_read(algorithm, iterations_max, &pbe, e) != RC_OK)
		return e->rc;
	p->converted = !pbe_is_ours(&pbe);
	(void)snprintf(p->encryption, sizeof p->encryption, "%s", pbe_name(&pbe));
	if (p->converted)
		return convert(c, &pbe, password, encrypted, p, e);
	if (choose_cert(c, NULL, &p->cert, e) != RC_OK)
		return e->rc;
	return keep_wrapped(&pbe, password, encrypted, &p->key, e);
}

enum rc p12_read(struct bytes file, const struct secret *password,
		 unsigned iterations_max, struct p12 **out, struct err *e)
{
	struct contents CLEANUP(contents_clear) c = {0};
	PFX CLEANUP(pfx_free) *pfx = NULL;
	struct p12 CLEANUP(p12_free) *p = NULL;

	if (pfx_read(file, iterations_max, &pfx, e) != RC_OK ||
	    pfx_verify(pfx, password, e) != RC_OK ||
	    read_contents(pfx, password, iterations_max, &c, e) != RC_OK)
		return e->rc;
	if (!(p = calloc(1, sizeof *p)))
		return err_errno(e, RC_ERROR, "calloc", NULL, "the PKCS#12 file");
	if (read_key(&c, password, iterations_max, p, e) != RC_OK)
		return e->rc;
	ERR_clear_error(); /* of certificates of unknown kinds */
	*out = p;
	p = NULL;
	return RC_OK;
}

enum rc p12_open(struct bytes file, const struct secret *password, struct p12 **out,
		 struct err *e)
{
	return p12_read(file, password, P12_ITERATIONS_MAX, out, e);
}

void p12_free(struct p12 *p)
{
	if (!p)
		return;
	X509_free(p->cert);
	wrapped_key_clear(&p->key);
	free(p);
}
