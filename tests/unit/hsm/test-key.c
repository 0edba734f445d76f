#include "fixture.h"
#include "base/num.h"
#include <string.h>

/* ---- generation ---- */

static CK_BBOOL flag(struct fixture *f, CK_OBJECT_HANDLE object,
		     CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value = 0xee;
	CK_ATTRIBUTE a = {type, &value, sizeof value};

	assert_int_equal(hsm_session_functions(f->session)
				 ->C_GetAttributeValue(
					 hsm_session_handle(f->session),
					 object, &a, 1),
			 CKR_OK);
	return value;
}

static const struct {
	const char *label;
	unsigned bits, usage;
} generated[] = {
	{"CallManager/n1/1", 1024, HSM_SIGN},
	{"CallManager/n2/1", 2048, HSM_SIGN},
	{"TVS/n1/1", 3072, HSM_SIGN | HSM_DECRYPT},
	{"ITLRecovery/c/1", 4096, HSM_SIGN | HSM_EXTRACTABLE},
};

/* Every usage, asked of the token. */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	const char *name;
	unsigned usage; /* yes if the key has it; 0: as `always` */
	CK_BBOOL always;
} private_flags[] = {
	{CKA_TOKEN, "TOKEN", 0, CK_TRUE},
	{CKA_PRIVATE, "PRIVATE", 0, CK_TRUE},
	{CKA_SENSITIVE, "SENSITIVE", 0, CK_TRUE},
	{CKA_ALWAYS_SENSITIVE, "ALWAYS_SENSITIVE", 0, CK_TRUE},
	{CKA_LOCAL, "LOCAL", 0, CK_TRUE},
	{CKA_EXTRACTABLE, "EXTRACTABLE", HSM_EXTRACTABLE, 0},
	{CKA_MODIFIABLE, "MODIFIABLE", HSM_EXTRACTABLE, 0},
	{CKA_SIGN, "SIGN", HSM_SIGN, 0},
	{CKA_DECRYPT, "DECRYPT", HSM_DECRYPT, 0},
	{CKA_SIGN_RECOVER, "SIGN_RECOVER", 0, CK_FALSE},
	{CKA_UNWRAP, "UNWRAP", 0, CK_FALSE},
	{CKA_DERIVE, "DERIVE", 0, CK_FALSE},
	{CKA_ALWAYS_AUTHENTICATE, "ALWAYS_AUTHENTICATE", 0, CK_FALSE},
	{CKA_WRAP_WITH_TRUSTED, "WRAP_WITH_TRUSTED", 0, CK_FALSE},
}, public_flags[] = {
	{CKA_TOKEN, "TOKEN", 0, CK_TRUE},
	{CKA_PRIVATE, "PRIVATE", 0, CK_FALSE},
	{CKA_MODIFIABLE, "MODIFIABLE", 0, CK_FALSE},
	{CKA_VERIFY, "VERIFY", HSM_SIGN, 0},
	{CKA_ENCRYPT, "ENCRYPT", HSM_DECRYPT, 0},
	{CKA_VERIFY_RECOVER, "VERIFY_RECOVER", 0, CK_FALSE},
	{CKA_WRAP, "WRAP", 0, CK_FALSE},
	{CKA_DERIVE, "DERIVE", 0, CK_FALSE},
};

static void check_flag(struct fixture *f, CK_OBJECT_HANDLE object,
		       CK_ATTRIBUTE_TYPE type, const char *name, CK_BBOOL want)
{
	CK_BBOOL have = flag(f, object, type);

	if (have != want)
		fail_msg("%s: %u, want %u", name, have, want);
}

static void test_generate(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(generated); i++) {
		unsigned usage = generated[i].usage;
		struct hsm_key CLEANUP(hsm_key_free) *k = fixture_pair(
			f, generated[i].label, generated[i].bits, usage);
		CK_OBJECT_HANDLE priv = object_of(f, k, CKO_PRIVATE_KEY),
				 pub = object_of(f, k, CKO_PUBLIC_KEY);

		assert_string_equal(k->label, generated[i].label);
		assert_int_equal(k->bits, generated[i].bits);
		assert_int_equal(EVP_PKEY_get_bits(k->public_key), k->bits);
		assert_int_equal(k->private_handle, priv);
		assert_null(k->cert);
		for (size_t r = 0; r < COUNT_OF(private_flags); r++)
			check_flag(f, priv, private_flags[r].type,
				   private_flags[r].name,
				   private_flags[r].usage
					   ? !!(usage & private_flags[r].usage)
					   : private_flags[r].always);
		for (size_t r = 0; r < COUNT_OF(public_flags); r++)
			check_flag(f, pub, public_flags[r].type,
				   public_flags[r].name,
				   public_flags[r].usage
					   ? !!(usage & public_flags[r].usage)
					   : public_flags[r].always);
	}
}

