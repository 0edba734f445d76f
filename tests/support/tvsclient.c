/*
 * Phones that misbehave, and many at once, for the integration tests of tvs:
 *
 *   tvsclient [--from ADDRESS] ask HOST PORT verify|query FILE.der
 *       prints the server's SHA-1, status, roles and time to live
 *   tvsclient [--from ADDRESS] hold HOST PORT N
 *       opens N connections with finished handshakes, prints how many are open and how
 *       many were refused, and holds them until its standard input ends
 *   tvsclient wrong HOST PORT
 *       frames of every wrong length, a connection each; prints how many were closed,
 *       and answered
 *   tvsclient slow HOST PORT tcp|hello|silent|frame|trickle
 *       stops in the middle; prints what it had to wait for until it was hung up on
 */
#include "base/num.h"
#include "base/proc.h"
#include "itl/itl.h"
#include "tvs/ask.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define PATIENCE_MS 60000

static struct sockaddr_in server, from = {.sin_family = AF_INET};
static SSL_CTX *ctx;

__attribute__((noreturn)) static void fail(const char *why)
{
	(void)fprintf(stderr, "tvsclient: %s: %s\n", why, strerror(errno));
	exit(1);
}

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int one = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
	    bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
	    connect(fd, (struct sockaddr *)&server, sizeof server) != 0)
		fail("connect");
	return fd;
}

/* NULL: refused. */
static SSL *shake(SSL_SESSION *session)
{
	SSL *ssl = SSL_new(ctx);

	if (session)
		(void)SSL_set_session(ssl, session);
	(void)SSL_set_fd(ssl, dial());
	if (SSL_connect(ssl) == 1)
		return ssl;
	(void)close(SSL_get_fd(ssl));
	SSL_free(ssl);
	return NULL;
}

static void hang_up(SSL *ssl)
{
	(void)close(SSL_get_fd(ssl));
	SSL_free(ssl);
}

/* ---- ask ---- */

static bool show(void *arg, struct bytes cert, const uint8_t sha1[SHA1_LEN])
{
	char hex[SHA1_HEX];

	(void)arg, (void)cert;
	(void)printf("server=%s", hex_of(bytes_of(sha1, SHA1_LEN), hex, sizeof hex));
	return true;
}

static X509 *read_cert(const char *path, struct bytes *der)
{
	static uint8_t buf[65536];
	FILE *f = fopen(path, "rb");
	const uint8_t *p = buf;

	if (!f)
		fail(path);
	*der = bytes_of(buf, fread(buf, 1, sizeof buf, f));
	(void)fclose(f);
	return d2i_X509(NULL, &p, (long)der->n);
}

static int ask(const char *host, const char *port, const char *how, const char *file)
{
	const struct tvs_server s = {.host = host, .port = (unsigned)atoi(port), .timeout = 60};
	struct tvs_message question = {.kind = TVS_VERIFY,
				       .device = bytes_of_text("CP-8861-SEPB000B4BA0AEE")};
	struct tvs_message answer;
	char issuer[ITL_MAX_NAME];
	uint8_t serial[ITL_MAX_SERIAL];
	struct tvs_ask *a = NULL;
	X509 *cert = read_cert(file, &question.cert);
	struct err e = {0};
	size_t n;

	if (!strcmp(how, "query")) {
		question.kind = TVS_QUERY;
		question.cert = bytes_of(NULL, 0);
		if (!cert || itl_name(X509_get_issuer_name(cert), issuer, &n, &e) != RC_OK ||
		    !itl_serial(cert, serial, &question.serial))
			return 2;
		question.issuer = bytes_of(issuer, n - 1);
	}
	if (tvs_ask_open(&s, show, NULL, &a, &e) != RC_OK ||
	    tvs_ask_question(a, &question, &answer, &e) != RC_OK) {
		(void)printf(" error=%s\n", rc_name(e.rc));
		return 1;
	}
	(void)printf(" status=%u roles=", answer.status);
	for (size_t i = 0; i < answer.roles.n; i++)
		(void)printf("%s%u", i ? "," : "", answer.roles.p[i]);
	(void)printf(" ttl=%u", answer.ttl);
	if (answer.kind == TVS_FOUND && cert && answer.cert.n) {
		uint8_t *der = NULL;
		int len = i2d_X509(cert, &der);

		(void)printf(" same=%s", bytes_equal(answer.cert, bytes_of(der, (size_t)len))
						 ? "yes" : "no");
		OPENSSL_free(der);
	}
	(void)printf("\n");
	tvs_ask_free(a);
	X509_free(cert);
	return 0;
}

/* ---- hold ---- */

/* Does it still stand? Nothing ever comes but TLS 1.3's tickets. */
static bool is_open(SSL *ssl)
{
	struct pollfd p = {.fd = SSL_get_fd(ssl), .events = POLLIN};
	char byte;

	if (fcntl(p.fd, F_SETFL, O_NONBLOCK) != 0)
		fail("fcntl");
	while (poll(&p, 1, 0) > 0) {
		int n = SSL_read(ssl, &byte, 1);

		if (n <= 0 && SSL_get_error(ssl, n) != SSL_ERROR_WANT_READ)
			return false;
	}
	return true;
}

