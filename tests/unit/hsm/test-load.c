/* What is found in a token: each test in one of its own. */
#include "fixture.h"
#include "base/num.h"
#include <stdio.h>
#include <string.h>

static bool all(const char *label)
{
	return strchr(label, '/') != NULL;
}

struct seen {
	char text[1000];
};

static void incomplete(void *arg, const struct hsm_half *half)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	(void)snprintf(s->text + n, sizeof s->text - n, "%s lacks %s\n",
		       half->label, half->lack);
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
	const struct CMUnitTest tests[] = {
		OWN_TOKEN(test_load_empty),
		OWN_TOKEN(test_load_complete_triples),
		OWN_TOKEN(test_load_incomplete),
		OWN_TOKEN(test_load_two_of_one_id),
		OWN_TOKEN(test_load_two_of_one_label),
		OWN_TOKEN(test_load_fails),
		OWN_TOKEN(test_load_two_private_keys),
		OWN_TOKEN(test_refind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
