#include "server.h"
#include "checkpoint.h"
#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct job {
	struct conn *conn; /* NULL: a checkpoint of the audit log */
	unsigned what;
	uint32_t id;
	int fd;
	struct wire_frame frame; /* a secret's has room for the answer too */
	size_t n; /* bytes of the request in it */
	struct job *next;
};

struct worker {
	struct server *server;
	struct hsm_session *session;
	uint8_t *out; /* SOCK_MESSAGE_MAX bytes */
	struct wire_frame secret_out; /* KEYD_SECRET_MAX, for what is secret */
	_Atomic double deadline; /* proc_now() by which it must be done; 0: idle */
	_Atomic unsigned what;
};

/* Handshakes wait apart: however many there are, every other job is another's. */
enum { QUEUE_TVS, QUEUE_OTHERS, QUEUES };
struct queue {
	struct job *first, **last;
};

struct server {
	struct service *service;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct queue queues[QUEUES];
	size_t queued;
	size_t next_queue; /* who is served next */
	struct worker *workers;
	size_t nworkers;
	struct conn *conns[SERVER_MAX_CONNECTIONS];
	size_t nconns;
	size_t turn; /* who is read first */
	struct room admins, root, tvs;
	struct wire_frame frame; /* KEYD_FRAME_MAX, of the reading thread */
};

/* ---- workers ---- */

static struct job *take(struct server *v)
{
	struct queue *q;
	struct job *j;

	(void)pthread_mutex_lock(&v->lock);
	while (!v->queued)
		(void)pthread_cond_wait(&v->work, &v->lock);
	if (!v->queues[v->next_queue].first)
		v->next_queue = (v->next_queue + 1) % QUEUES;
	q = &v->queues[v->next_queue];
	v->next_queue = (v->next_queue + 1) % QUEUES;
	j = q->first;
	q->first = j->next;
	if (!q->first)
		q->last = &q->first;
	v->queued--;
	(void)pthread_mutex_unlock(&v->lock);
	return j;
}

static void put(struct server *v, struct job *j)
{
	bool tvs = j->conn && j->conn->role == ROLE_TVS;
	struct queue *q = &v->queues[tvs ? QUEUE_TVS : QUEUE_OTHERS];

	(void)pthread_mutex_lock(&v->lock);
	*q->last = j;
	q->last = &j->next;
	v->queued++;
	(void)pthread_cond_signal(&v->work);
	(void)pthread_mutex_unlock(&v->lock);
}

/* The answer's own memory. A secret's lies where the request lay: there is nothing
 * that could fail. */
static struct wire_frame answer_frame(struct job *j, struct bytes answer)
{
	struct wire_frame frame = {0};
	struct err e;

	if (j->frame.locked) {
		frame = j->frame;
		frame.n = answer.n;
		j->frame = (struct wire_frame){0};
	} else if (wire_frame_new(answer.n, false, &frame, &e) != RC_OK) {
		log_error("answer", &e);
		conn_cut(j->conn); /* the entry is written all the same */
		return frame;
	}
	memcpy(frame.p, answer.p, answer.n);
	return frame;
}

/* Answer and entry go to the release thread together. */
static void answer(struct worker *w, struct job *j, const struct request *q,
		   enum rc rc, const struct err *e)
{
	char detail[sizeof q->note.detail + sizeof e->why + sizeof e->name + 16];
	struct audit_entry entry = {
		.time = (int64_t)time(NULL),
		.who = role_name(j->conn->role),
		.uid = j->conn->peer.uid,
		.pid = (unsigned)j->conn->peer.pid,
		.event = q->note.event,
		.key = q->note.key[0] ? q->note.key : NULL,
		.digest = bytes_of(q->note.digest, q->note.digest_len),
		.ticket = bytes_of(q->note.ticket, q->note.ticket_len),
		.detail = detail,
		.rc = rc_name(rc),
	};
	uint8_t *start = q->out.p - KEYD_HEADER_LEN;
	struct writer out = writer_of(start, KEYD_HEADER_LEN + q->out.cap);
	struct wire_frame frame;

	(void)snprintf(detail, sizeof detail, "%s%s%s%s%s", q->note.detail,
		       rc == RC_OK ? "" : " why=", rc == RC_OK ? "" : e->why,
		       rc == RC_OK || !e->name[0] ? "" : " ",
		       rc == RC_OK ? "" : e->name);
	if (!detail[0])
		entry.detail = NULL;
	if (rc != RC_OK) {
		wire_header(&out, rc, j->id);
		wire_error(&out, e);
	} else {
		out.n = q->out.n + KEYD_HEADER_LEN;
		struct writer head = writer_of(start, KEYD_HEADER_LEN);

		wire_header(&head, RC_OK, j->id);
	}
	frame = answer_frame(j, bytes_of(start, out.n));
	sodium_memzero(start, KEYD_HEADER_LEN + q->out.n);
	release_answer(w->server->service->release, j->conn, j->id, &frame,
		       q->note.wanted ? &entry : NULL,
		       rc != RC_OK && request_is_fatal(e));
}

