/*
 * Unix sockets that keep messages whole (SOCK_SEQPACKET), with the peer's
 * identity from the kernel and descriptors beside a message.
 */
#ifndef BASE_SOCK_H
#define BASE_SOCK_H

#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>
#include <sys/types.h>

#define SOCK_MESSAGE_MAX (192u << 10) /* bytes of one message, both ways */

/* A listening socket at path, mode as given; a stale one is replaced, anything else is
 * not. It is made aside ("path~") and renamed, so that who finds it can connect. The
 * folder must exist. Non-blocking, close-on-exec. */
enum rc sock_listen(const char *path, mode_t mode, int *fd,
		    struct err *e) MUST_CHECK;

/* The next peer, blocking descriptor; *fd = -1 if none waits. */
enum rc sock_accept(int listener, int *fd, struct err *e) MUST_CHECK;

/*
 * Close a connection, without waiting for what its peer left in it: a socket
 * that came as a descriptor, read or unread, could linger in our close(). -1 is
 * fine.
 */
void sock_hang_up(int fd);

/* RC_STALE if nobody listens; RC_REFUSED if permission is missing. */
enum rc sock_connect(const char *path, int *fd, struct err *e) MUST_CHECK;

struct sock_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	size_t ngroups;
	gid_t groups[256]; /* supplementary, as the kernel has them */
};

enum rc sock_peer(int fd, struct sock_peer *out, struct err *e) MUST_CHECK;
bool sock_peer_in_group(const struct sock_peer *p, gid_t gid);

/* One message, and `pass` beside it unless it is -1. Blocks unless `flags` has
 * MSG_DONTWAIT. RC_STALE if the peer is gone or, not blocking, does not read. */
enum rc sock_send(int fd, struct bytes message, int pass, int flags,
		  struct err *e) MUST_CHECK;

/*
 * One message into buf; *pass is -1 or a descriptor that the caller closes.
 * pass == NULL: descriptors are closed unread. RC_STALE at the end of the
 * connection; RC_USAGE for a message that is longer than cap.
 */
enum rc sock_recv(int fd, void *buf, size_t cap, size_t *n, int *pass,
		  int flags, struct err *e) MUST_CHECK;

/*
 * The same with several descriptors, in order; at most SOCK_PASS_MAX. A message with
 * more than `most` is RC_USAGE, and all are closed. Who takes a stranger's descriptors
 * closes them with sock_close_passed().
 */
#define SOCK_PASS_MAX 253 /* the kernel's own limit */
enum rc sock_send_all(int fd, struct bytes message, const int *pass, size_t npass,
		      int flags, struct err *e) MUST_CHECK;
enum rc sock_recv_all(int fd, void *buf, size_t cap, size_t *n, int *pass, size_t most,
		      size_t *npass, int flags, struct err *e) MUST_CHECK;

/* A stranger's descriptor: his TCP socket must not linger in our close(). */
void sock_close_passed(int fd);

/* Wait until fd has something to read: RC_STALE after ms milliseconds
 * (-1: for ever). */
enum rc sock_wait(int fd, int ms, struct err *e) MUST_CHECK;

#endif
