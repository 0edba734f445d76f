/* What is taken, and what is refused: limits, and files that others could have made. */
#include "make.h"
#include "base/num.h"
#include "internal.h"
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

static struct party party;

static int setup(void **state)
{
	(void)state;
	party = party_make(2048);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	party_clear(&party);
	return 0;
}

/* ---- kinds of keys ---- */

static X509 *cert_of(EVP_PKEY *key)
{
	X509 *x = X509_dup(party.cert);

	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_true(X509_sign(x, party.key, EVP_sha256()) > 0); /* encodes it anew */
	return x;
}

/* An RSA public key of any length: it needs no primes. */
static EVP_PKEY *public_key(int bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_new(), *e = BN_new();
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	assert_true(BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) == 1 &&
		    BN_set_word(e, 65537) == 1 &&
		    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
		    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e) == 1);
	params = OSSL_PARAM_BLD_to_param(b);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return key;
}

static void key_kinds(void **state)
{
	static const struct {
		int bits; /* 0: an EC key */
		enum rc rc;
	} rows[] = {
		{0, RC_REFUSED},    {1023, RC_REFUSED}, {1024, RC_OK},
		{4096, RC_OK},      {4097, RC_REFUSED}, {16384, RC_REFUSED},
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		EVP_PKEY *key = rows[i].bits ? public_key(rows[i].bits) : EVP_EC_gen("P-256");
		struct party other = party;

		other.cert = cert_of(key);
		struct bytes file = party_file(&other, PASSWORD, 1, FRIENDLY);

		assert_int_equal(open_rc(file, PASSWORD, &e), rows[i].rc);
		free((void *)(uintptr_t)file.p);
		X509_free(other.cert);
		EVP_PKEY_free(key);
	}
}

/* ---- files that others could have made: bags of every kind ---- */

static PKCS12_SAFEBAG *cert_bag(X509 *cert, const char *id)
{
	PKCS12_SAFEBAG *bag = PKCS12_SAFEBAG_create_cert(cert);

	if (id)
		assert_int_equal(PKCS12_add_localkeyid(bag, (uint8_t *)(uintptr_t)id,
						       num_int(strlen(id))),
				 1);
	return bag;
}

static X509_SIG *encrypt_under(X509_ALGOR *alg, EVP_PKEY *key)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	X509_SIG *sig = PKCS8_set0_pbe(PASSWORD, -1, info, alg);

	assert_non_null(sig);
	PKCS8_PRIV_KEY_INFO_free(info);
	return sig;
}

/* A key under PBE (SHA-1, 3DES), or under PBES2 with the cipher nid. */
static X509_SIG *encrypt(int nid, EVP_PKEY *key, int iterations)
{
	return encrypt_under(
		nid == NID_pbe_WithSHA1And3_Key_TripleDES_CBC
			? PKCS5_pbe_set(nid, iterations, NULL, 0)
			: PKCS5_pbe2_set_iv(EVP_get_cipherbynid(nid), iterations, NULL, 0,
					    NULL, NID_hmacWithSHA256),
		key);
}

static PKCS12_SAFEBAG *key_bag(int nid, EVP_PKEY *key, int iterations, const char *id)
{
	PKCS12_SAFEBAG *bag =
		PKCS12_SAFEBAG_create0_pkcs8(encrypt(nid, key, iterations));

	if (id)
		assert_int_equal(PKCS12_add_localkeyid(bag, (uint8_t *)(uintptr_t)id,
						       num_int(strlen(id))),
				 1);
	return bag;
}

/* Takes the bags (up to NULL), each in `parts` parts of the file. */
static struct bytes file_of(PKCS12_SAFEBAG *const bags[], int parts)
{
	struct secret CLEANUP(secret_free) *s = softhsm_secret(PASSWORD);
	STACK_OF(PKCS12_SAFEBAG) *stack = sk_PKCS12_SAFEBAG_new_null();
	STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
	uint8_t *content = NULL, *out = NULL;
	size_t n = 0;
	struct err e;
	int len;