/* Phones' handshakes, and files, which can wait. */
static bool is_of_many(const struct job *j)
{
	return j->conn->role == ROLE_TVS || j->what == KEYD_SGN;
}

static void work(struct worker *w, struct job *j)
{
	struct service *s = w->server->service;
	bool secret = j->frame.locked != NULL; /* and so is its answer */
	uint8_t *out = secret ? w->secret_out.p : w->out;
	size_t cap = secret ? w->secret_out.n : SOCK_MESSAGE_MAX;
	struct request q = {
		.service = s,
		.session = w->session,
		.conn = j->conn,
		.what = (enum keyd_request)j->what,
		.in = reader_of(bytes_of(j->frame.p + KEYD_HEADER_LEN,
					 j->n - KEYD_HEADER_LEN)),
		.fd = j->fd,
		.out = writer_of(out + KEYD_HEADER_LEN, cap - KEYD_HEADER_LEN),
	};
	struct err e = {0};
	enum rc rc;

	atomic_store(&w->what, j->what);
	atomic_store(&w->deadline, proc_now() + request_deadline(s, j->what));
	rc = request_is_audited(j->what) ? release_open_for(s->release, is_of_many(j), &e)
					 : RC_OK;
	if (rc == RC_OK)
		rc = request_handle(&q, &e);
	if (rc == RC_OK && q.out.bad)
		rc = err_set(&e, RC_ERROR, q.note.event,
			     "the answer is too large", NULL, "keyd");
	atomic_store(&w->deadline, 0);
	if (rc != RC_OK && (request_is_fatal(&e) || rc == RC_TOKEN))
		log_error(q.note.event[0] ? q.note.event : "request", &e);
	answer(w, j, &q, rc, &e);
	fd_close(j->fd);
	wire_frame_free(&j->frame);
	free(j);
}

/* keyd's own request. A token that does not sign it is a fault that is logged, and
 * tried again; one that no longer answers as it must ends keyd, as with any. */
static void work_checkpoint(struct worker *w, struct job *j)
{
	struct service *s = w->server->service;
	struct err e = {0};
	enum rc rc;

	atomic_store(&w->what, 0);
	atomic_store(&w->deadline, proc_now() + s->config->deadline_seconds);
	/* As every request: the key before this one may be removed meanwhile. */
	(void)pthread_rwlock_rdlock(&s->keys_used);
	rc = checkpoint_make(s, w->session, &e);
	(void)pthread_rwlock_unlock(&s->keys_used);
	if (rc != RC_OK) {
		log_error("checkpoint", &e);
		if (request_is_fatal(&e))
			release_last(s->release);
	}
	atomic_store(&w->deadline, 0);
	free(j);
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		struct job *j = take(w->server);

		if (j->conn)
			work(w, j);
		else
			work_checkpoint(w, j);
	}
	return NULL;
}

static void put_checkpoint(struct server *v)
{
	struct job *j = calloc(1, sizeof *j);

	if (j)
		put(v, j);
	else
		release_checkpoint_end(v->service->release, false);
}

static enum rc start_workers(struct server *v, struct err *e)
{
	v->nworkers = v->service->config->sessions;
	v->workers = calloc(v->nworkers, sizeof *v->workers);
	for (size_t i = 0; v->workers && i < v->nworkers; i++) {
		struct worker *w = &v->workers[i];
		pthread_t thread;

		w->server = v;
		w->session = hsm_session_take(v->service->token);
		w->out = malloc(SOCK_MESSAGE_MAX);
		if (wire_frame_new(KEYD_SECRET_MAX, true, &w->secret_out, e) !=
		    RC_OK)
			return e->rc;
		if (!w->out ||
		    pthread_create(&thread, NULL, worker_run, w) != 0)
			return err_errno(e, RC_ERROR, "start a worker", NULL,
					 "worker %zu", i);
	}
	return v->workers ? RC_OK
			  : err_errno(e, RC_ERROR, "calloc", NULL, "workers");
}