static void test_private_exponent_stays(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_pair(f, "CAPF/c/1", 1024, HSM_SIGN);
	uint8_t d[512];
	CK_ATTRIBUTE a = {CKA_PRIVATE_EXPONENT, d, sizeof d};

	assert_int_equal(hsm_session_functions(f->session)
				 ->C_GetAttributeValue(
					 hsm_session_handle(f->session),
					 k->private_handle, &a, 1),
			 CKR_ATTRIBUTE_SENSITIVE);
}

static void test_generate_refuses(void **state)
{
	static const char long_label[HSM_LABEL_MAX + 1] =
		"1234567890123456789012345678901234567890123456789012345678901234";
	static const struct {
		const char *label;
		unsigned bits;
	} rows[] = {{"A/b/1", 512}, {"A/b/1", 0}, {"A/b/1", 2049},
		    {"A/b/1", 8192}, {"", 2048}, {long_label, 2048}};
	struct fixture *f = *state;
	uint8_t id[HSM_ID_LEN];
	struct hsm_key *k = NULL;
	struct err e;

	hsm_id_new(id);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(hsm_key_generate(f->session, id, rows[i].label,
						  rows[i].bits, HSM_SIGN, &k,
						  &e),
				 RC_USAGE);
	assert_null(k);
}

static void test_id_is_used_once(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_pair(f, "TVS/n7/1", 1024, HSM_SIGN);
	struct hsm_key *second = NULL;
	struct err e;

	assert_int_equal(hsm_key_generate(f->session, k->id, "TVS/n7/2", 1024,
					  HSM_SIGN, &second, &e),
			 RC_REFUSED);
	assert_null(second);
	assert_ok(hsm_key_remove(f->session, k->id, &e), &e);
	assert_int_equal(hsm_key_refind(f->session, k, &e), RC_NOTFOUND);
	assert_ok(hsm_key_generate(f->session, k->id, "TVS/n7/2", 1024,
				   HSM_SIGN, &second, &e),
		  &e);
	hsm_key_free(second);
}

static void test_ids_are_random(void **state)
{
	uint8_t a[HSM_ID_LEN], b[HSM_ID_LEN];

	(void)state;
	hsm_id_new(a);
	hsm_id_new(b);
	assert_memory_not_equal(a, b, sizeof a);
}

/* What a token says when it is full, or will not: nothing stays behind. */
static void test_generate_fails(void **state)
{
	static const struct {
		CK_RV rv;
		enum rc rc;
		const char *name, *hint;
	} rows[] = {
		{CKR_DEVICE_MEMORY, RC_TOKEN, "CKR_DEVICE_MEMORY", "make room"},
		{CKR_DEVICE_ERROR, RC_TOKEN, "CKR_DEVICE_ERROR", "log"},
		{CKR_GENERAL_ERROR, RC_TOKEN, "CKR_GENERAL_ERROR", "rights"},
		{CKR_KEY_SIZE_RANGE, RC_TOKEN, "CKR_KEY_SIZE_RANGE", "size"},
		{CKR_TOKEN_WRITE_PROTECTED, RC_TOKEN,
		 "CKR_TOKEN_WRITE_PROTECTED", "rights"},
		{0x80000123, RC_TOKEN, "CKR_0x80000123", "log"},
	};
	struct fixture *f = *state;
	struct mock *m = mock_of(state);

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t id[HSM_ID_LEN];
		struct hsm_key *k = NULL;
		struct err e;

		hsm_id_new(id);
		m->fault[MOCK_GENERATE].rv = rows[i].rv;
		m->fault[MOCK_GENERATE].times = 1;
		assert_int_equal(hsm_key_generate(f->session, id, "CAPF/c/7",
						  1024, HSM_SIGN, &k, &e),
				 rows[i].rc);
		assert_null(k);
		assert_int_equal(e.code, rows[i].rv);
		assert_non_null(strstr(fixture_text(&e), rows[i].name));
		assert_non_null(strstr(e.hint, rows[i].hint));
		assert_non_null(strstr(e.what, TOKEN_LABEL));
		assert_non_null(strstr(e.what, "CAPF/c/7"));
		/* The mock left a public half; it must be gone. */
		assert_ok(hsm_key_generate(f->session, id, "CAPF/c/7", 1024,
					   HSM_SIGN, &k, &e),
			  &e);
		assert_ok(hsm_key_remove(f->session, id, &e), &e);
		hsm_key_free(k);
	}
}

