/* set csr gen, show csr own, set cert import: what is said where, and what the service
 * is asked for. */
#include "support/support.h"
#include "door.h"
#include "fake.h"
#include "base/file.h"
#include "base/num.h"
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <string.h>

#define PEM "-----BEGIN CERTIFICATE REQUEST-----\\nMIIB\\n-----END CERTIFICATE REQUEST-----\\n"
#define CSR(name) {name, {"{\"result\":{\"label\":\"CallManager/n2/2\",\"unit\":\"CallManager\"," \
			  "\"node\":\"n2\",\"made\":1393439067,\"pem\":\"" PEM "\"}}"}}
#define PLAN(overrides) \
	{"generate-plan", {"{\"result\":{\"present\":true,\"overrides\":" overrides \
			   ",\"phone_reset\":false}}"}}
#define HELD \
	"{\"error\":{\"rc\":\"refused\",\"op\":\"\",\"what\":\"test10pub\",\"why\":" \
	"\"CallManager certificate was modified in the last 5 minutes. Please re-try " \
	"regnerating TVS certificate at a later time\",\"name\":\"HELD\",\"code\":187," \
	"\"hint\":\"187 seconds left\"}}"

static const struct reply answers[] = {
	CSR("csr"), CSR("csr-show"), PLAN("null"),
	{"cert-import", {"{\"result\":{\"unit\":\"CallManager\",\"node\":\"n2\",\"generation\":2,"
			 "\"overrode\":null}}"}}, {0}};

static const char request[] =
	"-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n";

static const char *member(json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text ? text : "(none)";
}

static void a_request_alone_is_on_stdout(void **state)
{
	struct keyd_intent meant = keyd_intent_csr(UNIT_CALLMANAGER, "n2");
	struct world *w = *state;
	struct output o;

	world_open(w, answers);
	o = world_run(w, "--node test10sub set csr gen CallManager");
	assert_int_equal(o.code, 0);
	assert_string_equal(o.out, request);
	assert_non_null(strstr(o.err, "Successfully Generated CSR for CallManager\n"));
	assert_non_null(strstr(o.err, "itlctl --node test10sub set cert import CallManager FILE"));
	output_clear(&o);
	assert_int_equal(keyd_seen.ntickets, 1);
	assert_int_equal(keyd_seen.tickets[0].op, KEYD_OP_CSR);
	assert_memory_equal(keyd_seen.tickets[0].params, meant.params, sizeof meant.params);
	assert_string_equal(member(world_request(w, 0), "node"), "n2");
	/* again, without a password */
	o = world_run(w, "--node test10sub show csr own CallManager");
	assert_string_equal(o.out, request);
	assert_string_equal(o.err, "");
	assert_int_equal(keyd_seen.ntickets, 1);
	assert_string_equal(member(world_request(w, 1), "do"), "csr-show");
	output_clear(&o);
	o = world_run(w, "set csr gen CAPF --json");
	assert_true(!strncmp(o.out, "{\"result\":{\"label\"", 18));
	assert_string_equal(member(world_request(w, 2), "node"), "(none)");
	output_clear(&o);
}

static void some_units_never(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *why;
	} rows[] = {
		{"set csr gen ITLRecovery", 3, "last resort"},
		{"show csr own ITLRecovery", 3, "last resort"},
		{"set cert import ITLRecovery %d/password", 3, "last resort"},
		{"set csr gen Audit", 2, "no authority's certificate"},
		{"--node test10sub set csr gen CAPF", 3, "not publisher"},
		{"set csr gen", 2, "an argument is missing"},
		{"set cert import TVS", 2, "an argument is missing"},
		{"set cert import TVS %d/password", 2, "holds no certificate"},
		{"set cert import TVS %d/none", 1, "No such file"},
	};

	world_open(*state, answers);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct output o = world_run(*state, rows[i].line);

		print_message("%s: %s\n", rows[i].line, o.err);
		assert_int_equal(o.code, rows[i].code);
		assert_non_null(strstr(o.err, rows[i].why));
		output_clear(&o);
	}
	assert_int_equal(keyd_seen.ntickets, 0);
	assert_int_equal(json_array_size(((struct world *)*state)->requests), 0);
}

/* ---- certificates: whatever they are, keyd judges them ---- */

