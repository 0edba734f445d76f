/* The parent's side of carry's job `again` (carry/carry.h): the child met the server, so
 * all that it says may be the server's. It gets headers for what this token's keys
 * signed before, and nothing else. */
#include "sign_again_ssh.h"
#include "base/errjson.h"
#include "base/num.h"
#include "carry/carry.h"
#include "node.h"
#include <string.h>

_Static_assert(CARRY_AGAIN_MAX == SGN_FILE_MAX + ITL_MAX_SGN_HEADER &&
		       CARRY_AGAIN_FILES == SGN_FILES_MAX &&
		       CARRY_AGAIN_DEPTH == SGN_DEPTH_MAX &&
		       CARRY_AGAIN_PATH == SGN_NAME_MAX + sizeof SGN_SUFFIX - 1,
	       "the same limits");

struct talk {
	const struct sgn_job *job;
	struct sgn_sum *sum;
	struct sgn_again *again;
	struct carry_voice *voice; /* while something is heard */
	bool counted;      /* sum->files has all that come */
	uint32_t n, next;  /* of files that come; the next number, at least */
	size_t open;       /* files with a header, of which nothing was told yet */
};

static enum rc cannot_be(struct err *e)
{
	return err_set(e, RC_ERROR, "sign files again", "carry says what cannot be",
		       "do not use this server", "its answer");
}

static void tell(struct talk *t, const char *path, enum sgn_fate fate, const struct err *why)
{
	t->sum->fate[fate]++;
	t->job->told(t->job->arg, path, fate, why);
	if (t->counted)
		t->job->progress(t->job->arg, t->sum);
}

static enum rc say(struct talk *t, char letter, uint32_t number, uint32_t skip,
		   struct bytes header, struct err *e)
{
	uint8_t text[9 + ITL_MAX_SGN_HEADER];
	struct writer w = writer_of(text, sizeof text);

	write_u8(&w, (uint8_t)letter);
	write_u32(&w, number);
	if (letter == 'h') {
		write_u32(&w, skip);
		write_bytes(&w, header);
	}
	return carry_say(t->voice, writer_bytes(&w), e);
}

static enum rc leave(struct talk *t, uint32_t number, struct err *e)
{
	return say(t, 'l', number, 0, bytes_of(NULL, 0), e);
}

static enum rc got(void *arg, uint32_t number, const char *path, struct bytes header,
		   size_t skip, const struct err *why, struct err *e)
{
	struct talk *t = arg;

	if (header.n) {
		t->open++;
		return say(t, 'h', number, num_u32(skip), header, e);
	}
	tell(t, path, SGN_REFUSED, why);
	return leave(t, number, e);
}

static enum rc flush(struct talk *t, struct err *e)
{
	return sgn_again_sign(t->again, got, t, e);
}

/* ---- what it says ---- */

static enum rc at_it(struct talk *t, struct reader *r, struct err *e)
{
	(void)t;
	return reader_left(r) ? cannot_be(e) : RC_OK;
}

static enum rc count(struct talk *t, struct reader *r, struct err *e)
{
	t->n = read_u32(r);
	if (!reader_done(r) || t->counted || t->n > SGN_FILES_MAX)
		return cannot_be(e);
	t->counted = true;
	t->sum->files = t->n + t->sum->fate[SGN_REFUSED];
	return RC_OK;
}

static enum rc file(struct talk *t, struct reader *r, struct err *e)
{
	uint32_t number = read_u32(r);
	struct bytes rest = read_bytes(r, reader_left(r));
	const uint8_t *nul = rest.n ? memchr(rest.p, '\0', rest.n) : NULL;
	const char *path = (const char *)rest.p;
	bool current = false;
	struct bytes sgn;
	struct err why;

