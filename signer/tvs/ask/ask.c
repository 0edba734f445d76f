#include "base/connect.h"
#include "base/num.h"
#include "base/proc.h"
#include "internal.h"
#include <string.h>

#define FIRST_SESSION 1001u /* a phone's first, as seen */

static void name_it(struct tvs_ask *a, const struct tvs_server *s)
{
	const bool v6 = strchr(s->host, ':');

	(void)snprintf(a->where, sizeof a->where, "%s%.100s%s:%u", v6 ? "[" : "",
		       s->host, v6 ? "]" : "", s->port);
}

enum rc tvs_ask_open(const struct tvs_server *s, tvs_ask_trusts *trusts, void *arg,
		     struct tvs_ask **out, struct err *e)
{
	struct tvs_ask CLEANUP(tvs_ask_free) *a = calloc(1, sizeof *a);
	char address[64];

	if (!a)
		return err_errno(e, RC_ERROR, "malloc", NULL, "%s", s->host);
	a->fd = -1;
	a->deadline = proc_now() + s->timeout;
	a->session = FIRST_SESSION;
	a->trusts = trusts;
	a->arg = arg;
	name_it(a, s);
	if (connect_to(s->host, (int)s->port, a->where, a->deadline, &a->fd, address,
		       e) ||
	    tls_start(a, s, e))
		return e->rc;
	*out = a;
	a = NULL;
	return RC_OK;
}

void tvs_ask_free(struct tvs_ask *a)
{
	if (!a)
		return;
	tls_end(a);
	fd_close(a->fd);
	free(a);
}

static enum rc no_answer(struct tvs_ask *a, const char *why, struct err *e)
{
	a->broken = true;
	return err_set(e, RC_VERIFY, "TVS answer", why, NULL, "%s", a->where);
}

static enum rc receive(struct tvs_ask *a, struct bytes *frame, struct err *e)
{
	size_t n = 0;

	if (tls_read(a, a->frame, TVS_HEADER, e))
		return e->rc;
	if (tvs_frame_length(bytes_of(a->frame, TVS_HEADER), sizeof a->frame, &n, e))
		return no_answer(a, "begins as none does", e);
	if (tls_read(a, a->frame + TVS_HEADER, n - TVS_HEADER, e))
		return e->rc;
	*frame = bytes_of(a->frame, n);
	return RC_OK;
}

enum rc tvs_ask_question(struct tvs_ask *a, const struct tvs_message *question,
			 struct tvs_message *answer, struct err *e)
{
	uint8_t request[TVS_REQUEST_MAX];
	struct writer w = writer_of(request, sizeof request);
	struct tvs_message q = *question, m;
	struct bytes frame;

	assert(q.kind == TVS_VERIFY || q.kind == TVS_QUERY);
	if (a->broken)
		return err_set(e, RC_STALE, "TVS", "the connection is over", NULL, "%s",
			       a->where);
	q.session = a->session++;
	tvs_write(&w, &q);
	if (w.bad)
		return err_set(e, RC_USAGE, "TVS question", "does not fit a frame", NULL,
			       "%s", a->where);
	if (tls_write(a, writer_bytes(&w), e) || receive(a, &frame, e))
		return e->rc;
	if (tvs_read(frame, &m, e)) {
		char why[sizeof e->why + sizeof e->what + 2];

		(void)snprintf(why, sizeof why, "%s, %s", e->why, e->what);
		return no_answer(a, why, e);
	}
	if (m.kind != q.kind + 1)
		return no_answer(a, "is to another kind of question", e);
	if (m.session != q.session)
		return no_answer(a, "is to another session", e);
	*answer = m;
	return RC_OK;
}
