#include "fixture.h"
#include "base/num.h"
#include <stdio.h>
#include <string.h>

static bool all(const char *label)
{
	return strchr(label, '/') != NULL;
}

static struct mock *mock_of(void **state)
{
	struct mock *m = ((struct fixture *)*state)->mock;

	*m = (struct mock){0};
	return m;
}

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

static CK_OBJECT_HANDLE object_of(struct fixture *f, const struct hsm_key *key,
				  CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE t[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_ID, (void *)(uintptr_t)key->id, HSM_ID_LEN},
	};
	CK_FUNCTION_LIST *p11 = hsm_session_functions(f->session);
	CK_SESSION_HANDLE s = hsm_session_handle(f->session);
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;

	assert_int_equal(p11->C_FindObjectsInit(s, t, 2), CKR_OK);
	assert_int_equal(p11->C_FindObjects(s, found, 2, &n), CKR_OK);
	assert_int_equal(p11->C_FindObjectsFinal(s), CKR_OK);
	assert_int_equal(n, 1);
	return found[0];
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

/* ---- loading: in a token of its own ---- */

struct seen {
	char text[1000];
};

static void incomplete(void *arg, const char *label, const char *what)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	(void)snprintf(s->text + n, sizeof s->text - n, "%s lacks %s\n", label,
		       what);
}

static void destroy(struct fixture *f, const struct hsm_key *key,
		    CK_OBJECT_CLASS class)
{
	assert_int_equal(hsm_session_functions(f->session)
				 ->C_DestroyObject(
					 hsm_session_handle(f->session),
					 object_of(f, key, class)),
			 CKR_OK);
}

/* A certificate object with parts of the test's choice. */
static void write_cert(struct fixture *f, const uint8_t *id, const char *label,
		       const uint8_t *der, size_t n)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE t[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_CERTIFICATE_TYPE, &type, sizeof type},
		{CKA_TOKEN, &yes, sizeof yes},
		{CKA_PRIVATE, &no, sizeof no},
		{CKA_ID, (void *)(uintptr_t)id, HSM_ID_LEN},
		{CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
		{CKA_SUBJECT, (void *)(uintptr_t) "0", 1},
		{CKA_VALUE, (void *)(uintptr_t)der, n},
	};
	CK_OBJECT_HANDLE object;

	assert_int_equal(hsm_session_functions(f->session)
				 ->C_CreateObject(hsm_session_handle(f->session),
						  t, COUNT_OF(t), &object),
			 CKR_OK);
}

static void write_der(struct fixture *f, const uint8_t *id, const char *label,
		      X509 *cert, size_t extra)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);

	assert_true(n > 0);
	der = OPENSSL_realloc(der, (size_t)n + extra);
	assert_non_null(der);
	memset(der + n, 0, extra);
	write_cert(f, id, label, der, (size_t)n + extra);
	OPENSSL_free(der);
}

static enum rc load(struct fixture *f, struct seen *seen,
		    struct hsm_key ***keys, size_t *n, struct err *e)
{
	seen->text[0] = '\0';
	return hsm_keys_load(f->session, all, incomplete, seen, keys, n, e);
}

static void test_load_empty(void **state)
{
	struct fixture *f = *state;
	struct hsm_key **keys = NULL;
	struct seen seen;
	size_t n = 1;
	struct err e;

	assert_ok(load(f, &seen, &keys, &n, &e), &e);
	assert_int_equal(n, 0);
	assert_string_equal(seen.text, "");
	hsm_keys_free(keys, n);
}

static void test_load_complete_triples(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *a =
		fixture_key(f, "CallManager/n1/1", 1024, HSM_SIGN);
	struct hsm_key CLEANUP(hsm_key_free) *b =
		fixture_key(f, "CallManager/n1/2", 2048, HSM_SIGN);
	struct hsm_key **keys = NULL;
	struct seen seen;
	size_t n = 0;
	struct err e;

	hsm_key_free(fixture_key(f, "somebody else's", 1024, HSM_SIGN));
	fixture_reopen(f);
	assert_ok(load(f, &seen, &keys, &n, &e), &e);
	assert_string_equal(seen.text, "");
	assert_int_equal(n, 2);
	assert_string_equal(keys[0]->label, a->label);
	assert_memory_equal(keys[0]->id, a->id, HSM_ID_LEN);
	assert_int_equal(keys[0]->bits, 1024);
	assert_int_equal(X509_cmp(keys[0]->cert, a->cert), 0);
	assert_int_equal(EVP_PKEY_eq(keys[0]->public_key, a->public_key), 1);
	assert_string_equal(keys[1]->label, b->label);
	assert_int_equal(keys[1]->bits, 2048);
	hsm_keys_free(keys, n);
}

