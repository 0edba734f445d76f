/*
 * The outermost structure. OpenSSL's own PKCS12 type is opaque, and its MAC is
 * computed with a derivation that leaves the password in freed memory; so the
 * two structures that hold the MAC are described to its ASN.1 code here.
 */
#include "base/num.h"
#include "internal.h"
#include <openssl/hmac.h>
#include <sodium.h>

#define PFX_VERSION 3

typedef struct {
	X509_SIG *digest;
	ASN1_OCTET_STRING *salt;
	ASN1_INTEGER *iterations; /* NULL: 1 */
} MAC_DATA;

struct pfx {
	ASN1_INTEGER *version;
	PKCS7 *safes;
	MAC_DATA *mac; /* NULL: none */
	/* What the MAC's parameters mean; not encoded. */
	const char *hash;
	unsigned iterations;
};

ASN1_SEQUENCE(MAC_DATA) = {
	ASN1_SIMPLE(MAC_DATA, digest, X509_SIG),
	ASN1_SIMPLE(MAC_DATA, salt, ASN1_OCTET_STRING),
	ASN1_OPT(MAC_DATA, iterations, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(MAC_DATA)

ASN1_SEQUENCE(PFX) = {
	ASN1_SIMPLE(PFX, version, ASN1_INTEGER),
	ASN1_SIMPLE(PFX, safes, PKCS7),
	ASN1_OPT(PFX, mac, MAC_DATA),
} static_ASN1_SEQUENCE_END(PFX)

/* Hashes of a MAC. MD5 and older are not among them. */
static const struct {
	int nid;
	const char *name;
} hashes[] = {
	{NID_sha1, "SHA1"},
	{NID_sha224, "SHA224"},
	{NID_sha256, "SHA256"},
	{NID_sha384, "SHA384"},
	{NID_sha512, "SHA512"},
};

void pfx_free(PFX *p)
{
	ASN1_item_free((ASN1_VALUE *)p, ASN1_ITEM_rptr(PFX));
}

struct bytes pfx_content(const PFX *p)
{
	return bytes_of_string(p->safes->d.data);
}

/* ---- errors ---- */

enum rc p12_bad(struct err *e, enum rc rc, const char *why, const char *hint)
{
	ERR_clear_error();
	return err_set(e, rc, "open", why, hint, "the PKCS#12 file");
}

enum rc p12_closed(struct err *e)
{
	return p12_bad(e, RC_VERIFY,
		       "does not open: the password is wrong, or the file was changed",
		       "try its password again, or another copy of the file");
}

enum rc p12_failed(struct err *e, const char *op)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	err_set(e, RC_ERROR, op, why ? why : "failed in OpenSSL", NULL,
		"a PKCS#12 file");
	ERR_clear_error();
	return e->rc;
}

/* ---- reading ---- */

enum rc p12_iterations(const ASN1_INTEGER *from, unsigned max, const char *what,
		       unsigned *out, struct err *e)
{
	int64_t n = 1;

	if (from && (ASN1_INTEGER_get_int64(&n, from) != 1 || n < 1 || n > max)) {
		ERR_clear_error();
		return err_set(e, RC_REFUSED, "open",
			       "its count of iterations is out of range",
			       "export the key again, with fewer iterations",
			       "the PKCS#12 file: %s (1 to %u)", what, max);
	}
	*out = (unsigned)n;
	return RC_OK;
}

enum rc p12_salt(const ASN1_STRING *from, struct bytes *out, struct err *e)
{
	struct bytes salt = bytes_of_string(from);

	if (salt.n < 1 || salt.n > MAX_SALT)
		return p12_bad(e, RC_REFUSED, "the length of a salt is out of range",
			       "export the key again");
	*out = salt;
	return RC_OK;
}

static const char *hash_name(const X509_ALGOR *a)
{
	const ASN1_OBJECT *oid;
	const void *parameter;
	int type;

	X509_ALGOR_get0(&oid, &type, &parameter, a);
	for (size_t i = 0; i < COUNT_OF(hashes); i++)
		if (OBJ_obj2nid(oid) == hashes[i].nid &&
		    (type == V_ASN1_UNDEF || type == V_ASN1_NULL))
			return hashes[i].name;
	return NULL;
}

static bool is_version(const ASN1_INTEGER *version)
{
	int64_t n;

	return ASN1_INTEGER_get_int64(&n, version) == 1 && n == PFX_VERSION;
}

static enum rc check_mac(PFX *p, unsigned iterations_max, struct err *e)
{
	const X509_ALGOR *algorithm;
	struct bytes salt;

	if (!p->mac)
		return p12_bad(e, RC_REFUSED,
			       "it has no MAC: anybody can have changed it",
			       "export the key again, with a MAC");
	X509_SIG_get0(p->mac->digest, &algorithm, NULL);
	if (!(p->hash = hash_name(algorithm)))
		return p12_bad(e, RC_REFUSED,
			       "its MAC is of a kind that is not supported",
			       "export the key again: openssl pkcs12 -macalg sha256");
	if (p12_salt(p->mac->salt, &salt, e) != RC_OK)
		return e->rc;
	return p12_iterations(p->mac->iterations, iterations_max, "the MAC",
			      &p->iterations, e);
}

/* What the outermost length says of a file that cannot be read. */
static enum rc no_pfx(struct bytes file, struct err *e)
{
	const uint8_t *p = file.p;
	long n = 0;
	int tag = 0, class = 0, flags;

	if (file.n == 0)
		return p12_bad(e, RC_USAGE, "it is empty", P12_AGAIN);
	ERR_clear_error();
	/* 0x80: an error, which a length behind the file's end is, too */
	flags = ASN1_get_object(&p, &n, &tag, &class, num_int(file.n));
	if (tag != V_ASN1_SEQUENCE || class != V_ASN1_UNIVERSAL || p == file.p)
		return p12_bad(e, RC_USAGE, "it is no PKCS#12 file", P12_AGAIN);
	return p12_bad(e, RC_USAGE,
		       flags & 0x80 ? "damaged: it is cut off"
				    : "it is no PKCS#12 file, or damaged",
		       P12_AGAIN);
}

enum rc pfx_read(struct bytes file, unsigned iterations_max, PFX **out, struct err *e)
{
	const uint8_t *p = file.p;
	PFX CLEANUP(pfx_free) *pfx = NULL;

	if (file.n > P12_MAX)
		return p12_bad(e, RC_REFUSED, "it is too large to be one",
			       "at most 64 KiB");
	pfx = (PFX *)ASN1_item_d2i(NULL, &p, num_int(file.n), ASN1_ITEM_rptr(PFX));
	if (!pfx)
		return no_pfx(file, e);
	if (p != file.p + file.n)
		return p12_bad(e, RC_USAGE, "damaged: bytes follow its end", P12_AGAIN);
	if (!is_version(pfx->version))
		return p12_bad(e, RC_USAGE, "its version is not 3", P12_AGAIN);
	if (!PKCS7_type_is_data(pfx->safes) || !pfx->safes->d.data)
		return p12_bad(e, RC_REFUSED, "it is signed, not protected by a password",
			       "export the key again, with a password");
	if (check_mac(pfx, iterations_max, e) != RC_OK)
		return e->rc;
	*out = pfx;
	pfx = NULL;
	return RC_OK;
}

/* ---- the MAC ---- */

static enum rc compute_mac(const PFX *p, const struct secret *password,
			   uint8_t mac[EVP_MAX_MD_SIZE], size_t *n, struct err *e)
{
	EVP_MD CLEANUP(EVP_MD_free) *md = EVP_MD_fetch(NULL, p->hash, NULL);
	struct bytes content = pfx_content(p);
	struct secret CLEANUP(secret_free) *key = NULL;
	unsigned mac_n = 0;

	if (!md)
		return p12_failed(e, "EVP_MD_fetch");
	if (secret_new((size_t)EVP_MD_get_size(md), &key, e) != RC_OK ||
	    p12_derive(password, P12_USE_MAC, md, bytes_of_string(p->mac->salt),
		       p->iterations, key->p, key->n, e) != RC_OK)
		return e->rc;
	if (!HMAC(md, key->p, num_int(key->n), content.p, content.n, mac, &mac_n))
		return p12_failed(e, "HMAC");
	*n = mac_n;
	return RC_OK;
}

enum rc pfx_verify(const PFX *p, const struct secret *password, struct err *e)
{
	const ASN1_OCTET_STRING *value;
	uint8_t mac[EVP_MAX_MD_SIZE];
	size_t n;

	if (compute_mac(p, password, mac, &n, e) != RC_OK)
		return e->rc;
	X509_SIG_get0(p->mac->digest, NULL, &value);
	if ((size_t)ASN1_STRING_length(value) != n ||
	    sodium_memcmp(ASN1_STRING_get0_data(value), mac, n) != 0)
		return p12_closed(e);
	return RC_OK;
}

/* ---- writing ---- */

static bool fill(PFX *p, struct bytes content, unsigned iterations)
{
	uint8_t salt[P12_SALT_LEN];

	randombytes_buf(salt, sizeof salt);
	p->hash = "SHA256";
	p->iterations = iterations;
	p->mac = (MAC_DATA *)ASN1_item_new(ASN1_ITEM_rptr(MAC_DATA));
	return p->mac && (p->mac->iterations = ASN1_INTEGER_new()) &&
	       ASN1_INTEGER_set(p->mac->iterations, (long)iterations) &&
	       ASN1_OCTET_STRING_set(p->mac->salt, salt, sizeof salt) &&
	       ASN1_INTEGER_set(p->version, PFX_VERSION) &&
	       PKCS7_set_type(p->safes, NID_pkcs7_data) &&
	       ASN1_OCTET_STRING_set(p->safes->d.data, content.p, num_int(content.n));
}

static bool set_mac(PFX *p, const uint8_t *mac, size_t n)
{
	X509_ALGOR *algorithm;
	ASN1_OCTET_STRING *value;

	X509_SIG_getm(p->mac->digest, &algorithm, &value);
	return X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) &&
	       ASN1_OCTET_STRING_set(value, mac, num_int(n));
}

