/* keyd's client, and who says he is keyd. */
#include "support/support.h"
#include "support/softhsm.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sock.h"
#include "keyd/client.h"
#include "keyd/intent.h"
#include "keyd/wire.h"
#include "x509/x509.h"
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* Answers one connection: the salt with this cost, pages of keys, and an error to
 * what follows. */
struct fake {
	int listener;
	uint64_t ops, memory;
	const struct page {
		uint32_t total, keys; /* it says, and it has */
		bool trailing;        /* a byte behind the certificate */
	} *pages; /* one a question, the last one again and again */
	struct bytes der;
	unsigned asked; /* for keys */
	unsigned got; /* the other requests */
};

static void write_page(struct fake *f, struct writer *w)
{
	static uint8_t der[4096];

	write_u32(w, f->pages->total);
	for (uint32_t i = 0; i < f->pages->keys; i++) {
		char label[LABEL_MAX];

		(void)snprintf(label, sizeof label, "CAPF/t/%u", i + 1);
		write_text(w, label);
		write_bytes(w, bytes_of("0123456789abcdef", 16));
		write_u8(w, 1);
		memcpy(der, f->der.p, f->der.n);
		write_bytes32(w, bytes_of(der, f->der.n + f->pages->trailing));
	}
	f->asked++;
	if (f->pages[1].total)
		f->pages++;
}

static void answer(struct fake *f, int fd, unsigned what, uint32_t id)
{
	static const uint8_t salt[KEYD_SALT_LEN];
	static uint8_t frame[SOCK_MESSAGE_MAX];
	struct writer w = writer_of(frame, sizeof frame);
	struct err e;

	if (what == KEYD_SALT) {
		wire_header(&w, RC_OK, id);
		write_u8(&w, 1);
		write_bytes(&w, bytes_of(salt, sizeof salt));
		write_u64(&w, f->ops);
		write_u64(&w, f->memory);
	} else if (what == KEYD_KEYS && f->pages) {
		wire_header(&w, RC_OK, id);
		write_page(f, &w);
	} else {
		f->got++;
		err_set(&e, RC_VERIFY, "fake", "came so far", NULL, "a request");
		wire_header(&w, e.rc, id);
		wire_error(&w, &e);
	}
	(void)!sock_send(fd, writer_bytes(&w), -1, 0, &e);
}

static void *serve(void *arg)
{
	static uint8_t frame[SOCK_MESSAGE_MAX];
	struct fake *f = arg;
	struct reader r;
	struct err e;
	unsigned what;
	uint32_t id;
	size_t n;
	int fd = -1;

	if (sock_wait(f->listener, 20000, &e) != RC_OK ||
	    sock_accept(f->listener, &fd, &e) != RC_OK)
		return NULL;
	while (sock_wait(fd, 20000, &e) == RC_OK &&
	       sock_recv(fd, frame, sizeof frame, &n, NULL, 0, &e) == RC_OK) {
		r = reader_of(bytes_of(frame, n));
		if (!wire_header_read(&r, &what, &id))
			break;
		answer(f, fd, what, id);
	}
	close(fd);
	close(f->listener); /* nobody is waited for */
	return NULL;
}

/* Whatever is derived for next to nothing could be guessed from what is sent. */
static void costs(void **state)
{
	static const struct {
		uint64_t ops, memory;
		bool fits;
	} rows[] = {
		{1, KEYD_MEMORY_MIN, false},
		{0, 0, false},
		{KEYD_OPS_MIN, 8192, false},
		{KEYD_OPS_MIN, KEYD_MEMORY_MIN - 1, false},
		{KEYD_OPS_MAX + 1, KEYD_MEMORY_MIN, false},
		{KEYD_OPS_MIN, (uint64_t)KEYD_MEMORY_MAX + 1, false},
		{UINT64_MAX, UINT64_MAX, false},
		{KEYD_OPS_MIN, KEYD_MEMORY_MIN, true},
	};
	struct secret CLEANUP(secret_free) *password = softhsm_secret("correct horse");
	const struct keyd_intent intent = keyd_intent_ctl(1);
	char *dir = support_tmpdir(), path[108];

	(void)state;
	(void)snprintf(path, sizeof path, "%s/keyd.sock", dir);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fake f = {.ops = rows[i].ops, .memory = rows[i].memory};
		struct keyd *k = NULL;
		uint8_t ticket[KEYD_TICKET_LEN];
		pthread_t thread;
		struct err e;
		enum rc rc;

		assert_ok(sock_listen(path, 0600, &f.listener, &e), &e);
		assert_int_equal(pthread_create(&thread, NULL, serve, &f), 0);
		assert_ok(keyd_open(path, &k, &e), &e);
		rc = keyd_ticket(k, password, &intent, ticket, &e);
		keyd_free(k);
		assert_int_equal(pthread_join(thread, NULL), 0);
		if (rc != (rows[i].fits ? RC_VERIFY : RC_REFUSED) ||
		    f.got != rows[i].fits)
			fail_msg("row %zu: %s, %u sent", i + 1, rc_name(rc), f.got);
		if (!rows[i].fits)
			assert_non_null(strstr(e.why, "absurd"));
	}
	support_tmpdir_remove(dir);
}