static void test_load_incomplete(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *nopriv =
		fixture_key(f, "A/nopriv/1", 1024, HSM_SIGN);
	struct hsm_key CLEANUP(hsm_key_free) *nopub =
		fixture_key(f, "A/nopub/1", 1024, HSM_SIGN);
	struct hsm_key CLEANUP(hsm_key_free) *label =
		fixture_pair(f, "A/label/1", 1024, HSM_SIGN);
	struct hsm_key CLEANUP(hsm_key_free) *other =
		fixture_pair(f, "A/other/1", 1024, HSM_SIGN);
	struct hsm_key CLEANUP(hsm_key_free) *broken =
		fixture_pair(f, "A/broken/1", 1024, HSM_SIGN);
	struct hsm_key CLEANUP(hsm_key_free) *tail =
		fixture_pair(f, "A/tail/1", 1024, HSM_SIGN);
	struct hsm_key CLEANUP(hsm_key_free) *whole =
		fixture_key(f, "A/whole/1", 1024, HSM_SIGN);
	static const char *const lines[] = {
		"A/pair/1 lacks a certificate\n",
		"A/nopriv/1 lacks a private key\n",
		"A/nopub/1 lacks a public key\n",
		"A/label/1 lacks one label",
		"A/other/1 lacks a certificate of its own public key\n",
		"A/broken/1 lacks a certificate that can be read\n",
		"A/tail/1 lacks a certificate that can be read\n",
	};
	struct hsm_key **keys = NULL;
	X509 *cert = fixture_cert(f->session, label);
	X509 *cert2 = fixture_cert(f->session, tail);
	struct seen seen;
	size_t n = 0;
	struct err e;

	hsm_key_free(fixture_pair(f, "A/pair/1", 1024, HSM_SIGN));
	destroy(f, nopriv, CKO_PRIVATE_KEY);
	destroy(f, nopub, CKO_PUBLIC_KEY);
	write_der(f, label->id, "A/label/2", cert, 0);
	write_der(f, other->id, "A/other/1", whole->cert, 0);
	write_der(f, tail->id, "A/tail/1", cert2, 1);
	write_cert(f, broken->id, "A/broken/1", (const uint8_t *)"0\x03no", 4);
	assert_ok(load(f, &seen, &keys, &n, &e), &e);
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		if (!strstr(seen.text, lines[i]))
			fail_msg("no \"%s\" in:\n%s", lines[i], seen.text);
	assert_null(strstr(seen.text, "A/whole/1"));
	assert_int_equal(n, 1);
	assert_string_equal(keys[0]->label, "A/whole/1");
	hsm_keys_free(keys, n);
	X509_free(cert);
	X509_free(cert2);
}

static void test_load_two_of_one_id(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_key(f, "CallManager/n1/1", 1024, HSM_SIGN);
	struct hsm_key **keys = NULL;
	struct seen seen;
	size_t n = 5;
	struct err e;

	write_der(f, k->id, "CallManager/n9/9", k->cert, 0);
	assert_int_equal(load(f, &seen, &keys, &n, &e), RC_TOKEN);
	assert_non_null(strstr(e.what, "CallManager/n1/1"));
	assert_non_null(strstr(e.what, "CallManager/n9/9"));
	assert_null(keys);
	assert_int_equal(n, 5);
}

static void test_load_two_of_one_label(void **state)
{
	struct fixture *f = *state;
	struct hsm_key **keys = NULL;
	struct seen seen;
	size_t n = 5;
	struct err e;

	hsm_key_free(fixture_key(f, "TVS/n1/1", 1024, HSM_SIGN));
	hsm_key_free(fixture_key(f, "TVS/n1/1", 1024, HSM_SIGN));
	assert_int_equal(load(f, &seen, &keys, &n, &e), RC_TOKEN);
	assert_non_null(strstr(e.what, "TVS/n1/1"));
	assert_null(keys);
}

