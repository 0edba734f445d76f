/* What a backup says it is must be what it is. The ways through keyd and a vault
 * are the integration tests'. */
#include "make.h"
#include "recovery/recovery.h"
#include "base/hex.h"
#include <stdio.h>
#include <string.h>

#define TIME 1393439067
#define OTHER "ITLRecovery-01-20140226T182427Z"

static struct party party, other;
static char serial[65];

static int start(void **state)
{
	const ASN1_INTEGER *n;

	(void)state;
	party = party_make(1024);
	other = party_make(1024);
	n = X509_get0_serialNumber(party.cert);
	hex_of(bytes_of(ASN1_STRING_get0_data(n), (size_t)ASN1_STRING_length(n)),
	       serial, sizeof serial);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	party_clear(&party);
	party_clear(&other);
	return 0;
}

static char *name_of(bool plain, char to[VAULT_NAME_MAX])
{
	struct vault_name n = {.time = TIME, .plain = plain};

	(void)snprintf(n.serial, sizeof n.serial, "%s", serial);
	return vault_name_text(&n, to);
}

/* An envelope around p12, whose manifest tells of `about`. */
static struct bytes envelope_of(struct bytes p12, const struct party *about,
				const char *password)
{
	struct envelope_manifest m = {.bits = 1024, .time = TIME};
	struct secret *s = softhsm_secret(password);
	uint8_t *out = NULL;
	unsigned len = 0;
	size_t n = 0;
	struct err e;

	name_of(false, m.name);
	assert_int_equal(X509_digest(about->cert, EVP_sha256(), m.fingerprint, &len), 1);
	assert_ok(envelope_seal(s, &envelope_minimum, &m, p12, NULL, 0, &out, &n, &e), &e);
	secret_free(s);
	return bytes_of(out, n);
}

static enum rc open_it(struct bytes file, const char *name, const char *password,
		       const char *inner, struct err *e)
{
	struct secret *s = softhsm_secret(password);
	struct secret *own = inner ? softhsm_secret(inner) : NULL;
	struct recovery_file *f = NULL;
	enum rc rc = recovery_open(file, name, s, own, &f, e);

	if (rc == RC_OK)
		assert_true(party_is_wrapped(&party, &f->p12->key));
	else
		assert_null(f);
	recovery_file_free(f);
	secret_free(s);
	secret_free(own);
	return rc;
}

static void names_must_be_true(void **state)
{
	char own[VAULT_NAME_MAX], plain[VAULT_NAME_MAX];
	struct bytes p12 = party_file(&party, PASSWORD, 1, FRIENDLY);
	struct bytes envelope = envelope_of(p12, &party, PASSWORD);
	const struct {
		struct bytes file;
		const char *name;
		enum rc rc;
	} rows[] = {
		{envelope, name_of(false, own), RC_OK},
		{envelope, NULL, RC_OK}, /* not from a vault */
		{envelope, OTHER ".envelope", RC_VERIFY},
		{envelope, "anything", RC_VERIFY},
		{p12, name_of(true, plain), RC_OK},
		{p12, P12_NAME, RC_OK}, /* names no serial */
		{p12, NULL, RC_OK},
		{p12, OTHER ".p12", RC_VERIFY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err e = {0};
		enum rc rc = open_it(rows[i].file, rows[i].name, PASSWORD, NULL, &e);

		if (rc != rows[i].rc)
			fail_msg("row %zu: %d, %s", i, rc, e.why);
		if (rc != RC_OK)
			assert_non_null(strstr(e.why, "another backup under this name"));
	}
	free((void *)(uintptr_t)envelope.p);
	free((void *)(uintptr_t)p12.p);
}

static void a_p12_of_another_key_is_found(void **state)
{
	struct bytes p12 = party_file(&party, PASSWORD, 1, FRIENDLY);
	struct bytes envelope = envelope_of(p12, &other, PASSWORD);
	struct err e = {0};

	(void)state;
	assert_int_equal(open_it(envelope, NULL, PASSWORD, NULL, &e), RC_VERIFY);
	assert_non_null(strstr(e.why, "manifest"));
	free((void *)(uintptr_t)envelope.p);
	free((void *)(uintptr_t)p12.p);
}

static void the_two_passwords(void **state)
{
	struct bytes p12 = party_file(&party, "inner", 1, FRIENDLY);
	struct bytes envelope = envelope_of(p12, &party, PASSWORD);
	struct err e = {0};

	(void)state;
	assert_ok(open_it(envelope, NULL, PASSWORD, "inner", &e), &e);
	assert_ok(open_it(p12, NULL, PASSWORD, "inner", &e), &e);
	assert_int_equal(open_it(envelope, NULL, PASSWORD, NULL, &e), RC_VERIFY);
	assert_int_equal(open_it(envelope, NULL, WRONG, "inner", &e), RC_VERIFY);
	assert_int_equal(open_it(p12, NULL, WRONG, NULL, &e), RC_VERIFY);
	free((void *)(uintptr_t)envelope.p);
	free((void *)(uintptr_t)p12.p);
}

static void what_is_neither(void **state)
{
	static const char text[] = "IKEEP";
	struct err e = {0};

	(void)state;
	assert_int_equal(open_it(bytes_of_text(text), NULL, PASSWORD, NULL, &e), RC_USAGE);
	assert_int_equal(open_it(bytes_of("", 0), NULL, PASSWORD, NULL, &e), RC_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_must_be_true),
		cmocka_unit_test(a_p12_of_another_key_is_found),
		cmocka_unit_test(the_two_passwords),
		cmocka_unit_test(what_is_neither),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