/* Who serves phones meanwhile does not wait for a keyd that hangs: one deadline for
 * all tries together. */
static void patience(void **state)
{
	char *dir = support_tmpdir(), path[108];
	struct keyd_status status;
	struct keyd *k = NULL;
	int listener = -1, asked = -1, again = -1;
	double before;
	struct err e;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/keyd.sock", dir);
	assert_ok(sock_listen(path, 0600, &listener, &e), &e); /* and nobody accepts */
	assert_ok(keyd_open(path, &k, &e), &e);
	keyd_set_patience(k, 0.1, 300);
	before = proc_now();
	assert_int_equal(keyd_status(k, &status, &e), RC_STALE);
	assert_true(proc_now() - before > 0.25);
	assert_true(proc_now() - before < 10); /* not a minute, or three */
	/* Nor is a keyd that is slow asked again by who waits no longer. */
	assert_ok(sock_accept(listener, &asked, &e), &e);
	assert_true(asked >= 0);
	assert_ok(sock_accept(listener, &again, &e), &e);
	assert_true(again < 0);
	close(asked);
	close(listener);
	keyd_free(k);
	support_tmpdir_remove(dir);
}

/* Keys may be made and removed between two pages; then it is read again. */
static void pages(void **state)
{
	static const struct {
		const char *name;
		struct page pages[5];
		enum rc rc;
		size_t keys;
		unsigned asked;
	} rows[] = {
		{"one", {{3, 3, false}}, RC_OK, 3, 1},
		{"two", {{3, 2, false}, {3, 1, false}}, RC_OK, 3, 2},
		{"fewer than there were", {{4, 3, false}, {1, 0, false}, {1, 1, false}}, RC_OK, 1, 3},
		{"one fewer", {{3, 2, false}, {2, 0, false}, {2, 2, false}}, RC_OK, 2, 3},
		{"one more", {{2, 1, false}, {3, 2, false}, {3, 3, false}}, RC_OK, 3, 3},
		{"a page without keys", {{2, 1, false}, {2, 0, false}}, RC_ERROR, 0, 2},
		{"more than it says", {{1, 2, false}}, RC_ERROR, 0, 1},
		{"absurdly many", {{65537, 1, false}}, RC_ERROR, 0, 1},
		{"a byte behind a certificate", {{1, 1, true}}, RC_ERROR, 0, 1},
	};
	const struct x509_subject subject = {.cn = "CAPF-12345678"};
	char *dir = support_tmpdir(), path[108];
	EVP_PKEY *key = EVP_RSA_gen(1024);
	unsigned char *der = NULL;
	X509 *cert = NULL;
	struct err e;
	int n;

	(void)state;
	assert_ok(x509_self_sign(X509_CAPF, &subject, key, key, NULL, "SHA1", 1763900000, 5,
				 &cert, &e), &e);
	n = i2d_X509(cert, &der);
	(void)snprintf(path, sizeof path, "%s/keyd.sock", dir);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fake f = {.pages = rows[i].pages, .der = bytes_of(der, (size_t)n)};
		struct keyd_key *keys = NULL;
		struct keyd *k = NULL;
		pthread_t thread;
		size_t got = 0;

		print_message("  %s\n", rows[i].name);
		assert_ok(sock_listen(path, 0600, &f.listener, &e), &e);
		assert_int_equal(pthread_create(&thread, NULL, serve, &f), 0);
		assert_ok(keyd_open(path, &k, &e), &e);
		assert_int_equal(keyd_keys(k, &keys, &got, &e), rows[i].rc);
		assert_int_equal(got, rows[i].keys);
		keyd_keys_free(keys, got);
		keyd_free(k);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(f.asked, rows[i].asked);
	}
	OPENSSL_free(der);
	X509_free(cert);
	EVP_PKEY_free(key);
	support_tmpdir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs),
		cmocka_unit_test(patience),
		cmocka_unit_test(pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