static void test_load_fails(void **state)
{
	struct fixture *f = *state;
	struct mock *m = mock_of(state);
	struct hsm_key **keys = NULL;
	struct seen seen;
	size_t n = 0;
	unsigned reads;
	struct err e;

	hsm_key_free(fixture_key(f, "TVS/n1/1", 1024, HSM_SIGN));
	m->count[MOCK_GET_ATTRIBUTE] = 0;
	assert_ok(load(f, &seen, &keys, &n, &e), &e);
	hsm_keys_free(keys, n);
	keys = NULL;
	reads = m->count[MOCK_GET_ATTRIBUTE];
	assert_true(reads >= 10);
	m->fault[MOCK_GET_ATTRIBUTE].rv = CKR_DEVICE_ERROR;
	m->fault[MOCK_GET_ATTRIBUTE].times = 1;
	assert_int_equal(load(f, &seen, &keys, &n, &e), RC_TOKEN);
	m->fault[MOCK_FIND].rv = CKR_SESSION_HANDLE_INVALID;
	m->fault[MOCK_FIND].times = 1;
	assert_int_equal(load(f, &seen, &keys, &n, &e), RC_STALE);
	assert_null(keys);
}

/* Another program's pair under an id that is in use. */
static void generate_twin(struct fixture *f, const struct hsm_key *key)
{
	CK_MECHANISM m = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG bits = 1024;
	CK_ATTRIBUTE public[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}};
	CK_ATTRIBUTE private[] = {
		{CKA_TOKEN, &yes, sizeof yes},
		{CKA_ID, (void *)(uintptr_t)key->id, HSM_ID_LEN},
		{CKA_LABEL, (void *)(uintptr_t) "twin", 4},
	};
	CK_OBJECT_HANDLE a, b;

	assert_int_equal(hsm_session_functions(f->session)
				 ->C_GenerateKeyPair(
					 hsm_session_handle(f->session), &m,
					 public, 1, private, 3, &a, &b),
			 CKR_OK);
}

static void test_refind(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_pair(f, "TVS/n1/1", 1024, HSM_SIGN);
	CK_OBJECT_HANDLE before = k->private_handle;
	struct err e;

	k->private_handle = 0;
	assert_ok(hsm_key_refind(f->session, k, &e), &e);
	assert_int_equal(k->private_handle, before);
	generate_twin(f, k);
	k->private_handle = 0;
	assert_int_equal(hsm_key_refind(f->session, k, &e), RC_TOKEN);
	assert_int_equal(k->private_handle, 0);
	assert_non_null(strstr(e.what, "TVS/n1/1"));
}

static void test_load_two_private_keys(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_key(f, "TVS/n1/1", 1024, HSM_SIGN);
	struct hsm_key **keys = NULL;
	struct seen seen;
	size_t n = 0;
	struct err e;

	generate_twin(f, k);
	assert_int_equal(load(f, &seen, &keys, &n, &e), RC_TOKEN);
	assert_non_null(strstr(e.what, "\"TVS/n1/1\""));
	assert_non_null(strstr(e.what, "\"twin\""));
	assert_null(keys);
}

#define OWN_TOKEN(test)                                                        \
	cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest shared[] = {
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_private_exponent_stays),
		cmocka_unit_test(test_generate_refuses),
		cmocka_unit_test(test_id_is_used_once),
		cmocka_unit_test(test_ids_are_random),
		cmocka_unit_test(test_generate_fails),
		cmocka_unit_test(test_token_that_ignores_templates),
		cmocka_unit_test(test_commit),
		cmocka_unit_test(test_commit_fails),
	};
	const struct CMUnitTest own[] = {
		OWN_TOKEN(test_load_empty),
		OWN_TOKEN(test_load_complete_triples),
		OWN_TOKEN(test_load_incomplete),
		OWN_TOKEN(test_load_two_of_one_id),
		OWN_TOKEN(test_load_two_of_one_label),
		OWN_TOKEN(test_load_fails),
		OWN_TOKEN(test_load_two_private_keys),
		OWN_TOKEN(test_refind),
	};

	return cmocka_run_group_tests(shared, fixture_setup, fixture_teardown) +
	       cmocka_run_group_tests(own, NULL, NULL);
}
