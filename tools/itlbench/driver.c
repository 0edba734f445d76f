#include "driver.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sock.h"
#include "bench.h"
#include "keyd/wire.h"
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the process answers; both ends are one program. */
struct answer {
	enum rc rc;
	double rate;
	struct err e;
};

/* A few connections with many requests on the way on each, as front's bulk work
 * has them. */
#define CONNECTIONS 4u

struct load {
	unsigned threads; /* a connection each */
	unsigned in_flight[CONNECTIONS];
	int fd[CONNECTIONS];
	uint8_t request[64]; /* the same frame each time */
	struct bytes frame;
};

static enum rc receive(struct load *l, unsigned thread, struct err *e)
{
	static _Thread_local uint8_t answer[SOCK_MESSAGE_MAX];
	struct reader r;
	unsigned rc;
	uint32_t id;
	size_t n;

	if (sock_recv(l->fd[thread], answer, sizeof answer, &n, NULL, 0, e))
		return e->rc;
	r = reader_of(bytes_of(answer, n));
	if (!wire_header_read(&r, &rc, &id))
		return err_set(e, RC_ERROR, "keyd", "no answer of keyd's", NULL,
			       "%zu bytes", n);
	if (rc != RC_OK)
		wire_error_read(&r, rc, e);
	return rc == RC_OK ? RC_OK : e->rc;
}

/* One answer in, the next request out: the number on the way stays. */
static enum rc list_step(void *arg, unsigned thread, struct err *e)
{
	struct load *l = arg;

	if (receive(l, thread, e))
		return e->rc;
	return sock_send(l->fd[thread], l->frame, -1, 0, e);
}

static enum rc fill(struct load *l, struct err *e)
{
	for (unsigned t = 0; t < l->threads; t++)
		for (unsigned i = 0; i < l->in_flight[t]; i++)
			if (sock_send(l->fd[t], l->frame, -1, 0, e))
				return e->rc;
	return RC_OK;
}

static enum rc drain(struct load *l, struct err *e)
{
	for (unsigned t = 0; t < l->threads; t++)
		for (unsigned i = 0; i < l->in_flight[t]; i++)
			if (receive(l, t, e))
				return e->rc;
	return RC_OK;
}

static enum rc become_front(const struct cluster *c, struct err *e)
{
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0)
		return RC_OK;
	if (proc_user(c->front_user, &uid, &gid, e))
		return e->rc;
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return err_errno(e, RC_ERROR, "setresuid", NULL, "%s",
				 c->front_user);
	return RC_OK;
}

static enum rc prepare(struct load *l, const struct cluster *c, unsigned window,
		       struct err *e)
{
	struct writer w = writer_of(l->request, sizeof l->request);
	char path[CLUSTER_PATH_MAX];

	wire_header(&w, KEYD_ITL, 1);
	write_text(&w, cluster_publisher(c)->id);
	write_u32(&w, (uint32_t)time(NULL));
	l->frame = writer_bytes(&w);
	l->threads = window < CONNECTIONS ? window : CONNECTIONS;
	if (become_front(c, e))
		return e->rc;
	cluster_path(c, PATH_KEYD_SOCKET, path);
	for (unsigned t = 0; t < l->threads; t++) {
		l->in_flight[t] = window / l->threads +
				  (t < window % l->threads);
		if (sock_connect(path, &l->fd[t], e))
			return e->rc;
	}
	return RC_OK;
}

static enum rc measure(struct load *l, double seconds, double *rate,
		       struct err *e)
{
	if (fill(l, e) || bench_rate(list_step, l, l->threads, seconds, rate, e))
		return e->rc;
	return drain(l, e);
}

/* Until the parent goes: it says how many seconds, we say how many lists. */
static void serve(int fd, const struct cluster *c, unsigned window)
{
	static struct load l;
	struct answer ready = {0}, a;
	double seconds;
	struct err e;
	size_t n;

	ready.rc = prepare(&l, c, window, &ready.e);
	while (!sock_recv(fd, &seconds, sizeof seconds, &n, NULL, 0, &e) &&
	       n == sizeof seconds) {
		a = ready;
		if (a.rc == RC_OK)
			a.rc = measure(&l, seconds, &a.rate, &a.e);
		if (sock_send(fd, bytes_of(&a, sizeof a), -1, 0, &e))
			break;
	}
	_exit(0);
}

enum rc driver_start(const struct cluster *c, unsigned window,
		     struct driver *out, struct err *e)
{
	int fds[2];
	pid_t pid;

	assert(window >= 1 && window <= BENCH_THREADS_MAX);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return err_errno(e, RC_ERROR, "socketpair", NULL, "driver");
	pid = fork();
	if (pid < 0) {
		err_errno(e, RC_ERROR, "fork", NULL, "driver");
		fd_close(fds[0]);
		fd_close(fds[1]);
		return e->rc;
	}
	if (pid == 0) {
		fd_close(fds[0]);
		serve(fds[1], c, window);
	}
	fd_close(fds[1]);
	*out = (struct driver){.pid = pid, .fd = fds[0]};
	return RC_OK;
}

void driver_stop(struct driver *d)
{
	if (d->pid <= 0)
		return;
	fd_close(d->fd); /* the process ends when it sees that */
	(void)waitpid(d->pid, NULL, 0);
	d->pid = 0;
}

enum rc driver_rate(struct driver *d, double seconds, double *rate,
		    struct err *e)
{
	struct answer a;
	size_t n;

	if (sock_send(d->fd, bytes_of(&seconds, sizeof seconds), -1, 0, e) ||
	    sock_recv(d->fd, &a, sizeof a, &n, NULL, 0, e))
		return e->rc;
	if (n != sizeof a)
		return err_set(e, RC_ERROR, "driver", "answered in part", NULL,
			       "%zu bytes", n);
	if (a.rc != RC_OK) {
		*e = a.e;
		return a.rc;
	}
	*rate = a.rate;
	return RC_OK;
}
