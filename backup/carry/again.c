/*
 * Signed files of a folder on a server are signed again: the parent has the keys and
 * decides; this moves bytes. While it writes what came of one round of files, those of
 * the next are with the parent, so that neither waits for the other.
 */
#include "again.h"
#include "base/errjson.h"
#include "base/num.h"
#include "base/proc.h"
#include "job.h"
#include <fcntl.h>
#include <string.h>

#define ROUND_BYTES (4u << 20) /* of files; or one file */
#define ANSWER_MAX (4096u + 9u)
#define AT_IT_SECONDS 0.5

CLEANUP_DEFINE(json_t *, json_decref);

static struct bytes number_of(uint32_t number, uint8_t to[4])
{
	struct writer w = writer_of(to, 4);

	write_u32(&w, number);
	return writer_bytes(&w);
}

enum rc again_refused(uint32_t number, const struct err *why, struct err *e)
{
	json_t CLEANUP(json_decref) *j = err_json(why);
	char CLEANUP_FREE *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	uint8_t head[4];

	if (!text)
		return err_errno(e, RC_ERROR, "malloc", NULL, "an error");
	return job_say('r', number_of(number, head), bytes_of_text(text), e);
}

void again_path(const struct again *t, const char *path, char to[SFTP_PATH_MAX])
{
	(void)snprintf(to, SFTP_PATH_MAX, "%s/%s", t->folder, path);
}

/* The parent waits for words, and no longer than that. If it has hung up the next word that
 * counts says so. */
static void at_it(void)
{
	static double last;
	struct err ignored;

	if (proc_now() < last + AT_IT_SECONDS)
		return;
	last = proc_now();
	(void)!job_say('w', bytes_of(NULL, 0), bytes_of(NULL, 0), &ignored);
}

/* ---- read ---- */

static enum rc too_large(const struct again *t, const char *path, struct err *e)
{
	return err_set(e, RC_REFUSED, "read", "the file is too large",
		       "file-bytes in cluster.conf allows more", "%.150s: over %d bytes",
		       path, t->max);
}

static enum rc read_file(struct again *t, const char *path, struct again_piece *p,
			 struct err *e)
{
	char full[SFTP_PATH_MAX];
	uint8_t CLEANUP_FREE *buf = NULL;
	size_t n = 0, cap = 0;

	again_path(t, path, full);
	sftp_file CLEANUP(sftp_close_quietly) f =
		sftp_open(t->ssh.sftp, full, O_RDONLY, 0);
	if (!f)
		return sftp_failed(&t->ssh, "read", path, e);
	for (;;) {
		ssize_t r;

		if (cap - n < SFTP_CHUNK) {
			uint8_t *more = realloc(buf, 2 * cap + SFTP_CHUNK);

			if (!more)
				return err_errno(e, RC_ERROR, "malloc", NULL, "%.150s",
						 path);
			buf = more;
			cap = 2 * cap + SFTP_CHUNK;
		}
		r = sftp_read(f, buf + n, SFTP_CHUNK);
		if (r < 0)
			return sftp_failed(&t->ssh, "read", path, e);
		ssh_progress(&t->ssh);
		n += num_size(r);
		if (n > (size_t)t->max)
			return too_large(t, path, e);
		if (r == 0)
			break;
	}
	p->old = buf;
	p->n = n;
	buf = NULL;
	return RC_OK;
}

/* ---- rounds ---- */

static void round_clear(struct again_round *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->p[i].old);
		free(r->p[i].answer);
	}
	r->n = r->bytes = 0;
}

static enum rc send_file(const struct again_piece *p, const char *path, struct err *e)
{
	uint8_t head[4 + CARRY_AGAIN_PATH];
	struct writer w = writer_of(head, sizeof head);

	write_u32(&w, p->number);
	write_bytes(&w, bytes_of(path, strlen(path) + 1));
	return job_say('f', writer_bytes(&w), bytes_of(p->old, p->n), e);
}

