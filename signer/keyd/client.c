#include "call.h"
#include "base/num.h"
#include "base/proc.h"
#include <sodium.h>
#include <string.h>
#include <time.h>

#define GENERATE_MS 900000    /* RSA-4096 on a slow token */
#define COME_BACK_SECONDS 5.0 /* how long a restarting keyd is waited for */
#define KEYS_MAX 65536u       /* more than a token holds */
#define KEYS_AGAIN 8          /* times that a list of keys may change while it is read */

enum rc keyd_open(const char *path, struct keyd **out, struct err *e)
{
	struct keyd *k = calloc(1, sizeof *k);

	if (k)
		k->answer = malloc(SOCK_MESSAGE_MAX);
	if (!k || !k->answer) {
		free(k);
		return err_errno(e, RC_ERROR, "malloc", NULL, "keyd's client");
	}
	k->fd = -1;
	k->come_back = COME_BACK_SECONDS;
	(void)snprintf(k->path, sizeof k->path, "%s", path);
	*out = k;
	return RC_OK;
}

void keyd_set_patience(struct keyd *k, double come_back, int answer_ms)
{
	k->come_back = come_back;
	k->answer_ms = answer_ms;
}

void call_hang_up(struct keyd *k)
{
	fd_close(k->fd);
	k->fd = -1;
}

void keyd_free(struct keyd *k)
{
	if (!k)
		return;
	call_hang_up(k);
	call_forget(k);
	free(k->answer);
	free(k);
}

enum rc call_dial(struct keyd *k, struct err *e)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	double end = proc_now() + k->come_back;
	enum rc rc = RC_OK;

	if (k->fd >= 0)
		return RC_OK;
	while ((rc = sock_connect(k->path, &k->fd, e)) == RC_STALE &&
	       proc_now() < end)
		(void)nanosleep(&pause, NULL);
	if (rc == RC_STALE)
		return err_set(e, RC_TOKEN, "connect", "keyd does not answer",
			       "see the log of keyd: is its token there, its PIN right?",
			       "%s", k->path);
	return rc;
}

/* One question over the connection that there is; *r gets the answer's body. */
static enum rc ask(struct keyd *k, unsigned what, struct bytes body, int ms,
		   struct reader *r, struct err *e)
{
	struct wire_frame CLEANUP(wire_frame_free) f = {0};
	uint32_t id = ++k->next_id, got_id;
	struct writer w;
	double end = proc_now() + ms / 1000.0, left;
	unsigned rc;

	if (wire_frame_new(KEYD_HEADER_LEN + body.n, wire_is_secret(what), &f,
			   e) != RC_OK)
		return e->rc;
	w = writer_of(f.p, f.n);
	wire_header(&w, what, id);
	write_bytes(&w, body);
	if (sock_send(k->fd, writer_bytes(&w), -1, 0, e) != RC_OK)
		return e->rc;
	do {
		/* in all: answers to others do not make it longer; and to its very end,
		 * or a moment is left to ask once more */
		left = end - proc_now();
		if (sock_wait(k->fd, left > 0 ? (int)(left * 1000) + 1 : 0, e) != RC_OK ||
		    sock_recv(k->fd, k->answer, SOCK_MESSAGE_MAX, &k->answered,
			      NULL, 0, e) != RC_OK)
			return e->rc;
		*r = reader_of(bytes_of(k->answer, k->answered));
		if (!wire_header_read(r, &rc, &got_id))
			return err_set(e, RC_STALE, "keyd",
				       "an answer that is none", NULL, "%s",
				       k->path);
	} while (got_id != id); /* of a call that was given up */
	if (rc != RC_OK)
		wire_error_read(r, rc, e);
	return rc == RC_OK ? RC_OK : e->rc;
}

void call_forget(struct keyd *k)
{
	sodium_memzero(k->answer, k->answered);
	k->answered = 0;
}