/* A call that does not come back cannot be cancelled: end, and start anew. */
static void watch(const struct server *v)
{
	double now = proc_now();

	for (size_t i = 0; i < v->nworkers; i++) {
		double deadline = atomic_load(&v->workers[i].deadline);

		if (deadline == 0 || now < deadline)
			continue;
		log_warn("event=deadline request=%u hint=\"the token does not answer; starting anew\"",
			 atomic_load(&v->workers[i].what));
		_exit(1);
	}
}

/* ---- connections ---- */

static enum role role_of(const struct keyd_config *c, const struct sock_peer *p)
{
	if (p->uid == c->front_uid)
		return ROLE_FRONT;
	if (p->uid == c->tvs_uid)
		return ROLE_TVS;
	if (p->uid == 0 || sock_peer_in_group(p, c->group))
		return ROLE_ADMIN;
	return ROLE_NONE;
}

static struct room *room_of(struct server *v, enum role role, uid_t uid)
{
	if (role == ROLE_TVS)
		return &v->tvs;
	if (role == ROLE_ADMIN)
		return uid == 0 ? &v->root : &v->admins;
	return NULL;
}

static bool too_many(const struct server *v, enum role role, uid_t uid)
{
	size_t same = 0, most = role == ROLE_TVS ? SERVER_MAX_OF_TVS : SERVER_MAX_OF_USER;
	size_t reserve = role == ROLE_FRONT || role == ROLE_TVS || uid == 0
				 ? 0
				 : SERVER_RESERVED;

	if (v->nconns >= SERVER_MAX_CONNECTIONS - reserve)
		return true;
	if (role == ROLE_FRONT)
		return false;
	for (size_t i = 0; i < v->nconns; i++)
		same += v->conns[i]->peer.uid == uid;
	return same >= most;
}

static void accept_one(struct server *v, int listener)
{
	struct sock_peer peer;
	struct conn *c;
	struct err e;
	int fd;

	if (sock_accept(listener, &fd, &e) != RC_OK) {
		log_error("accept", &e);
		if (e.code == EMFILE || e.code == ENFILE)
			(void)poll(NULL, 0, 100); /* until somebody leaves */
		return;
	}
	if (fd < 0)
		return;
	if (sock_peer(fd, &peer, &e) != RC_OK) {
		log_error("accept", &e);
		fd_close(fd);
		return;
	}
	enum role role = role_of(v->service->config, &peer);

	if (too_many(v, role, peer.uid)) {
		log_warn("event=too-many-connections uid=%u", peer.uid);
		sock_hang_up(fd);
		return;
	}
	c = conn_new(fd, role, &peer);
	if (!c)
		return;
	c->room = room_of(v, role, peer.uid);
	v->conns[v->nconns++] = c;
}

static void drop(struct server *v, size_t i)
{
	(void)shutdown(v->conns[i]->fd, SHUT_RDWR);
	conn_unref(v->conns[i]);
	v->conns[i] = v->conns[--v->nconns];
}

/* A frame that cannot be understood: say so, and hang up. */
static bool refuse_frame(struct conn *c, const char *why, size_t n)
{
	struct err e;

	err_set(&e, RC_USAGE, "request", why,
		"do the programs have one version?", "%zu bytes", n);
	conn_send_error(c, 0, &e);
	return false;
}

/* The frame that was read, as a job: a secret's copy is locked too. Not of one who
 * will be refused: there is not so much of that memory. */
static struct job *job_new(struct server *v, const struct conn *c, unsigned what,
			   size_t n)
{
	bool secret = wire_is_secret(what) && c->room &&
		      request_allowed(what, c->role);
	struct job *j = calloc(1, sizeof *j);
	struct err e;

	if (!j)
		return NULL;
	if (wire_frame_new(secret ? KEYD_SECRET_MAX : n, secret, &j->frame, &e) !=
	    RC_OK) {
		log_error("request", &e);
		free(j);
		return NULL;
	}
	if (secret)
		atomic_fetch_add(&c->room->used, 1);
	memcpy(j->frame.p, v->frame.p, n);
	j->n = n;
	sodium_memzero(v->frame.p, n);
	j->what = what;
	return j;
}

/* Read one frame, if there is one, and queue it. False: the connection is over. */
static bool read_one(struct server *v, struct conn *c, bool *more)
{
	int CLEANUP(fd_close) fd = -1;
	struct reader r;
	struct job *j;
	struct err e;
	unsigned what;
	uint32_t id;
	size_t n;

	if (sock_recv(c->fd, v->frame.p, v->frame.n, &n,
		      c->role == ROLE_FRONT ? &fd : NULL, MSG_DONTWAIT, &e) != RC_OK) {
		*more = false;
		if (e.rc == RC_USAGE)
			return refuse_frame(c, e.why, KEYD_FRAME_MAX);
		return e.code == EAGAIN;
	}
	r = reader_of(bytes_of(v->frame.p, n));
	if (!wire_header_read(&r, &what, &id))
		return refuse_frame(c, "is no frame of keyd's", n);
	if (wire_is_secret(what) && n > KEYD_SECRET_MAX)
		return refuse_frame(c, "the message is too long", n);
	j = job_new(v, c, what, n);
	if (!j)
		return false;
	j->conn = c;
	j->id = id;
	j->fd = fd;
	fd = -1;
	conn_ref(c);
	atomic_fetch_add(&c->in_flight, 1);
	release_expect(v->service->release);
	put(v, j);
	return true;
}