enum rc pfx_write(struct bytes content, const struct secret *password,
		  unsigned iterations, uint8_t **out, size_t *n, struct err *e)
{
	PFX CLEANUP(pfx_free) *p = (PFX *)ASN1_item_new(ASN1_ITEM_rptr(PFX));
	uint8_t mac[EVP_MAX_MD_SIZE], CLEANUP(openssl_free) *der = NULL;
	size_t mac_n;
	int len;

	if (!p || !fill(p, content, iterations))
		return p12_failed(e, "make PFX");
	if (compute_mac(p, password, mac, &mac_n, e) != RC_OK)
		return e->rc;
	if (!set_mac(p, mac, mac_n) ||
	    (len = ASN1_item_i2d((ASN1_VALUE *)p, &der, ASN1_ITEM_rptr(PFX))) <= 0)
		return p12_failed(e, "encode PFX");
	if ((unsigned)len > P12_MAX)
		return err_set(e, RC_REFUSED, "make", "it would be too large",
			       "is the certificate the key's own?",
			       "a PKCS#12 file of %d bytes (at most %u)", len, P12_MAX);
	if (!(*out = malloc((size_t)len)))
		return err_errno(e, RC_ERROR, "malloc", NULL, "a PKCS#12 file");
	memcpy(*out, der, (size_t)len);
	*n = (size_t)len;
	return RC_OK;
}
