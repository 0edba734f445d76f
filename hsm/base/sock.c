#include "base/sock.h"
#include "base/num.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static enum rc address_of(const char *path, struct sockaddr_un *a,
			  struct err *e)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof a->sun_path)
		return err_set(e, RC_USAGE, "socket", "the path is too long",
			       "choose a shorter run folder", "%s", path);
	strcpy(a->sun_path, path);
	return RC_OK;
}

static enum rc open_socket(const char *path, int flags, int *fd, struct err *e)
{
	int size = (int)SOCK_MESSAGE_MAX * 4;

	*fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
	if (*fd < 0)
		return err_errno(e, RC_ERROR, "socket", NULL, "%s", path);
	/* Best effort: the system's own limit may be lower. */
	(void)setsockopt(*fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	return RC_OK;
}

enum rc sock_listen(const char *path, mode_t mode, int *out, struct err *e)
{
	int CLEANUP(fd_close) fd = -1;
	char aside[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct sockaddr_un a;
	struct stat st;

	(void)snprintf(aside, sizeof aside, "%s~", path);
	if (address_of(aside, &a, e) != RC_OK ||
	    open_socket(path, SOCK_NONBLOCK, &fd, e) != RC_OK)
		return e->rc;
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		errno = EADDRINUSE;
		return err_errno(e, RC_ERROR, "listen",
				 "it is no socket: move it away, or choose another run folder",
				 "%s", path);
	}
	(void)unlink(aside);
	/* Whoever finds it may connect at once: it has its mode, and listens. */
	if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || chmod(aside, mode) != 0 ||
	    listen(fd, 64) != 0 || rename(aside, path) != 0)
		return err_errno(e, RC_ERROR, "listen", NULL, "%s", path);
	*out = fd;
	fd = -1;
	return RC_OK;
}

enum rc sock_accept(int listener, int *fd, struct err *e)
{
	int size = (int)SOCK_MESSAGE_MAX * 4;
	int got = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (got < 0 && (errno == EAGAIN || errno == ECONNABORTED ||
			errno == EINTR)) {
		*fd = -1;
		return RC_OK;
	}
	if (got < 0)
		return err_errno(e, RC_ERROR, "accept", NULL, "a peer");
	(void)setsockopt(got, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	*fd = got;
	return RC_OK;
}

enum rc sock_connect(const char *path, int *out, struct err *e)
{
	int CLEANUP(fd_close) fd = -1;
	struct sockaddr_un a;

	if (address_of(path, &a, e) != RC_OK ||
	    open_socket(path, 0, &fd, e) != RC_OK)
		return e->rc;
	if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
		bool denied = errno == EACCES || errno == EPERM;

		return err_errno(e, denied ? RC_REFUSED : RC_STALE, "connect",
				 denied ? "ask an administrator to add you to the group itlkeeper"
					: "is the service running? see its log",
				 "%s", path);
	}
	*out = fd;
	fd = -1;
	return RC_OK;
}

enum rc sock_peer(int fd, struct sock_peer *out, struct err *e)
{
	struct sock_peer p = {0};
	struct ucred who;
	socklen_t n = sizeof who, m = sizeof p.groups;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p.groups, &m) != 0)
		return err_errno(e, RC_ERROR, "SO_PEERCRED", NULL, "a peer");
	p.pid = who.pid;
	p.uid = who.uid;
	p.gid = who.gid;
	p.ngroups = m / sizeof(gid_t);
	*out = p;
	return RC_OK;
}

bool sock_peer_in_group(const struct sock_peer *p, gid_t gid)
{
	for (size_t i = 0; i < p->ngroups; i++)
		if (p->groups[i] == gid)
			return true;
	return p->gid == gid;
}

/* Room for all that one message can bring, so that every descriptor is ours to
 * close: one that the kernel finds no room for, it closes in our time too. */
union passed {
	struct cmsghdr align;
	char space[CMSG_SPACE(SOCK_PASS_MAX * sizeof(int)) +
		   CMSG_SPACE(sizeof(struct ucred))];
};

