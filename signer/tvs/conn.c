#include "conn.h"
#include "answer.h"
#include "base/log.h"
#include "base/proc.h"
#include "count.h"
#include "nodekey.h"
#include "site.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <stdatomic.h>

enum state { SHAKING, IDLE, ASKING, ANSWERING };

struct conn {
	const struct conn_home *home;
	struct bufferevent *bev; /* owns socket and SSL */
	struct event *deadline;
	struct slots_who who;
	enum state state;
};

/* Says goodbye to who did so, or whom we hang up on in good order. */
static void conn_end(struct conn *c)
{
	SSL *ssl = c->bev ? bufferevent_openssl_get_ssl(c->bev) : NULL;

	if (ssl && c->state != SHAKING && SSL_is_init_finished(ssl)) {
		(void)SSL_shutdown(ssl); /* does not wait */
		ERR_clear_error();       /* the next phone's must be its own */
		SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	}
	if (c->deadline)
		event_free(c->deadline);
	if (c->bev)
		bufferevent_free(c->bev);
	slots_give(c->home->slots, c->who);
	free(c);
}

static void close_for(struct conn *c, enum count why)
{
	count_one(why);
	conn_end(c);
}

/* ---- states and their deadlines ---- */

static void be(struct conn *c, enum state state)
{
	const struct tvs_conf *conf = c->home->conf;
	const unsigned seconds[] = {
		[SHAKING] = conf->handshake_seconds,
		[IDLE] = conf->idle_seconds,
		[ASKING] = conf->request_seconds,
		[ANSWERING] = conf->request_seconds,
	};
	const struct timeval after = {.tv_sec = seconds[state]};

	c->state = state;
	(void)event_add(c->deadline, &after);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	static const enum count reasons[] = {
		[SHAKING] = COUNT_SLOW_HANDSHAKE,
		[IDLE] = COUNT_IDLE,
		[ASKING] = COUNT_SLOW_REQUEST,
		[ANSWERING] = COUNT_SLOW_REQUEST,
	};
	struct conn *c = arg;

	(void)fd, (void)what;
	close_for(c, reasons[c->state]);
}

/* ---- requests ---- */

static enum rc answer(struct conn *c, struct bytes frame, struct err *e)
{
	static _Thread_local uint8_t out[ANSWER_MAX];
	struct writer w = writer_of(out, sizeof out);
	struct site CLEANUP(site_unref) *site = site_get();
	enum answer_kind kind;

	if (answer_request(site->trust, frame, &w, &kind, e) != RC_OK)
		return e->rc;
	if (bufferevent_write(c->bev, out, w.n) != 0)
		return err_errno(e, RC_ERROR, "write", NULL, "an answer");
	count_one(kind == ANSWER_VALID ? COUNT_VALID : COUNT_UNKNOWN);
	return RC_OK;
}

/* RC_NOTFOUND: not all of a request is there yet. */
static enum rc take_request(struct conn *c, struct evbuffer *in, struct err *e)
{
	size_t have = evbuffer_get_length(in), n = 0;
	uint8_t *p = evbuffer_pullup(in, have < TVS_HEADER ? (ev_ssize_t)have : TVS_HEADER);
	enum rc rc = tvs_frame_length(bytes_of(p, have < TVS_HEADER ? have : TVS_HEADER),
				      TVS_REQUEST_MAX, &n, e);

	if (rc != RC_OK)
		return rc;
	if (have < n)
		return err_set(e, RC_NOTFOUND, "TVS frame", "is not there yet", NULL,
			       "%zu of %zu bytes", have, n);
	p = evbuffer_pullup(in, (ev_ssize_t)n);
	if (!p)
		return err_errno(e, RC_ERROR, "read", NULL, "a request");
	rc = answer(c, bytes_of(p, n), e);
	(void)evbuffer_drain(in, n);
	return rc;
}

/* One at a time: the next when this one's answer has left. */
static void on_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct err e;
	enum rc rc;

	if (c->state == ANSWERING || !evbuffer_get_length(in))
		return;
	rc = take_request(c, in, &e);
	if (rc == RC_OK)
		be(c, ANSWERING);
	else if (rc == RC_NOTFOUND && c->state == IDLE)
		be(c, ASKING);
	else if (rc != RC_NOTFOUND)
		close_for(c, rc == RC_USAGE ? COUNT_MALFORMED : COUNT_OUR_FAULT);
}

/* All has left. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	if (c->state != ANSWERING)
		return;
	be(c, IDLE);
	on_read(bev, c);
}

/* ---- the handshake, and the end ---- */

/* Why keyd did not sign, now and then: each phone would say the same. */
static void tell(const struct err *e)
{
	static _Atomic double next;
	double now = proc_now(), due = atomic_load(&next);

	if (now >= due && atomic_compare_exchange_strong(&next, &due, now + 10))
		log_error("handshake", e);
}

static enum count why_no_handshake(void)
{
	struct err e;

	if (!node_key_failed(&e))
		return COUNT_HANDSHAKE;
	tell(&e);
	return COUNT_KEY;
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *c = arg;

	if (what & BEV_EVENT_CONNECTED) {
		SSL *ssl = bufferevent_openssl_get_ssl(bev);

		count_one(SSL_session_reused(ssl) ? COUNT_RESUMED : COUNT_FULL);
		be(c, IDLE);
	} else if (c->state == SHAKING) {
		close_for(c, why_no_handshake());
	} else if (c->state == ASKING || evbuffer_get_length(bufferevent_get_input(bev))) {
		close_for(c, COUNT_CUT_OFF);
	} else {
		conn_end(c); /* it has what it wanted */
	}
}

void conn_start(const struct conn_home *home, int fd, struct slots_who who, SSL *ssl)
{
	struct conn *c = calloc(1, sizeof *c);

	if (c)
		*c = (struct conn){
			.home = home,
			.who = who,
			.deadline = evtimer_new(home->base, on_deadline, c),
			.bev = bufferevent_openssl_socket_new(home->base, fd, ssl,
							      BUFFEREVENT_SSL_ACCEPTING,
							      BEV_OPT_CLOSE_ON_FREE),
		};
	if (!c || !c->bev) { /* then socket and SSL are still ours */
		SSL_free(ssl);
		(void)close(fd);
	}
	if (!c) {
		slots_give(home->slots, who);
		count_one(COUNT_OUR_FAULT);
		return;
	}
	if (!c->bev || !c->deadline) {
		close_for(c, COUNT_OUR_FAULT);
		return;
	}
	bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, TVS_REQUEST_MAX);
	be(c, SHAKING);
	(void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}
