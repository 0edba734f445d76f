#include "hsm/key.h"
#include "base/hex.h"
#include "base/num.h"
#include "pool.h"
#include "template.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void hsm_key_clear(struct hsm_key *k)
{
	EVP_PKEY_free(k->public_key);
	X509_free(k->cert);
	*k = (struct hsm_key){0};
}

void hsm_key_free(struct hsm_key *k)
{
	if (!k)
		return;
	hsm_key_clear(k);
	free(k);
}

void hsm_id_new(uint8_t id[HSM_ID_LEN])
{
	randombytes_buf(id, HSM_ID_LEN);
}

/* ---- generation ---- */

static enum rc check_asked(const char *label, unsigned bits, struct err *e)
{
	if (!label[0] || strlen(label) >= HSM_LABEL_MAX)
		return err_set(e, RC_USAGE, "generate key",
			       "the label is empty or too long", NULL,
			       "key \"%.64s\"", label);
	if (bits != 1024 && bits != 2048 && bits != 3072 && bits != 4096)
		return err_set(e, RC_USAGE, "generate key",
			       "no such key size", "1024, 2048, 3072 or 4096",
			       "key \"%s\": %u bits", label, bits);
	return RC_OK;
}

static CK_RV generate_pair(struct hsm_session *s, const uint8_t *id,
			   const char *label, CK_ULONG bits, unsigned usage,
			   struct template *private, CK_OBJECT_HANDLE *pub,
			   CK_OBJECT_HANDLE *priv)
{
	static const uint8_t f4[] = {1, 0, 1};
	CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
	struct template public = template_public(id, label, usage);
	CK_RV rv;

	template_add(&public, ATTRIBUTE(CKA_MODULUS_BITS, &bits, sizeof bits));
	template_add(&public, ATTRIBUTE(CKA_PUBLIC_EXPONENT, f4, sizeof f4));
	do
		rv = hsm_session_functions(s)->C_GenerateKeyPair(
			hsm_session_handle(s), &mechanism, public.rows, public.n,
			private->rows, private->n, pub, priv);
	while (rv == CKR_ATTRIBUTE_TYPE_INVALID && template_yield(private));
	return rv;
}

enum rc hsm_key_generate(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
			 const char *label, unsigned bits, unsigned usage,
			 struct hsm_key **out, struct err *e)
{
	struct template t = template_private(id, label, usage);
	struct hsm_key CLEANUP(hsm_key_free) *k = NULL;
	CK_OBJECT_HANDLE pub, priv;
	struct err ignored;
	CK_RV rv;

	if (check_asked(label, bits, e) != RC_OK ||
	    id_check_free(s, id, label, e) != RC_OK)
		return e->rc;
	k = calloc(1, sizeof *k);
	if (!k)
		return err_errno(e, RC_ERROR, "calloc", NULL, ON_KEY(s, label));
	rv = generate_pair(s, id, label, bits, usage, &t, &pub, &priv);
	if (rv != CKR_OK)
		hsm_err(e, "C_GenerateKeyPair", rv, ON_KEY(s, label));
	else if (template_check(s, priv, label, &t, e) == RC_OK &&
		 object_public_key(s, pub, &k->public_key, e) == RC_OK) {
		memcpy(k->id, id, HSM_ID_LEN);
		strcpy(k->label, label);
		k->bits = bits;
		k->private_handle = priv;
		*out = k;
		k = NULL;
		return RC_OK;
	}
	/* A half of a pair may be left: a token that fills up stores one. */
	(void)!hsm_key_remove(s, id, &ignored);
	return e->rc;
}

/* ---- certificate ---- */

/* An ASN.1 value as DER; NULL if OpenSSL cannot. OPENSSL_free() it. */
struct der {
	unsigned char *p;
	CK_ULONG n;
};

static void der_free_at(struct der *d)
{
	OPENSSL_free(d->p);
}

static struct der der_made(unsigned char *p, int n)
{
	return (struct der){n > 0 ? p : NULL, n > 0 ? (CK_ULONG)n : 0};
}

static struct der der_of_name(const X509_NAME *name)
{
	unsigned char *p = NULL;
	int n = i2d_X509_NAME(name, &p);

	return der_made(p, n);
}

