#include "base/connect.h"
#include "base/num.h"
#include "base/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

CLEANUP_DEFINE(struct addrinfo *, freeaddrinfo);

/* errno if not: ETIMEDOUT at the deadline. */
static bool connect_one(int fd, const struct addrinfo *a, double deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	double left = deadline - proc_now();
	socklen_t n = sizeof errno;
	int code = 0;

	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return true;
	if (errno != EINPROGRESS)
		return false;
	if (left <= 0 || poll(&p, 1, (int)(left * 1000) + 1) <= 0) {
		errno = ETIMEDOUT;
		return false;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n) != 0)
		return false;
	errno = code;
	return code == 0;
}

static enum rc failed(const char *where, struct err *e)
{
	switch (errno) {
	case ECONNREFUSED:
		return err_errno(e, RC_STALE, "connect",
				 "is the server running, on this address and port?",
				 "%s: nobody answers", where);
	case ETIMEDOUT:
		return err_errno(e, RC_STALE, "connect",
				 "is the server up, and does a firewall let this machine in?",
				 "%s: no answer in time", where);
	default:
		return err_errno(e, RC_STALE, "connect",
				 "is the server up, and is there a route to it?",
				 "%s", where);
	}
}

static int open_one(const struct addrinfo *a, double deadline)
{
	int on = 1, code;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	if (fd < 0)
		return -1;
	/* Each answer is waited for: no packet shall wait for a next one. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect_one(fd, a, deadline))
		return fd;
	code = errno;
	fd_close(fd);
	errno = code;
	return -1;
}

enum rc connect_to(const char *host, int port, const char *where,
		   double deadline, int *fd, char address[64], struct err *e)
{
	const struct addrinfo want = {.ai_socktype = SOCK_STREAM,
				      .ai_flags = AI_ADDRCONFIG};
	struct addrinfo CLEANUP(freeaddrinfo) *all = NULL;
	char service[16];
	int bad;

	(void)snprintf(service, sizeof service, "%d", port);
	bad = getaddrinfo(host, service, &want, &all);
	if (bad) {
		err_set(e, RC_ERROR, "connect", "the name has no address",
			"correct the name of the host, or the name service", "%s",
			where);
		(void)snprintf(e->name, sizeof e->name, "%s", gai_strerror(bad));
		return e->rc;
	}
	*fd = -1;
	for (const struct addrinfo *a = all; a && *fd < 0; a = a->ai_next) {
		*fd = open_one(a, deadline);
		if (*fd >= 0 &&
		    getnameinfo(a->ai_addr, a->ai_addrlen, address, 64, NULL, 0,
				NI_NUMERICHOST) != 0)
			address[0] = '\0';
	}
	return *fd >= 0 ? RC_OK : failed(where, e);
}