enum rc sock_send_all(int fd, struct bytes message, const int *pass, size_t npass,
		      int flags, struct err *e)
{
	struct iovec io = {(void *)(uintptr_t)message.p, message.n};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
	union passed c;
	ssize_t r;

	assert(npass <= SOCK_PASS_MAX);
	if (npass > 0) {
		m.msg_control = c.space;
		m.msg_controllen = CMSG_SPACE(npass * sizeof *pass);
		c.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(npass * sizeof *pass),
					   .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&c.align), pass, npass * sizeof *pass);
	}
	do
		r = sendmsg(fd, &m, flags | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_errno(e, errno == EMSGSIZE ? RC_USAGE : RC_STALE,
				 "send", NULL, "a message of %zu bytes",
				 message.n);
	return RC_OK;
}

enum rc sock_send(int fd, struct bytes message, int pass, int flags, struct err *e)
{
	return sock_send_all(fd, message, &pass, pass >= 0, flags, e);
}

void sock_close_passed(int fd)
{
	struct linger none = {0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	fd_close(fd);
}

/* The message's descriptors, at most so many; others are closed. More than are wanted
 * is marked as too much; where none is wanted, they are only closed. */
static size_t take_passed(struct msghdr *m, int *pass, size_t most)
{
	size_t got = 0;
	int fd;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof fd;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (got < most)
				pass[got++] = fd;
			else
				sock_close_passed(fd);
		}
		if (n > most && most > 0)
			m->msg_flags |= MSG_CTRUNC;
	}
	return got;
}

enum rc sock_recv_all(int fd, void *buf, size_t cap, size_t *n, int *pass, size_t most,
		      size_t *npass, int flags, struct err *e)
{
	struct iovec io = {buf, cap};
	union passed c;
	struct msghdr m = {.msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = c.space,
			   .msg_controllen = sizeof c.space};
	size_t got;
	ssize_t r;

	do
		r = recvmsg(fd, &m, flags | MSG_CMSG_CLOEXEC);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_errno(e, RC_STALE, "receive", NULL, "a message");
	got = take_passed(&m, pass, most);
	if (r == 0 || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		while (got > 0)
			sock_close_passed(pass[--got]);
	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return err_set(e, RC_USAGE, "receive", "the message is too long",
			       NULL, "at most %zu bytes", cap);
	if (r == 0)
		return err_set(e, RC_STALE, "receive",
			       "the other side closed the connection", NULL,
			       "a message");
	*n = num_size(r);
	*npass = got;
	return RC_OK;
}

enum rc sock_recv(int fd, void *buf, size_t cap, size_t *n, int *pass, int flags,
		  struct err *e)
{
	size_t npass = 0;
	int one = -1;

	if (sock_recv_all(fd, buf, cap, n, &one, pass ? 1 : 0, &npass, flags, e) != RC_OK)
		return e->rc;
	if (pass)
		*pass = one;
	return RC_OK;
}

void sock_hang_up(int fd)
{
	const int on = 1;
	struct msghdr m;
	struct iovec io;
	union passed c;
	char byte;

	if (fd < 0)
		return;
	/* No more comes in. Each message that is there tells its sender, so that
	 * an empty one is not taken for the end. */
	(void)shutdown(fd, SHUT_RD);
	(void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
	do {
		io = (struct iovec){&byte, 1};
		m = (struct msghdr){.msg_iov = &io, .msg_iovlen = 1,
				    .msg_control = c.space,
				    .msg_controllen = sizeof c.space};
		if (recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
			break;
		(void)take_passed(&m, NULL, 0);
	} while (m.msg_controllen > 0);
	fd_close(fd);
}

enum rc sock_wait(int fd, int ms, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r;

	do
		r = poll(&p, 1, ms);
	while (r < 0 && errno == EINTR);
	if (r > 0)
		return RC_OK;
	return err_set(e, RC_STALE, "receive", "no answer in time",
		       "is the service overloaded, or its token stuck? see its log",
		       "%d ms", ms);
}
