#include "driver.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sock.h"
#include "bench.h"
#include "keyd/client.h"
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

struct load {
	struct keyd *keyd[BENCH_THREADS_MAX];
	unsigned window;
	const char *node;
	uint32_t timestamp;
};

static enum rc list_step(void *arg, unsigned thread, struct err *e)
{
	struct load *l = arg;
	uint8_t *list;
	size_t n;

	if (keyd_sign_itl(l->keyd[thread], l->node, l->timestamp, &list, &n, e))
		return e->rc;
	free(list);
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
	char path[CLUSTER_PATH_MAX];

	l->window = window;
	l->node = cluster_publisher(c)->id;
	l->timestamp = (uint32_t)time(NULL);
	if (become_front(c, e))
		return e->rc;
	cluster_path(c, PATH_KEYD_SOCKET, path);
	for (unsigned i = 0; i < window; i++)
		if (keyd_open(path, &l->keyd[i], e))
			return e->rc;
	return RC_OK;
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
			a.rc = bench_rate(list_step, &l, window, seconds,
					  &a.rate, &a.e);
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
