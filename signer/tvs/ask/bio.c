/* OpenSSL's own socket BIO writes with write(2): a server that hangs up would end a
 * program that did not ignore SIGPIPE. And one that never stops sending what a
 * handshake may hold would keep OpenSSL busy beyond any deadline. */
#include "base/num.h"
#include "base/proc.h"
#include "internal.h"
#include <errno.h>
#include <sys/socket.h>

static bool in_time(struct tvs_ask *a)
{
	if (proc_now() < a->deadline)
		return true;
	a->late = true;
	return false;
}

static bool comes_again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static int bio_read(BIO *b, char *to, int n)
{
	struct tvs_ask *a = BIO_get_data(b);
	ssize_t got;

	BIO_clear_retry_flags(b);
	if (n <= 0 || !in_time(a))
		return -1;
	got = recv(a->fd, to, (size_t)n, 0);
	if (got < 0 && comes_again())
		BIO_set_retry_read(b);
	return (int)got;
}

static int bio_write(BIO *b, const char *from, int n)
{
	struct tvs_ask *a = BIO_get_data(b);
	ssize_t put;

	BIO_clear_retry_flags(b);
	if (n <= 0 || !in_time(a))
		return -1;
	put = send(a->fd, from, (size_t)n, MSG_NOSIGNAL);
	if (put < 0 && comes_again())
		BIO_set_retry_write(b);
	return (int)put;
}

static long bio_ctrl(BIO *b, int what, long n, void *p)
{
	(void)b, (void)n, (void)p;
	return what == BIO_CTRL_FLUSH;
}

BIO *bio_over(struct tvs_ask *a)
{
	BIO *b;

	a->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "phone");
	if (!a->method || !BIO_meth_set_read(a->method, bio_read) ||
	    !BIO_meth_set_write(a->method, bio_write) ||
	    !BIO_meth_set_ctrl(a->method, bio_ctrl))
		return NULL;
	b = BIO_new(a->method);
	if (!b)
		return NULL;
	BIO_set_data(b, a);
	BIO_set_init(b, 1);
	return b;
}
