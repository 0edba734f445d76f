#include "driver.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sock.h"
#include "bench.h"
#include "itl/itl.h"
#include "keyd/wire.h"
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the process is told, and what it answers; both ends are one program. */
enum what { RATE, TIMES, FIRST };

struct order {
	enum what what;
	double seconds; /* RATE; FIRST: to wait at most */
	unsigned n;     /* TIMES */
};

struct answer {
	enum rc rc;
	struct err e;
	struct driver_rate rate;
	double times[DRIVER_TIMES_MAX]; /* FIRST: proc_now() at the answer */
};

/* A few connections with many requests on the way on each, as front's bulk work
 * has them. */
#define CONNECTIONS 4u
#define REQUEST_MAX 512u
#define SGN_TIME 1763923200u /* one text for a table of signatures */

struct load {
	unsigned window;  /* requests in flight */
	unsigned threads; /* a connection each */
	unsigned in_flight[CONNECTIONS];
	char path[CLUSTER_PATH_MAX]; /* of keyd's socket */
	int fd[CONNECTIONS];         /* -1: not connected */
	uint8_t request[REQUEST_MAX]; /* the same frame each time */
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
static enum rc step(void *arg, unsigned thread, struct err *e)
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

static struct bytes frame_of(struct load *l, const struct cluster *c,
			     enum driver_load what)
{
	struct writer w = writer_of(l->request, sizeof l->request);

	if (what == DRIVER_LIST) {
		wire_header(&w, KEYD_ITL, 1);
		write_text(&w, cluster_publisher(c)->id);
		write_u32(&w, (uint32_t)time(NULL));
	} else {
		wire_header(&w, KEYD_SGN, 1);
		write_text(&w, cluster_publisher(c)->id);
		write_text(&w, "SEP001122334455.cnf.xml");
		write_u8(&w, ITL_SHA1);
		write_u32(&w, SGN_TIME);
		write_bytes32(&w, bytes_of_text("<device/>"));
	}
	return writer_bytes(&w);
}

static enum rc dial(struct load *l, struct err *e)
{
	for (unsigned t = 0; t < l->threads; t++)
		if (l->fd[t] < 0 && sock_connect(l->path, &l->fd[t], e))
			return e->rc;
	return RC_OK;
}

static void hang_up(struct load *l)
{
	for (unsigned t = 0; t < l->threads; t++) {
		fd_close(l->fd[t]);
		l->fd[t] = -1;
	}
}

static enum rc prepare(struct load *l, const struct cluster *c,
		       enum driver_load what, unsigned window, struct err *e)
{
	l->frame = frame_of(l, c, what);
	l->window = window;
	l->threads = window < CONNECTIONS ? window : CONNECTIONS;
	for (unsigned t = 0; t < l->threads; t++) {
		l->in_flight[t] = window / l->threads +
				  (t < window % l->threads);
		l->fd[t] = -1;
	}
	cluster_path(c, PATH_KEYD_SOCKET, l->path);
	return become_front(c, e);
}

/* Of the process that listens: keyd, unless systemd listened for it. */
static clockid_t keyd_clock(const struct load *l)
{
	struct sock_peer peer;
	clockid_t clock;
	struct err e;

	return !sock_peer(l->fd[0], &peer, &e) &&
			       clock_getcpuclockid(peer.pid, &clock) == 0
		       ? clock
		       : CLOCK_PROCESS_CPUTIME_ID;
}

static enum rc rate(struct load *l, const struct order *o, struct answer *a)
{
	double keyd, own, answers;
	clockid_t clock;