	for (size_t i = 0; bags[i]; i++)
		sk_PKCS12_SAFEBAG_push(stack, bags[i]);
	for (int i = 0; i < parts; i++)
		sk_PKCS7_push(safes, PKCS12_pack_p7data(stack));
	len = ASN1_item_i2d((ASN1_VALUE *)safes, &content, ASN1_ITEM_rptr(PKCS12_AUTHSAFES));
	assert_true(len > 0);
	assert_ok(pfx_write(bytes_of(content, (size_t)len), s, 1, &out, &n, &e), &e);
	OPENSSL_free(content);
	bags_free(stack);
	safes_free(safes);
	return bytes_of(out, n);
}

static void expect(PKCS12_SAFEBAG *const bags[], int parts, enum rc rc, const char *why)
{
	struct bytes file = file_of(bags, parts);
	struct err e = {0};

	assert_int_equal(open_rc(file, PASSWORD, &e), rc);
	if (why && !strstr(e.why, why))
		fail_msg("\"%s\" instead of \"%s\"", e.why, why);
	free((void *)(uintptr_t)file.p);
}

#define BAGS(...) (PKCS12_SAFEBAG *[]){__VA_ARGS__, NULL}
#define OURS NID_aes_256_cbc
#define OTHERS NID_des_ede3_cbc

static void bags(void **state)
{
	struct party other = party_make(1024);
	EVP_PKEY *key = party.key, *ec = EVP_EC_gen("P-256");
	X509 *cert = party.cert;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);

	(void)state;
	/* ours */
	expect(BAGS(cert_bag(cert, NULL), key_bag(OURS, key, 1, NULL)), 1, RC_OK, NULL);
	expect(BAGS(cert_bag(cert, "a"), key_bag(OURS, key, 1, "b")), 1, RC_OK, NULL);
	expect(BAGS(cert_bag(other.cert, "b"), cert_bag(cert, "a"),
		    key_bag(OURS, key, 1, "a")),
	       1, RC_OK, NULL);
	expect(BAGS(cert_bag(other.cert, NULL), cert_bag(cert, NULL),
		    key_bag(OURS, key, 1, NULL)),
	       1, RC_REFUSED, "nothing says which");
	expect(BAGS(cert_bag(other.cert, "a"), cert_bag(cert, "a"),
		    key_bag(OURS, key, 1, "a")),
	       1, RC_REFUSED, "more than one certificate");
	expect(BAGS(key_bag(OURS, key, 1, "a"), cert_bag(cert, "a"), cert_bag(cert, "a")), 1,
	       RC_OK, NULL);
	/* converted: the key itself chooses */
	expect(BAGS(cert_bag(other.cert, "a"), cert_bag(cert, "b"),
		    key_bag(OTHERS, key, 1, "a")),
	       1, RC_OK, NULL);
	expect(BAGS(cert_bag(other.cert, "a"), key_bag(OTHERS, key, 1, "a")), 1, RC_REFUSED,
	       "does not match its certificate");
	expect(BAGS(cert_bag(cert, NULL), key_bag(OTHERS, ec, 1, NULL)), 1, RC_REFUSED,
	       "not RSA");
	expect(BAGS(cert_bag(cert, NULL),
		    key_bag(NID_pbe_WithSHA1And3_Key_TripleDES_CBC, key, 1, NULL)),
	       1, RC_OK, NULL);
	/* too few, too many */
	expect(BAGS(cert_bag(cert, NULL)), 1, RC_REFUSED, "no private key");
	expect(BAGS(key_bag(OURS, key, 1, NULL)), 1, RC_REFUSED, "no certificate");
	expect(BAGS(cert_bag(cert, NULL), key_bag(OURS, key, 1, NULL)), 2, RC_REFUSED,
	       "more than one private key");
	expect(BAGS(cert_bag(cert, NULL)), MAX_SAFES, RC_REFUSED, "no private key");
	expect(BAGS(cert_bag(cert, NULL)), MAX_SAFES + 1, RC_REFUSED, "too many parts");
	/* unprotected */
	expect(BAGS(cert_bag(cert, NULL), PKCS12_SAFEBAG_create0_p8inf(info)), 1, RC_REFUSED,
	       "not encrypted");
	expect(BAGS(cert_bag(cert, NULL), key_bag(OURS, key, 1, NULL),
		    PKCS12_SAFEBAG_create_secret(NID_pkcs7_data, V_ASN1_OCTET_STRING,
						 (uint8_t *)(uintptr_t) "s", 1)),
	       1, RC_REFUSED, "neither key nor certificate");
	EVP_PKEY_free(ec);
	party_clear(&other);
}