/* For this try's answer, in milliseconds. */
static int patience(const struct keyd *k, unsigned what, double since)
{
	double left = k->answer_ms - (proc_now() - since) * 1000;

	if (k->answer_ms)
		return left > 0 ? (int)left : 0;
	return what == KEYD_GENERATE ? GENERATE_MS : CALL_ANSWER_MS;
}

/* A ticket is good for one try, so what needs one is not sent again. */
enum rc call_keyd(struct keyd *k, unsigned what, const struct writer *body,
		  bool again, struct reader *r, struct err *e)
{
	double since = proc_now();
	enum rc rc = RC_STALE;

	if (body->bad)
		return err_set(e, RC_USAGE, "keyd", "the request is too large",
			       NULL, "%zu bytes", body->cap);
	if (!again)
		call_hang_up(k); /* an old connection may be to a keyd that has ended */
	/* The second one may be to the same keyd: one that is ending still takes
	 * connections. More than that would feed a keyd that dies of the request. */
	for (int tries = again ? 3 : 1; rc == RC_STALE && tries > 0; tries--) {
		int left = patience(k, what, since);

		if (!left) /* it would be worked on for nobody */
			break;
		if (call_dial(k, e) != RC_OK)
			return e->rc;
		rc = ask(k, what, writer_bytes(body), left, r, e);
		if (rc == RC_STALE)
			call_hang_up(k);
	}
	if (rc == RC_STALE && !again)
		return err_hint(e, "it may have been done or not: look at `show status` and `show cert list own`, then repeat it");
	return rc == RC_STALE
		       ? err_hint(e, "keyd ends again and again: see its log, then repeat the command")
		       : rc;
}

enum rc call_malformed(struct keyd *k, struct err *e)
{
	call_hang_up(k);
	return err_set(e, RC_ERROR, "keyd", "the answer cannot be read",
		       "do the programs have one version?", "%s", k->path);
}

enum rc keyd_status(struct keyd *k, struct keyd_status *out, struct err *e)
{
	struct writer none = writer_of(NULL, 0);
	struct keyd_status s = {0};
	struct bytes head;
	struct reader r;

	if (call_keyd(k, KEYD_STATUS, &none, true, &r, e) != RC_OK)
		return e->rc;
	read_text(&r, s.token, sizeof s.token);
	read_text(&r, s.manufacturer, sizeof s.manufacturer);
	read_text(&r, s.model, sizeof s.model);
	read_text(&r, s.serial, sizeof s.serial);
	s.sessions = read_u32(&r);
	s.keys = read_u32(&r);
	s.password_set = read_u8(&r) == 1;
	s.security = read_u32(&r);
	s.security_set = (int64_t)read_u64(&r);
	s.sealed = read_u8(&r) == 1;
	s.audit_entries = read_u64(&r);
	head = read_bytes(&r, sizeof s.audit_head);
	s.started = (int64_t)read_u64(&r);
	read_text(&r, s.config, sizeof s.config);
	s.trust = read_u32(&r);
	if (!reader_done(&r))
		return call_malformed(k, e);
	memcpy(s.audit_head, head.p, head.n);
	*out = s;
	return RC_OK;
}

bool call_read_key(struct reader *r, struct keyd_key *out)
{
	char label[LABEL_MAX];
	struct bytes id, der;
	const uint8_t *p;

	read_text(r, label, sizeof label);
	id = read_bytes(r, sizeof out->id);
	out->current = read_u8(r) == 1;
	out->tries = 0;
	der = read_bytes32(r);
	if (r->bad || !label_read(label, strlen(label), &out->label))
		return false;
	memcpy(out->id, id.p, id.n);
	p = der.p;
	out->cert = d2i_X509(NULL, &p, (long)der.n);
	if (out->cert && p != der.p + der.n) {
		X509_free(out->cert);
		out->cert = NULL;
	}
	return out->cert != NULL;
}

void keyd_keys_free(struct keyd_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		X509_free(keys[i].cert);
	free(keys);
}