/* A connection with much in flight waits, and one whose room is full. */
static bool may_read(const struct conn *c)
{
	int most = c->role == ROLE_FRONT ? SERVER_MAX_OF_CONNECTION
					 : SERVER_MAX_OF_OTHERS;

	return atomic_load(&c->in_flight) < most &&
	       (!c->room || atomic_load(&c->room->used) < c->room->most);
}

/* A few frames of a connection, so that one that sends many gives the others
 * their turn. False: it is over. */
static bool read_some(struct server *v, struct conn *c)
{
	bool more = true;

	for (int i = 0; more && i < SERVER_FRAMES_A_TURN && may_read(c); i++)
		if (!read_one(v, c, &more))
			return false;
	return true;
}

/* What to poll for: with a full queue, all wait; and so do they for the next keyd. */
static size_t poll_set(struct server *v, int listener, bool reads,
		       struct pollfd *set)
{
	size_t queued;

	(void)pthread_mutex_lock(&v->lock);
	queued = v->queued;
	(void)pthread_mutex_unlock(&v->lock);
	set[0] = (struct pollfd){.fd = listener, .events = reads ? POLLIN : 0};
	for (size_t i = 0; i < v->nconns; i++) {
		bool ready = reads && queued < SERVER_MAX_QUEUE &&
			     may_read(v->conns[i]);

		set[i + 1] = (struct pollfd){.fd = v->conns[i]->fd,
					     .events = ready ? POLLIN : 0};
	}
	return v->nconns + 1;
}

/* Another one first each time, so that who fills a room does not keep it. */
static void read_all(struct server *v, struct pollfd *set)
{
	size_t n = v->nconns;

	v->turn++;
	for (size_t k = 0; k < n; k++) {
		size_t i = (v->turn + k) % n;
		short got = set[i + 1].revents;

		if (got & POLLIN ? !read_some(v, v->conns[i])
				 : got & (POLLHUP | POLLERR))
			set[i + 1].fd = -1; /* it is over */
	}
	/* From the end: drop() moves the last one into the gap. */
	for (size_t i = n; i-- > 0;)
		if (set[i + 1].fd < 0)
			drop(v, i);
}

/* How long to poll: the watchdog's step; less to look again soon at who may not be
 * read now, and to find a quiet moment. */
static int patience(const struct pollfd *set, size_t n, bool ending)
{
	for (size_t i = 1; i < n && !ending; i++)
		if (!set[i].events)
			return 1; /* it may have drained */
	return ending ? TAKEUP_STEP_MS : 1000;
}

enum rc server_run(struct service *s, int listener, struct takeup *t, struct err *e)
{
	static struct server v;
	struct pollfd set[SERVER_MAX_CONNECTIONS + 1];

	v = (struct server){
		.service = s,
		.admins.most = SERVER_SECRETS_OF_ADMINS,
		.root.most = SERVER_SECRETS_OF_ROOT,
		.tvs.most = SERVER_SECRETS_OF_TVS,
	};
	for (size_t i = 0; i < QUEUES; i++)
		v.queues[i].last = &v.queues[i].first;
	if (wire_frame_new(KEYD_FRAME_MAX, true, &v.frame, e) != RC_OK)
		return e->rc;
	(void)pthread_mutex_init(&v.lock, NULL);
	(void)pthread_cond_init(&v.work, NULL);
	if (start_workers(&v, e) != RC_OK)
		return e->rc;
	for (;;) {
		bool ending = takeup_wanted(t);
		size_t n = poll_set(&v, listener, takeup_may_read(t), set);
		int ready = poll(set, n, patience(set, n, ending));

		watch(&v);
		if (ending && ready == 0 && release_idle(s->release)) {
			/* First: who is hung up on must not find it again. */
			fd_close(listener);
			return RC_OK;
		}
		if (release_checkpoint_begin(s->release))
			put_checkpoint(&v);
		read_all(&v, set);
		if (set[0].revents & POLLIN)
			accept_one(&v, listener);
	}
}