/* What is encrypted is a whole number of blocks, and fits a wrapped key. */
static void length_of_the_wrapped_key(void **state)
{
	static const struct {
		int n;
		enum rc rc;
	} rows[] = {
		{0, RC_REFUSED},	{1, RC_REFUSED},
		{15, RC_REFUSED},	{16, RC_OK},
		{1217, RC_REFUSED},	{WRAPPED_MAX, RC_OK},
		{WRAPPED_MAX + 16, RC_REFUSED},
	};
	static const uint8_t bytes[WRAPPED_MAX + 16];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		X509_SIG *sig = encrypt(OURS, party.key, 1);
		ASN1_OCTET_STRING *encrypted;

		X509_SIG_getm(sig, NULL, &encrypted);
		assert_int_equal(ASN1_OCTET_STRING_set(encrypted, bytes, rows[i].n), 1);
		expect(BAGS(cert_bag(party.cert, NULL), PKCS12_SAFEBAG_create0_pkcs8(sig)), 1,
		       rows[i].rc, rows[i].rc ? "length" : NULL);
	}
}

static void many_certificates(void **state)
{
	PKCS12_SAFEBAG *list[MAX_BAGS + 3];
	struct party small = party_make(1024); /* so that 64 KiB hold them */
	const size_t counts[] = {MAX_BAGS, MAX_BAGS + 1};

	(void)state;
	for (size_t c = 0; c < COUNT_OF(counts); c++) {
		size_t n = 0;

		while (n < counts[c])
			list[n++] = cert_bag(small.cert, "a");
		list[n++] = key_bag(OURS, small.key, 1, "a");
		list[n] = NULL;
		expect(list, 1, c ? RC_REFUSED : RC_OK, c ? "too many certificates" : NULL);
	}
	party_clear(&small);
}

/* Give PBKDF2's keyLength, which most leave out. */
static void say_length(X509_SIG *sig, int length)
{
	X509_ALGOR *alg;
	PBE2PARAM *pbes2;
	PBKDF2PARAM *kdf;

	X509_SIG_getm(sig, &alg, NULL);
	pbes2 = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), alg->parameter);
	kdf = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM),
					pbes2->keyfunc->parameter);
	assert_non_null(kdf->keylength = ASN1_INTEGER_new());
	assert_int_equal(ASN1_INTEGER_set(kdf->keylength, length), 1);
	assert_non_null(ASN1_TYPE_pack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), kdf,
						&pbes2->keyfunc->parameter));
	assert_non_null(ASN1_TYPE_pack_sequence(ASN1_ITEM_rptr(PBE2PARAM), pbes2,
						&alg->parameter));
	PBKDF2PARAM_free(kdf);
	PBE2PARAM_free(pbes2);
}

