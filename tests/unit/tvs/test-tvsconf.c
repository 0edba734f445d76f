/* tvs.conf, its page, and the trust file as it is looked at. */
#include "support/support.h"
#include "support/manual.h"
#include "support/software.h"
#include "base/file.h"
#include "base/num.h"
#include "trustfile.h"
#include "tvsconf.h"
#include "x509/x509.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char *dir;
static struct cluster *cluster;

static void put(const char *name, const char *text)
{
	char path[PATH_MAX];
	struct err e;

	assert_ok(file_path(path, sizeof path, dir, name, &e), &e);
	assert_ok(file_replace(path, bytes_of_text(text), 0644, &e), &e);
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	dir = support_tmpdir();
	put("cluster.conf", "[cluster]\nname = lab\npublisher = n1\n"
			    "[node n1]\nhost = one\naddress = 192.0.2.1\nfolder = /a\nrestart = true\n"
			    "[node n2]\nhost = two\naddress = 192.0.2.2\nfolder = /b\nrestart = true\n"
			    "tvs = no\n"
			    "[node n3]\nhost = three\naddress = 192.0.2.3\nfolder = /c\n"
			    "restart = true\ntvs-port = 2446\n");
	assert_ok(cluster_read(dir, &cluster, &e), &e);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cluster_free(cluster);
	support_tmpdir_remove(dir);
	return 0;
}

static void defaults(void **state)
{
	struct tvs_conf *c = NULL;
	struct err e;

	(void)state;
	assert_ok(tvs_conf_read(dir, cluster, &c, &e), &e);
	assert_int_equal(c->loops, 32);
	assert_int_equal(c->connections, 10000);
	assert_int_equal(c->per_address, 1000);
	assert_int_equal(c->handshake_seconds, 20);
	assert_int_equal(c->request_seconds, 10);
	assert_int_equal(c->idle_seconds, 30);
	assert_int_equal(c->nlisteners, 2); /* n2 runs no TVS */
	assert_string_equal(tvs_listener_address(&c->listeners[0]), "192.0.2.1");
	assert_string_equal(c->listeners[1].node->id, "n3");
	assert_int_equal(c->listeners[1].node->tvs_port, 2446);
	assert_int_equal(c->listeners[0].tls_min, 2);
	tvs_conf_free(c);
	tvs_conf_free(NULL);
}

static void listeners(void **state)
{
	const struct tvs_listener *first = NULL;
	struct tvs_conf *c = NULL;
	struct err e;

	(void)state;
	put(TVS_CONF, "[tvs]\nloops = 7\n[listener n3]\naddress = 0.0.0.0\ntls-min = 1.0\n");
	assert_ok(tvs_conf_read(dir, cluster, &c, &e), &e);
	assert_int_equal(c->loops, 7);
	assert_int_equal(c->connections, 10000);
	assert_int_equal(c->listeners[0].tls_min, 2);
	assert_int_equal(c->listeners[1].tls_min, 0);
	assert_string_equal(tvs_listener_address(&c->listeners[1]), "0.0.0.0");
	assert_null(tvs_conf_clash(c, &first));
	tvs_conf_free(c);
	/* One address is fine with two ports, and not with one. */
	put(TVS_CONF, "[listener n3]\naddress = 192.0.2.1\n");
	assert_ok(tvs_conf_read(dir, cluster, &c, &e), &e);
	assert_null(tvs_conf_clash(c, &first));
	cluster->nodes[2].tvs_port = 2445;
	assert_ptr_equal(tvs_conf_clash(c, &first), &c->listeners[1]);
	assert_ptr_equal(first, &c->listeners[0]);
	cluster->nodes[2].tvs_port = 2446;
	tvs_conf_free(c);
}

static void refused(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"[listener n2]\ntls-min = 1.0\n", "n2"}, /* runs none */
		{"[listener n9]\ntls-min = 1.0\n", "n9"},
		{"[listener one]\ntls-min = 1.0\n", "one"}, /* the host's name */
		{"[listener]\ntls-min = 1.0\n", ""},
		{"[tvs x]\nloops = 1\n", "x"},
		{"[tvs]\nloops = 0\n", "tvs.conf:2"},
		{"[tvs]\nloops = 65\n", "tvs.conf:2"},
		{"[tvs]\nper-address = 0\n", "tvs.conf:2"},
		{"[tvs]\nlisteners = 2\n", "tvs.conf:2"},
		{"[listener n1]\ntls-min = 1.4\n", "tvs.conf:2"},
		{"[listener n1]\ntls-min = TLSv1\n", "tvs.conf:2"},
		{"[listener n1]\ntls-min = 1.0\n[listener n1]\ntls-min = 1.1\n", "tvs.conf"},
		{"[other]\na = b\n", "tvs.conf:"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tvs_conf *c = NULL;
		struct err e = {0};

		put(TVS_CONF, rows[i].text);
		if (tvs_conf_read(dir, cluster, &c, &e) != RC_USAGE ||
		    !strstr(e.what, rows[i].says))
			fail_msg("row %zu: %s: %s", i + 1, e.what, e.why);
		assert_null(c);
	}
}

static void the_page_has_every_key(void **state)
{
	uint8_t CLEANUP_FREE *page = NULL;
	struct err e;
	size_t n;

	(void)state;
	assert_ok(file_read(TVS_PAGE, 1 << 20, &page, &n, &e), &e);
	manual_has_keys((char *)page, "\n.Ss Section [tvs]", "\n.Ss Section [listener", tvs_rows);
	manual_has_keys((char *)page, "\n.Ss Section [listener", "\n.Sh FILES",
			tvs_listener_rows);
}