static void make_cert(struct world *w, const char *name, bool pem, struct writer *der)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	X509 *x = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	uint8_t *bytes = NULL;
	char path[512], *text;
	int n;
	struct err e;

	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 1000));
	assert_true(X509_set_pubkey(x, key) && X509_sign(x, key, EVP_sha256()) > 0);
	n = i2d_X509(x, &bytes);
	assert_true(n > 0);
	if (der)
		write_bytes(der, bytes_of(bytes, num_size(n)));
	if (pem)
		assert_true(BIO_puts(bio, "subject=some words before it\n") > 0 &&
			    PEM_write_bio_X509(bio, x));
	else
		assert_int_equal(BIO_write(bio, bytes, n), n);
	n = num_int((size_t)BIO_get_mem_data(bio, &text));
	assert_ok(file_path(path, sizeof path, w->dir, name, &e), &e);
	assert_ok(file_replace(path, bytes_of(text, num_size(n)), 0644, &e), &e);
	OPENSSL_free(bytes);
	BIO_free(bio);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void join(struct world *w, const char *a, const char *b, const char *to)
{
	char path[512];
	uint8_t *one = NULL, *two = NULL, all[8192];
	struct writer out = writer_of(all, sizeof all);
	size_t n = 0, m = 0;
	struct err e;

	assert_ok(file_path(path, sizeof path, w->dir, a, &e), &e);
	assert_ok(file_read(path, 4096, &one, &n, &e), &e);
	assert_ok(file_path(path, sizeof path, w->dir, b, &e), &e);
	assert_ok(file_read(path, 4096, &two, &m, &e), &e);
	write_bytes(&out, bytes_of(one, n));
	write_bytes(&out, bytes_of(two, m));
	assert_ok(file_path(path, sizeof path, w->dir, to, &e), &e);
	assert_ok(file_replace(path, writer_bytes(&out), 0644, &e), &e);
	free(one);
	free(two);
}

static void expect_sent(struct world *w, size_t i, struct bytes der)
{
	char text[8192];

	(void)sodium_bin2base64(text, sizeof text, der.p, der.n,
				sodium_base64_VARIANT_ORIGINAL);
	assert_string_equal(member(world_request(w, i), "do"), "cert-import");
	assert_string_equal(member(world_request(w, i), "certificates"), text);
}

static void an_import_has_its_dialogue(void **state)
{
	static const char *const yes[] = {PASSWORD, "yes", NULL};
	static const char *const no[] = {PASSWORD, "no", NULL};
	static const char dialogue[] =
		"Enter CCM Administrator password : "
		"WARNING: This operation will overwrite any certificate previously imported "
		"or generated for CallManager Proceed with import (yes|no)? yes "
		"Successfully Imported Certificate for CallManager. You must restart services "
		"related to CallManager for the imported certificate to become active. "
		"The lists that phones get change when the TFTP service is restarted: "
		"itlctl --node test10sub utils service restart Cisco Tftp ";
	static const char *const lines[] = {
		"--node test10sub set cert import CallManager %d/all --yes",
		"--node test10sub set cert import CallManager %d/leaf --ca %d/root --yes --force",
		"--node test10sub set cert import CallManager %d/leaf --ca %d/root.der --yes",
	};
	struct world *w = *state;
	struct keyd_intent meant;
	uint8_t der[8192];
	struct writer all = writer_of(der, sizeof der);
	struct output o;
	char *out;

	make_cert(w, "leaf", true, &all);
	make_cert(w, "root", true, &all);
	join(w, "leaf", "root", "all");
	world_open(w, answers);
	o = world_talk(w, "--node test10sub set cert import CallManager %d/all", no);
	assert_int_equal(o.code, 3);
	assert_int_equal(keyd_seen.ntickets, 0);
	output_clear(&o);
	o = world_talk(w, "--node test10sub set cert import CallManager %d/all", yes);
	assert_int_equal(o.code, 0);
	out = squeezed(o.out);
	assert_true(!strncmp(out, dialogue, strlen(dialogue)));
	free(out);
	output_clear(&o);
	meant = keyd_intent_cert_import(UNIT_CALLMANAGER, "n2", writer_bytes(&all));
	assert_int_equal(keyd_seen.tickets[0].op, KEYD_OP_CERT_IMPORT);
	assert_memory_equal(keyd_seen.tickets[0].params, meant.params, sizeof meant.params);
	expect_sent(w, 2, writer_bytes(&all));
	/* 0: the plan of "no"; then a plan and an import each */
	for (size_t i = 0; i < 2; i++) {
		o = world_run(w, lines[i]);
		assert_int_equal(o.code, 0);
		expect_sent(w, 4 + 2 * i, writer_bytes(&all));
		assert_int_equal(json_is_true(json_object_get(world_request(w, 4 + 2 * i),
							      "force")), i == 1);
		output_clear(&o);
	}
	all.n = 0;
	make_cert(w, "leaf", true, &all);
	make_cert(w, "root.der", false, &all);
	o = world_run(w, lines[2]);
	assert_int_equal(o.code, 0);
	expect_sent(w, 8, writer_bytes(&all));
	output_clear(&o);
}

static void a_hold_is_told_before_the_password(void **state)
{
	static const struct reply held[] = {{"generate-plan", {HELD}}, {0}};
	static const char *const none[] = {NULL};
	struct world *w = *state;
	struct output o;

	make_cert(w, "leaf", true, NULL);
	world_open(w, held);
	o = world_talk(w, "set cert import TVS %d/leaf", none);
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.out, "regnerating TVS certificate at a later time\n187 seconds left.\n"));
	output_clear(&o);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_request_alone_is_on_stdout),
		IN_WORLD(some_units_never),
		IN_WORLD(an_import_has_its_dialogue),
		IN_WORLD(a_hold_is_told_before_the_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
