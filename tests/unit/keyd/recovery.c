#include "recovery.h"
#include "audit/audit.h"
#include "base/file.h"
#include "base/num.h"
#include "x509/x509.h"
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

void wrapping_begin(struct wrapped_key *w)
{
	struct err e;

	*w = (struct wrapped_key){0};
	assert_ok(secret_new(WRAPPED_KEK_LEN, &w->kek, &e), &e);
	randombytes_buf(w->kek->p, w->kek->n);
	randombytes_buf(w->iv, sizeof w->iv);
}

static void encrypt(struct wrapped_key *w, EVP_PKEY *key)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char *der = NULL;
	int n = i2d_PKCS8_PRIV_KEY_INFO(info, &der), first, last;

	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, w->kek->p,
					    w->iv), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, w->bytes, &first, der, n), 1);
	assert_int_equal(EVP_EncryptFinal_ex(ctx, w->bytes + first, &last), 1);
	w->n = num_size(first) + num_size(last);
	EVP_CIPHER_CTX_free(ctx);
	OPENSSL_clear_free(der, num_size(n));
	PKCS8_PRIV_KEY_INFO_free(info);
}

static X509 *certify(EVP_PKEY *key)
{
	const struct x509_subject subject = {.cn = "ITLRECOVERY_elsewhere"};
	X509 *cert = NULL;
	struct err e;

	assert_ok(x509_self_sign(X509_RECOVERY, &subject, key, key, NULL,
				 "SHA1", NOW, 5, &cert, &e), &e);
	return cert;
}

void file_make(struct file *f, unsigned bits)
{
	f->key = EVP_RSA_gen(bits);
	assert_non_null(f->key);
	f->cert = certify(f->key);
	wrapping_begin(&f->w);
	encrypt(&f->w, f->key);
	randombytes_buf(f->digest, sizeof f->digest);
}

void file_clear(struct file *f)
{
	EVP_PKEY_free(f->key);
	X509_free(f->cert);
	wrapped_key_clear(&f->w);
}

enum rc admin_export(const struct keyd_passwords *p, struct wrapped_key *w,
		      struct keyd_key *key, char *route, struct err *e)
{
	struct keyd *k = client();
	enum rc rc;

	live_be(&live, LIVE_ADMIN);
	rc = keyd_export(k, p, w, key, route, e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return rc;
}

enum rc admin_prove(const struct keyd_passwords *p, const struct wrapped_key *w,
		     X509 *cert, const uint8_t *digest, struct err *e)
{
	struct keyd *k = client();
	char route[KEYD_ROUTE_MAX];
	enum rc rc;

	live_be(&live, LIVE_ADMIN);
	rc = keyd_prove(k, p, w, cert, digest, route, e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return rc;
}

enum rc front_proof(const uint8_t *digest, struct keyd_proof *out)
{
	struct keyd *k = client();
	struct err e;
	enum rc rc;

	live_be(&live, LIVE_FRONT);
	rc = keyd_proof(k, digest, out, &e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return rc;
}

enum rc admin_import(const struct file *f, bool replace, struct keyd_key *key,
		      bool *present, struct err *e)
{
	struct keyd *k = client();
	struct keyd_passwords pw = live_passwords();
	char route[KEYD_ROUTE_MAX];
	enum rc rc;

	live_be(&live, LIVE_ADMIN);
	rc = keyd_import(k, &pw, &f->w, f->cert, replace, key, present, route, e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return rc;
}

struct keyd_status status(void)
{
	struct keyd *k = client();
	struct keyd_status s;
	struct err e;

	assert_ok(keyd_status(k, &s, &e), &e);
	keyd_free(k);
	return s;
}

struct keyd_key current_recovery(void)
{
	struct keyd *k = client();
	struct keyd_key *keys, found = {0};
	struct err e;
	size_t n;

	assert_ok(keyd_keys(k, &keys, &n, &e), &e);
	for (size_t i = 0; i < n; i++)
		if (keys[i].current && keys[i].label.unit == UNIT_ITLRECOVERY) {
			found = keys[i];
			assert_int_equal(X509_up_ref(found.cert), 1);
		}
	keyd_keys_free(keys, n);
	keyd_free(k);
	assert_non_null(found.cert);
	return found;
}

char *audit_log(void)
{
	struct audit_report report;
	uint8_t *log = NULL;
	struct err e;
	size_t n;

	assert_ok(file_read(live.audit_log, 1 << 24, &log, &n, &e), &e);
	assert_ok(audit_verify(bytes_of(log, n), &report, &e), &e);
	return (char *)log;
}

size_t times_in_log(const char *text)
{
	char CLEANUP_FREE *log = audit_log();
	size_t n = 0;

	for (const char *p = log; (p = strstr(p, text)); p++)
		n++;
	return n;
}

void write_body(struct writer *w, unsigned what, const struct file *f)
{
	uint8_t zeros[32] = {0};
	unsigned char *der = NULL;
	int n = i2d_X509(f->cert, &der);

	switch (what) {
	case KEYD_EXPORT:
		write_bytes(w, bytes_of(zeros, 32));
		break;
	case KEYD_PROVE:
		write_u8(w, 0);
		write_bytes(w, bytes_of(zeros, 32));
		write_bytes(w, bytes_of(f->digest, 32));
		break;
	case KEYD_IMPORT:
		write_u8(w, 0);
		break;
	case KEYD_SECURITY:
		write_u8(w, 1);
		write_bytes(w, bytes_of(zeros, 32));
		write_bytes(w, bytes_of(zeros, KEYD_SALT_LEN));
		write_u64(w, 3);
		write_u64(w, 64u << 20);
		write_bytes(w, bytes_of(zeros, 32));
		break;
	}
	if (what != KEYD_SEAL && what != KEYD_SECURITY) {
		write_bytes(w, bytes_of(f->w.kek->p, 32));
		write_bytes(w, bytes_of(f->w.iv, sizeof f->w.iv));
	}
	if (what == KEYD_PROVE || what == KEYD_IMPORT) {
		write_bytes32(w, wrapped_bytes(&f->w));
		write_bytes32(w, bytes_of(der, (size_t)n));
	}
	OPENSSL_free(der);
}

int recovery_start(void **state)
{
	(void)state;
	live_start(&live, NULL);
	live_keyd(&live);
	live_init(&live);
	return 0;
}

int recovery_stop(void **state)
{
	(void)state;
	live_stop(&live);
	return 0;
}
