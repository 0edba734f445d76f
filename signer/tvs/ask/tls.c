/* TLS as a phone speaks it: the certificate's SHA-1 is all that it knows of trust. */
#include "base/num.h"
#include "base/proc.h"
#include "internal.h"
#include <openssl/err.h>
#include <openssl/x509.h>
#include <poll.h>

static bool ask_trusts(struct tvs_ask *a, X509 *cert)
{
	uint8_t sha1[SHA1_LEN];
	unsigned char *der = NULL;
	int n = cert ? i2d_X509(cert, &der) : -1;
	bool ok = n > 0 && X509_digest(cert, EVP_sha1(), sha1, NULL) == 1 &&
		  a->trusts(a->arg, bytes_of(der, (size_t)n), sha1);

	OPENSSL_free(der);
	return ok;
}

/* In place of OpenSSL's check of a chain. */
static int check_cert(X509_STORE_CTX *store, void *arg)
{
	struct tvs_ask *a = arg;

	a->met = true;
	a->refused = !ask_trusts(a, X509_STORE_CTX_get0_cert(store));
	X509_STORE_CTX_set_error(store, a->refused ? X509_V_ERR_APPLICATION_VERIFICATION
						   : X509_V_OK);
	return !a->refused;
}

static bool limit(SSL_CTX *ctx, const struct tvs_server *s)
{
	const int min = s->tls_min ? s->tls_min : TLS1_2_VERSION;

	/* Explicit, whatever the machine's openssl.cnf says: an old cluster's TVS has
	 * a key of 1024 bits, and before TLS 1.2 everything is signed with SHA-1. */
	SSL_CTX_set_security_level(ctx, min < TLS1_2_VERSION ? 0 : 1);
	return SSL_CTX_set_min_proto_version(ctx, min) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, s->tls_max) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, s->ciphers ? s->ciphers : "DEFAULT") == 1;
}

static enum rc make(struct tvs_ask *a, const struct tvs_server *s, struct err *e)
{
	BIO *bio;

	a->ctx = SSL_CTX_new(TLS_client_method());
	if (!a->ctx)
		return err_set(e, RC_ERROR, "SSL_CTX_new", "failed", NULL, "%s",
			       a->where);
	if (!limit(a->ctx, s))
		return err_set(e, RC_USAGE, "TLS", "no such versions or ciphers", NULL,
			       "%s", a->where);
	SSL_CTX_set_verify(a->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(a->ctx, check_cert, a);
	(void)SSL_CTX_set_options(a->ctx, SSL_OP_NO_RENEGOTIATION);
	a->ssl = SSL_new(a->ctx);
	bio = a->ssl ? bio_over(a) : NULL;
	if (!bio)
		return err_set(e, RC_ERROR, "SSL_new", "failed", NULL, "%s", a->where);
	SSL_set_bio(a->ssl, bio, bio);
	return RC_OK;
}

/* What ended it, of the last call's result and of OpenSSL's own queue. */
static enum rc failed(struct tvs_ask *a, int result, struct err *e)
{
	const int why = SSL_get_error(a->ssl, result);
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	a->broken = true;
	if (a->refused)
		return err_set(e, RC_REFUSED, "TLS", "its certificate is not trusted",
			       NULL, "%s", a->where);
	if (a->late)
		return err_set(e, RC_STALE, "TLS", "no answer in time", NULL, "%s",
			       a->where);
	if (why == SSL_ERROR_SYSCALL || why == SSL_ERROR_ZERO_RETURN ||
	    ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return err_set(e, RC_STALE, "TLS", "it hung up", NULL, "%s", a->where);
	return err_set(e, RC_ERROR, "TLS", reason ? reason : "failed", NULL, "%s",
		       a->where);
}

/* True: the call that gave `result` can be made once more. */
static bool wait_for_more(struct tvs_ask *a, int result)
{
	const int why = SSL_get_error(a->ssl, result);
	struct pollfd p = {.fd = a->fd,
			   .events = why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN};
	double left = a->deadline - proc_now();

	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
		return false;
	if (left > 0)
		(void)poll(&p, 1, (int)(left * 1000) + 1);
	a->late = proc_now() >= a->deadline;
	return !a->late;
}

enum rc tls_start(struct tvs_ask *a, const struct tvs_server *s, struct err *e)
{
	int r;

	ERR_clear_error();
	if (make(a, s, e))
		return e->rc;
	while ((r = SSL_connect(a->ssl)) != 1)
		if (!wait_for_more(a, r))
			return failed(a, r, e);
	if (!a->met)
		return err_set(e, RC_ERROR, "TLS", "it showed no certificate", NULL,
			       "%s", a->where);
	return RC_OK;
}

enum rc tls_read(struct tvs_ask *a, uint8_t *to, size_t n, struct err *e)
{
	for (size_t at = 0, got; at < n; at += got) {
		int r;

		ERR_clear_error();
		while ((r = SSL_read_ex(a->ssl, to + at, n - at, &got)) != 1)
			if (!wait_for_more(a, r))
				return failed(a, r, e);
	}
	return RC_OK;
}

enum rc tls_write(struct tvs_ask *a, struct bytes b, struct err *e)
{
	size_t put;
	int r;

	ERR_clear_error();
	while ((r = SSL_write_ex(a->ssl, b.p, b.n, &put)) != 1)
		if (!wait_for_more(a, r))
			return failed(a, r, e);
	return RC_OK;
}

void tls_end(struct tvs_ask *a)
{
	if (a->ssl && !a->broken && SSL_is_init_finished(a->ssl))
		(void)SSL_shutdown(a->ssl); /* a word, and no waiting for one */
	SSL_free(a->ssl);
	SSL_CTX_free(a->ctx);
	BIO_meth_free(a->method);
	ERR_clear_error();
}