	if (r->bad || !nul || nul == rest.p || nul - rest.p >= (long)CARRY_AGAIN_PATH ||
	    number < t->next || number >= t->n)
		return cannot_be(e);
	t->next = number + 1;
	sgn = bytes_of(nul + 1, rest.n - num_size(nul + 1 - rest.p));
	if (sgn_again_full(t->again, sgn.n) && flush(t, e) != RC_OK)
		return e->rc;
	t->sum->bytes += sgn.n;
	if (sgn_again_add(t->again, number, path, sgn, &current, &why) != RC_OK)
		tell(t, path, SGN_REFUSED, &why);
	else if (current)
		tell(t, path, SGN_UNCHANGED, NULL);
	else
		return RC_OK;
	return leave(t, number, e);
}

static enum rc go(struct talk *t, struct reader *r, struct err *e)
{
	return reader_left(r) ? cannot_be(e) : flush(t, e);
}

static enum rc done(struct talk *t, struct reader *r, struct err *e)
{
	(void)read_u32(r);
	if (!reader_done(r) || !t->open)
		return cannot_be(e);
	t->open--;
	tell(t, "", SGN_SIGNED, NULL);
	return RC_OK;
}

CLEANUP_DEFINE(json_t *, json_decref);

/* Of one that could not be read, or got its header and not its place; or, before they
 * are counted, of what is none of them. */
static enum rc refused(struct talk *t, struct reader *r, struct err *e)
{
	uint32_t number = read_u32(r);
	size_t n = reader_left(r);
	struct bytes text = read_bytes(r, n);
	json_t CLEANUP(json_decref) *j =
		r->bad || n > CARRY_ERROR_MAX
			? NULL
			: json_loadb((const char *)text.p, n, JSON_REJECT_DUPLICATES, NULL);
	struct err why = {0};

	if (!j || t->counted == (number == CARRY_AGAIN_NONE) ||
	    t->sum->fate[SGN_REFUSED] > SGN_FILES_MAX)
		return cannot_be(e);
	if (t->counted && number >= t->next)
		t->next = number + 1; /* it was not read */
	else if (t->counted && t->open)
		t->open--;
	else if (t->counted)
		return cannot_be(e);
	if (t->next > t->n)
		return cannot_be(e);
	(void)err_from_json(j, &why);
	tell(t, "", SGN_REFUSED, &why);
	return RC_OK;
}

static enum rc heard(void *arg, struct carry_voice *v, struct bytes message, struct err *e)
{
	static const struct {
		char letter;
		enum rc (*hear)(struct talk *t, struct reader *r, struct err *e);
	} letters[] = {
		{'w', at_it}, {'n', count}, {'f', file},
		{'g', go},	{'d', done},  {'r', refused},
	};
	struct reader r = reader_of(message);
	struct talk *t = arg;
	char letter = (char)read_u8(&r);

	t->voice = v;
	for (size_t i = 0; i < COUNT_OF(letters); i++)
		if (letters[i].letter == letter)
			return letters[i].hear(t, &r, e);
	return cannot_be(e);
}

/* It said that it is done. */
static enum rc was_all(const struct talk *t, struct err *e)
{
	const struct sgn_sum *sum = t->sum;

	return !t->counted || t->open ||
			       sum->fate[SGN_UNCHANGED] + sum->fate[SGN_SIGNED] +
					       sum->fate[SGN_REFUSED] !=
				       sum->files
		       ? cannot_be(e)
		       : RC_OK;
}

enum rc sign_again_ssh_run(struct service *s, const struct cluster_node *n,
		      const struct sgn_job *job, struct sgn_sum *sum, struct err *e)
{
	struct sgn_again CLEANUP(sgn_again_free) *again = NULL;
	struct talk t = {.job = job, .sum = sum};
	const struct carry_talk talk = {.max = CARRY_TALK_MAX, .heard = heard, .arg = &t};

	if (sgn_again_new(job, &again, e) != RC_OK)
		return e->rc;
	t.again = again;
	if (node_talk(s, n, "again", job->max + ITL_MAX_SGN_HEADER, &talk, e) != RC_OK)
		return e->rc;
	return was_all(&t, e) == RC_OK ? RC_OK : err_within(e, n->host);
}