/* Whatever hash derived its key: AES-256-CBC stays wrapped. */
static void other_prfs(void **state)
{
	static const struct {
		int prf, key_length; /* 0: not given */
		enum rc rc;
	} rows[] = {
		{NID_hmacWithSHA1, 0, RC_OK},	   {NID_hmacWithSHA224, 0, RC_OK},
		{NID_hmacWithSHA384, 0, RC_OK},	   {NID_hmacWithSHA512, 0, RC_OK},
		{NID_hmacWithSHA256, 32, RC_OK},   {NID_hmacWithSHA256, 16, RC_USAGE},
		{NID_hmacWithMD5, 0, RC_REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		X509_ALGOR *alg = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), 5, NULL, 0, NULL,
						    rows[i].prf);
		X509_SIG *sig = encrypt_under(alg, party.key);

		if (rows[i].key_length)
			say_length(sig, rows[i].key_length);
		PKCS12_SAFEBAG *key = PKCS12_SAFEBAG_create0_pkcs8(sig);
		struct bytes file = file_of(BAGS(cert_bag(party.cert, NULL), key), 1);
		struct err e;

		assert_int_equal(open_rc(file, PASSWORD, &e), rows[i].rc);
		if (rows[i].rc == RC_OK) {
			struct p12 *p = must_open(file, PASSWORD);

			assert_false(p->converted);
			assert_true(party_is_wrapped(&party, &p->key));
			p12_free(p);
		}
		free((void *)(uintptr_t)file.p);
	}
}

/* Whole, alone, and definite in length: what a token unwraps is the exact DER. */
static void private_keys_in_der(void **state)
{
	struct bytes whole = bytes_of(party.pkcs8, party.pkcs8_n);
	uint8_t *other = calloc(1, whole.n + 2);
	struct pkcs8_public public;
	struct err e;

	(void)state;
	assert_ok(rsa_public_of(whole, &public, &e), &e);
	assert_true(rsa_is_of(&public, party.cert));
	for (size_t i = 0; i < whole.n; i++)
		assert_int_equal(rsa_public_of(bytes_of(whole.p, i), &public, &e),
				 RC_REFUSED);
	memcpy(other, whole.p, whole.n);
	assert_int_equal(rsa_public_of(bytes_of(other, whole.n + 1), &public, &e),
			 RC_REFUSED);
	memcpy(other, "\x30\x80", 2); /* to the two zeros at its end */
	memcpy(other + 2, whole.p + 4, whole.n - 4);
	assert_int_equal(rsa_public_of(bytes_of(other, whole.n), &public, &e), RC_REFUSED);
	free(other);
}

/* An RSA-PSS key has the same numbers, and cannot sign a list. */
static void a_key_for_pss_alone(void **state)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *key = NULL;

	(void)state;
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 1024), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	X509 *cert = cert_of(key);

	expect(BAGS(cert_bag(cert, NULL), key_bag(OTHERS, key, 1, NULL)), 1, RC_REFUSED,
	       "not RSA");
	expect(BAGS(cert_bag(cert, NULL), key_bag(OURS, key, 1, NULL)), 1, RC_REFUSED,
	       "not RSA");
	X509_free(cert);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
}

/* Attributes within the PrivateKeyInfo, which some programs write. */
static void attributes_of_the_key(void **state)
{
	static uint8_t text[4000];
	static const struct {
		int n;
		enum rc rc;
	} rows[] = {{20, RC_OK}, {4000, RC_REFUSED}};

	(void)state;
	memset(text, 'a', sizeof text);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(party.key);
		X509_ALGOR *alg = PKCS5_pbe_set(NID_pbe_WithSHA1And3_Key_TripleDES_CBC, 1,
						NULL, 0);
		X509_SIG *sig;

		assert_int_equal(PKCS8_pkey_add1_attr_by_NID(info, NID_description,
							     V_ASN1_UTF8STRING, text,
							     rows[i].n),
				 1);
		sig = PKCS8_set0_pbe(PASSWORD, -1, info, alg);
		PKCS8_PRIV_KEY_INFO_free(info);
		expect(BAGS(cert_bag(party.cert, NULL), PKCS12_SAFEBAG_create0_pkcs8(sig)), 1,
		       rows[i].rc, rows[i].rc ? "too long" : NULL);
	}
}

