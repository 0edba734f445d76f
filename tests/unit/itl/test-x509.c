/* The call manager's certificate profile (spec: itl-format, Certificates). */
#include "make.h"
#include "base/num.h"
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

static EVP_PKEY *key, *other;

static int setup(void **state)
{
	(void)state;
	key = EVP_RSA_gen(1024);
	other = EVP_RSA_gen(1024);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return 0;
}

static const struct x509_subject subject = {"n1.example", "tac", "cisco", "rtp", "nc", "US"};

#define SIGN KU_DIGITAL_SIGNATURE
#define AGREE (SIGN | KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT | KU_KEY_AGREEMENT)
#define IPSEC 0x100 /* not in OpenSSL's flags */

static uint32_t extended(X509 *x)
{
	static const struct {
		int nid;
		uint32_t flag;
	} known[] = {{NID_server_auth, XKU_SSL_SERVER},
		     {NID_client_auth, XKU_SSL_CLIENT},
		     {NID_ipsecEndSystem, IPSEC}};
	EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	uint32_t flags = 0;

	for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++)
		for (size_t j = 0; j < COUNT_OF(known); j++)
			if (OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, i)) == known[j].nid)
				flags |= known[j].flag;
	EXTENDED_KEY_USAGE_free(eku);
	return flags;
}

static void profiles(void **state)
{
	static const struct {
		enum x509_profile profile;
		uint32_t usage, extended;
		int extensions;
	} rows[] = {
		{X509_CALLMANAGER, AGREE | KU_KEY_CERT_SIGN,
		 XKU_SSL_SERVER | XKU_SSL_CLIENT | IPSEC, 3},
		{X509_RECOVERY, AGREE, XKU_SSL_SERVER | XKU_SSL_CLIENT, 3},
		{X509_CAPF, SIGN | KU_KEY_ENCIPHERMENT | KU_KEY_CERT_SIGN,
		 XKU_SSL_SERVER | IPSEC, 3},
		{X509_TVS, AGREE, XKU_SSL_SERVER | XKU_SSL_CLIENT, 3},
		{X509_AUDIT, SIGN, 0, 2},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		X509 *x = NULL;
		struct err e;

		assert_ok(x509_self_sign(rows[i].profile, &subject, key, key, NULL, "SHA256",
					 MADE, 5, &x, &e),
			  &e);
		assert_int_equal(X509_get_version(x), X509_VERSION_3);
		assert_int_equal(X509_get_key_usage(x), rows[i].usage);
		assert_int_equal(extended(x), rows[i].extended);
		assert_int_equal(X509_get_ext_count(x), rows[i].extensions);
		for (int j = 0; j < X509_get_ext_count(x); j++)
			assert_false(X509_EXTENSION_get_critical(X509_get_ext(x, j)));
		assert_true(X509_get_ext_by_NID(x, NID_subject_key_identifier, -1) >= 0);
		assert_int_equal(X509_get_signature_nid(x), NID_sha256WithRSAEncryption);
		assert_int_equal(X509_verify(x, key), 1);
		X509_free(x);
	}
}

static void names(void **state)
{
	static const struct {
		struct x509_subject subject;
		const char *oneline, *name;
	} rows[] = {
		{{"n1", "tac", "cisco", "rtp", "nc", "US"},
		 "/C=US/O=cisco/OU=tac/CN=n1/ST=nc/L=rtp",
		 "CN=n1;OU=tac;O=cisco;L=rtp;ST=nc;C=US"},
		{{.cn = "n1", .o = "", .c = "DE"}, "/C=DE/CN=n1", "CN=n1;C=DE"},
		{{.cn = "n_1", .l = "K\xc3\xb6ln"}, "/CN=n_1/L=K\\xC3\\xB6ln", "CN=n_1;L=K\xc3\xb6ln"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[256], name[ITL_MAX_NAME];
		size_t n = 0;
		X509 *x = NULL;
		struct err e;

		assert_ok(x509_self_sign(X509_TVS, &rows[i].subject, key, key, NULL, "SHA1",
					 MADE, 5, &x, &e),
			  &e);
		assert_string_equal(X509_NAME_oneline(X509_get_subject_name(x), text, sizeof text),
				    rows[i].oneline);
		assert_int_equal(X509_NAME_cmp(X509_get_subject_name(x),
					       X509_get_issuer_name(x)), 0);
		assert_ok(itl_name(X509_get_subject_name(x), name, &n, &e), &e);
		assert_string_equal(name, rows[i].name);
		assert_int_equal(n, strlen(name) + 1);
		X509_free(x);
	}
}

static void string_types(void **state)
{
	static const struct x509_subject mixed = {.cn = "n_1", .o = "cisco", .c = "US"};
	static const int types[] = {V_ASN1_PRINTABLESTRING, V_ASN1_PRINTABLESTRING,
				    V_ASN1_UTF8STRING};
	X509 *x = NULL;
	struct err e;

	(void)state;
	assert_ok(x509_self_sign(X509_TVS, &mixed, key, key, NULL, "SHA1", MADE, 5, &x, &e), &e);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(
					 X509_get_subject_name(x), i))),
				 types[i]);
	X509_free(x);
}

