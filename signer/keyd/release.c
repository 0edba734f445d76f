#include "release.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct answer {
	struct conn *conn; /* NULL: a note */
	uint32_t id;
	struct wire_frame frame;
};

struct batch {
	char *lines;
	size_t nlines, lines_cap;
	struct answer *answers;
	size_t n, cap;
	bool last;
};

struct release {
	int fd;
	off_t size; /* of the log, synced */
	pthread_mutex_t lock;
	pthread_cond_t work;   /* something was appended */
	pthread_cond_t synced; /* a batch is on disk */
	struct audit_chain chain;
	struct batch open;
	bool flushing;          /* a batch was taken, and is on its way */
	int in_flight;          /* requests that are not appended yet */
	uint64_t appended, done; /* entries */
};

static void die(const char *what)
{
	struct err e;

	err_errno(&e, RC_ERROR, what, NULL, "the audit log");
	log_error("audit", &e);
	_exit(1);
}

/* The log cannot be written: nothing of this batch may leave. */
static void refuse_batch(struct release *r, struct batch *b)
{
	struct err e;

	err_errno(&e, RC_ERROR, "write",
		  "free space where keyd's state is; nothing is signed until the log can be written",
		  "the audit log");
	log_error("audit", &e);
	(void)!ftruncate(r->fd, r->size);
	for (size_t i = 0; i < b->n; i++)
		if (b->answers[i].conn)
			conn_send_error(b->answers[i].conn, b->answers[i].id,
					&e);
	_exit(1); /* the chain in memory is ahead of the log: start anew from it */
}

static void send_answer(struct answer *a)
{
	struct conn *c = a->conn;
	bool secret = a->frame.locked != NULL;

	conn_send(c, bytes_of(a->frame.p, a->frame.n));
	wire_frame_free(&a->frame);
	if (secret)
		atomic_fetch_sub(&c->room->used, 1);
	atomic_fetch_sub(&c->in_flight, 1);
	conn_unref(c);
}

static void flush(struct release *r, struct batch *b)
{
	if (b->nlines && (!file_write_all(r->fd, bytes_of(b->lines, b->nlines)) ||
			  fdatasync(r->fd) != 0))
		refuse_batch(r, b);
	r->size += (off_t)b->nlines;
	for (size_t i = 0; i < b->n; i++)
		if (b->answers[i].conn)
			send_answer(&b->answers[i]);
	if (b->last) {
		log_warn("event=end hint=\"the token no longer answers as it must; starting anew\"");
		_exit(1);
	}
	b->n = b->nlines = 0;
}

/* Others are on their way: let them share the sync. Called locked. */
static void wait_for_more(struct release *r)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += RELEASE_WAIT_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (r->in_flight > 0 && r->open.n < RELEASE_BATCH && !r->open.last)
		if (pthread_cond_timedwait(&r->work, &r->lock, &until) != 0)
			return;
}