/* Bytes behind the contents, under a MAC that covers them. */
static void contents_added_to(void **state)
{
	struct secret CLEANUP(secret_free) *s = softhsm_secret(PASSWORD);
	struct bytes file = party_file(&party, PASSWORD, 1, FRIENDLY);
	PFX CLEANUP(pfx_free) *pfx = NULL;
	uint8_t *longer, *out = NULL;
	size_t n = 0, content_n;
	struct err e;

	(void)state;
	assert_ok(pfx_read(file, 1, &pfx, &e), &e);
	content_n = pfx_content(pfx).n;
	longer = calloc(1, content_n + 1);
	memcpy(longer, pfx_content(pfx).p, content_n);
	for (size_t more = 0; more < 2; more++) {
		assert_ok(pfx_write(bytes_of(longer, content_n + more), s, 1, &out, &n, &e),
			  &e);
		assert_int_equal(open_rc(bytes_of(out, n), PASSWORD, &e),
				 more ? RC_USAGE : RC_OK);
		free(out);
	}
	free(longer);
	free((void *)(uintptr_t)file.p);
}

/* A count over the limit is refused before it is paid for: these would take
 * minutes. */
static void iterations_of_a_file(void **state)
{
	struct bytes file = party_file(&party, PASSWORD, P12_ITERATIONS_MAX / 1000, FRIENDLY);
	struct secret CLEANUP(secret_free) *s = softhsm_secret(PASSWORD);
	struct p12 *p = NULL;
	struct err e;

	(void)state;
	assert_int_equal(p12_read(file, s, P12_ITERATIONS_MAX / 1000 - 1, &p, &e),
			 RC_REFUSED);
	assert_non_null(strstr(e.why, "iterations"));
	assert_non_null(strstr(e.what, "the MAC"));
	assert_ok(p12_read(file, s, P12_ITERATIONS_MAX / 1000, &p, &e), &e);
	p12_free(p);
	free((void *)(uintptr_t)file.p);

	expect(BAGS(cert_bag(party.cert, NULL), key_bag(OURS, party.key, 20, NULL)), 1, RC_OK,
	       NULL);
	file = file_of(BAGS(cert_bag(party.cert, NULL), key_bag(OTHERS, party.key, 20, NULL)),
		       1);
	assert_int_equal(p12_read(file, s, 19, &p, &e), RC_REFUSED);
	assert_non_null(strstr(e.what, "its encryption"));
	free((void *)(uintptr_t)file.p);
}

/* A file of nothing but a MAC whose count is `count`, as the bytes of an INTEGER. */
static struct bytes file_with_mac(struct bytes count, size_t salt_n, uint8_t buf[512])
{
	static const uint8_t start[] = {0x02, 0x01, 0x03, 0x30, 0x11, 0x06, 0x09, 0x2a,
					0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01,
					0xa0, 0x04, 0x04, 0x02, 0x30, 0x00};
	static const uint8_t digest[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
					 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
					 0x01, 0x05, 0x00, 0x04, 0x20 /* 32 bytes */};
	static const uint8_t zeros[MAX_SALT + 1];
	const size_t salt_head = salt_n < 128 ? 2 : 3;
	const size_t mac_n = sizeof digest + 32 + salt_head + salt_n + 2 + count.n;
	struct writer w = writer_of(buf, 512);

	write_u16(&w, 0x3082); /* lengths of two bytes: OpenSSL reads BER */
	write_u16(&w, num_u16(sizeof start + 4 + mac_n));
	write_bytes(&w, bytes_of(start, sizeof start));
	write_u16(&w, 0x3082);
	write_u16(&w, num_u16(mac_n));
	write_bytes(&w, bytes_of(digest, sizeof digest));
	write_bytes(&w, bytes_of(zeros, 32));
	write_u8(&w, 0x04);
	if (salt_head == 3)
		write_u8(&w, 0x81);
	write_u8(&w, num_u8(salt_n));
	write_bytes(&w, bytes_of(zeros, salt_n));
	write_u8(&w, 0x02);
	write_u8(&w, num_u8(count.n));
	write_bytes(&w, count);
	return writer_bytes(&w);
}

