/*
 * Files with a new header get their place: the old one or the new one stands under the
 * name, whatever happens. One command moves a whole round. A login that runs no commands
 * leaves a moment without the file; of one that is killed in it the next run puts the old
 * file back.
 */
#include "again.h"
#include "base/num.h"
#include "job.h"
#include <string.h>

CLEANUP_DEFINE(sftp_attributes, sftp_attributes_free);

#define ONE_MOVE (2 * SFTP_PATH_MAX + 24)

/* What ends the run; else it is the matter of one file. */
static bool is_fatal(const struct again *t, const struct err *e)
{
	return e->rc == RC_STALE || sftp_lost(&t->ssh);
}

static enum rc settle(struct again_piece *p, const struct err *why, struct err *e)
{
	uint8_t number[4];
	struct writer w = writer_of(number, sizeof number);
	struct err copy;

	p->done = true;
	if (why) {
		copy = *why; /* it may be *e */
		return again_refused(p->number, &copy, e);
	}
	write_u32(&w, p->number);
	return job_say('d', writer_bytes(&w), bytes_of(NULL, 0), e);
}

/* ---- aside ---- */

/* FOLDER/BELOW/.NAME.HEX and end. */
static enum rc path_aside(const struct again *t, const char *path, const char *end,
			  char to[SFTP_PATH_MAX], struct err *e)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char folder[SFTP_PATH_MAX];

	(void)snprintf(folder, sizeof folder, "%s/%.*s", t->folder,
		       slash ? num_int((size_t)(slash - path)) : 0, path);
	return sftp_path_new(folder, name, end, to, e);
}

/* As readable as it was; its group, too, where the login may give it that. */
static enum rc dress(struct again *t, const struct again_file *f,
		     const struct again_piece *p, struct err *e)
{
	sftp_attributes CLEANUP(sftp_attributes_free) a =
		sftp_lstat(t->ssh.sftp, p->tmp);

	if (!a)
		return sftp_failed(&t->ssh, "write", f->path, e);
	if (a->gid != f->gid)
		(void)sftp_chown(t->ssh.sftp, p->tmp, a->uid, f->gid);
	return sftp_chmod(t->ssh.sftp, p->tmp, f->mode & 0666) == 0
		       ? RC_OK
		       : sftp_failed(&t->ssh, "chmod", f->path, e);
}

static enum rc write_aside(struct again *t, struct again_piece *p, struct err *e)
{
	const struct again_file *f = &t->files[p->number];
	struct reader in = reader_of(bytes_of(p->answer, p->nanswer));
	char final[SFTP_PATH_MAX];
	uint8_t CLEANUP_FREE *all = malloc(p->nanswer + p->n + 1);
	struct bytes header;
	size_t skip;
	enum rc rc;

	(void)read_bytes(&in, 5);
	skip = read_u32(&in);
	header = read_bytes(&in, reader_left(&in));
	if (!all || in.bad)
		return err_set(e, RC_ERROR, "job", "out of memory", NULL, "%.150s", f->path);
	memcpy(all, header.p, header.n);
	memcpy(all + header.n, p->old + skip, p->n - skip);
	again_path(t, f->path, final);
	if (path_aside(t, f->path, ".tmp", p->tmp, e) != RC_OK) {
		p->tmp[0] = '\0';
		return e->rc;
	}
	const struct sftp_new new = {t->folder, p->tmp, final, f->mode & 0666,
				     bytes_of(all, header.n + p->n - skip)};

	rc = sftp_write_new(&t->ssh, &new, e);
	return rc == RC_OK ? dress(t, f, p, e) : rc;
}

static void drop(struct again *t, struct again_piece *p)
{
	if (p->tmp[0] && !sftp_lost(&t->ssh))
		(void)sftp_unlink(t->ssh.sftp, p->tmp);
	p->tmp[0] = '\0';
}

/* A full disk is the same for all that follow: it ends the run. */
static enum rc all_aside(struct again *t, struct again_round *r, struct err *e)
{
	for (size_t i = 0; i < r->n; i++) {
		struct again_piece *p = &r->p[i];

		ssh_progress(&t->ssh);
		if (p->answer[0] != 'h')
			p->done = true;
		else if (job_hung_up())
			return err_set(e, RC_STALE, "job", "its parent has hung up", NULL,
				       "again");
		else if (write_aside(t, p, e) != RC_OK) {
			if (is_fatal(t, e) || e->rc == RC_ERROR)
				return e->rc;
			drop(t, p);
			if (settle(p, e, e) != RC_OK)
				return e->rc;
		}
	}
	return RC_OK;
}

/* ---- in place, by SFTP alone ---- */