static void *run(void *arg)
{
	struct release *r = arg;
	struct batch taken = {0}, swap;
	uint64_t upto;

	for (;;) {
		(void)pthread_mutex_lock(&r->lock);
		while (r->open.n == 0)
			(void)pthread_cond_wait(&r->work, &r->lock);
		wait_for_more(r);
		swap = r->open;
		r->open = taken;
		taken = swap;
		upto = r->appended;
		r->flushing = true;
		(void)pthread_mutex_unlock(&r->lock);

		flush(r, &taken);

		(void)pthread_mutex_lock(&r->lock);
		r->flushing = false;
		r->done = upto;
		(void)pthread_cond_broadcast(&r->synced);
		(void)pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

static void *grow(void *p, size_t *cap, size_t need, size_t width)
{
	size_t n = *cap;

	if (need <= n)
		return p;
	n = need * 2;
	p = reallocarray(p, n, width);
	if (!p)
		die("realloc");
	*cap = n;
	return p;
}

/* Called locked. */
static void append(struct release *r, const struct answer *a,
		   const struct audit_entry *entry)
{
	struct batch *b = &r->open;

	if (entry) {
		b->lines = grow(b->lines, &b->lines_cap,
				b->nlines + AUDIT_LINE_MAX, 1);
		b->nlines += audit_format(&r->chain, entry,
					  b->lines + b->nlines);
		r->appended++;
	}
	b->answers = grow(b->answers, &b->cap, b->n + 1, sizeof *b->answers);
	b->answers[b->n++] = *a;
	/* Wake the release thread for what it waits for, and not for each. */
	if (b->n == 1 || b->n == RELEASE_BATCH || r->in_flight == 0 || b->last)
		(void)pthread_cond_signal(&r->work);
}

void release_expect(struct release *r)
{
	(void)pthread_mutex_lock(&r->lock);
	r->in_flight++;
	(void)pthread_mutex_unlock(&r->lock);
}

void release_answer(struct release *r, struct conn *conn, uint32_t id,
		    struct wire_frame *frame, const struct audit_entry *entry,
		    bool last)
{
	struct answer a = {.conn = conn, .id = id, .frame = *frame};

	*frame = (struct wire_frame){0};
	(void)pthread_mutex_lock(&r->lock);
	r->in_flight--;
	r->open.last |= last;
	append(r, &a, entry);
	(void)pthread_mutex_unlock(&r->lock);
}

void release_note(struct release *r, const struct audit_entry *entry)
{
	struct answer none = {0};
	uint64_t mine;

	(void)pthread_mutex_lock(&r->lock);
	append(r, &none, entry);
	mine = r->appended;
	(void)pthread_cond_signal(&r->work);
	while (r->done < mine)
		(void)pthread_cond_wait(&r->synced, &r->lock);
	(void)pthread_mutex_unlock(&r->lock);
}

bool release_idle(struct release *r)
{
	bool idle;

	(void)pthread_mutex_lock(&r->lock);
	idle = r->in_flight == 0 && r->open.n == 0 && !r->flushing;
	(void)pthread_mutex_unlock(&r->lock);
	return idle;
}

uint64_t release_entries(struct release *r)
{
	uint64_t n;

	(void)pthread_mutex_lock(&r->lock);
	n = r->chain.next - 1;
	(void)pthread_mutex_unlock(&r->lock);
	return n;
}

/* Find the chain's end; cut off what a crash left unfinished. */
static enum rc resume(struct release *r, const char *path, struct err *e)
{
	char tail[2 * AUDIT_LINE_MAX];
	struct stat st;
	off_t from;
	ssize_t got;
	size_t torn;

	if (fstat(r->fd, &st) != 0)
		return err_errno(e, RC_ERROR, "fstat", NULL, "%s", path);
	from = st.st_size > (off_t)sizeof tail
		       ? st.st_size - (off_t)sizeof tail
		       : 0;
	got = pread(r->fd, tail, sizeof tail, from);
	if (got < 0)
		return err_errno(e, RC_ERROR, "read", NULL, "%s", path);
	if (audit_chain_resume(&r->chain, bytes_of(tail, num_size(got)), &torn,
			       e) != RC_OK) {
		(void)snprintf(e->what, sizeof e->what, "%s", path);
		return e->rc;
	}
	r->size = st.st_size - (off_t)torn;
	if (torn)
		log_warn("event=audit-torn bytes=%zu hint=\"an entry that was cut off by a crash; it was never answered for\"",
			 torn);
	if (ftruncate(r->fd, r->size) != 0)
		return err_errno(e, RC_ERROR, "truncate", NULL, "%s", path);
	return RC_OK;
}

enum rc release_open(const char *path, gid_t group, struct release **out,
		     struct err *e)
{
	struct release *r = calloc(1, sizeof *r);
	pthread_condattr_t monotonic;
	pthread_t thread;

	if (!r)
		return err_errno(e, RC_ERROR, "calloc", NULL, "%s", path);
	r->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (r->fd < 0) {
		err_errno(e, RC_ERROR, "open", NULL, "%s", path);
		free(r);
		return e->rc;
	}
	/* Best effort: keyd need not be in the group. */
	(void)!fchown(r->fd, (uid_t)-1, group);
	(void)fchmod(r->fd, 0640);
	if (resume(r, path, e) != RC_OK) {
		fd_close(r->fd);
		free(r);
		return e->rc;
	}
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&r->work, &monotonic);
	(void)pthread_cond_init(&r->synced, NULL);
	if (pthread_create(&thread, NULL, run, r) != 0)
		die("pthread_create");
	*out = r;
	return RC_OK;
}