static int hold(size_t n)
{
	struct rlimit l;
	SSL **all = calloc(n, sizeof(SSL *));
	size_t held = 0, refused = 0, still = 0;
	char byte;

	if (!all || getrlimit(RLIMIT_NOFILE, &l) != 0)
		fail("hold");
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
	for (size_t i = 0; i < n; i++) {
		SSL *ssl = shake(NULL);

		if (ssl)
			all[held++] = ssl;
		else
			refused++;
	}
	(void)printf("held=%zu refused=%zu\n", held, refused);
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	for (size_t i = 0; i < held; i++) {
		still += is_open(all[i]);
		hang_up(all[i]);
	}
	(void)printf("open=%zu\n", still);
	free(all);
	return 0;
}

/* ---- wrong ---- */

static SSL_SESSION *newest;

static int keep(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(newest);
	newest = s;
	return 1;
}

/* A QUERY, with elements that add up to 143 bytes. */
static size_t query(uint8_t to[512])
{
	uint8_t serial[16] = {1};
	char subject[66], issuer[25];
	struct writer w = writer_of(to, 512);
	struct tvs_message m = {
		.kind = TVS_QUERY,
		.session = 1001,
		.device = bytes_of_text("CP-8861-SEPB000B4BA0AEE"),
		.subject = bytes_of(memset(subject, 's', 65), 65),
		.issuer = bytes_of(memset(issuer, 'i', 24), 24),
		.serial = bytes_of(serial, sizeof serial),
	};

	tvs_write(&w, &m);
	return w.n;
}

/* What comes of it: 1: answered; 0: closed. */
static int send_frame(const uint8_t *frame, size_t n, bool finish)
{
	SSL *ssl = shake(newest);
	uint8_t answer[4096];
	int got;

	if (!ssl)
		fail("handshake");
	if (SSL_write(ssl, frame, num_int(n)) != num_int(n))
		fail("write");
	if (finish)
		(void)SSL_shutdown(ssl);
	got = SSL_read(ssl, answer, sizeof answer);
	hang_up(ssl);
	return got > 0;
}

static int wrong(void)
{
	uint8_t frame[512];
	size_t n = query(frame), right = n - TVS_HEADER;
	int answered = 0, closed = 0, cut = 0;

	answered += send_frame(frame, n, false); /* the right one */
	if (!answered)
		fail("the right frame was not answered");
	answered = 0;
	/* It says that it is shorter than it is, by any number of bytes; or longer than
	 * any request. */
	for (size_t says = 0; says <= UINT16_MAX; says += says < 300 ? 1 : 997) {
		if (says >= right && says + TVS_HEADER <= TVS_REQUEST_MAX)
			continue;
		frame[8] = (uint8_t)(says >> 8);
		frame[9] = (uint8_t)says;
		if (send_frame(frame, n, false))
			answered++;
		else
			closed++;
	}
	(void)query(frame);
	/* It ends in the middle. */
	for (size_t end = 1; end < n; end++)
		if (send_frame(frame, end, true))
			answered++;
		else
			cut++;
	(void)printf("closed=%d cut=%d answered=%d\n", closed, cut, answered);
	return 0;
}

/* ---- slow ---- */

static int slow(const char *how)
{
	double since = proc_now();
	uint8_t frame[512], byte;
	struct pollfd p = {.events = POLLIN};
	SSL *ssl = NULL;
	size_t n = query(frame), sent = 0;
	bool trickles = !strcmp(how, "trickle");

	if (!strcmp(how, "tcp") || !strcmp(how, "hello")) {
		p.fd = dial();
		if (!strcmp(how, "hello") && write(p.fd, "\x16\x03\x01\x00\xff\x01", 6) != 6)
			fail("write");
	} else {
		ssl = shake(NULL);
		if (!ssl)
			fail("handshake");
		p.fd = SSL_get_fd(ssl);
		if (!strcmp(how, "frame") && SSL_write(ssl, frame, num_int(n - 1)) <= 0)
			fail("write");
	}
	for (;;) {
		ssize_t got;

		if (trickles && sent < n - 1 && SSL_write(ssl, frame + sent++, 1) <= 0)
			break;
		if (poll(&p, 1, trickles ? 100 : PATIENCE_MS) == 0) {
			if (trickles && proc_now() - since < PATIENCE_MS / 1000)
				continue;
			fail("it is never hung up on");
		}
		got = read(p.fd, &byte, 1);
		if (got <= 0)
			break;
	}
	(void)printf("waited=%.1f sent=%zu\n", proc_now() - since, sent);
	return 0;
}

int main(int argc, char **argv)
{
	char **a = argv + 1;

	(void)signal(SIGPIPE, SIG_IGN);
	if (argc > 3 && !strcmp(a[0], "--from")) {
		(void)inet_pton(AF_INET, a[1], &from.sin_addr);
		a += 2;
		argc -= 2;
	}
	if (argc < 4)
		return 2;
	server = (struct sockaddr_in){.sin_family = AF_INET,
				      .sin_port = htons(num_u16((size_t)atoi(a[2])))};
	if (inet_pton(AF_INET, a[1], &server.sin_addr) != 1)
		return 2;
	ctx = SSL_CTX_new(TLS_client_method());
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
							  SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, keep);
	if (!strcmp(a[0], "ask") && argc == 6)
		return ask(a[1], a[2], a[3], a[4]);
	if (!strcmp(a[0], "hold") && argc == 5)
		return hold((size_t)atoi(a[3]));
	if (!strcmp(a[0], "wrong"))
		return wrong();
	if (!strcmp(a[0], "slow") && argc == 5)
		return slow(a[3]);
	return 2;
}
