/* Sessions that phones come back with, and the keys of their tickets. */
#include "support/support.h"
#include "base/num.h"
#include "ticket.h"
#include "x509/x509.h"
#include <openssl/err.h>
#include <string.h>
#include <time.h>

static EVP_PKEY *key;
static X509 *cert;

static int setup(void **state)
{
	const struct x509_subject subject = {.cn = "tvs", .o = "test", .c = "US"};
	struct err e;

	(void)state;
	key = EVP_RSA_gen(2048);
	assert_ok(x509_self_sign(X509_TVS, &subject, key, key, NULL, "SHA256", time(NULL), 5,
				 &cert, &e), &e);
	assert_ok(tickets_open(&e), &e);
	tickets_rotate(1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

/* A listener, as after a renewal or of another loop: its own context each time. */
static SSL_CTX *server(int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	struct err e;

	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	assert_int_equal(SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"tvs", 3), 1);
	assert_ok(tickets_use(ctx, &e), &e);
	return ctx;
}

static SSL_SESSION *newest;

static int keep(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(newest);
	newest = s;
	return 1;
}

/* A handshake with what is kept; was it resumed? What the server gives is kept. */
static bool resumes(int version)
{
	SSL_CTX *at = server(version), *of = SSL_CTX_new(TLS_client_method());
	SSL *s = SSL_new(at), *c = SSL_new(of);
	BIO *near_end, *far_end;
	bool done = false, resumed;
	char word[3];

	/* What an own cache holds ends with the context. */
	(void)SSL_CTX_set_session_cache_mode(of, SSL_SESS_CACHE_CLIENT |
							 SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(of, keep);
	assert_int_equal(BIO_new_bio_pair(&near_end, 0, &far_end, 0), 1);
	SSL_set_bio(s, near_end, near_end);
	SSL_set_bio(c, far_end, far_end);
	SSL_set_accept_state(s);
	SSL_set_connect_state(c);
	if (newest)
		assert_int_equal(SSL_set_session(c, newest), 1);
	for (int i = 0; i < 50 && !done; i++) {
		int a = SSL_do_handshake(c), b = SSL_do_handshake(s);

		done = a == 1 && b == 1;
	}
	assert_true(done);
	assert_int_equal(SSL_write(s, "ok", 2), 2);
	assert_int_equal(SSL_read(c, word, 2), 2); /* TLS 1.3's ticket comes with it */
	resumed = SSL_session_reused(s);
	assert_int_equal(SSL_session_reused(c), resumed);
	if (version == TLS1_2_VERSION) { /* a renewed ticket is not told of */
		SSL_SESSION_free(newest);
		newest = SSL_get1_session(c);
	}
	(void)SSL_shutdown(c);
	(void)SSL_shutdown(s);
	SSL_free(c);
	SSL_free(s);
	SSL_CTX_free(of);
	SSL_CTX_free(at);
	return resumed;
}

static void forget(void)
{
	SSL_SESSION_free(newest);
	newest = NULL;
}

static void keys_of_tickets(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	double now = 1;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		SSL_SESSION *old;

		assert_false(resumes(versions[i]));
		assert_non_null(newest);
		assert_true(resumes(versions[i]));
		tickets_rotate(now + TICKET_SECONDS - 1); /* not yet */
		assert_true(resumes(versions[i]));
		old = newest;
		assert_int_equal(SSL_SESSION_up_ref(old), 1);
		/* The key before the newest still opens, and gives a newer ticket. */
		tickets_rotate(now += TICKET_SECONDS);
		assert_true(resumes(versions[i]));
		assert_ptr_not_equal(newest, old);
		tickets_rotate(now += TICKET_SECONDS);
		assert_true(resumes(versions[i]));
		/* The one before that does not. */
		forget();
		newest = old;
		assert_false(resumes(versions[i]));
		forget();
	}
}

/* One that was changed is nobody's: a full handshake, and no failure. */
static void a_changed_ticket(void **state)
{
	uint8_t *der = NULL;
	const uint8_t *ticket;
	size_t len;
	int n;

	(void)state;
	assert_false(resumes(TLS1_2_VERSION));
	SSL_SESSION_get0_ticket(newest, &ticket, &len);
	assert_true(len > 64);
	n = i2d_SSL_SESSION(newest, &der);
	assert_true(n > 0);
	for (size_t at = 0; at < len; at += 13) {
		uint8_t *found = memmem(der, (size_t)n, ticket, len);
		const uint8_t *p = der;
		SSL_SESSION *changed;

		assert_non_null(found);
		found[at] ^= 1;
		changed = d2i_SSL_SESSION(NULL, &p, n);
		found[at] ^= 1;
		assert_non_null(changed);
		SSL_SESSION *good = newest;

		newest = changed;
		assert_int_equal(SSL_SESSION_up_ref(good), 1);
		assert_false(resumes(TLS1_2_VERSION));
		forget();
		newest = good;
		SSL_SESSION_free(good);
	}
	OPENSSL_free(der);
	forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_tickets),
		cmocka_unit_test(a_changed_ticket),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
