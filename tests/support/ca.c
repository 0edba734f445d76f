#include "ca.h"
#include "base/num.h"
#include "support/support.h"
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define YEAR (365 * 24 * 3600L)

static void put_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_true(X509_add_ext(x, ext, -1));
	X509_EXTENSION_free(ext);
}

static void put_serial(X509 *x, unsigned n)
{
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	uint8_t b[64];

	assert_true(n <= sizeof b && RAND_bytes(b, num_int(n)) == 1);
	b[0] = 0x41;
	assert_true(ASN1_STRING_set(serial, b, num_int(n)));
	assert_true(X509_set_serialNumber(x, serial));
	ASN1_INTEGER_free(serial);
}

static X509 *begin(EVP_PKEY *key, long from, long to, unsigned serial)
{
	X509 *x = X509_new();

	assert_non_null(x);
	assert_true(X509_set_version(x, X509_VERSION_3));
	put_serial(x, serial ? serial : 16);
	assert_true(X509_set_pubkey(x, key));
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), from));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), to));
	return x;
}

static X509_NAME *name_of(const char *cn)
{
	X509_NAME *name = X509_NAME_new();

	if (*cn)
		assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
						       (const uint8_t *)cn, -1, -1, 0));
	return name;
}

struct ca ca_new(const char *cn, const struct ca *by)
{
	struct ca c = {.key = EVP_RSA_gen(2048)};
	X509_NAME *name = name_of(cn);

	c.cert = begin(c.key, -YEAR, YEAR, 0);
	assert_true(X509_set_subject_name(c.cert, name));
	assert_true(X509_set_issuer_name(
		c.cert, by ? X509_get_subject_name(by->cert) : name));
	put_extension(c.cert, c.cert, NID_basic_constraints, "critical,CA:TRUE");
	put_extension(c.cert, c.cert, NID_key_usage, "critical,keyCertSign,cRLSign");
	put_extension(c.cert, c.cert, NID_subject_key_identifier, "hash");
	if (by)
		put_extension(c.cert, by->cert, NID_authority_key_identifier, "keyid");
	assert_true(X509_sign(c.cert, by ? by->key : c.key, EVP_sha256()) > 0);
	X509_NAME_free(name);
	return c;
}

void ca_clear(struct ca *c)
{
	X509_free(c->cert);
	EVP_PKEY_free(c->key);
	*c = (struct ca){0};
}

/* The request's, or the whim's. */
static void put_usages(X509 *x, X509_REQ *req, const struct ca_whim *whim)
{
	const char *own[] = {whim->usage, whim->extended};
	const int nids[] = {NID_key_usage, NID_ext_key_usage};
	STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(req);

	for (size_t i = 0; i < 2; i++) {
		int at = X509v3_get_ext_by_NID(asked, nids[i], -1);

		if (own[i] && own[i][0])
			put_extension(x, x, nids[i], own[i]);
		else if (!own[i] && at >= 0)
			assert_true(X509_add_ext(x, X509v3_get_ext(asked, at), -1));
	}
	sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
}

X509 *ca_issue(const struct ca *by, X509_REQ *req, EVP_PKEY *other,
	       const struct ca_whim *whim)
{
	bool year = !whim->from && !whim->to;
	X509 *x = begin(other ? other : X509_REQ_get0_pubkey(req),
			year ? -YEAR : (long)whim->from, year ? YEAR : (long)whim->to,
			whim->serial_len);
	X509_NAME *name = whim->cn ? name_of(whim->cn) : NULL;
	char comment[8192] = "";

	assert_true(X509_set_subject_name(x, name ? name
						  : X509_REQ_get_subject_name(req)));
	assert_true(X509_set_issuer_name(x, whim->issuer ? whim->issuer
							 : X509_get_subject_name(by->cert)));
	put_usages(x, req, whim);
	put_extension(x, x, NID_subject_key_identifier, "hash");
	put_extension(x, by->cert, NID_authority_key_identifier, "keyid");
	if (whim->pad) {
		assert_true(whim->pad < sizeof comment);
		memset(comment, 'x', whim->pad);
		put_extension(x, by->cert, NID_netscape_comment, comment);
	}
	assert_true(X509_sign(x, by->key, EVP_sha256()) > 0);
	X509_NAME_free(name);
	return x;
}

struct bytes ca_chain(X509 *const *certs, size_t n)
{
	uint8_t *all = malloc(64u << 10), *at = all;

	assert_non_null(all);
	for (size_t i = 0; i < n; i++)
		assert_true(i2d_X509(certs[i], &at) > 0);
	return bytes_of(all, num_size(at - all));
}
