/*
 * A put over SSH: FOLDER/NAME is the old file or the new one, whatever happens.
 *
 * SFTP's rename does not replace, so `mv` does it. A login that runs no commands
 * leaves a moment without the file: never one with half of it.
 */
#include "base/num.h"
#include "carry/carry.h"
#include "carry/name.h"
#include "job.h"
#include "sftp.h"
#include <string.h>

CLEANUP_DEFINE(sftp_attributes, sftp_attributes_free);

struct replace {
	struct ssh ssh;
	const char *folder, *name;
	int mode;
	char final[SFTP_PATH_MAX], tmp[SFTP_PATH_MAX], old[SFTP_PATH_MAX];
	uint8_t *content;
	size_t n;
	char note[256]; /* why it was not atomic; "": it was */
};

static enum rc stand(struct replace *t, const char *path, bool *yes, struct err *e)
{
	sftp_attributes CLEANUP(sftp_attributes_free) a =
		sftp_lstat(t->ssh.sftp, path);

	*yes = a != NULL;
	if (!a)
		return sftp_failed(&t->ssh, "replace", path, e) == RC_NOTFOUND
			       ? RC_OK
			       : e->rc;
	if (a->type == SSH_FILEXFER_TYPE_REGULAR ||
	    a->type == SSH_FILEXFER_TYPE_SYMLINK)
		return RC_OK;
	return err_set(e, RC_ERROR, "replace", "what stands there is not a file",
		       "look at it, and remove it", "%.90s: %s", t->ssh.where,
		       path);
}

/* ---- by SFTP alone ---- */

static enum rc move(struct replace *t, const char *from, const char *to,
		    struct err *e)
{
	if (sftp_rename(t->ssh.sftp, from, to) == 0)
		return RC_OK;
	if (sftp_failed(&t->ssh, "rename", t->final, e) != RC_STALE)
		err_hint(e, "let the user of the login rename files there");
	return e->rc;
}

/* *old: a file stood there. */
static enum rc move_both(struct replace *t, bool *old, struct err *e)
{
	if (stand(t, t->final, old, e) != RC_OK ||
	    (*old && move(t, t->final, t->old, e) != RC_OK))
		return e->rc;
	if (move(t, t->tmp, t->final, e) == RC_OK)
		return RC_OK;
	if (*old && sftp_rename(t->ssh.sftp, t->old, t->final) != 0)
		err_hint(e, "the old file is there under a hidden name, and no other: let the user of the login rename files");
	return e->rc;
}

static const char *why_not(const struct ssh_ran *r, char *to, size_t cap)
{
	if (r->refused)
		return "the login runs no commands";
	/* A mv that fails says why. */
	if (r->status == 0 || !r->said[0])
		return "the login has SFTP alone";
	(void)snprintf(to, cap, "mv did not do it: %s, status %d", r->said,
		       r->status);
	return to;
}

static enum rc by_sftp(struct replace *t, const struct ssh_ran *r, struct err *e)
{
	char text[sizeof r->said + 64], why[sizeof e->why];
	const char *reason = why_not(r, text, sizeof text);
	bool old = false;

	if (move_both(t, &old, e) != RC_OK) {
		(void)snprintf(why, sizeof why, "%.120s; %.120s", reason,
			       e->why);
		(void)snprintf(e->why, sizeof e->why, "%s", why);
		return e->rc;
	}
	if (old)
		(void)snprintf(t->note, sizeof t->note,
			       "%.200s: there was a moment without the file", reason);
	/* It becomes JSON, which a server's bytes might not be. */
	for (char *p = t->note; *p; p++)
		*p = *p < ' ' || *p > '~' ? '?' : *p;
	return RC_OK;
}

/* ---- by mv ---- */

/* What the command says of itself is not believed: a login that has SFTP alone may
 * answer it with a good status. */
static enum rc publish(struct replace *t, struct err *e)
{
	char command[2 * SFTP_PATH_MAX + 16];
	struct ssh_ran ran;
	bool there = false;

