#include "support/tvs.h"
#include "support/support.h"
#include "base/num.h"
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

static void nap(long ms)
{
	(void)nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* ---- answers ---- */

static struct bytes serial_of(const X509 *cert)
{
	const ASN1_INTEGER *s = X509_get0_serialNumber(cert);

	return bytes_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static const struct tvs_known *look_up(const struct tvs_plan *p,
				       const struct tvs_message *q, struct bytes *der)
{
	static uint8_t buf[TVS_FRAME_MAX];

	for (size_t i = 0; i < p->nknown; i++) {
		uint8_t *to = buf;

		*der = bytes_of(buf, (size_t)i2d_X509(p->known[i].cert, &to));
		if (q->kind == TVS_VERIFY
			    ? bytes_equal(*der, q->cert)
			    : bytes_equal(serial_of(p->known[i].cert), q->serial))
			return &p->known[i];
	}
	return NULL;
}

static struct bytes answer(const struct tvs_plan *p, struct bytes question, uint8_t *to)
{
	struct writer w = writer_of(to, TVS_FRAME_MAX);
	struct tvs_message q, m;
	const struct tvs_known *k;
	struct bytes der;
	struct err e;

	if (p->fault == TVS_ASKS_BACK)
		return question;
	if (p->fault == TVS_NO_FRAME)
		return bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	if (tvs_read(question, &q, &e))
		_exit(3);
	k = look_up(p, &q, &der);
	m = (struct tvs_message){.kind = q.kind + 1, .session = q.session,
				 .status = k ? TVS_VALID : TVS_INVALID,
				 .ttl = TVS_TTL};
	if (k) {
		m.cert = p->fault == TVS_NO_CERT ? bytes_of("none", 4) : der;
		m.roles = bytes_of(k->roles, k->nroles);
	}
	m.session += p->fault == TVS_OTHER_SESSION;
	if (p->fault == TVS_OTHER_KIND)
		m.kind = m.kind == TVS_VERIFIED ? TVS_FOUND : TVS_VERIFIED;
	tvs_write(&w, &m);
	if (p->fault == TVS_TRAILING && !w.bad) {
		to[w.n] = 99;
		to[w.n + 1] = to[w.n + 2] = 0;
		to[9] = (uint8_t)(to[9] + 3);
		w.n += 3;
	}
	return writer_bytes(&w);
}

/* False: the connection is over. */
static bool put(SSL *s, const struct tvs_plan *p, struct bytes b)
{
	const size_t half = b.n / 2;

	switch (p->fault) {
	case TVS_MUTE_AFTER:
		for (;;)
			pause();
	case TVS_HANGS_UP:
		return false;
	case TVS_CUT:
		(void)SSL_write(s, b.p, (int)half);
		return false;
	case TVS_ENDLESS:
		for (size_t i = 0;; i++) {
			if (SSL_write(s, b.p + (i < half ? i : half), 1) != 1)
				return false;
			nap(i < half ? 0 : 300);
		}
	case TVS_TICKETS:
		while (SSL_new_session_ticket(s) == 1 && SSL_do_handshake(s) == 1)
			;
		return false;
	case TVS_SLOW_BYTES:
		for (size_t i = 0; i < b.n; i++)
			if (SSL_write(s, b.p + i, 1) != 1)
				return false;
		return true;
	default:
		return SSL_write(s, b.p, (int)b.n) == (int)b.n;
	}
}

static bool get(SSL *s, uint8_t *to, size_t n)
{
	for (size_t at = 0, got; at < n; at += got)
		if (SSL_read_ex(s, to + at, n - at, &got) != 1)
			return false;
	return true;
}

static void serve(SSL *s, const struct tvs_plan *p, volatile struct tvs_asked *asked)
{
	static uint8_t question[TVS_FRAME_MAX], to[TVS_FRAME_MAX];
	size_t n;
	struct err e;

	if (SSL_accept(s) != 1)
		return;
	asked->handshakes++;
	while (get(s, question, TVS_HEADER)) {
		if (tvs_frame_length(bytes_of(question, TVS_HEADER), TVS_REQUEST_MAX,
				     &n, &e) ||
		    !get(s, question + TVS_HEADER, n - TVS_HEADER))
			return;
		if (question[2] == TVS_VERIFY)
			asked->verify++;
		else
			asked->query++;
		if (!put(s, p, answer(p, bytes_of(question, n), to)))
			return;
	}
}

/* ---- the server ---- */

static SSL_CTX *context(const struct tvs_plan *p)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	SSL_CTX_set_security_level(ctx, 0);
	if (SSL_CTX_set_min_proto_version(ctx, p->tls_min ? p->tls_min : TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, p->tls_max) != 1 ||
	    (p->ciphers && SSL_CTX_set_cipher_list(ctx, p->ciphers) != 1) ||
	    SSL_CTX_use_certificate(ctx, p->cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, p->key) != 1)
		_exit(2);
	return ctx;
}

static void child(const struct tvs_plan *p, int listener, volatile struct tvs_asked *asked)
{
	SSL_CTX *ctx = context(p);

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		SSL *s;

		if (fd < 0)
			_exit(1);
		asked->connections++;
		if (p->fault == TVS_MUTE)
			continue; /* and held */
		if (p->fault == TVS_NO_TLS && write(fd, "220 welcome\r\n", 13) == 13) {
			close(fd);
			continue;
		}
		s = SSL_new(ctx);
		(void)SSL_set_fd(s, fd);
		serve(s, p, asked);
		(void)SSL_shutdown(s);
		SSL_free(s);
		close(fd);
	}
}

struct tvs_fake tvs_fake_start(const struct tvs_plan *plan)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	struct tvs_fake t = {0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_return_code(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_return_code(listen(fd, 64), 0);
	assert_return_code(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	t.port = ntohs(a.sin_port);
	t.asked = mmap(NULL, sizeof *t.asked, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(t.asked, MAP_FAILED);
	t.pid = fork();
	assert_return_code(t.pid, 0);
	if (t.pid == 0)
		child(plan, fd, t.asked);
	close(fd);
	return t;
}

void tvs_fake_stop(struct tvs_fake *t)
{
	if (t->pid <= 0)
		return;
	assert_return_code(kill(t->pid, SIGTERM), 0);
	assert_int_equal(waitpid(t->pid, NULL, 0), t->pid);
	(void)munmap((void *)t->asked, sizeof *t->asked);
	*t = (struct tvs_fake){0};
}