/* The next files from *at on; one that cannot be read is told. */
static enum rc fill(struct again *t, size_t *at, struct again_round *r, struct err *e)
{
	while (*at < t->nfiles && r->n < AGAIN_ROUND && r->bytes < ROUND_BYTES) {
		const char *path = t->files[*at].path;
		struct again_piece *p = &r->p[r->n];

		*p = (struct again_piece){.number = num_u32((*at)++)};
		if (read_file(t, path, p, e) != RC_OK) {
			struct err why = *e;

			if (why.rc == RC_STALE ||
			    again_refused(p->number, &why, e) != RC_OK)
				return e->rc;
			continue;
		}
		r->bytes += p->n;
		r->n++;
		if (send_file(p, path, e) != RC_OK)
			return e->rc;
	}
	return r->n ? job_say('g', bytes_of(NULL, 0), bytes_of(NULL, 0), e) : RC_OK;
}

static enum rc take(struct again_round *r, uint8_t *answer, size_t n, struct err *e)
{
	struct reader in = reader_of(bytes_of(answer, n));
	uint8_t letter = read_u8(&in);
	uint32_t number = read_u32(&in);

	for (size_t i = 0; i < r->n && !in.bad; i++)
		if (r->p[i].number == number && !r->p[i].answer &&
		    (letter == 'l' ||
		     (letter == 'h' && read_u32(&in) <= r->p[i].n && !in.bad))) {
			r->p[i].answer = answer;
			r->p[i].nanswer = n;
			return RC_OK;
		}
	free(answer);
	return err_set(e, RC_USAGE, "job", "no such answer", NULL, "again");
}

static enum rc answers(struct again_round *r, struct err *e)
{
	for (size_t i = 0; i < r->n; i++) {
		uint8_t *answer = NULL;
		size_t n = 0;

		if (job_hear(ANSWER_MAX, &answer, &n, e) != RC_OK ||
		    take(r, answer, n, e) != RC_OK)
			return e->rc;
	}
	return RC_OK;
}

static enum rc all(struct again *t, struct err *e)
{
	static struct again_round rounds[2];
	struct again_round *asked = &rounds[0], *next = &rounds[1], *turn;
	size_t at = 0;
	enum rc rc = fill(t, &at, asked, e);

	while (rc == RC_OK && asked->n) {
		rc = fill(t, &at, next, e);
		if (rc == RC_OK)
			rc = answers(asked, e);
		if (rc == RC_OK)
			rc = again_write(t, asked, e);
		round_clear(asked);
		turn = asked;
		asked = next;
		next = turn;
	}
	round_clear(asked);
	round_clear(next);
	return rc;
}

static enum rc again(struct again *t, struct err *e)
{
	uint8_t count[4];

	if (sftp_be_folder(&t->ssh, t->folder, e) != RC_OK ||
	    again_walk(t, e) != RC_OK ||
	    job_say('n', number_of(num_u32(t->nfiles), count), bytes_of(NULL, 0), e) !=
		    RC_OK)
		return e->rc;
	return all(t, e);
}

static enum rc prepare(struct again *t, json_t *job, struct err *e)
{
	if (job_members(job, e, "{" SSH_MEMBERS ", s:s, s:i}", SSH_MEMBERS_OF(&t->ssh),
			"folder", &t->folder, "max", &t->max) != RC_OK ||
	    job_has(CARRY_TALK_FD, e) != RC_OK)
		return e->rc;
	if (t->folder[0] != '/' ||
	    strlen(t->folder) + 2 * CARRY_AGAIN_PATH > SFTP_PATH_MAX || t->max < 1 ||
	    (unsigned)t->max > CARRY_AGAIN_MAX)
		return err_set(e, RC_USAGE, "again", "not a folder and a size", NULL,
			       "%.90s", t->folder);
	return RC_OK;
}

enum rc job_again(json_t *job, struct err *e)
{
	static struct again t; /* a process does one job */
	enum rc rc = prepare(&t, job, e);

	if (rc == RC_OK)
		rc = sftp_enter(&t.ssh, e);
	t.ssh.on_progress = at_it;
	if (rc == RC_OK)
		rc = again(&t, e);
	if (rc == RC_OK)
		rc = job_bring_json(json_pack("{s:b, s:s}", "atomic", !t.note[0], "note",
					      t.note),
				    e);
	ssh_clear(&t.ssh);
	for (size_t i = 0; i < t.nfiles; i++)
		free(t.files[i].path);
	free(t.files);
	return rc;
}
