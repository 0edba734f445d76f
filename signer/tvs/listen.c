#include "listen.h"
#include <errno.h>
#include <netdb.h>
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

enum rc listen_open(const char *address, unsigned port, int *out, struct err *e)
{
	const struct addrinfo want = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo CLEANUP(freeaddrinfo) *found = NULL;
	int CLEANUP(fd_close) fd = -1;
	char service[8];
	const int one = 1;
	int rc;

	(void)snprintf(service, sizeof service, "%u", port);
	rc = getaddrinfo(address, service, &want, &found);
	if (rc != 0)
		return err_set(e, RC_NOTFOUND, "getaddrinfo", gai_strerror(rc),
			       "correct the address", "%s", address);
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
		return err_errno(e, RC_ERROR, "listen", hint_of(errno), "%s port %u", address,
				 port);
	*out = fd;
	fd = -1;
	return RC_OK;
}