static void test_token_that_ignores_templates(void **state)
{
	struct fixture *f = *state;
	struct mock *m = mock_of(state);
	uint8_t id[HSM_ID_LEN];
	struct hsm_key *k = NULL;
	struct err e;

	hsm_id_new(id);
	m->deaf_to_templates = 1;
	assert_int_equal(hsm_key_generate(f->session, id, "CAPF/c/8", 1024,
					  HSM_SIGN, &k, &e),
			 RC_TOKEN);
	assert_null(k);
	m->deaf_to_templates = 0;
	assert_ok(hsm_key_generate(f->session, id, "CAPF/c/8", 1024, HSM_SIGN,
				   &k, &e),
		  &e);
	hsm_key_free(k);
}

/* ---- the certificate commits ---- */

/* All other rights are asked of it, and are the key's. */
static void test_token_that_knows_no_trusted(void **state)
{
	struct fixture *f = *state;
	struct mock *m = mock_of(state);
	struct hsm_key *k;

	m->knows_no_trusted = 1;
	k = fixture_pair(f, "CAPF/c/2", 1024, HSM_SIGN);
	m->knows_no_trusted = 0;
	assert_int_equal(m->count[MOCK_GENERATE], 2);
	for (size_t r = 0; r < COUNT_OF(private_flags); r++)
		check_flag(f, k->private_handle, private_flags[r].type,
			   private_flags[r].name,
			   private_flags[r].usage ? private_flags[r].usage == HSM_SIGN
						  : private_flags[r].always);
	hsm_key_free(k);
}

/* One that knows no attribute at all is asked twice, and no more. */
static void test_token_that_knows_nothing(void **state)
{
	struct fixture *f = *state;
	struct mock *m = mock_of(state);
	uint8_t id[HSM_ID_LEN];
	struct hsm_key *k = NULL;
	struct err e;

	hsm_id_new(id);
	m->fault[MOCK_GENERATE].rv = CKR_ATTRIBUTE_TYPE_INVALID;
	m->fault[MOCK_GENERATE].times = 100;
	assert_int_equal(hsm_key_generate(f->session, id, "CAPF/c/3", 1024, HSM_SIGN, &k,
					  &e),
			 RC_TOKEN);
	m->fault[MOCK_GENERATE].times = 0;
	assert_int_equal(m->count[MOCK_GENERATE], 2);
	assert_null(k);
}

static void test_commit(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *a =
		fixture_pair(f, "CallManager/n3/1", 1024, HSM_SIGN);
	struct hsm_key CLEANUP(hsm_key_free) *b =
		fixture_pair(f, "CallManager/n4/1", 1024, HSM_SIGN);
	X509 *cert = fixture_cert(f->session, a);
	struct err e;

	assert_int_equal(hsm_key_commit(f->session, b, cert, &e), RC_VERIFY);
	assert_null(b->cert);
	assert_ok(hsm_key_commit(f->session, a, cert, &e), &e);
	assert_int_equal(X509_cmp(a->cert, cert), 0);
	assert_ptr_not_equal(a->cert, cert);
	assert_int_equal(hsm_key_commit(f->session, a, cert, &e), RC_REFUSED);
	X509_free(cert);
}

static void test_commit_fails(void **state)
{
	struct fixture *f = *state;
	struct mock *m = mock_of(state);
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_pair(f, "CallManager/n5/1", 1024, HSM_SIGN);
	X509 *cert = fixture_cert(f->session, k);
	struct err e;

	m->fault[MOCK_CREATE].rv = CKR_DEVICE_MEMORY;
	m->fault[MOCK_CREATE].times = 1;
	assert_int_equal(hsm_key_commit(f->session, k, cert, &e), RC_TOKEN);
	assert_null(k->cert);
	assert_non_null(strstr(fixture_text(&e), "CKR_DEVICE_MEMORY"));
	assert_ok(hsm_key_commit(f->session, k, cert, &e), &e);
	X509_free(cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_private_exponent_stays),
		cmocka_unit_test(test_generate_refuses),
		cmocka_unit_test(test_id_is_used_once),
		cmocka_unit_test(test_ids_are_random),
		cmocka_unit_test(test_generate_fails),
		cmocka_unit_test(test_token_that_ignores_templates),
		cmocka_unit_test(test_token_that_knows_no_trusted),
		cmocka_unit_test(test_token_that_knows_nothing),
		cmocka_unit_test(test_commit),
		cmocka_unit_test(test_commit_fails),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