	if (dial(l, &a->e))
		return a->e.rc;
	clock = keyd_clock(l);
	keyd = bench_clock(clock);
	own = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
	if (fill(l, &a->e) ||
	    bench_rate(step, l, l->threads, o->seconds, &a->rate.rate, &a->e) ||
	    drain(l, &a->e))
		return a->e.rc;
	answers = a->rate.rate * o->seconds + l->window;
	a->rate.keyd = (bench_clock(clock) - keyd) / answers;
	a->rate.own = (bench_clock(CLOCK_PROCESS_CPUTIME_ID) - own) / answers;
	return RC_OK;
}

static enum rc one(struct load *l, struct err *e)
{
	if (sock_send(l->fd[0], l->frame, -1, 0, e))
		return e->rc;
	return receive(l, 0, e);
}

static enum rc times(struct load *l, const struct order *o, struct answer *a)
{
	if (dial(l, &a->e))
		return a->e.rc;
	for (unsigned i = 0; i < o->n && i < DRIVER_TIMES_MAX; i++) {
		double began = proc_now();

		if (one(l, &a->e))
			return a->e.rc;
		a->times[i] = proc_now() - began;
	}
	return RC_OK;
}

/* Of a keyd that is about to start. */
static enum rc first(struct load *l, const struct order *o, struct answer *a)
{
	const struct timespec pause = {.tv_nsec = 500000};
	double end = proc_now() + o->seconds;
	enum rc rc;

	hang_up(l);
	/* Its socket is there for a moment before it is open to others. */
	while (((rc = dial(l, &a->e)) == RC_STALE || rc == RC_REFUSED) &&
	       proc_now() < end)
		(void)nanosleep(&pause, NULL);
	if (rc != RC_OK || one(l, &a->e))
		return a->e.rc;
	a->times[0] = proc_now();
	return RC_OK;
}

/* Until the parent goes. */
static void serve(int fd, const struct cluster *c, enum driver_load what,
		  unsigned window)
{
	static enum rc (*const handlers[])(struct load *, const struct order *,
					   struct answer *) = {
		[RATE] = rate, [TIMES] = times, [FIRST] = first,
	};
	static struct answer a;
	static struct load l;
	struct err failed, e;
	struct order o;
	enum rc ready = prepare(&l, c, what, window, &failed);
	size_t n;

	while (!sock_recv(fd, &o, sizeof o, &n, NULL, 0, &e) && n == sizeof o) {
		a = (struct answer){.rc = ready, .e = failed};
		if (ready == RC_OK)
			a.rc = handlers[o.what](&l, &o, &a);
		if (sock_send(fd, bytes_of(&a, sizeof a), -1, 0, &e))
			break;
	}
	_exit(0);
}

enum rc driver_start(const struct cluster *c, enum driver_load load,
		     unsigned window, struct driver *out, struct err *e)
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
		serve(fds[1], c, load, window);
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

static enum rc give_order(struct driver *d, const struct order *o, struct err *e)
{
	return sock_send(d->fd, bytes_of(o, sizeof *o), -1, 0, e);
}

static enum rc take_answer(struct driver *d, struct answer *a, struct err *e)
{
	size_t n;

	if (sock_recv(d->fd, a, sizeof *a, &n, NULL, 0, e))
		return e->rc;
	if (n != sizeof *a)
		return err_set(e, RC_ERROR, "driver", "answered in part", NULL,
			       "%zu bytes", n);
	if (a->rc != RC_OK)
		*e = a->e;
	return a->rc;
}

enum rc driver_rate(struct driver *d, double seconds, struct driver_rate *out,
		    struct err *e)
{
	const struct order o = {.what = RATE, .seconds = seconds};
	struct answer a;

	if (give_order(d, &o, e) || take_answer(d, &a, e))
		return e->rc;
	*out = a.rate;
	return RC_OK;
}

enum rc driver_times(struct driver *d, double *times, unsigned n, struct err *e)
{
	const struct order o = {.what = TIMES, .n = n};
	struct answer a;

	assert(n <= DRIVER_TIMES_MAX);
	if (give_order(d, &o, e) || take_answer(d, &a, e))
		return e->rc;
	memcpy(times, a.times, n * sizeof *times);
	return RC_OK;
}

enum rc driver_first_begin(struct driver *d, double seconds, struct err *e)
{
	const struct order o = {.what = FIRST, .seconds = seconds};

	return give_order(d, &o, e);
}

enum rc driver_first_end(struct driver *d, double *when, struct err *e)
{
	struct answer a;

	if (take_answer(d, &a, e))
		return e->rc;
	*when = a.times[0];
	return RC_OK;
}