static struct der der_of_serial(const X509 *cert)
{
	unsigned char *p = NULL;
	int n = i2d_ASN1_INTEGER(X509_get0_serialNumber(cert), &p);

	return der_made(p, n);
}

static struct der der_of_cert(const X509 *cert)
{
	unsigned char *p = NULL;
	int n = i2d_X509(cert, &p);

	return der_made(p, n);
}

/* Some tokens say CKR_OK when their disk is full: believe what is read back. */
static enum rc check_written(struct hsm_session *s, const struct hsm_key *key,
			     const struct der *value, struct err *e)
{
	CK_OBJECT_HANDLE CLEANUP_FREE *found = NULL;
	uint8_t CLEANUP_FREE *back = NULL;
	size_t n = 0, len = 0;

	if (objects_with_id(s, CKO_CERTIFICATE, key->id, &found, &n, e) != RC_OK)
		return e->rc;
	if (n == 1 &&
	    object_read(s, found[0], CKA_VALUE, &back, &len, e) == RC_OK &&
	    bytes_equal(bytes_of(back, len), bytes_of(value->p, value->n)))
		return RC_OK;
	return err_set(e, RC_TOKEN, "C_CreateObject",
		       "the token says that it wrote the certificate, but has it not",
		       "make room in the token or on its file system, then ask again",
		       ON_KEY(s, key->label));
}

static enum rc create_certificate(struct hsm_session *s,
				  const struct hsm_key *key, const X509 *cert,
				  struct err *e)
{
	const CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	const CK_CERTIFICATE_TYPE type = CKC_X_509;
	struct der CLEANUP(der_free) subject = der_of_name(X509_get_subject_name(cert));
	struct der CLEANUP(der_free) issuer = der_of_name(X509_get_issuer_name(cert));
	struct der CLEANUP(der_free) serial = der_of_serial(cert);
	struct der CLEANUP(der_free) value = der_of_cert(cert);
	CK_ATTRIBUTE template[] = {
		ATTRIBUTE(CKA_CLASS, &class, sizeof class),
		ATTRIBUTE(CKA_CERTIFICATE_TYPE, &type, sizeof type),
		ATTRIBUTE(CKA_ID, key->id, HSM_ID_LEN),
		ATTRIBUTE(CKA_LABEL, key->label, strlen(key->label)),
		FLAG(CKA_TOKEN, true),
		FLAG(CKA_PRIVATE, false),
		FLAG(CKA_MODIFIABLE, false),
		ATTRIBUTE(CKA_SUBJECT, subject.p, subject.n),
		ATTRIBUTE(CKA_ISSUER, issuer.p, issuer.n),
		ATTRIBUTE(CKA_SERIAL_NUMBER, serial.p, serial.n),
		ATTRIBUTE(CKA_VALUE, value.p, value.n),
	};
	CK_OBJECT_HANDLE object;
	CK_RV rv;

	if (!subject.p || !issuer.p || !serial.p || !value.p)
		return err_set(e, RC_ERROR, "write certificate",
			       "it cannot be encoded", NULL,
			       ON_KEY(s, key->label));
	rv = hsm_session_functions(s)->C_CreateObject(
		hsm_session_handle(s), template, COUNT_OF(template), &object);
	if (rv != CKR_OK)
		return hsm_err(e, "C_CreateObject", rv,
			       "token \"%s\", certificate of key \"%s\"",
			       hsm_token_info(hsm_session_token(s))->label,
			       key->label);
	return check_written(s, key, &value, e);
}

enum rc hsm_key_commit(struct hsm_session *s, struct hsm_key *key, X509 *cert,
		       struct err *e)
{
	CK_OBJECT_HANDLE CLEANUP_FREE *found = NULL;
	X509 CLEANUP(X509_free) *copy = X509_dup(cert);
	EVP_PKEY *public = X509_get0_pubkey(cert);
	size_t n;

