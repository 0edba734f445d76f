/* Files to sign, many in flight: a token with many sessions is kept busy by one
 * connection, and the audit log's wait is shared by all that wait for it. */
#include "call.h"
#include "base/file.h"
#include "base/num.h"
#include "keyd/sgn.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define IN_FLIGHT 64              /* requests; keyd reads up to 256 of a connection */
#define IN_FLIGHT_BYTES (8u << 20) /* of contents that keyd or the kernel holds; or one */
#define TRIES 4                   /* a file is sent so often at most */

enum state { WAITS, SENT, DONE };

struct item {
	uint8_t state, tries;
	uint32_t bytes; /* in flight */
};

struct run {
	struct keyd *k;
	const struct keyd_sgn *job;
	struct item *items;
	uint32_t first_id; /* of item 0, on this connection */
	size_t next;       /* no item before it WAITS */
	size_t in_flight, bytes;
	uint8_t *frame;    /* KEYD_FRAME_MAX */
};

/* A memfd that nobody can change any more; -1 and errno. */
static int sealed(struct bytes content)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int CLEANUP(fd_close) fd =
		memfd_create("sgn", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int out;

	if (fd < 0 || !file_write_all(fd, content) ||
	    fcntl(fd, F_ADD_SEALS, seals) != 0)
		return -1;
	out = fd;
	fd = -1;
	return out;
}

static void done(struct run *r, size_t i, struct bytes header, const struct err *e)
{
	r->items[i].state = DONE;
	r->job->answered(r->job->arg, i, header, e);
}

static enum rc transmit(struct run *r, size_t i, const struct keyd_sgn_file *f,
			struct err *e)
{
	bool large = f->content.n > KEYD_INLINE_MAX;
	int CLEANUP(fd_close) fd = large ? sealed(f->content) : -1;
	struct writer w = writer_of(r->frame, KEYD_FRAME_MAX);

	if (large && fd < 0)
		return err_errno(e, RC_ERROR, "memfd_create", NULL, "%.150s", f->name);
	wire_header(&w, KEYD_SGN, r->first_id + num_u32(i));
	write_text(&w, r->job->node);
	write_text(&w, f->name);
	write_u8(&w, num_u8(r->job->digest));
	write_u32(&w, r->job->timestamp);
	if (!large)
		write_bytes32(&w, f->content);
	if (w.bad)
		return err_set(e, RC_USAGE, "sign", "the name is too long", NULL,
			       "%.150s", f->name);
	return sock_send(r->k->fd, writer_bytes(&w), fd, 0, e);
}

/* RC_STALE if the connection is gone; any other error is the file's own. */
static enum rc send_one(struct run *r, size_t i, struct err *e)
{
	struct item *it = &r->items[i];
	struct keyd_sgn_file f = {0};
	enum rc rc = r->job->file(r->job->arg, i, &f, e);

	it->tries++;
	if (rc == RC_OK && f.content.n > KEYD_CONTENT_MAX)
		rc = err_set(e, RC_REFUSED, "sign", "is too large", NULL,
			     "%.150s: %zu bytes, at most %u", f.name, f.content.n,
			     KEYD_CONTENT_MAX);
	if (rc == RC_OK) {
		rc = transmit(r, i, &f, e);
		if (rc == RC_STALE)
			return rc;
	}
	if (rc != RC_OK) {
		done(r, i, bytes_of(NULL, 0), e);
		return RC_OK;
	}
	it->state = SENT;
	it->bytes = num_u32(f.content.n);
	r->in_flight++;
	r->bytes += it->bytes;
	return RC_OK;
}

/* The next file that waits, if one more may be in flight. */
static bool may_send(struct run *r)
{
	while (r->next < r->job->n && r->items[r->next].state != WAITS)
		r->next++;
	return r->next < r->job->n && r->in_flight < IN_FLIGHT &&
	       (r->bytes < IN_FLIGHT_BYTES || r->in_flight == 0);
}

/* A token that failed once is asked again, as by a keyd that has begun anew. */
static bool again(struct item *it, unsigned rc)
{
	if ((rc != RC_TOKEN && rc != RC_STALE) || it->tries >= TRIES)
		return false;
	it->state = WAITS;
	return true;
}

static enum rc receive_one(struct run *r, struct err *e)
{
	struct keyd *k = r->k;
	struct bytes header = {NULL, 0};
	struct reader in;
	struct err said = {0};
	unsigned rc;
	uint32_t id;

	if (sock_wait(k->fd, CALL_ANSWER_MS, e) != RC_OK ||
	    sock_recv(k->fd, k->answer, SOCK_MESSAGE_MAX, &k->answered, NULL, 0, e) !=
		    RC_OK)
		return e->rc;
	in = reader_of(bytes_of(k->answer, k->answered));
	if (!wire_header_read(&in, &rc, &id))
		return call_malformed(k, e);
	id -= r->first_id;
	if (id >= r->job->n || r->items[id].state != SENT)
		return RC_OK; /* of a call that was given up */
	if (rc == RC_OK) {
		header = read_bytes32(&in);
		if (!reader_done(&in) || header.n == 0)
			return call_malformed(k, e);
	} else {
		wire_error_read(&in, rc, &said);
	}
	r->in_flight--;
	r->bytes -= r->items[id].bytes;
	if (again(&r->items[id], rc))
		r->next = 0;
	else
		done(r, id, header, &said);
	return RC_OK;
}

/* Over one connection, until all is done; RC_STALE if that ends. */
static enum rc converse(struct run *r, struct err *e)
{
	for (;;) {
		while (may_send(r))
			if (send_one(r, r->next, e) != RC_OK)
				return e->rc;
		if (r->in_flight == 0)
			return RC_OK;
		if (receive_one(r, e) != RC_OK)
			return e->rc;
	}
}

/* What was in flight waits again. False: one of them was sent often enough. */
static bool send_again(struct run *r)
{
	bool may = true;

	for (size_t i = 0; i < r->job->n; i++) {
		struct item *it = &r->items[i];

		if (it->state == SENT)
			it->state = WAITS;
		may = may && (it->state == DONE || it->tries < TRIES);
	}
	r->next = r->in_flight = r->bytes = 0;
	return may;
}

enum rc keyd_sgn(struct keyd *k, const struct keyd_sgn *job, struct err *e)
{
	struct item CLEANUP_FREE *items = calloc(job->n + 1, sizeof *items);
	uint8_t CLEANUP_FREE *frame = malloc(KEYD_FRAME_MAX);
	struct run r = {.k = k, .job = job, .items = items, .frame = frame};
	enum rc rc;

	if (!items || !frame)
		return err_errno(e, RC_ERROR, "malloc", NULL, "files to sign");
	do {
		r.first_id = k->next_id + 1;
		k->next_id += num_u32(job->n);
		rc = call_dial(k, e);
		if (rc == RC_OK)
			rc = converse(&r, e);
		if (rc == RC_STALE)
			call_hang_up(k);
	} while (rc == RC_STALE && send_again(&r));
	if (rc == RC_STALE)
		return err_hint(e, "keyd ends again and again: see its log, then repeat the command");
	return rc;
}