/* One page: what follows the *n that are there. *total: how many keyd says it has. */
static enum rc ask_keys(struct keyd *k, struct keyd_key **keys, size_t *n, size_t *total,
			struct err *e)
{
	uint8_t from[4];
	struct writer w = writer_of(from, sizeof from);
	struct keyd_key *more;
	size_t before = *n;
	struct reader r;

	write_u32(&w, num_u32(*n));
	if (call_keyd(k, KEYD_KEYS, &w, true, &r, e) != RC_OK)
		return e->rc;
	*total = read_u32(&r);
	if (*total > KEYS_MAX)
		return call_malformed(k, e);
	more = *total < *n ? *keys : reallocarray(*keys, *total + 1, sizeof *more);
	if (!more)
		return err_errno(e, RC_ERROR, "realloc", NULL, "the keys");
	*keys = more;
	while (*n < *total && reader_left(&r) > 0 && call_read_key(&r, &more[*n]))
		++*n;
	return reader_done(&r) && (*n > before || *n >= *total) ? RC_OK
								 : call_malformed(k, e);
}

enum rc keyd_keys(struct keyd *k, struct keyd_key **out, size_t *out_n,
		  struct err *e)
{
	struct keyd_key *keys = NULL;
	size_t n = 0, total = 1;
	unsigned again = 0;

	while (n < total) {
		size_t before = n, was = total;

		if (ask_keys(k, &keys, &n, &total, e) != RC_OK) {
			keyd_keys_free(keys, n);
			return e->rc;
		}
		if (before == 0 || total == was)
			continue;
		/* One was made or removed between two pages: who knows which ones
		 * these are. From the begin. */
		keyd_keys_free(keys, n);
		keys = NULL;
		n = 0;
		total = 1;
		if (++again == KEYS_AGAIN)
			return call_malformed(k, e);
	}
	*out = keys;
	*out_n = n;
	return RC_OK;
}

/* ---- front ---- */

/* The answer's only member, malloc()ed. */
static enum rc take_list(struct keyd *k, struct reader *r, uint8_t **list,
			 size_t *n, struct err *e)
{
	struct bytes b = read_bytes32(r);
	uint8_t *copy;

	if (!reader_done(r) || b.n == 0)
		return call_malformed(k, e);
	copy = bytes_copy(b);
	if (!copy)
		return err_errno(e, RC_ERROR, "malloc", NULL, "a list");
	*list = copy;
	*n = b.n;
	return RC_OK;
}

enum rc keyd_sign_itl(struct keyd *k, const char *node, uint32_t timestamp,
		      uint8_t **list, size_t *n, struct err *e)
{
	uint8_t body[2 + CLUSTER_ID_MAX + 4];
	struct writer w = writer_of(body, sizeof body);
	struct reader r;

	write_text(&w, node);
	write_u32(&w, timestamp);
	if (call_keyd(k, KEYD_ITL, &w, true, &r, e) != RC_OK)
		return e->rc;
	return take_list(k, &r, list, n, e);
}

static void write_ticket(struct writer *w, const uint8_t *ticket, uid_t uid)
{
	write_bytes(w, bytes_of(ticket, KEYD_TICKET_LEN));
	write_u32(w, uid);
}

/* A reset or its preview: the same request, another answer. */
static enum rc ask_reset(struct keyd *k, unsigned what, const uint8_t *ticket,
			 uid_t uid, enum keyd_how how, struct bytes source,
			 uint32_t timestamp, struct reader *r, struct err *e)
{
	size_t cap = KEYD_TICKET_LEN + 4 + 1 + 4 + 4 + source.n;
	uint8_t CLEANUP_FREE *body = malloc(cap);
	struct writer w = writer_of(body, cap);

	if (!body)
		return err_errno(e, RC_ERROR, "malloc", NULL, "a reset");
	write_ticket(&w, ticket, uid);
	write_u8(&w, num_u8(how));
	write_u32(&w, timestamp);
	write_bytes32(&w, source);
	return call_keyd(k, what, &w, false, r, e);
}