static enum rc move(struct again *t, const char *from, const char *to, const char *path,
		    struct err *e)
{
	if (sftp_rename(t->ssh.sftp, from, to) == 0)
		return RC_OK;
	if (sftp_failed(&t->ssh, "rename", path, e) != RC_STALE)
		err_hint(e, "let the user of the login rename files there");
	return e->rc;
}

static enum rc swap(struct again *t, struct again_piece *p, struct err *e)
{
	const char *path = t->files[p->number].path;
	char final[SFTP_PATH_MAX], old[SFTP_PATH_MAX];

	again_path(t, path, final);
	/* Some servers' rename replaces. */
	if (!t->no_replace && sftp_rename(t->ssh.sftp, p->tmp, final) == 0)
		return RC_OK;
	if (path_aside(t, path, ".old", old, e) != RC_OK ||
	    move(t, final, old, path, e) != RC_OK)
		return e->rc;
	if (move(t, p->tmp, final, path, e) != RC_OK) {
		if (sftp_rename(t->ssh.sftp, old, final) != 0)
			err_hint(e, "the old file is there under a hidden name, and no other: let the user of the login rename files");
		return e->rc;
	}
	t->no_replace = true;
	(void)sftp_unlink(t->ssh.sftp, old);
	if (!t->note[0])
		(void)snprintf(t->note, sizeof t->note,
			       "signed files: the login runs no commands: there was a moment without each file");
	return RC_OK;
}

/* ---- in place, by one command ---- */

/* In single quotes a shell looks at these alone. */
static bool is_quotable(const char *path)
{
	return !strpbrk(path, "'\\!\n");
}

/* *n: how many it shall move. */
static char *command_of(struct again *t, struct again_round *r, size_t *n)
{
	char *text = malloc(AGAIN_ROUND * ONE_MOVE), *end = text, final[SFTP_PATH_MAX];

	*n = 0;
	for (size_t i = 0; text && i < r->n; i++) {
		again_path(t, t->files[r->p[i].number].path, final);
		if (r->p[i].done || !is_quotable(final))
			continue;
		end += snprintf(end, ONE_MOVE, "%smv -fT -- '%s' '%s'", *n ? "; " : "",
				r->p[i].tmp, final);
		++*n;
	}
	return text;
}

/* What the command says of itself is not believed: a login that has SFTP alone may
 * answer it with a good status. */
static enum rc move_all(struct again *t, struct again_round *r, struct err *e)
{
	size_t n;
	char CLEANUP_FREE *command = command_of(t, r, &n);
	struct ssh_ran ran;

	if (!command)
		return err_errno(e, RC_ERROR, "malloc", NULL, "a command");
	if (!n)
		return RC_OK;
	ssh_progress(&t->ssh);
	if (ssh_exec(&t->ssh, command, &ran, e) != RC_OK)
		return e->rc;
	if (ran.late)
		return err_set(e, RC_STALE, "again", "mv did not end in time",
			       "does the login's shell work, and its disk?", "%.90s: %.90s",
			       t->ssh.where, t->folder);
	return RC_OK;
}

/* It stands aside no more. */
static enum rc has_moved(struct again *t, const struct again_piece *p, bool *yes,
			 struct err *e)
{
	sftp_attributes CLEANUP(sftp_attributes_free) a =
		sftp_lstat(t->ssh.sftp, p->tmp);

	*yes = !a;
	if (a || sftp_failed(&t->ssh, "rename", p->tmp, e) == RC_NOTFOUND)
		return RC_OK;
	return e->rc;
}

static enum rc place(struct again *t, struct again_piece *p, bool *moved, struct err *e)
{
	enum rc rc = RC_OK;

	ssh_progress(&t->ssh);
	*moved = false;
	if (!t->no_mv)
		rc = has_moved(t, p, moved, e);
	if (rc == RC_OK && !*moved)
		rc = swap(t, p, e);
	if (rc != RC_OK && is_fatal(t, e))
		return rc;
	if (rc != RC_OK)
		drop(t, p);
	p->tmp[0] = '\0';
	return settle(p, rc == RC_OK ? NULL : e, e);
}

static enum rc all_in_place(struct again *t, struct again_round *r, struct err *e)
{
	size_t n = 0, moved = 0;
	bool one;

	if (!t->no_mv && move_all(t, r, e) != RC_OK)
		return e->rc;
	for (size_t i = 0; i < r->n; i++) {
		if (r->p[i].done)
			continue;
		if (place(t, &r->p[i], &one, e) != RC_OK)
			return e->rc;
		n++;
		moved += one;
	}
	t->no_mv = t->no_mv || (n && !moved);
	return RC_OK;
}

enum rc again_write(struct again *t, struct again_round *r, struct err *e)
{
	enum rc rc = all_aside(t, r, e);

	if (rc == RC_OK)
		rc = all_in_place(t, r, e);
	/* Of one that failed. */
	for (size_t i = 0; i < r->n; i++)
		drop(t, &r->p[i]);
	return rc;
}
