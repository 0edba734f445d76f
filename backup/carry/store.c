/* A file put under its final name only when it is whole there. */
#include "base/num.h"
#include "carry/carry.h"
#include "carry/name.h"
#include "job.h"
#include "sftp.h"
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#define FILE_MODE 0640
#define FSYNC "fsync@openssh.com"

CLEANUP_DEFINE(sftp_attributes, sftp_attributes_free);
CLEANUP_DEFINE(sftp_statvfs_t, sftp_statvfs_free);

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

/* SFTP has no word for a full disk: say what is known. */
static enum rc not_written(struct store *t, struct err *e)
{
	sftp_statvfs_t CLEANUP(sftp_statvfs_free) v = NULL;
	char why[sizeof e->why] = "the server did not take the file: a full disk, a quota, or a limit of size";
	uint64_t room;

	if (sftp_failed(&t->ssh, "store", t->final, e) != RC_ERROR ||
	    e->code != SSH_FX_FAILURE)
		return e->rc;
	if (sftp_extension_supported(t->ssh.sftp, "statvfs@openssh.com", "2"))
		v = sftp_statvfs(t->ssh.sftp, t->folder);
	if (v) {
		room = v->f_frsize && v->f_bavail > UINT64_MAX / v->f_frsize
			       ? UINT64_MAX
			       : v->f_bavail * v->f_frsize;
		(void)snprintf(why, sizeof why,
			       room < t->n
				       ? "the disk of the server is full: %llu bytes are free"
				       : "the server did not take the file, with %llu bytes free: a quota, or a limit of size",
			       (unsigned long long)room);
	}
	err_set(e, RC_ERROR, "store", why,
		"make room there; nothing was changed", "%.90s: %s: %zu bytes",
		t->ssh.where, t->final, t->n);
	e->code = SSH_FX_FAILURE;
	(void)snprintf(e->name, sizeof e->name, "FAILURE");
	return e->rc;
}

static enum rc write_tmp(struct store *t, struct err *e)
{
	sftp_session sftp = t->ssh.sftp;
	sftp_file f = sftp_open(sftp, t->tmp, O_WRONLY | O_CREAT | O_EXCL,
				FILE_MODE);
	size_t at = 0;
	bool ok = true;

	if (!f)
		return not_written(t, e);
	while (ok && at < t->n) {
		size_t n = t->n - at < SFTP_CHUNK ? t->n - at : SFTP_CHUNK;
		ssize_t w = sftp_write(f, t->content + at, n);

		ok = w > 0;
		at += ok ? num_size(w) : 0;
	}
	if (ok && sftp_extension_supported(sftp, FSYNC, "1"))
		ok = sftp_fsync(f) == 0;
	if (!ok) {
		not_written(t, e);
		sftp_close_quietly(f);
		return e->rc;
	}
	return sftp_close(f) == 0 ? RC_OK : not_written(t, e);
}

static enum rc read_back(struct store *t, struct err *e)
{
	sftp_file CLEANUP(sftp_close_quietly) f =
		sftp_open(t->ssh.sftp, t->tmp, O_RDONLY, 0);
	uint8_t buf[SFTP_CHUNK];
	size_t at = 0;
	ssize_t r = -1;

	while (f && (r = sftp_read(f, buf, sizeof buf)) > 0) {
		if (num_size(r) > t->n - at ||
		    memcmp(t->content + at, buf, num_size(r)) != 0)
			break;
		at += num_size(r);
	}
	if (r < 0)
		return sftp_failed(&t->ssh, "read back", t->final, e);
	if (r > 0 || at != t->n)
		return err_set(e, RC_VERIFY, "store",
			       "what was read back differs from what was written",
			       "the disk or the server is faulty: do not trust it",
			       "%.90s: %s", t->ssh.where, t->final);
	return RC_OK;
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

/* What stores before this one left. Best effort: nothing depends on it. */
static void remove_leftovers(struct store *t)
{
	sftp_session sftp = t->ssh.sftp;
	const int64_t before = time(NULL) - CARRY_LEFTOVER_AGE;
	sftp_dir d = sftp_opendir(sftp, t->folder);
	char path[SFTP_PATH_MAX];

	for (size_t i = 0; d && i < CARRY_LIST_MAX; i++) {
		sftp_attributes CLEANUP(sftp_attributes_free) a =
			sftp_readdir(sftp, d);

		if (!a)
			break;
		if (a->name && carry_name_is_leftover(a->name) &&
		    a->type == SSH_FILEXFER_TYPE_REGULAR &&
		    a->flags & SSH_FILEXFER_ATTR_ACMODTIME && a->mtime < before &&
		    sftp_path_of(t->folder, a->name, path))
			(void)sftp_unlink(sftp, path);
	}
	if (d)
		(void)sftp_closedir(d);
}

static enum rc store(struct store *t, struct err *e)
{
	bool old = false;
	enum rc rc;

	if (check_names(t, &old, e) != RC_OK)
		return e->rc;
	remove_leftovers(t);
	rc = write_tmp(t, e);
	if (rc == RC_OK)
		rc = read_back(t, e);
	if (rc == RC_OK)
		rc = publish(t, e);
	/* Best effort, while there is a connection: the error is told. */
	if (rc != RC_OK && rc != RC_STALE)
		(void)sftp_unlink(t->ssh.sftp, t->tmp);
	return rc;
}

static enum rc prepare(struct store *t, json_t *job, struct err *e)
{
	uint8_t random[8];
	char tmp[CARRY_JOB_MAX], hex[2 * sizeof random + 1];
	json_t *aside;

	if (job_members(job, e, "{" SSH_MEMBERS ", s:s, s:s, s:o}",
			SSH_MEMBERS_OF(&t->ssh), "folder", &t->folder, "name",
			&t->name, "aside", &aside) != RC_OK ||
	    job_text(aside, "aside", &t->aside_name, e) != RC_OK ||
	    sftp_path(t->folder, t->name, t->final, e) != RC_OK ||
	    (t->aside_name &&
	     sftp_path(t->folder, t->aside_name, t->aside, e) != RC_OK))
		return e->rc;
	randombytes_buf(random, sizeof random);
	sodium_bin2hex(hex, sizeof hex, random, sizeof random);
	(void)snprintf(tmp, sizeof tmp, ".%s.%s.tmp", t->name, hex);
	if (!sftp_path_of(t->folder, tmp, t->tmp))
		return err_set(e, RC_USAGE, "job", "the path is too long", NULL,
			       "%.80s/%.80s", t->folder, t->name);
	return job_content(CARRY_OBJECT_MAX, &t->content, &t->n, e);
}

enum rc job_store(json_t *job, struct err *e)
{
	static struct store t; /* a process does one job */
	enum rc rc = prepare(&t, job, e);

	if (rc == RC_OK)
		rc = ssh_open(&t.ssh, e);
	if (rc == RC_OK)
		rc = ssh_login(&t.ssh, e);
	if (rc == RC_OK)
		rc = store(&t, e);
	ssh_clear(&t.ssh);
	free(t.content);
	return rc;
}