static void validity(void **state)
{
	static const struct {
		int64_t from;
		unsigned years;
		const char *after;
	} rows[] = {
		{MADE, 5, "20190226182427Z"},
		{1709164800, 5, "20290301000000Z"},  /* 29 February 2024 */
		{1735689600, 20, "20450101000000Z"},
		{1735689600, 30, "20550101000000Z"}, /* no UTCTime has that */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ASN1_TIME *after = ASN1_TIME_new();
		X509 *x = NULL;
		struct err e;

		assert_int_equal(ASN1_TIME_set_string_X509(after, rows[i].after), 1);
		assert_ok(x509_self_sign(X509_TVS, &subject, key, key, NULL, "SHA1", rows[i].from,
					 rows[i].years, &x, &e),
			  &e);
		assert_int_equal(ASN1_TIME_cmp_time_t(X509_get0_notBefore(x), rows[i].from), 0);
		assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(x), after), 0);
		ASN1_TIME_free(after);
		X509_free(x);
	}
}

static void serials(void **state)
{
	uint8_t last[X509_SERIAL_LEN] = {0};

	(void)state;
	for (size_t i = 0; i < 50; i++) {
		const ASN1_INTEGER *serial;
		X509 *x = NULL;
		struct err e;

		assert_ok(x509_self_sign(X509_TVS, &subject, key, key, NULL, "SHA1", MADE, 5, &x,
					 &e),
			  &e);
		serial = X509_get0_serialNumber(x);
		assert_int_equal(ASN1_STRING_length(serial), X509_SERIAL_LEN);
		assert_in_range(ASN1_STRING_get0_data(serial)[0], 0x40, 0x7f);
		assert_memory_not_equal(ASN1_STRING_get0_data(serial), last, X509_SERIAL_LEN);
		memcpy(last, ASN1_STRING_get0_data(serial), X509_SERIAL_LEN);
		X509_free(x);
	}
}

static void refused(void **state)
{
	static const struct {
		struct x509_subject subject;
		const char *hash;
		unsigned years;
		bool mismatch;
		enum rc rc;
		const char *op;
	} rows[] = {
		{{.cn = "n1", .c = "USA"}, "SHA256", 5, false, RC_ERROR, "set subject"},
		{{.cn = "a-name-of-more-than-sixty-four-characters-does-not-fit-a-common-name"},
		 "SHA256", 5, false, RC_ERROR, "set subject"},
		{{.cn = "\xff\xfe"}, "SHA256", 5, false, RC_ERROR, "set subject"},
		{{.cn = "n1"}, "SHA255", 5, false, RC_ERROR, "sign certificate"},
		{{.cn = "n1"}, "SHA256", 0, false, RC_USAGE, "set validity"},
		{{.cn = "n1"}, "SHA256", 101, false, RC_USAGE, "set validity"},
		/* the private key is not the public key's */
		{{.cn = "n1"}, "SHA256", 5, true, RC_VERIFY, "sign certificate"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		X509 *x = NULL;
		struct err e;

		assert_int_equal(x509_self_sign(X509_TVS, &rows[i].subject, key,
						rows[i].mismatch ? other : key, NULL, rows[i].hash,
						MADE, rows[i].years, &x, &e),
				 rows[i].rc);
		assert_string_equal(e.op, rows[i].op);
		assert_null(x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profiles),  cmocka_unit_test(names),
		cmocka_unit_test(string_types), cmocka_unit_test(validity),
		cmocka_unit_test(serials),   cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