/* ---- the trust file ---- */

static X509 *make(EVP_PKEY *key, enum x509_profile profile, const char *cn)
{
	struct x509_subject subject = {.cn = cn, .o = "cisco", .c = "US"};
	X509 *cert = NULL;
	struct err e;

	assert_ok(x509_self_sign(profile, &subject, key, key, NULL, "SHA256", time(NULL), 5,
				 &cert, &e), &e);
	return cert;
}

#define MADE 1763900000u

static void write_trust(const char *path, EVP_PKEY *key, X509 *audit, X509 *cert,
			uint32_t at)
{
	const struct trust_entry entry = {cert, TRUST_ROLE(ITL_SAST), 3600};
	const struct itl_signer signer = software_signer(key);
	uint8_t CLEANUP_FREE *file = NULL;
	struct err e;
	size_t n;

	assert_ok(trust_build(&entry, cert ? 1 : 0, audit, at, &signer, &file, &n, &e),
		  &e);
	assert_ok(file_replace(path, bytes_of(file, n), 0644, &e), &e);
}

static void trust_file(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048);
	X509 *audit = make(key, X509_AUDIT, "Audit"), *next = make(other, X509_AUDIT, "Audit");
	X509 *cert = make(other, X509_CALLMANAGER, "elsewhere");
	uint8_t CLEANUP_FREE *file = NULL;
	struct trustfile f = {.state = TRUSTFILE_NONE};
	char path[PATH_MAX];
	struct err e;
	size_t n;

	(void)state;
	assert_ok(file_path(path, sizeof path, dir, TRUST_FILE, &e), &e);
	assert_true(trustfile_look(&f, path, audit, 0)); /* the certificate is new */
	assert_int_equal(f.state, TRUSTFILE_NONE);
	assert_false(trustfile_look(&f, path, audit, 0));
	write_trust(path, key, audit, cert, MADE);
	assert_true(trustfile_look(&f, path, audit, 0));
	assert_int_equal(f.state, TRUSTFILE_USED);
	assert_int_equal(f.trust->n, 1);
	assert_false(trustfile_look(&f, path, audit, 0));
	/* Signed by an Audit key that is not the current one any more. */
	assert_true(trustfile_look(&f, path, next, 0));
	assert_int_equal(f.state, TRUSTFILE_REFUSED);
	assert_null(f.trust);
	assert_true(trustfile_look(&f, path, NULL, 0));
	assert_int_equal(f.state, TRUSTFILE_REFUSED);
	assert_true(trustfile_look(&f, path, audit, 0));
	assert_int_equal(f.state, TRUSTFILE_USED);
	/* Every so many bytes, one changed: what was believed before is not any more. */
	assert_ok(file_read(path, ITL_MAX_STORE, &file, &n, &e), &e);
	for (size_t at = 0; at < n; at += 41) {
		file[at] ^= 0x40;
		assert_ok(file_replace(path, bytes_of(file, n), 0644, &e), &e);
		assert_true(trustfile_look(&f, path, audit, 0));
		if (f.state != TRUSTFILE_REFUSED || f.trust)
			fail_msg("byte %zu", at);
		file[at] ^= 0x40;
	}
	write_trust(path, key, audit, NULL, MADE + 2);
	assert_true(trustfile_look(&f, path, audit, 0));
	assert_int_equal(f.state, TRUSTFILE_USED);
	assert_int_equal(f.trust->n, 0);
	/* Who was removed does not come back with the older file, not even by the way of
	 * none at all; with a newer one he does. */
	for (int i = 0; i < 2; i++) {
		write_trust(path, key, audit, cert, MADE + 1);
		assert_true(trustfile_look(&f, path, audit, 0));
		assert_int_equal(f.state, TRUSTFILE_REFUSED);
		assert_null(f.trust);
		assert_non_null(strstr(f.why.why, "older"));
		assert_int_equal(unlink(path), 0);
		assert_true(trustfile_look(&f, path, audit, 0));
		assert_int_equal(f.state, TRUSTFILE_NONE);
	}
	write_trust(path, key, audit, cert, MADE + 2);
	assert_true(trustfile_look(&f, path, audit, 0));
	assert_int_equal(f.state, TRUSTFILE_USED);
	/* keyd signed a newer one, which front does not show: this one is not believed. */
	assert_false(trustfile_look(&f, path, audit, MADE + 2));
	assert_true(trustfile_look(&f, path, audit, MADE + 3));
	assert_int_equal(f.state, TRUSTFILE_REFUSED);
	write_trust(path, key, audit, cert, MADE + 3);
	assert_true(trustfile_look(&f, path, audit, MADE + 3));
	assert_int_equal(f.state, TRUSTFILE_USED);
	/* One of a clock that was wrong does not stay the newest for ever. */
	write_trust(path, key, audit, NULL, UINT32_MAX);
	assert_true(trustfile_look(&f, path, audit, 0));
	write_trust(path, key, audit, cert, MADE + 4);
	assert_true(trustfile_look(&f, path, audit, 0));
	assert_int_equal(f.state, TRUSTFILE_USED);
	assert_int_equal(unlink(path), 0);
	assert_true(trustfile_look(&f, path, audit, 0));
	assert_int_equal(f.state, TRUSTFILE_NONE);
	trustfile_clear(&f);
	X509_free(audit);
	X509_free(next);
	X509_free(cert);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(listeners),
		cmocka_unit_test(refused),
		cmocka_unit_test(the_page_has_every_key),
		cmocka_unit_test(trust_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
