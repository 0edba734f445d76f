#include "context.h"
#include "base/num.h"
#include "ticket.h"
#include <openssl/err.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

CLEANUP_DEFINE(SSL_CTX *, SSL_CTX_free);
CLEANUP_DEFINE(EVP_PKEY *, EVP_PKEY_free);

#define AEAD                                                                   \
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"             \
	"ECDHE-RSA-CHACHA20-POLY1305"
#define CBC "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256:" OLD_CBC
#define OLD_CBC "ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA"
/* 8861: AES256-SHA; 79xx: AES128-SHA under TLS 1.0. */
#define RSA                                                                    \
	"AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA256:AES128-SHA256:"     \
	"AES256-SHA:AES128-SHA"

/* Level 1 lets keys of 1024 bits pass, which cluster.conf does; only level 0 has what
 * TLS 1.0 and 1.1 sign with (MD5 and SHA-1). */
static const char *ciphers(const struct context_plan *p)
{
	bool old = p->tls_min < 2;

	if (p->rsa)
		return old ? AEAD ":" CBC ":" RSA ":@SECLEVEL=0"
			   : AEAD ":" CBC ":" RSA ":@SECLEVEL=1";
	return old ? AEAD ":" CBC ":@SECLEVEL=0" : AEAD ":" CBC ":@SECLEVEL=1";
}

/* Sessions for phones that know no tickets: so many at once, by listener. */
#define SESSIONS 1024

/* A session is of one certificate, and so of one listener, for each has its own: after a
 * renewal, or elsewhere, the phone meets the certificate again. */
static bool set_session(SSL_CTX *ctx, const struct context_plan *p)
{
	uint8_t id[SHA256_DIGEST_LENGTH];
	unsigned n = sizeof id;

	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
	(void)SSL_CTX_sess_set_cache_size(ctx, SESSIONS);
	(void)SSL_CTX_set_timeout(ctx, TICKET_SECONDS);
	return X509_digest(p->key->cert, EVP_sha256(), id, &n) == 1 &&
	       SSL_CTX_set_session_id_context(ctx, id, n) == 1;
}

static bool set_tls(SSL_CTX *ctx, const struct context_plan *p)
{
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					       SSL_OP_CIPHER_SERVER_PREFERENCE |
					       SSL_OP_PRIORITIZE_CHACHA);
	/* Ten thousand phones that say nothing: buffers only while they speak. And phones
	 * know the certificate itself: no chain is looked for at each handshake. */
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	/* No SSL_CTX_set_read_ahead(): what came with the end of a handshake would stay in
	 * OpenSSL's buffer, and no event would tell of it. */
	(void)SSL_CTX_set_max_early_data(ctx, 0);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION + (int)p->tls_min) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, ciphers(p)) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384:P-521") == 1 &&
	       SSL_CTX_set_num_tickets(ctx, 1) == 1; /* it comes back one at a time */
}

static enum rc failed(const struct context_plan *p, struct err *e)
{
	unsigned long code = ERR_get_error();
	const char *why = ERR_reason_error_string(code);
	char label[LABEL_MAX];

	ERR_clear_error();
	label_text(&p->key->label, label);
	return err_set(e, RC_ERROR, "TLS", why ? why : "OpenSSL failed",
		       "if the certificate is too weak for it: tls-min = 1.0 of this listener, or another one",
		       "the certificate of %s", label);
}

/* ---- the key's label, which lives as long as the context ---- */

static int label_index = -1; /* contexts are made by one thread */

static void free_label(void *ctx, void *label, CRYPTO_EX_DATA *data, int index, long argl,
		       void *argp)
{
	(void)ctx, (void)data, (void)index, (void)argl, (void)argp;
	free(label);
}

static char *keep_label(SSL_CTX *ctx, const struct label *l)
{
	char *label = malloc(LABEL_MAX);

	if (label_index < 0)
		label_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_label);
	if (!label || SSL_CTX_set_ex_data(ctx, label_index, label) != 1) {
		free(label);
		return NULL;
	}
	label_text(l, label);
	return label;
}

enum rc context_new(const struct context_plan *p, SSL_CTX **out, struct err *e)
{
	SSL_CTX CLEANUP(SSL_CTX_free) *ctx =
		SSL_CTX_new_ex(p->lib, NULL, TLS_server_method());
	EVP_PKEY CLEANUP(EVP_PKEY_free) *key = NULL;
	X509 *cert = p->key->cert;
	char *label = ctx ? keep_label(ctx, &p->key->label) : NULL;

	if (!label || !set_tls(ctx, p) || !set_session(ctx, p))
		return failed(p, e);
	if (provider_key(p->lib, X509_get0_pubkey(cert), &node_key_ops, label, &key, e) !=
	    RC_OK)
		return e->rc;
	if (SSL_CTX_use_certificate(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		return failed(p, e);
	if (tickets_use(ctx, e) != RC_OK)
		return e->rc;
	*out = ctx;
	ctx = NULL;
	return RC_OK;
}

enum rc context_probe_rsa(struct keyd *k, const struct keyd_key *key, struct err *e)
{
	uint8_t block[KEYD_TLS_SIGNATURE_MAX] = {0}, premaster[48];
	size_t n = num_size(EVP_PKEY_get_size(X509_get0_pubkey(key->cert)));
	char label[LABEL_MAX];

	label_text(&key->label, label);
	if (n > sizeof block)
		return err_set(e, RC_ERROR, "TLS", "is a key that is too long", NULL, "%s",
			       label);
	memset(block + 1, 0x55, n - 1); /* below any modulus */
	if (keyd_tls_decrypt(k, label, TLS1_2_VERSION, bytes_of(block, n), premaster, e) !=
	    RC_OK)
		return e->rc;
	OPENSSL_cleanse(premaster, sizeof premaster);
	return RC_OK;
}