enum rc keyd_reset(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		   uid_t uid, enum keyd_how how, struct bytes source,
		   uint32_t timestamp, uint8_t **list, size_t *n,
		   struct err *e)
{
	struct reader r;

	if (ask_reset(k, KEYD_RESET, ticket, uid, how, source, timestamp, &r,
		      e) != RC_OK)
		return e->rc;
	return take_list(k, &r, list, n, e);
}

enum rc keyd_reset_preview(struct keyd *k,
			   const uint8_t ticket[KEYD_TICKET_LEN], uid_t uid,
			   enum keyd_how how, struct bytes source,
			   uint32_t timestamp, uint8_t sha1[20], struct err *e)
{
	struct bytes got;
	struct reader r;

	if (ask_reset(k, KEYD_PREVIEW, ticket, uid, how, source, timestamp, &r,
		      e) != RC_OK)
		return e->rc;
	got = read_bytes(&r, 20);
	if (!reader_done(&r))
		return call_malformed(k, e);
	memcpy(sha1, got.p, got.n);
	return RC_OK;
}

enum rc keyd_ctl(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		 uid_t uid, uint32_t timestamp, uint8_t **list, size_t *n,
		 struct err *e)
{
	uint8_t body[KEYD_TICKET_LEN + 4 + 4];
	struct writer w = writer_of(body, sizeof body);
	struct reader r;

	write_ticket(&w, ticket, uid);
	write_u32(&w, timestamp);
	if (call_keyd(k, KEYD_CTL, &w, false, &r, e) != RC_OK)
		return e->rc;
	return take_list(k, &r, list, n, e);
}

enum rc keyd_generate(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		      uid_t uid, enum unit unit, const char *node,
		      struct keyd_key *out, struct err *e)
{
	uint8_t body[KEYD_TICKET_LEN + 4 + 1 + 2 + CLUSTER_ID_MAX];
	struct writer w = writer_of(body, sizeof body);
	struct keyd_key got = {0};
	struct reader r;

	write_ticket(&w, ticket, uid);
	write_u8(&w, num_u8(unit));
	write_text(&w, node ? node : "");
	if (call_keyd(k, KEYD_GENERATE, &w, false, &r, e) != RC_OK)
		return e->rc;
	if (call_read_key(&r, &got))
		got.tries = read_u32(&r);
	if (!got.cert || !reader_done(&r)) {
		X509_free(got.cert);
		return call_malformed(k, e);
	}
	*out = got;
	return RC_OK;
}

enum rc keyd_rollback(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		      uid_t uid, const struct keyd_place *places, size_t n,
		      struct err *e)
{
	uint8_t body[KEYD_TICKET_LEN + 4 + CLUSTER_MAX_NODES * (2 + CLUSTER_ID_MAX + 20)];
	struct writer w = writer_of(body, sizeof body);
	struct reader r;

	write_ticket(&w, ticket, uid);
	for (size_t i = 0; i < n; i++) {
		write_text(&w, places[i].node);
		write_bytes(&w, bytes_of(places[i].sha1, sizeof places[i].sha1));
	}
	return call_keyd(k, KEYD_ROLLBACK, &w, false, &r, e);
}

enum rc keyd_remove(struct keyd *k, const uint8_t ticket[KEYD_TICKET_LEN],
		    uid_t uid, const char *label, struct err *e)
{
	uint8_t body[KEYD_TICKET_LEN + 4 + 2 + LABEL_MAX];
	struct writer w = writer_of(body, sizeof body);
	struct reader r;

	write_ticket(&w, ticket, uid);
	write_text(&w, label);
	return call_keyd(k, KEYD_REMOVE, &w, false, &r, e);
}

enum rc keyd_note(struct keyd *k, const char *event, const char *text,
		  struct err *e)
{
	uint8_t body[2048];
	struct writer w = writer_of(body, sizeof body);
	struct reader r;

	write_text(&w, event);
	write_text(&w, text);
	return call_keyd(k, KEYD_NOTE, &w, true, &r, e);
}
