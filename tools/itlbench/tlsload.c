#include "tlsload.h"
#include "base/num.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

void tls_load_clear(struct tls_load *l)
{
	SSL_SESSION_free(l->session);
	SSL_CTX_free(l->ctx);
	*l = (struct tls_load){.ctx = NULL};
}

static enum rc dial(const struct tls_load *l, int *out, struct err *e)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(num_u16(l->port))};
	int CLEANUP(fd_close) fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Ports of connections that ended would run out. */
	const struct linger at_once = {.l_onoff = 1};
	const int one = 1; /* the goodbye does not wait for an acknowledgement */

	if (inet_pton(AF_INET, l->host, &to.sin_addr) != 1)
		return err_set(e, RC_USAGE, "connect", "is no IPv4 address", NULL, "%s", l->host);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)
		return err_errno(e, RC_ERROR, "connect", NULL, "%s port %u", l->host, l->port);
	*out = fd;
	fd = -1;
	return RC_OK;
}

static enum rc failed(const struct tls_load *l, const char *why, struct err *e)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return err_set(e, RC_ERROR, "TLS", reason ? reason : why, NULL, "%s port %u", l->host,
		       l->port);
}

/* Until the server hangs up: it is done with this one then. TLS 1.3's tickets come
 * on the way. */
static void until_end(SSL *ssl)
{
	char byte;

	(void)SSL_shutdown(ssl);
	while (SSL_read(ssl, &byte, 1) > 0)
		;
	ERR_clear_error();
}

static enum rc shake(struct tls_load *l, SSL *ssl, struct err *e)
{
	bool again = l->session != NULL; /* the first one may make it on the way */

	if (again && SSL_set_session(ssl, l->session) != 1)
		return failed(l, "no session", e);
	if (SSL_connect(ssl) != 1)
		return failed(l, "no handshake", e);
	if (again && !SSL_session_reused(ssl))
		return failed(l, "the session was not resumed", e);
	until_end(ssl);
	return RC_OK;
}

enum rc tls_load_step(void *arg, unsigned thread, struct err *e)
{
	struct tls_load *l = arg;
	int CLEANUP(fd_close) fd = -1;
	SSL *ssl;
	enum rc rc;

	(void)thread;
	if (dial(l, &fd, e) != RC_OK)
		return e->rc;
	ssl = SSL_new(l->ctx);
	if (!ssl || SSL_set_fd(ssl, fd) != 1)
		rc = failed(l, "out of memory", e);
	else
		rc = shake(l, ssl, e);
	SSL_free(ssl);
	return rc;
}

/* TLS 1.3's session comes after the handshake, TLS 1.2's with it. */
static int keep(SSL *ssl, SSL_SESSION *s)
{
	struct tls_load *l = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	SSL_SESSION_free(l->session);
	l->session = s;
	return 1;
}

static enum rc make_session(struct tls_load *l, struct err *e)
{
	struct tls_load first = *l;

	SSL_CTX_set_app_data(l->ctx, &first);
	(void)SSL_CTX_set_session_cache_mode(l->ctx, SSL_SESS_CACHE_CLIENT |
							     SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(l->ctx, keep);
	first.session = NULL;
	if (tls_load_step(&first, 0, e) != RC_OK)
		return e->rc;
	SSL_CTX_sess_set_new_cb(l->ctx, NULL);
	(void)SSL_CTX_set_session_cache_mode(l->ctx, SSL_SESS_CACHE_OFF);
	l->session = first.session;
	return l->session ? RC_OK : failed(l, "the server gave no session", e);
}

enum rc tls_load_open(struct tls_load *l, const char *host, unsigned port, int version,
		      bool resumed, struct err *e)
{
	*l = (struct tls_load){
		.ctx = SSL_CTX_new(TLS_client_method()), .host = host, .port = port};
	if (!l->ctx || SSL_CTX_set_min_proto_version(l->ctx, version) != 1 ||
	    SSL_CTX_set_max_proto_version(l->ctx, version) != 1 ||
	    SSL_CTX_set_cipher_list(l->ctx, "ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=1") != 1 ||
	    (resumed && make_session(l, e) != RC_OK)) {
		tls_load_clear(l);
		return resumed ? e->rc : failed(l, "OpenSSL failed", e);
	}
	return RC_OK;
}
