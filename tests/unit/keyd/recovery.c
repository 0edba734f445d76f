#include "recovery.h"
#include "whole.h"
#include "base/file.h"
#include "base/num.h"
#include "x509/x509.h"
#include <glob.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

void wrapping_begin(struct wrapped_key *w)
{
	struct err e;

	*w = (struct wrapped_key){0};
	assert_ok(wrapped_key_begin(w, &e), &e);
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
	randombytes_buf(f->claim, sizeof f->claim);
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
		     X509 *cert, const uint8_t *claim, char label[LABEL_MAX],
		     struct err *e)
{
	struct keyd *k = client();
	char route[KEYD_ROUTE_MAX];
	enum rc rc;

	live_be(&live, LIVE_ADMIN);
	rc = keyd_prove(k, p, w, cert, claim, label, route, e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	return rc;
}

enum rc front_proof(const uint8_t *claim, enum live_who who, struct keyd_proof *out)
{
	struct keyd *k = client();
	struct err e;
	enum rc rc;

	live_be(&live, LIVE_FRONT);
	rc = keyd_proof(k, claim, live_uid(&live, who), out, &e);
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
	rc = keyd_import(k, &pw, UNIT_ITLRECOVERY, NULL, &f->w, f->cert, replace, key, present, route, e);
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
		write_bytes(w, bytes_of(f->claim, 32));
		break;
	case KEYD_IMPORT:
		write_u8(w, UNIT_ITLRECOVERY);
		write_text(w, "");
		write_u8(w, 0);
		break;
	case KEYD_OVERRIDE:
		write_text(w, "op=x");
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
	if (what != KEYD_SEAL && what != KEYD_SECURITY && what != KEYD_OVERRIDE) {
		write_bytes(w, bytes_of(f->w.kek->p, 32));
		write_bytes(w, bytes_of(f->w.iv, sizeof f->w.iv));
	}
	if (what == KEYD_PROVE || what == KEYD_IMPORT) {
		write_bytes32(w, wrapped_bytes(&f->w));
		write_bytes32(w, bytes_of(der, (size_t)n));
	}
	OPENSSL_free(der);
}

size_t objects_in_token(void)
{
	char pattern[4096];
	glob_t found;
	size_t n;

	(void)snprintf(pattern, sizeof pattern, "%s/tokens/*/*.object", live.hsm.dir);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	n = found.gl_pathc;
	globfree(&found);
	return n;
}

uint8_t *reset(enum keyd_how how, struct bytes source, uint32_t at, size_t *n)
{
	struct keyd_intent intent = keyd_intent_reset(how, false, source, at),
			   before = keyd_intent_reset(how, true, source, at);
	uint8_t ticket[KEYD_TICKET_LEN], announced[20], sha1[20], *list = NULL;
	struct keyd *k = client();
	struct err e;

	live_ticket(&live, LIVE_ADMIN, &before, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_reset_preview(k, ticket, live_uid(&live, LIVE_ADMIN), how,
				     source, at, announced, &e), &e);
	live_ticket(&live, LIVE_ADMIN, &intent, ticket);
	live_be(&live, LIVE_FRONT);
	assert_ok(keyd_reset(k, ticket, live_uid(&live, LIVE_ADMIN), how, source,
			     at, &list, n, &e), &e);
	live_be(&live, LIVE_ROOT);
	keyd_free(k);
	itl_sha1(bytes_of(list, *n), sha1);
	assert_memory_equal(sha1, announced, sizeof sha1);
	return list;
}

struct itl *parsed(const uint8_t *list, size_t n)
{
	struct itl *l = NULL;
	struct err e;

	assert_ok(itl_parse(bytes_of(list, n), 0, &l, &e), &e);
	assert_ok(itl_verify_self(l, &e), &e);
	return l;
}