	/* Nothing in the paths that a shell would look at: prepare() saw to it. */
	(void)snprintf(command, sizeof command, "mv -fT -- %s %s", t->tmp, t->final);
	if (ssh_exec(&t->ssh, command, &ran, e) != RC_OK)
		return e->rc;
	if (ran.late)
		return err_set(e, RC_STALE, "replace", "mv did not end in time",
			       "does the login's shell work, and its disk?",
			       "%.90s: %s", t->ssh.where, t->final);
	if (stand(t, t->tmp, &there, e) != RC_OK)
		return e->rc;
	if (there)
		return by_sftp(t, &ran, e);
	return RC_OK;
}

/* ---- the job ---- */

/* ".NAME.HEX" and one of these ends; two jobs of one node never run at once. */
static bool is_mine(const struct sftp_attributes_struct *a, const char *name,
		    const char *end)
{
	size_t n = strlen(name);
	const char *hex;

	if (a->name[0] != '.' || strncmp(a->name + 1, name, n) != 0 ||
	    a->name[n + 1] != '.')
		return false;
	hex = a->name + n + 2;
	return strspn(hex, "0123456789abcdef") == 16 && !strcmp(hex + 16, end);
}

static bool is_tmp(const struct sftp_attributes_struct *a, const void *name)
{
	return is_mine(a, name, ".tmp");
}

static bool is_old(const struct sftp_attributes_struct *a, const void *name)
{
	return is_mine(a, name, ".old");
}

static enum rc replace(struct replace *t, struct err *e)
{
	const struct bytes content = bytes_of(t->content, t->n);
	const struct sftp_new new = {t->folder, t->tmp, t->final,
				     (unsigned)t->mode, content};
	struct ssh *s = &t->ssh;
	bool old = false;
	enum rc rc;

	if (sftp_be_folder(s, t->folder, e) != RC_OK ||
	    stand(t, t->final, &old, e) != RC_OK)
		return e->rc;
	sftp_sweep(s, t->folder, is_tmp, t->name);
	rc = sftp_write_new(s, &new, e);
	/* The server's umask was in the way of the mode. */
	if (rc == RC_OK && sftp_chmod(s->sftp, t->tmp, (mode_t)t->mode) != 0)
		rc = sftp_failed(s, "chmod", t->final, e);
	if (rc == RC_OK)
		rc = publish(t, e);
	if (rc == RC_OK)
		rc = sftp_same(s, t->final, t->final, content, e);
	/* Best effort, while there is a connection. What was moved aside goes only
	 * when the new file stands. */
	if (rc == RC_OK)
		sftp_sweep(s, t->folder, is_old, t->name);
	else if (rc != RC_STALE)
		(void)sftp_unlink(s->sftp, t->tmp);
	return rc;
}

static enum rc prepare(struct replace *t, json_t *job, struct err *e)
{
	if (job_members(job, e, "{" SSH_MEMBERS ", s:s, s:s, s:i}",
			SSH_MEMBERS_OF(&t->ssh), "folder", &t->folder, "name",
			&t->name, "mode", &t->mode) != RC_OK ||
	    sftp_path(t->folder, t->name, t->final, e) != RC_OK)
		return e->rc;
	if (!carry_folder_is_plain(t->folder) || t->mode & ~0666)
		return err_set(e, RC_USAGE, "replace",
			       "not a plain folder and a mode", NULL, "%.90s",
			       t->folder);
	if (sftp_path_new(t->folder, t->name, ".tmp", t->tmp, e) != RC_OK ||
	    sftp_path_new(t->folder, t->name, ".old", t->old, e) != RC_OK)
		return e->rc;
	return job_content(CARRY_CONTENT_MAX, &t->content, &t->n, e);
}

enum rc job_replace(json_t *job, struct err *e)
{
	static struct replace t; /* a process does one job */
	enum rc rc = prepare(&t, job, e);

	if (rc == RC_OK)
		rc = sftp_enter(&t.ssh, e);
	if (rc == RC_OK)
		rc = replace(&t, e);
	if (rc == RC_OK)
		rc = job_bring_json(json_pack("{s:b, s:s%}", "atomic", !t.note[0],
					      "note", t.note, strlen(t.note)),
				    e);
	ssh_clear(&t.ssh);
	free(t.content);
	return rc;
}
