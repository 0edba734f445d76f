/* A file put under its final name only when it is whole there. */
#include "carry/carry.h"
#include "carry/name.h"
#include "job.h"
#include "sftp.h"
#include <string.h>
#include <time.h>

#define FILE_MODE 0640

CLEANUP_DEFINE(sftp_attributes, sftp_attributes_free);

struct store {
	struct ssh ssh;
	const char *folder, *name;
	const char *aside_name; /* NULL: what stands there is kept */
	char final[SFTP_PATH_MAX], aside[SFTP_PATH_MAX], tmp[SFTP_PATH_MAX];
	uint8_t *content;
	size_t n;
};

static enum rc exists(struct store *t, const char *path, bool *yes,
		      struct err *e)
{
	sftp_attributes CLEANUP(sftp_attributes_free) a =
		sftp_lstat(t->ssh.sftp, path);

	*yes = a != NULL;
	if (a || sftp_failed(&t->ssh, "store", path, e) == RC_NOTFOUND)
		return RC_OK;
	return e->rc;
}

static enum rc taken(const struct store *t, const char *path, struct err *e)
{
	return err_set(e, RC_REFUSED, "store", "there is a file of this name",
		       "look at it; nothing was changed", "%.90s: %s",
		       t->ssh.where, path);
}

/* *old: something stands there that is to be renamed. */
static enum rc check_names(struct store *t, bool *old, struct err *e)
{
	bool aside = false;

	if (exists(t, t->final, old, e) != RC_OK)
		return e->rc;
	if (*old && !t->aside_name)
		return taken(t, t->final, e);
	if (*old && exists(t, t->aside, &aside, e) != RC_OK)
		return e->rc;
	return aside ? taken(t, t->aside, e) : RC_OK;
}

static enum rc move(struct store *t, const char *from, const char *to,
		    struct err *e)
{
	if (sftp_rename(t->ssh.sftp, from, to) == 0)
		return RC_OK;
	if (sftp_failed(&t->ssh, "rename", to, e) != RC_STALE)
		err_set(e, e->rc, "rename",
			"the server refused to rename the file to its final name",
			"let the user of the login rename files there", "%.90s: %s",
			t->ssh.where, to);
	else
		err_hint(e, "the file may be there, whole: look before you try again");
	return e->rc;
}

/* Put back what was moved aside, and say how that went. */
static enum rc undo_aside(struct store *t, struct err *e)
{
	bool back = sftp_rename(t->ssh.sftp, t->aside, t->final) == 0;
	struct err before = *e;

	return err_set(e, before.rc, before.op, before.why,
		       back ? "the old file stands where it was"
			    : "the old file is there under its new name: rename it back by hand",
		       "%s%s%s", before.what, back ? "" : ": the old one is ",
		       back ? "" : t->aside_name);
}

static enum rc publish(struct store *t, struct err *e)
{
	bool old = false;

	/* Once more, at the last moment: some servers' rename replaces. */
	if (check_names(t, &old, e) != RC_OK ||
	    (old && move(t, t->final, t->aside, e) != RC_OK))
		return e->rc;
	if (move(t, t->tmp, t->final, e) == RC_OK)
		return RC_OK;
	return old ? undo_aside(t, e) : e->rc;
}

/* Of a store that was cut off a day ago: one that still runs has such a file too. */
static bool is_leftover(const struct sftp_attributes_struct *a, const void *before)
{
	return carry_name_is_leftover(a->name) &&
	       a->flags & SSH_FILEXFER_ATTR_ACMODTIME &&
	       a->mtime < *(const int64_t *)before;
}

static enum rc store(struct store *t, struct err *e)
{
	const int64_t before = time(NULL) - CARRY_LEFTOVER_AGE;
	const struct sftp_new new = {.folder = t->folder,
				     .final = t->final,
				     .tmp = t->tmp,
				     .mode = FILE_MODE,
				     .content = bytes_of(t->content, t->n)};
	bool old = false;
	enum rc rc;

	if (check_names(t, &old, e) != RC_OK)
		return e->rc;
	sftp_sweep(&t->ssh, t->folder, is_leftover, &before);
	rc = sftp_write_new(&t->ssh, &new, e);
	if (rc == RC_OK)
		rc = publish(t, e);
	/* Best effort, while there is a connection: the error is told. */
	if (rc != RC_OK && rc != RC_STALE)
		(void)sftp_unlink(t->ssh.sftp, t->tmp);
	return rc;
}

static enum rc prepare(struct store *t, json_t *job, struct err *e)
{
	json_t *aside;

	if (job_members(job, e, "{" SSH_MEMBERS ", s:s, s:s, s:o}",
			SSH_MEMBERS_OF(&t->ssh), "folder", &t->folder, "name",
			&t->name, "aside", &aside) != RC_OK ||
	    job_text(aside, "aside", &t->aside_name, e) != RC_OK ||
	    sftp_path(t->folder, t->name, t->final, e) != RC_OK ||
	    (t->aside_name &&
	     sftp_path(t->folder, t->aside_name, t->aside, e) != RC_OK) ||
	    sftp_path_new(t->folder, t->name, ".tmp", t->tmp, e) != RC_OK)
		return e->rc;
	return job_content(CARRY_OBJECT_MAX, &t->content, &t->n, e);
}

enum rc job_store(json_t *job, struct err *e)
{
	static struct store t; /* a process does one job */
	enum rc rc = prepare(&t, job, e);

	if (rc == RC_OK)
		rc = sftp_enter(&t.ssh, e);
	if (rc == RC_OK)
		rc = store(&t, e);
	ssh_clear(&t.ssh);
	free(t.content);
	return rc;
}
