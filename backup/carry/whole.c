/* Files of an SFTP server that are whole before they get their name. */
#include "base/num.h"
#include "carry/carry.h"
#include "sftp.h"
#include <fcntl.h>
#include <string.h>

#define FSYNC "fsync@openssh.com"

CLEANUP_DEFINE(sftp_attributes, sftp_attributes_free);
CLEANUP_DEFINE(sftp_statvfs_t, sftp_statvfs_free);

/* SFTP has no word for a full disk: say what is known. */
static enum rc not_written(struct ssh *s, const struct sftp_new *f, struct err *e)
{
	sftp_statvfs_t CLEANUP(sftp_statvfs_free) v = NULL;
	char why[sizeof e->why] = "the server did not take the file: a full disk, a quota, or a limit of size";
	uint64_t room;

	if (sftp_failed(s, "store", f->final, e) != RC_ERROR ||
	    e->code != SSH_FX_FAILURE)
		return e->rc;
	if (sftp_extension_supported(s->sftp, "statvfs@openssh.com", "2"))
		v = sftp_statvfs(s->sftp, f->folder);
	if (v) {
		room = v->f_frsize && v->f_bavail > UINT64_MAX / v->f_frsize
			       ? UINT64_MAX
			       : v->f_bavail * v->f_frsize;
		(void)snprintf(why, sizeof why,
			       room < f->content.n
				       ? "the disk of the server is full: %llu bytes are free"
				       : "the server did not take the file, with %llu bytes free: a quota, or a limit of size",
			       (unsigned long long)room);
	}
	err_set(e, RC_ERROR, "store", why,
		"make room there; nothing was changed", "%.90s: %s: %zu bytes",
		s->where, f->final, f->content.n);
	e->code = SSH_FX_FAILURE;
	(void)snprintf(e->name, sizeof e->name, "FAILURE");
	return e->rc;
}

static enum rc write_tmp(struct ssh *s, const struct sftp_new *new, struct err *e)
{
	struct bytes b = new->content;
	sftp_file f = sftp_open(s->sftp, new->tmp, O_WRONLY | O_CREAT | O_EXCL,
				new->mode);
	size_t at = 0;
	bool ok = true;

	if (!f)
		return not_written(s, new, e);
	while (ok && at < b.n) {
		size_t n = b.n - at < SFTP_CHUNK ? b.n - at : SFTP_CHUNK;
		ssize_t w = sftp_write(f, b.p + at, n);

		ok = w > 0;
		at += ok ? num_size(w) : 0;
		ssh_progress(s);
	}
	if (ok && sftp_extension_supported(s->sftp, FSYNC, "1"))
		ok = sftp_fsync(f) == 0;
	if (!ok) {
		not_written(s, new, e);
		sftp_close_quietly(f);
		return e->rc;
	}
	return sftp_close(f) == 0 ? RC_OK : not_written(s, new, e);
}

enum rc sftp_same(struct ssh *s, const char *path, const char *final,
		  struct bytes content, struct err *e)
{
	sftp_file CLEANUP(sftp_close_quietly) f =
		sftp_open(s->sftp, path, O_RDONLY, 0);
	uint8_t buf[SFTP_CHUNK];
	size_t at = 0;
	ssize_t r = -1;

	while (f && (r = sftp_read(f, buf, sizeof buf)) > 0) {
		if (num_size(r) > content.n - at ||
		    memcmp(content.p + at, buf, num_size(r)) != 0)
			break;
		at += num_size(r);
		ssh_progress(s);
	}
	if (r < 0)
		return sftp_failed(s, "read back", final, e);
	if (r > 0 || at != content.n)
		return err_set(e, RC_VERIFY, "store",
			       "what was read back differs from what was written",
			       "the disk or the server is faulty: do not trust it",
			       "%.90s: %s", s->where, final);
	return RC_OK;
}

enum rc sftp_write_new(struct ssh *s, const struct sftp_new *f, struct err *e)
{
	return write_tmp(s, f, e) == RC_OK
		       ? sftp_same(s, f->tmp, f->final, f->content, e)
		       : e->rc;
}

void sftp_sweep(struct ssh *s, const char *folder,
		bool (*is_leftover)(const struct sftp_attributes_struct *a,
				    const void *arg),
		const void *arg)
{
	sftp_dir d = sftp_opendir(s->sftp, folder);
	char path[SFTP_PATH_MAX];

	for (size_t i = 0; d && i < CARRY_LIST_MAX; i++) {
		sftp_attributes CLEANUP(sftp_attributes_free) a =
			sftp_readdir(s->sftp, d);

		if (!a)
			break;
		if (a->name && a->type == SSH_FILEXFER_TYPE_REGULAR &&
		    is_leftover(a, arg) && sftp_path_of(folder, a->name, path))
			(void)sftp_unlink(s->sftp, path);
	}
	if (d)
		(void)sftp_closedir(d);
}