	if (!copy || !public || EVP_PKEY_eq(public, key->public_key) != 1)
		return err_set(e, RC_VERIFY, "write certificate",
			       "it is not a certificate of this key", NULL,
			       ON_KEY(s, key->label));
	if (objects_with_id(s, CKO_CERTIFICATE, key->id, &found, &n, e) !=
	    RC_OK)
		return e->rc;
	if (n)
		return err_set(e, RC_REFUSED, "write certificate",
			       "the key has one", NULL, ON_KEY(s, key->label));
	/* Phones may trust it from here on: it must outlive the power. */
	if (create_certificate(s, key, cert, e) != RC_OK || token_sync(s, e) != RC_OK)
		return e->rc;
	X509_free(key->cert);
	key->cert = copy;
	copy = NULL;
	EVP_PKEY_free(key->public_key);
	key->public_key = X509_get_pubkey(key->cert);
	return RC_OK;
}

/* ---- by id ---- */

enum rc hsm_pair_find(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
		      const char *label, struct hsm_key **out, struct err *e)
{
	struct hsm_key CLEANUP(hsm_key_free) *k = calloc(1, sizeof *k);
	CK_OBJECT_HANDLE CLEANUP_FREE *found = NULL;
	size_t n = 0;

	if (!k)
		return err_errno(e, RC_ERROR, "calloc", NULL, ON_KEY(s, label));
	memcpy(k->id, id, HSM_ID_LEN);
	(void)snprintf(k->label, sizeof k->label, "%s", label);
	if (hsm_key_refind(s, k, e) != RC_OK ||
	    objects_with_id(s, CKO_PUBLIC_KEY, id, &found, &n, e) != RC_OK)
		return e->rc;
	if (n != 1)
		return err_set(e, n ? RC_TOKEN : RC_NOTFOUND, "find key",
			       n ? "two public keys have its CKA_ID"
				 : "the token does not have its public key any more",
			       "itlctl key incomplete lists what there is",
			       ON_KEY(s, label));
	if (object_public_key(s, found[0], &k->public_key, e) != RC_OK)
		return e->rc;
	k->bits = (unsigned)EVP_PKEY_get_bits(k->public_key);
	*out = k;
	k = NULL;
	return RC_OK;
}

enum rc hsm_key_remove(struct hsm_session *s, const uint8_t id[HSM_ID_LEN],
		       struct err *e)
{
	CK_OBJECT_HANDLE CLEANUP_FREE *found = NULL;
	size_t n;

	if (objects_of_id(s, id, &found, &n, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < n; i++) {
		CK_RV rv = hsm_session_functions(s)->C_DestroyObject(
			hsm_session_handle(s), found[i]);
		char hex[2 * HSM_ID_LEN + 1];

		if (rv != CKR_OK)
			return hsm_err(e, "C_DestroyObject", rv,
				       "token \"%s\", CKA_ID %s",
				       hsm_token_info(hsm_session_token(s))->label,
				       hex_of(bytes_of(id, HSM_ID_LEN), hex,
					      sizeof hex));
	}
	return RC_OK;
}

enum rc hsm_key_refind(struct hsm_session *s, struct hsm_key *k, struct err *e)
{
	CK_OBJECT_HANDLE CLEANUP_FREE *found = NULL;
	size_t n;

	if (objects_with_id(s, CKO_PRIVATE_KEY, k->id, &found, &n, e) != RC_OK)
		return e->rc;
	if (n == 0)
		return err_set(e, RC_NOTFOUND, "find key",
			       "the token does not have its private key any more",
			       "restore the token, or import the key from its backup",
			       ON_KEY(s, k->label));
	if (n > 1)
		return err_set(e, RC_TOKEN, "find key",
			       "two private keys have its CKA_ID",
			       "remove the one that does not belong there",
			       ON_KEY(s, k->label));
	/* Other workers may be reading the handle at this moment. */
	__atomic_store_n(&k->private_handle, found[0], __ATOMIC_RELAXED);
	return RC_OK;
}

enum rc key_find_again(struct hsm_session *s, struct hsm_key *key,
		       struct err *e)
{
	bool session_lost = e->code == CKR_SESSION_HANDLE_INVALID ||
			    e->code == CKR_SESSION_CLOSED;
	enum rc rc;

	if (session_lost && hsm_session_reopen(s, e) != RC_OK)
		return e->rc;
	rc = hsm_key_refind(s, key, e);
	if (rc == RC_NOTFOUND)
		rc = e->rc = RC_STALE; /* it was there: the token has changed */
	return rc;
}
