#include "listen.h"
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

#define BACKLOG 4096 /* after a reset all phones come at once */

CLEANUP_DEFINE(struct addrinfo *, freeaddrinfo);

static const char *hint_of(int code)
{
	if (code == EADDRINUSE)
		return "end what listens there, or set tvs-port of this node (cluster.conf)";
	if (code == EADDRNOTAVAIL)
		return "set address of its [listener] (tvs.conf) to one of this machine";
	return NULL;
}

/* -1 and errno. */
static int bound(const struct addrinfo *at, bool shared)
{
	int CLEANUP(fd_close) fd =
		socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int one = 1;
	int out;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
	    bind(fd, at->ai_addr, at->ai_addrlen) != 0)
		return -1;
	out = fd;
	fd = -1;
	return out;
}

/* One that is not shared is refused where another one listens. */
static bool is_free(const struct addrinfo *at)
{
	int CLEANUP(fd_close) fd = bound(at, false);

	return fd >= 0;
}

static bool open_all(const struct addrinfo *at, int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int code;

		fds[i] = bound(at, true);
		if (fds[i] >= 0 && listen(fds[i], BACKLOG) == 0)
			continue;
		code = errno;
		for (size_t k = 0; k <= i; k++)
			fd_close(fds[k]);
		errno = code;
		return false;
	}
	return true;
}

enum rc listen_open(const char *address, unsigned port, int *fds, size_t n, struct err *e)
{
	const struct addrinfo want = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo CLEANUP(freeaddrinfo) *found = NULL;
	char service[8];
	int rc;

	(void)snprintf(service, sizeof service, "%u", port);
	rc = getaddrinfo(address, service, &want, &found);
	if (rc != 0)
		return err_set(e, RC_NOTFOUND, "getaddrinfo", gai_strerror(rc),
			       "correct the address", "%s", address);
	if (!is_free(found) || !open_all(found, fds, n))
		return err_errno(e, RC_ERROR, "listen", hint_of(errno), "%s port %u", address,
				 port);
	return RC_OK;
}
