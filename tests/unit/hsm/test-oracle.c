/* The same keys used by programs that are not ours: openssl through libp11's
 * engine, and pkcs11-tool. */
#include "fixture.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/num.h"
#include <stdio.h>
#include <string.h>

static const char message[] = "one list for every TFTP node";

static char *path_in(struct fixture *f, const char *name)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", f->softhsm.dir, name) > 0);
	return path;
}

static void write_file(struct fixture *f, const char *name, struct bytes b)
{
	char CLEANUP_FREE *path = path_in(f, name);
	struct err e;

	assert_ok(file_replace(path, b, 0600, &e), &e);
}

static uint8_t *read_file(struct fixture *f, const char *name, size_t *n)
{
	char CLEANUP_FREE *path = path_in(f, name);
	uint8_t *out = NULL;
	struct err e;

	assert_ok(file_read(path, 1 << 20, &out, n, &e), &e);
	return out;
}

static void run(const char *const argv[], char *out, size_t cap)
{
	if (support_run(argv, out, cap) != 0)
		fail_msg("%s %s: %s", argv[0], argv[1], out);
}

/* ---- openssl ---- */

/* An openssl.cnf with the engine, since --engine knows no MODULE_PATH. */
static int setup(void **state)
{
	struct fixture *f;
	char CLEANUP_FREE *text = NULL, CLEANUP_FREE *path = NULL;

	assert_int_equal(fixture_setup(state), 0);
	f = *state;
	assert_true(asprintf(&text,
			     "openssl_conf = init\n"
			     "[init]\nengines = engines\n"
			     "[engines]\npkcs11 = pkcs11\n"
			     "[pkcs11]\nengine_id = pkcs11\n"
			     "dynamic_path = %s/pkcs11.so\n"
			     "MODULE_PATH = %s\ninit = 0\n",
			     ENGINES_DIR, softhsm_module()) > 0);
	write_file(f, "openssl.cnf", bytes_of_text(text));
	write_file(f, "message", bytes_of_text(message));
	path = path_in(f, "openssl.cnf");
	assert_int_equal(setenv("OPENSSL_CONF", path, 1), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)unsetenv("OPENSSL_CONF");
	return fixture_teardown(state);
}

static char *key_uri(const struct hsm_key *key)
{
	char *uri = NULL;
	char id[3 * HSM_ID_LEN + 1] = "";

	for (size_t i = 0; i < HSM_ID_LEN; i++)
		(void)snprintf(id + 3 * i, 4, "%%%02x", key->id[i]);
	assert_true(asprintf(&uri, "%s;id=%s;type=private?pin-value=%s",
			     TOKEN_URI, id, SOFTHSM_PIN) > 0);
	return uri;
}

static void test_engine(void **state)
{
	static const struct {
		unsigned bits;
		const char *digest, *option;
	} rows[] = {
		{1024, "SHA1", "-sha1"},     {2048, "SHA256", "-sha256"},
		{2048, "SHA512", "-sha512"}, {3072, "SHA384", "-sha384"},
		{4096, "SHA512", "-sha512"},
	};
	struct fixture *f = *state;
	char CLEANUP_FREE *in = path_in(f, "message");
	char CLEANUP_FREE *sig_path = path_in(f, "signature");
	struct bytes part = bytes_of_text(message);

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hsm_key CLEANUP(hsm_key_free) *k = fixture_key(
			f, "CallManager/n1/1", rows[i].bits, HSM_SIGN);
		char CLEANUP_FREE *uri = key_uri(k);
		const char *const argv[] = {
			"openssl",   "dgst",	rows[i].option, "-engine",
			"pkcs11",    "-keyform", "engine",	 "-sign",
			uri,	     "-out",	sig_path,	in,
			NULL};
		uint8_t ours[HSM_SIGNATURE_MAX], CLEANUP_FREE *theirs = NULL;
		char out[4096];
		size_t n;
		struct err e;

		assert_ok(hsm_sign(f->session, k, rows[i].digest, HSM_PKCS1,
				   &part, 1, ours, k->bits / 8, &e),
			  &e);
		run(argv, out, sizeof out);
		theirs = read_file(f, "signature", &n);
		assert_int_equal(n, k->bits / 8);
		assert_memory_equal(ours, theirs, n);
	}
}

/* ---- pkcs11-tool ---- */

static size_t count_of(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void test_pkcs11_tool(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_key(f, "CallManager/n7/12", 1024, HSM_SIGN);
	struct hsm_key CLEANUP(hsm_key_free) *recovery = fixture_key(
		f, "ITLRecovery/c/1", 1024, HSM_SIGN | HSM_EXTRACTABLE);
	const char *const argv[] = {"pkcs11-tool", "--module", softhsm_module(),
				    "--token-label", TOKEN_LABEL, "--login",
				    "--pin", SOFTHSM_PIN, "--list-objects",
				    NULL};
	char id[2 * HSM_ID_LEN + 1], out[16384];
	const char *at;

	hex_of(bytes_of(k->id, HSM_ID_LEN), id, sizeof id);
	run(argv, out, sizeof out);
	/* Private key, public key, certificate. */
	assert_int_equal(count_of(out, "CallManager/n7/12"), 3);
	assert_int_equal(count_of(out, id), 3);
	assert_non_null(strstr(out, "Certificate Object; type = X.509 cert"));
	assert_int_equal(count_of(out, "never extractable"),
			 count_of(out, "Private Key Object") - 1);
	hex_of(bytes_of(recovery->id, HSM_ID_LEN), id, sizeof id);
	at = strstr(out, id);
	assert_non_null(at);
	assert_int_equal(count_of(out, id), 3);
}

static void test_pkcs11_tool_reads_the_certificate(void **state)
{
	struct fixture *f = *state;
	struct hsm_key CLEANUP(hsm_key_free) *k =
		fixture_key(f, "TVS/n7/1", 1024, HSM_SIGN | HSM_DECRYPT);
	char id[2 * HSM_ID_LEN + 1], out[4096];
	char CLEANUP_FREE *path = path_in(f, "cert.der");
	const char *const argv[] = {
		"pkcs11-tool",	 "--module",	softhsm_module(),
		"--token-label", TOKEN_LABEL,	"--read-object",
		"--type",	 "cert",	"--id",
		id,		 "--output-file", path,
		NULL};
	uint8_t CLEANUP_FREE *der = NULL;
	const unsigned char *p;
	X509 *cert;
	size_t n;

	hex_of(bytes_of(k->id, HSM_ID_LEN), id, sizeof id);
	run(argv, out, sizeof out);
	der = read_file(f, "cert.der", &n);
	p = der;
	cert = d2i_X509(NULL, &p, (long)n);
	assert_non_null(cert);
	assert_int_equal(X509_cmp(cert, k->cert), 0);
	X509_free(cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_engine),
		cmocka_unit_test(test_pkcs11_tool),
		cmocka_unit_test(test_pkcs11_tool_reads_the_certificate),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
