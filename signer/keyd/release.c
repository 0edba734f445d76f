#include "release.h"
#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "coverage.h"
#include "logfile.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
	struct audit_chain end; /* of its lines */
	uint64_t upto, notes;   /* release.appended, coverage.notes at its end */
};

struct release {
	struct logfile file; /* the release thread's own */
	atomic_int in_flight;  /* requests that are not appended yet */
	atomic_bool stuck;     /* set under the lock */
	pthread_mutex_t lock;  /* of all that follows */
	pthread_cond_t work;   /* something was appended */
	pthread_cond_t synced; /* a batch is on disk, or is given up */
	struct audit_chain chain, on_disk;
	struct batch open;
	bool gathering;          /* a few wait for more, for as long as a sync takes */
	double sync;             /* seconds that the last one took, RELEASE_WAIT_MS at most */
	bool flushing;           /* a batch was taken, and is on its way */
	uint64_t appended, done; /* entries; done counts those given up too */
	uint64_t faults;         /* batches given up */
	struct err why;          /* stuck */
	double probe;            /* stuck: proc_now() of the next try */
	unsigned long refused;   /* stuck: requests */
	bool scarce;             /* there is little room */
	double looked;           /* proc_now() of when that was looked at */
	struct coverage cover;
};

static void die(const char *what)
{
	struct err e;

	err_errno(&e, RC_ERROR, what, NULL, "the audit log");
	log_error("audit", &e);
	_exit(1);
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

/* ---- answers ---- */

/* What was to be said, or the error in its place. */
static void send_answer(struct answer *a, const struct err *instead)
{
	struct conn *c = a->conn;
	bool secret = a->frame.locked != NULL;

	if (!c)
		return;
	if (instead)
		conn_send_error(c, a->id, instead);
	else
		conn_send(c, bytes_of(a->frame.p, a->frame.n));
	wire_frame_free(&a->frame);
	if (secret)
		atomic_fetch_sub(&c->room->used, 1);
	atomic_fetch_sub(&c->in_flight, 1);
	conn_unref(c);
}

static void send_batch(struct batch *b, const struct err *instead)
{
	for (size_t i = 0; i < b->n; i++)
		send_answer(&b->answers[i], instead);
	b->n = b->nlines = 0;
}

/* ---- the log is stuck ---- */

/* Nothing of this batch may leave, nor of the next one, whose lines follow its own:
 * forget both, and go back to what is on disk. */
static void get_stuck(struct release *r, struct batch *b, const struct err *e)
{
	struct batch next;
	bool last;

	log_error("audit", e);
	(void)pthread_mutex_lock(&r->lock);
	next = r->open;
	r->open = (struct batch){.last = next.last};
	last = b->last || next.last;
	r->chain = r->on_disk;
	coverage_give_up(&r->cover);
	r->stuck = true;
	r->why = *e;
	r->probe = proc_now() + 1;
	r->refused = b->n + next.n;
	r->faults++;
	r->done = r->appended;
	(void)pthread_cond_broadcast(&r->synced);
	(void)pthread_mutex_unlock(&r->lock);
	send_batch(b, e);
	send_batch(&next, e);
	free(next.lines);
	free(next.answers);
	if (last)
		_exit(1);
}

/* Called locked, stuck: does an entry get through? */
static void probe(struct release *r)
{
	struct audit_chain chain = r->on_disk;
	char line[AUDIT_LINE_MAX], detail[160];
	struct audit_entry entry = {
		.time = (int64_t)time(NULL),
		.who = "keyd",
		.uid = getuid(),
		.event = "log-stuck",
		.detail = detail,
		.rc = "ok",
	};
	enum logfile_end end;
	struct err e;
	size_t n;

	(void)snprintf(detail, sizeof detail, "refused=%lu why=%s", r->refused,
		       r->why.name);
	n = audit_format(&chain, &entry, line);
	end = logfile_append(&r->file, bytes_of(line, n), &e);
	if (end == LOGFILE_LOST) {
		log_error("audit", &e);
		_exit(1);
	}
	if (end == LOGFILE_STUCK) {
		r->why = e;
		r->probe = proc_now() + 1;
		return;
	}
	log_info("event=audit-writable refused=%lu", r->refused);
	r->stuck = false;
	r->chain = r->on_disk = chain;
	coverage_note(&r->cover);
	r->cover.synced = r->cover.notes;
}

static enum rc still_stuck(const struct release *r, struct err *e)
{
	if (!r->stuck)
		return RC_OK;
	*e = r->why;
	return e->rc;
}

/* Called locked. */
static enum rc is_spare(struct release *r, struct err *e)
{
	bool was = r->scarce;
	double now = proc_now();

	if (now - r->looked >= 1) {
		r->looked = now;
		r->scarce = logfile_is_scarce(&r->file);
	}
	if (!r->scarce)
		return RC_OK;
	err_set(e, RC_REFUSED, "request", "little room is left for the audit log",
		"free space where keyd's state is; what is left is kept for administrators' work",
		"%s", r->file.path);
	if (!was)
		log_error("log-scarce", e);
	return e->rc;
}

enum rc release_open_for(struct release *r, bool many, struct err *e)
{
	enum rc rc;

	if (!many && !atomic_load(&r->stuck))
		return RC_OK;
	(void)pthread_mutex_lock(&r->lock);
	rc = still_stuck(r, e);
	r->refused += rc != RC_OK;
	if (rc == RC_OK && many)
		rc = is_spare(r, e);
	(void)pthread_mutex_unlock(&r->lock);
	return rc;
}

/* ---- the release thread ---- */

static struct timespec in_seconds(double seconds)
{
	struct timespec t;
	long nsec = (long)(seconds * 1e9);

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += nsec / 1000000000;
	t.tv_nsec += nsec % 1000000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

/* Something to write or to answer. Called locked. */
static void wait_for_work(struct release *r)
{
	for (;;) {
		struct timespec next = in_seconds(1);

		if (r->stuck && proc_now() >= r->probe)
			probe(r);
		if (r->open.n)
			return;
		if (r->stuck)
			(void)pthread_cond_timedwait(&r->work, &r->lock, &next);
		else
			(void)pthread_cond_wait(&r->work, &r->lock);
	}
}

/* Nothing else is on its way; or as many wait as are still being worked on: who asks again
 * after an answer then never leaves the workers without work. A few wait for more all the
 * same, while they gather. Called locked. */
static bool is_enough(const struct release *r)
{
	int in_flight = atomic_load(&r->in_flight);
	bool few = r->gathering && r->open.n < RELEASE_SHARED;

	return in_flight == 0 || r->open.n >= RELEASE_BATCH || r->open.last ||
	       ((int)r->open.n >= in_flight && !few);
}

static void wait_until_enough(struct release *r, double seconds)
{
	struct timespec until = in_seconds(seconds);

	while (!is_enough(r))
		if (pthread_cond_timedwait(&r->work, &r->lock, &until) != 0)
			return;
}

/* Others are on their way: let them share the sync. What waits for as long as the sync
 * itself takes comes little later, and far fewer are made. Called locked. */
static void wait_for_more(struct release *r)
{
	r->gathering = r->open.nlines > 0;
	wait_until_enough(r, r->sync);
	r->gathering = false;
	wait_until_enough(r, RELEASE_WAIT_MS / 1000.0);
}

/* When the file ends where `chain` says. */
static void rotate(struct release *r, const struct audit_chain *chain)
{
	struct err e = {0};
	bool done;
	enum logfile_end end = logfile_rotate(&r->file, chain, &done, &e);

	if (end != LOGFILE_DONE)
		log_error("audit-rotate", &e);
	if (end == LOGFILE_LOST)
		_exit(1);
	if (!done)
		return;
	log_info("event=audit-rotate last=%llu",
		 (unsigned long long)(chain->next - 1));
	(void)pthread_mutex_lock(&r->lock);
	r->cover.hurry = true;
	(void)pthread_mutex_unlock(&r->lock);
}

/* Who is answered may ask for the head at once. */
static void is_on_disk(struct release *r, const struct batch *b)
{
	(void)pthread_mutex_lock(&r->lock);
	r->done = b->upto;
	r->on_disk = b->end;
	r->cover.synced = b->notes;
	(void)pthread_cond_broadcast(&r->synced);
	(void)pthread_mutex_unlock(&r->lock);
}

static void flush(struct release *r, struct batch *b)
{
	struct err e;
	double began = proc_now(), most = RELEASE_WAIT_MS / 1000.0, took;
	enum logfile_end end =
		logfile_append(&r->file, bytes_of(b->lines, b->nlines), &e);

	took = proc_now() - began;
	if (b->nlines)
		r->sync = took < most ? took : most;
	if (end == LOGFILE_STUCK) {
		get_stuck(r, b, &e);
		return;
	}
	if (end == LOGFILE_LOST) {
		log_error("audit", &e);
		send_batch(b, &e);
		_exit(1);
	}
	is_on_disk(r, b);
	send_batch(b, NULL);
	if (b->last) {
		log_warn("event=end hint=\"the token no longer answers as it must; starting anew\"");
		_exit(1);
	}
	rotate(r, &b->end);
}

static void *run(void *arg)
{
	struct release *r = arg;
	struct batch taken = {0}, swap;

	for (;;) {
		(void)pthread_mutex_lock(&r->lock);
		wait_for_work(r);
		wait_for_more(r);
		swap = r->open;
		r->open = taken;
		taken = swap;
		taken.end = r->chain;
		taken.notes = r->cover.notes;
		taken.upto = r->appended;
		r->flushing = true;
		(void)pthread_mutex_unlock(&r->lock);

		flush(r, &taken);

		(void)pthread_mutex_lock(&r->lock);
		r->flushing = false;
		(void)pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

/* ---- appending ---- */

/* Room for a line more. Called locked. */
static char *room(struct batch *b)
{
	b->lines = grow(b->lines, &b->lines_cap, b->nlines + AUDIT_LINE_MAX, 1);
	return b->lines + b->nlines;
}

/* Called locked. */
static void append_answer(struct release *r, const struct answer *a)
{
	struct batch *b = &r->open;

	b->answers = grow(b->answers, &b->cap, b->n + 1, sizeof *b->answers);
	b->answers[b->n++] = *a;
	/* Wake the release thread for what it waits for, and not for each. */
	if (b->n == 1 || is_enough(r))
		(void)pthread_cond_signal(&r->work);
}

/* Called locked. */
static void append(struct release *r, const struct answer *a,
		   const struct audit_entry *entry)
{
	if (entry) {
		char *line = room(&r->open);

		r->open.nlines += audit_format(&r->chain, entry, line);
		r->appended++;
		coverage_note(&r->cover);
	}
	append_answer(r, a);
}

void release_expect(struct release *r)
{
	atomic_fetch_add(&r->in_flight, 1);
}

void release_answer(struct release *r, struct conn *conn, uint32_t id,
		    struct wire_frame *frame, const struct audit_entry *entry,
		    bool last)
{
	struct answer a = {.conn = conn, .id = id, .frame = *frame};
	struct err why;
	bool stuck;

	*frame = (struct wire_frame){0};
	(void)pthread_mutex_lock(&r->lock);
	atomic_fetch_sub(&r->in_flight, 1);
	r->open.last |= last;
	stuck = r->stuck && entry;
	why = r->why;
	r->refused += stuck;
	if (!stuck || last)
		append(r, stuck ? &(struct answer){0} : &a, stuck ? NULL : entry);
	(void)pthread_mutex_unlock(&r->lock);
	if (stuck)
		send_answer(&a, &why);
}

/* Called locked, when the entry is appended: until it is on disk, or given up. */
static enum rc wait_for_disk(struct release *r, struct err *e)
{
	uint64_t mine = r->appended, faults = r->faults;

	(void)pthread_cond_signal(&r->work);
	while (r->done < mine)
		(void)pthread_cond_wait(&r->synced, &r->lock);
	if (r->faults == faults)
		return RC_OK;
	*e = r->why;
	return e->rc;
}

bool release_idle(struct release *r)
{
	bool idle;

	(void)pthread_mutex_lock(&r->lock);
	idle = r->in_flight == 0 && r->open.n == 0 && !r->flushing;
	(void)pthread_mutex_unlock(&r->lock);
	return idle;
}

enum rc release_note(struct release *r, const struct audit_entry *entry,
		     struct err *e)
{
	enum rc rc;

	(void)pthread_mutex_lock(&r->lock);
	rc = still_stuck(r, e);
	if (rc == RC_OK) {
		append(r, &(struct answer){0}, entry);
		rc = wait_for_disk(r, e);
	}
	(void)pthread_mutex_unlock(&r->lock);
	return rc;
}

void release_last(struct release *r)
{
	struct answer none = {0};

	(void)pthread_mutex_lock(&r->lock);
	r->open.last = true;
	append_answer(r, &none);
	(void)pthread_mutex_unlock(&r->lock);
}

/* ---- checkpoints ---- */

struct audit_point release_point(struct release *r)
{
	struct audit_point p;

	(void)pthread_mutex_lock(&r->lock);
	p = audit_chain_point(&r->on_disk);
	(void)pthread_mutex_unlock(&r->lock);
	return p;
}

bool release_checkpoint_begin(struct release *r)
{
	bool due;

	(void)pthread_mutex_lock(&r->lock);
	due = !r->stuck && coverage_begin(&r->cover);
	(void)pthread_mutex_unlock(&r->lock);
	return due;
}

enum rc release_checkpoint_point(struct release *r, struct audit_point *out,
				 struct err *e)
{
	bool any;

	(void)pthread_mutex_lock(&r->lock);
	any = coverage_point(&r->cover);
	*out = audit_chain_point(&r->on_disk);
	(void)pthread_mutex_unlock(&r->lock);
	return any ? RC_OK
		   : err_set(e, RC_NOTFOUND, "checkpoint", "nothing is new", NULL,
			     "the audit log");
}

enum rc release_certificate(struct release *r, const struct audit_certificate *c,
			    struct err *e)
{
	enum rc rc;

	(void)pthread_mutex_lock(&r->lock);
	rc = still_stuck(r, e);
	if (rc == RC_OK) {
		char *line = room(&r->open);

		r->open.nlines += audit_format_certificate(&r->chain, c, line);
		r->appended++;
		append_answer(r, &(struct answer){0});
		rc = wait_for_disk(r, e);
	}
	(void)pthread_mutex_unlock(&r->lock);
	return rc;
}

bool release_checkpoint(struct release *r, const struct audit_checkpoint *c)
{
	struct answer none = {0};
	bool fits;

	(void)pthread_mutex_lock(&r->lock);
	/* One that took longer than a verifier looks back is made anew. */
	fits = !r->stuck && r->chain.next - c->upto.entry < AUDIT_COVER_MAX;
	if (fits) {
		char *line = room(&r->open);

		r->open.nlines += audit_format_checkpoint(&r->chain, c, line);
		r->appended++;
		append_answer(r, &none);
	}
	(void)pthread_mutex_unlock(&r->lock);
	return fits;
}

void release_checkpoint_end(struct release *r, bool done)
{
	(void)pthread_mutex_lock(&r->lock);
	coverage_end(&r->cover, done);
	(void)pthread_mutex_unlock(&r->lock);
}

/* ---- the start ---- */

enum rc release_open(const struct release_setup *setup, struct release **out,
		     struct err *e)
{
	struct release *r = calloc(1, sizeof *r);
	pthread_condattr_t monotonic;
	pthread_t thread;

	if (!r)
		return err_errno(e, RC_ERROR, "calloc", NULL, "%s", setup->path);
	if (logfile_open(&r->file, setup->path, setup->group, setup->rotate, &r->chain,
			 e) != RC_OK) {
		free(r);
		return e->rc;
	}
	r->on_disk = r->chain;
	r->cover.seconds = setup->checkpoint_seconds;
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
