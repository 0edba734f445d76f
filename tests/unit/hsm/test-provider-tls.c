/* Handshakes of a server whose key lives elsewhere. */
#include "owner.h"
#include "base/num.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

struct tls {
	const char *name;
	int version;
	const char *ciphers; /* up to TLS 1.2 */
	const char *suites;  /* TLS 1.3 */
	const char *sigalgs, *groups;
	const char *md; /* of the one signature; NULL: none, but decryption */
	int pss;
	size_t signed_len; /* what a key's owner may check; 0: not given */
};

static const struct tls handshakes[] = {
	{"TLS 1.0, RSA", TLS1_VERSION, "AES128-SHA", NULL, NULL, NULL, NULL, 0,
	 0},
	{"TLS 1.0, ECDHE", TLS1_VERSION, "ECDHE-RSA-AES128-SHA", NULL, NULL,
	 "P-256", "MD5-SHA1", 0, 133},
	{"TLS 1.2, RSA", TLS1_2_VERSION, "AES256-SHA", NULL, NULL, NULL, NULL, 0,
	 0},
	{"TLS 1.2, ECDHE, PSS", TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384",
	 NULL, "RSA-PSS+SHA256", "X25519", "SHA256", 1, 100},
	{"TLS 1.2, ECDHE, PKCS#1", TLS1_2_VERSION,
	 "ECDHE-RSA-AES128-GCM-SHA256", NULL, "RSA+SHA512", "P-256", "SHA512", 0,
	 133},
	{"TLS 1.3, SHA-256", TLS1_3_VERSION, NULL, "TLS_AES_128_GCM_SHA256",
	 "RSA-PSS+SHA256", NULL, "SHA256", 1, 130},
	{"TLS 1.3, SHA-384", TLS1_3_VERSION, NULL, "TLS_AES_256_GCM_SHA384",
	 "RSA-PSS+SHA384", NULL, "SHA384", 1, 146},
};

static void limit(SSL_CTX *ctx, const struct tls *t)
{
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, t->version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, t->version), 1);
	/* TLS 1.0 signs with SHA-1: not at OpenSSL's usual level. */
	SSL_CTX_set_security_level(ctx, t->version == TLS1_VERSION ? 0 : 1);
	if (t->ciphers)
		assert_int_equal(SSL_CTX_set_cipher_list(ctx, t->ciphers), 1);
	if (t->suites)
		assert_int_equal(SSL_CTX_set_ciphersuites(ctx, t->suites), 1);
	if (t->sigalgs)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, t->sigalgs), 1);
	if (t->groups)
		assert_int_equal(SSL_CTX_set1_groups_list(ctx, t->groups), 1);
}

static SSL_CTX *server_of(const struct tls *t, X509 *cert)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, far), 1);
	assert_int_equal(SSL_CTX_check_private_key(ctx), 1);
	limit(ctx, t);
	return ctx;
}

static SSL_CTX *client_of(const struct tls *t, X509 *cert)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	assert_non_null(ctx);
	assert_int_equal(
		X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert), 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	limit(ctx, t);
	return ctx;
}

/* Both ends in this thread, until both are done or one fails; then a word from
 * server to client, which in TLS 1.3 brings the ticket too. */
static bool shake(SSL_CTX *server, SSL_CTX *client, SSL_SESSION **session,
		  bool *reused)
{
	SSL *s = SSL_new(server), *c = SSL_new(client);
	BIO *near_end, *far_end;
	bool ok = false;
	char word[3] = "";

	assert_int_equal(BIO_new_bio_pair(&near_end, 0, &far_end, 0), 1);
	SSL_set_bio(s, near_end, near_end);
	SSL_set_bio(c, far_end, far_end);
	SSL_set_accept_state(s);
	SSL_set_connect_state(c);
	if (session && *session)
		assert_int_equal(SSL_set_session(c, *session), 1);
	for (int i = 0; i < 50 && !ok; i++) {
		int a = SSL_do_handshake(c), b = SSL_do_handshake(s);

		if ((a <= 0 && SSL_get_error(c, a) != SSL_ERROR_WANT_READ) ||
		    (b <= 0 && SSL_get_error(s, b) != SSL_ERROR_WANT_READ))
			break;
		ok = a == 1 && b == 1;
	}
	if (ok)
		ok = SSL_write(s, "ok", 2) == 2 && SSL_read(c, word, 2) == 2 &&
		     !strcmp(word, "ok");
	*reused = ok && SSL_session_reused(s);
	if (session && !*session)
		*session = SSL_get1_session(c);
	(void)SSL_shutdown(c);
	(void)SSL_shutdown(s);
	SSL_free(c);
	SSL_free(s);
	return ok;
}

static void check_asked(const struct tls *t)
{
	unsigned char blanks[64];

	memset(blanks, ' ', sizeof blanks);
	assert_int_equal(owner.decrypts, t->md ? 0 : 1);
	assert_int_equal(owner.signs, t->md ? 1 : 0);
	if (!t->md) {
		assert_int_equal(owner.client_version, t->version);
		return;
	}
	assert_string_equal(owner.md, t->md);
	assert_int_equal(owner.pss, t->pss);
	assert_int_equal(owner.n, t->signed_len);
	if (t->version == TLS1_3_VERSION)
		assert_memory_equal(owner.message, blanks, sizeof blanks);
}

static void test_tls(void **state)
{
	X509 *cert = self_signed();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(handshakes); i++) {
		const struct tls *t = &handshakes[i];
		SSL_CTX *server = server_of(t, cert), *client = client_of(t, cert);
		bool reused;

		forget();
		if (!shake(server, client, NULL, &reused)) {
			ERR_print_errors_fp(stderr);
			fail_msg("%s", t->name);
		}
		assert_false(reused);
		check_asked(t);
		/* The owner is away. */
		forget();
		owner.fails = true;
		assert_false(shake(server, client, NULL, &reused));
		ERR_clear_error();
		SSL_CTX_free(client);
		SSL_CTX_free(server);
	}
	X509_free(cert);
}

/* A session that is resumed costs no private operation. */
static void test_tls_resumed(void **state)
{
	X509 *cert = self_signed();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(handshakes); i++) {
		const struct tls *t = &handshakes[i];
		SSL_CTX *server = server_of(t, cert), *client = client_of(t, cert);
		SSL_SESSION *session = NULL;
		bool reused;

		assert_int_equal(
			SSL_CTX_set_session_id_context(
				server, (const unsigned char *)"tvs", 3),
			1);
		forget();
		assert_true(shake(server, client, &session, &reused));
		forget();
		assert_true(shake(server, client, &session, &reused));
		if (!reused)
			fail_msg("%s", t->name);
		assert_int_equal(owner.signs + owner.decrypts, 0);
		SSL_SESSION_free(session);
		SSL_CTX_free(client);
		SSL_CTX_free(server);
	}
	X509_free(cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_tls_resumed),
	};

	return cmocka_run_group_tests(tests, owner_start, owner_stop);
}