/* The real limit. Were it not checked first, the test would take hours. */
static void iterations_over_the_limit(void **state)
{
	static const struct {
		size_t n;
		uint8_t count[12];
		enum rc rc;
	} rows[] = {
		{1, {1}, RC_VERIFY}, /* only the MAC is wrong */
		{2, {0x03, 0xe8}, RC_VERIFY},
		{1, {0}, RC_REFUSED},
		{1, {0xff}, RC_REFUSED},
		{4, {0x00, 0x98, 0x96, 0x81}, RC_REFUSED}, /* 10,000,001 */
		{4, {0x7f, 0xff, 0xff, 0xff}, RC_REFUSED},
		{5, {0x01, 0x00, 0x00, 0x00, 0x01}, RC_REFUSED},
		{9, {0x01, 0, 0, 0, 0, 0, 0, 0, 0x01}, RC_REFUSED},
		{12, {0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, RC_REFUSED},
		{2, {0x00, 0x01}, RC_USAGE}, /* is no DER */
	};
	uint8_t buf[512];
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct bytes count = bytes_of(rows[i].count, rows[i].n);

		assert_int_equal(open_rc(file_with_mac(count, 8, buf), PASSWORD, &e),
				 rows[i].rc);
		if (rows[i].rc == RC_REFUSED)
			assert_non_null(strstr(e.why, "iterations"));
	}
}

static void salts(void **state)
{
	static const struct {
		size_t n;
		enum rc rc;
	} rows[] = {
		{0, RC_REFUSED},
		{1, RC_VERIFY}, /* only the MAC is wrong */
		{MAX_SALT, RC_VERIFY},
		{MAX_SALT + 1, RC_REFUSED},
	};
	uint8_t buf[512];
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(open_rc(file_with_mac(bytes_of("\1", 1), rows[i].n, buf),
					 PASSWORD, &e),
				 rows[i].rc);
}

static void too_large(void **state)
{
	uint8_t *big = calloc(1, P12_MAX + 1);
	struct err e;

	(void)state;
	assert_int_equal(open_rc(bytes_of(big, P12_MAX + 1), PASSWORD, &e), RC_REFUSED);
	assert_int_equal(open_rc(bytes_of(big, P12_MAX), PASSWORD, &e), RC_USAGE);
	assert_int_equal(open_rc(bytes_of(NULL, 0), PASSWORD, &e), RC_USAGE);
	free(big);
}

/* Two files under one password: the parts of one in the other. */
static void swapped_parts(void **state)
{
	struct bytes a = party_file(&party, PASSWORD, 1, FRIENDLY);
	struct bytes b = party_file(&party, PASSWORD, 1, FRIENDLY);
	uint8_t *mixed = malloc(a.n);
	struct err e;

	(void)state;
	assert_int_equal(a.n, b.n); /* so that offsets are the same */
	for (size_t cut = 1; cut < a.n; cut++) {
		memcpy(mixed, a.p, cut);
		memcpy(mixed + cut, b.p + cut, a.n - cut);
		if (!bytes_equal(bytes_of(mixed, a.n), a) &&
		    !bytes_equal(bytes_of(mixed, a.n), b))
			assert_int_equal(open_rc(bytes_of(mixed, a.n), PASSWORD, &e),
					 RC_VERIFY);
	}
	free(mixed);
	free((void *)(uintptr_t)a.p);
	free((void *)(uintptr_t)b.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_kinds),
		cmocka_unit_test(bags),
		cmocka_unit_test(length_of_the_wrapped_key),
		cmocka_unit_test(many_certificates),
		cmocka_unit_test(other_prfs),
		cmocka_unit_test(private_keys_in_der),
		cmocka_unit_test(a_key_for_pss_alone),
		cmocka_unit_test(attributes_of_the_key),
		cmocka_unit_test(contents_added_to),
		cmocka_unit_test(iterations_of_a_file),
		cmocka_unit_test(iterations_over_the_limit),
		cmocka_unit_test(salts),
		cmocka_unit_test(too_large),
		cmocka_unit_test(swapped_parts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
