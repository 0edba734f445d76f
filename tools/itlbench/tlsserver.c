/* The engine's functions are deprecated, and the only way to libp11's keys. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tlsserver.h"
#include "base/num.h"
#include "base/secret.h"
#include "x509/x509.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/engine.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define BACKLOG 4096

struct server {
	SSL_CTX *ctx;
	int listener;
};

/* ---- keys ---- */

static enum rc make_key(unsigned bits, EVP_PKEY **key, X509 **cert, struct err *e)
{
	const struct x509_subject subject = {.cn = "bench", .o = "bench", .c = "US"};

	*key = EVP_RSA_gen(bits);
	if (!*key)
		return err_set(e, RC_ERROR, "EVP_RSA_gen", "failed", NULL, "RSA-%u", bits);
	return x509_self_sign(X509_TVS, &subject, *key, *key, NULL, "SHA256", time(NULL), 5,
			      cert, e);
}

static enum rc engine_key(const struct tls_server_token *t, EVP_PKEY **out, struct err *e)
{
	struct secret CLEANUP(secret_free) *pin = NULL;
	char text[SECRET_MAX + 1] = "", uri[256];
	ENGINE *engine;

	if (secret_read_file(t->pin_file, &pin, e) != RC_OK)
		return e->rc;
	memcpy(text, pin->p, pin->n);
	ENGINE_load_dynamic();
	engine = ENGINE_by_id("pkcs11");
	(void)snprintf(uri, sizeof uri, "pkcs11:token=%s;object=%s;type=private", t->token,
		       t->label);
	if (engine && ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", t->module, 0) == 1 &&
	    ENGINE_ctrl_cmd_string(engine, "PIN", text, 0) == 1 && ENGINE_init(engine) == 1)
		*out = ENGINE_load_private_key(engine, uri, NULL, NULL);
	OPENSSL_cleanse(text, sizeof text);
	if (*out)
		return RC_OK;
	return err_set(e, RC_ERROR, "engine", engine ? "has no such key" : "is not there",
		       "install libengine-pkcs11-openssl (packaging/dependencies test)", "pkcs11: %s",
		       uri);
}

static enum rc make_context(const struct tls_server_token *token, unsigned bits, SSL_CTX **out,
			    struct err *e)
{
	EVP_PKEY *key = NULL;
	X509 *cert = token ? token->cert : NULL;
	enum rc rc = token ? engine_key(token, &key, e) : make_key(bits, &key, &cert, e);

	if (rc != RC_OK)
		return rc;
	*out = SSL_CTX_new(TLS_server_method());
	if (*out && SSL_CTX_set_cipher_list(*out, "ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=1") == 1 &&
	    SSL_CTX_set_num_tickets(*out, 1) == 1 && SSL_CTX_use_certificate(*out, cert) == 1 &&
	    SSL_CTX_use_PrivateKey(*out, key) == 1)
		return RC_OK;
	return err_set(e, RC_ERROR, "SSL_CTX_new", "OpenSSL failed", NULL, "a bare server");
}

/* ---- serving ---- */

static void serve_one(const struct server *s, int fd)
{
	SSL *ssl = SSL_new(s->ctx);
	const int one = 1;
	char byte;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1) {
		while (SSL_read(ssl, &byte, 1) > 0)
			;
		(void)SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	(void)close(fd);
}

static void *serve(void *arg)
{
	const struct server *s = arg;

	for (;;) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			serve_one(s, fd);
	}
	return NULL;
}

static int listen_anywhere(unsigned *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(fd, BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		return -1;
	*port = ntohs(at.sin_port);
	return fd;
}

/* Says on `ready` what came of the start, and goes on until it is ended. */
__attribute__((noreturn)) static void child(const struct tls_server_token *token, unsigned bits,
					    unsigned threads, int listener, int ready)
{
	static struct server s;
	struct err e = {0};
	pthread_t thread;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	s.listener = listener;
	(void)make_context(token, bits, &s.ctx, &e);
	if (write(ready, &e, sizeof e) != sizeof e || e.rc != RC_OK)
		_exit(1);
	for (unsigned i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, serve, &s) != 0)
			_exit(1);
	(void)serve(&s);
	_exit(1);
}

enum rc tls_server_start(const struct tls_server_token *token, unsigned bits, unsigned threads,
			 struct tls_server *out, struct err *e)
{
	struct tls_server s = {0};
	int CLEANUP(fd_close) listener = listen_anywhere(&s.port);
	int ready[2];

	if (listener < 0 || pipe2(ready, O_CLOEXEC) != 0)
		return err_errno(e, RC_ERROR, "listen", NULL, "a bare server");
	s.pid = fork();
	if (s.pid == 0)
		child(token, bits, threads, listener, ready[1]);
	(void)close(ready[1]);
	if (s.pid < 0 || read(ready[0], e, sizeof *e) != sizeof *e)
		err_errno(e, RC_ERROR, "fork", NULL, "a bare server");
	(void)close(ready[0]);
	if (e->rc != RC_OK) {
		tls_server_stop(&s);
		return e->rc;
	}
	*out = s;
	return RC_OK;
}

void tls_server_stop(struct tls_server *s)
{
	if (s->pid <= 0)
		return;
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

/* ---- openssl s_server ---- */

/* A file that this process's children can open by its descriptor. */
static int pem_of(EVP_PKEY *key, X509 *cert)
{
	int fd = memfd_create("bench", 0);
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");
	bool ok = f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 &&
		  PEM_write_X509(f, cert) == 1;

	file_close(f);
	if (ok)
		return fd;
	fd_close(fd);
	return -1;
}

static bool answers(unsigned port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(num_u16(port)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timespec pause = {.tv_nsec = 20000000};

	for (int i = 0; i < 500; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bool ok = connect(fd, (struct sockaddr *)&at, sizeof at) == 0;

		(void)close(fd);
		if (ok)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

__attribute__((noreturn)) static void exec_openssl(unsigned port, int pem, int input)
{
	char accept[32], file[32];
	int null = open("/dev/null", O_WRONLY);

	(void)snprintf(accept, sizeof accept, "127.0.0.1:%u", port);
	(void)snprintf(file, sizeof file, "/dev/fd/%d", pem);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(input, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		_exit(126);
	(void)execlp("openssl", "openssl", "s_server", "-accept", accept, "-key", file, "-cert",
		     file, "-quiet", "-num_tickets", "1", "-cipher",
		     "ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=1", (char *)NULL);
	_exit(127);
}

enum rc tls_server_openssl(unsigned bits, struct tls_server *out, struct err *e)
{
	static int input[2] = {-1, -1}; /* it reads, and never sees an end */
	struct tls_server s = {0};
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	int CLEANUP(fd_close) pem = -1;
	int listener = listen_anywhere(&s.port);

	fd_close(listener); /* the port is free again */
	if (make_key(bits, &key, &cert, e) == RC_OK)
		pem = pem_of(key, cert);
	X509_free(cert);
	EVP_PKEY_free(key);
	if (pem < 0 || pipe2(input, O_CLOEXEC) != 0)
		return err_errno(e, RC_ERROR, "memfd_create", NULL, "openssl s_server");
	s.pid = fork();
	if (s.pid == 0)
		exec_openssl(s.port, pem, input[0]);
	if (s.pid < 0 || !answers(s.port)) {
		tls_server_stop(&s);
		return err_set(e, RC_ERROR, "openssl s_server", "does not start",
			       "install the package openssl", "port %u", s.port);
	}
	*out = s;
	return RC_OK;
}
