/* Jobs in a folder of an SFTP server, apart from store. */
#include "sftp.h"
#include "base/num.h"
#include "carry/carry.h"
#include "carry/name.h"
#include "job.h"
#include <fcntl.h>
#include <sodium.h>
#include <string.h>

#define MAX_NAME 255u

CLEANUP_DEFINE(json_t *, json_decref);
CLEANUP_DEFINE(sftp_attributes, sftp_attributes_free);

/* What a server's status means, unless the caller knows better. SFTP 3 has no
 * others; a full disk is a FAILURE like many other things. */
static const struct meaning {
	int code;
	enum rc rc;
	const char *name, *why, *hint;
} meanings[] = {
	{SSH_FX_NO_SUCH_FILE, RC_NOTFOUND, "NO_SUCH_FILE",
	 "there is no such file or folder on the server",
	 "correct the path, or make the folder"},
	{SSH_FX_NO_SUCH_PATH, RC_NOTFOUND, "NO_SUCH_PATH",
	 "there is no such file or folder on the server",
	 "correct the path, or make the folder"},
	{SSH_FX_PERMISSION_DENIED, RC_REFUSED, "PERMISSION_DENIED",
	 "the server gives no permission",
	 "let the user of the login read and write there"},
	{SSH_FX_WRITE_PROTECT, RC_REFUSED, "WRITE_PROTECT",
	 "the server is read-only", "use a folder that can be written"},
	{SSH_FX_OP_UNSUPPORTED, RC_ERROR, "OP_UNSUPPORTED",
	 "the server does not offer this", "use another server"},
	{SSH_FX_FAILURE, RC_ERROR, "FAILURE",
	 "the server did not do it, and did not say why",
	 "look at the server's log"},
};

bool sftp_lost(const struct ssh *s)
{
	const struct sftp_session_struct *f = s->sftp;

	/* A status of the server's is a denied request; the rest of libssh's
	 * errors are the session's. */
	return !ssh_is_connected(s->session) || ssh_channel_is_closed(f->channel) ||
	       ssh_channel_is_eof(f->channel) ||
	       ssh_get_error_code(s->session) == SSH_FATAL;
}

enum rc sftp_failed(const struct ssh *s, const char *op, const char *path,
		    struct err *e)
{
	int code = sftp_get_error(s->sftp);
	const struct meaning *m = &meanings[COUNT_OF(meanings) - 1];

	if (sftp_lost(s))
		return ssh_failed(s, op, e);
	for (size_t i = 0; i < COUNT_OF(meanings); i++)
		if (meanings[i].code == code)
			m = &meanings[i];
	err_set(e, m->rc, op, m->why, m->hint, "%.90s: %s", s->where, path);
	e->code = (unsigned long)code;
	(void)snprintf(e->name, sizeof e->name, "%s", m->name);
	return e->rc;
}

bool sftp_path_of(const char *folder, const char *name, char to[SFTP_PATH_MAX])
{
	int n = snprintf(to, SFTP_PATH_MAX, "%s%s%s", folder,
			 folder[0] && folder[strlen(folder) - 1] == '/' ? "" : "/",
			 name);

	return folder[0] && n < SFTP_PATH_MAX && strlen(name) <= MAX_NAME;
}

enum rc sftp_path(const char *folder, const char *name, char to[SFTP_PATH_MAX],
		  struct err *e)
{
	if (!carry_name_is_plain(name) || !sftp_path_of(folder, name, to))
		return err_set(e, RC_USAGE, "job", "not a folder and a plain name",
			       NULL, "%.80s/%.80s", folder, name);
	return RC_OK;
}

enum rc sftp_path_new(const char *folder, const char *name, const char *end,
		      char to[SFTP_PATH_MAX], struct err *e)
{
	uint8_t random[8];
	char tmp[CARRY_JOB_MAX], hex[2 * sizeof random + 1];

	randombytes_buf(random, sizeof random);
	sodium_bin2hex(hex, sizeof hex, random, sizeof random);
	(void)snprintf(tmp, sizeof tmp, ".%s.%s%s", name, hex, end);
	if (!sftp_path_of(folder, tmp, to))
		return err_set(e, RC_USAGE, "job", "the path is too long", NULL,
			       "%.80s/%.80s", folder, name);
	return RC_OK;
}

/* ---- the jobs ---- */

enum rc sftp_enter(struct ssh *s, struct err *e)
{
	if (ssh_open(s, e) != RC_OK || ssh_login(s, e) != RC_OK)
		return e->rc;
	return ssh_sftp(s, e);
}

enum rc sftp_be_folder(struct ssh *s, const char *folder, struct err *e)
{
	sftp_attributes CLEANUP(sftp_attributes_free) a = sftp_stat(s->sftp, folder);

	if (!a) {
		if (sftp_failed(s, "folder", folder, e) == RC_NOTFOUND)
			err_set(e, RC_NOTFOUND, "folder",
				"there is no such folder on the server",
				"make it, or correct the path", "%.90s: %s",
				s->where, folder);
		return e->rc;
	}
	if (a->type != SSH_FILEXFER_TYPE_DIRECTORY)
		return err_set(e, RC_ERROR, "folder", "is not a folder",
			       "correct the path", "%.90s: %s", s->where, folder);
	return RC_OK;
}

enum rc job_probe(json_t *job, struct err *e)
{
	struct ssh CLEANUP(ssh_clear) s = {0};
	const char *folder;

	if (job_members(job, e, "{" SSH_MEMBERS ", s:s}", SSH_MEMBERS_OF(&s),
			"folder", &folder) != RC_OK ||
	    sftp_enter(&s, e) != RC_OK)
		return e->rc;
	return sftp_be_folder(&s, folder, e);
}

static enum rc bring_file(struct ssh *s, const char *path, size_t max,
			  struct err *e)
{
	sftp_file CLEANUP(sftp_close_quietly) f =
		sftp_open(s->sftp, path, O_RDONLY, 0);
	uint8_t buf[SFTP_CHUNK];
	size_t n = 0;

	if (!f)
		return sftp_failed(s, "load", path, e);
	for (;;) {
		ssize_t r = sftp_read(f, buf, sizeof buf);

		if (r < 0)
			return sftp_failed(s, "load", path, e);
		if (r == 0)
			return RC_OK;
		n += num_size(r);
		if (n > max)
			return err_set(e, RC_REFUSED, "load",
				       "the file is too large",
				       "is it what it should be?",
				       "%.90s: %s: over %zu bytes", s->where,
				       path, max);
		if (job_bring(bytes_of(buf, num_size(r)), e) != RC_OK)
			return e->rc;
	}
}

enum rc job_load(json_t *job, struct err *e)
{
	struct ssh CLEANUP(ssh_clear) s = {0};
	const char *folder, *name;
	char path[SFTP_PATH_MAX];
	int max;

	if (job_members(job, e, "{" SSH_MEMBERS ", s:s, s:s, s:i}",
			SSH_MEMBERS_OF(&s), "folder", &folder, "name", &name, "max",
			&max) != RC_OK ||
	    sftp_path(folder, name, path, e) != RC_OK)
		return e->rc;
	if (max < 0 || (unsigned)max > CARRY_OBJECT_MAX)
		return err_set(e, RC_USAGE, "load", "out of range", NULL, "max=%d",
			       max);
	if (sftp_enter(&s, e) != RC_OK)
		return e->rc;
	return bring_file(&s, path, (size_t)max, e);
}

/* What could be an object of a vault; the rest of a folder is somebody else's. */
static bool is_object(const struct sftp_attributes_struct *a)
{
	return a->name && a->type == SSH_FILEXFER_TYPE_REGULAR &&
	       strlen(a->name) <= MAX_NAME && carry_name_is_plain(a->name);
}

static enum rc read_folder(struct ssh *s, sftp_dir d, const char *folder,
			   json_t *to, struct err *e)
{
	for (size_t i = 0; i < CARRY_LIST_MAX; i++) {
		sftp_attributes CLEANUP(sftp_attributes_free) a =
			sftp_readdir(s->sftp, d);

		if (!a)
			return sftp_dir_eof(d) ? RC_OK
					       : sftp_failed(s, "list", folder, e);
		if (is_object(a) && a->size <= INT64_MAX &&
		    json_array_append_new(to, json_pack("{s:s, s:I}", "name",
							a->name, "size",
							(json_int_t)a->size)) != 0)
			return err_errno(e, RC_ERROR, "malloc", NULL, "%s", folder);
	}
	return err_set(e, RC_ERROR, "list", "the folder has too many files",
		       "give the vault a folder of its own",
		       "%.90s: %s: over %u", s->where, folder, CARRY_LIST_MAX);
}

enum rc job_list(json_t *job, struct err *e)
{
	struct ssh CLEANUP(ssh_clear) s = {0};
	json_t CLEANUP(json_decref) *names = json_array();
	const char *folder;
	sftp_dir d;
	enum rc rc;

	if (job_members(job, e, "{" SSH_MEMBERS ", s:s}", SSH_MEMBERS_OF(&s),
			"folder", &folder) != RC_OK ||
	    sftp_enter(&s, e) != RC_OK)
		return e->rc;
	d = sftp_opendir(s.sftp, folder);
	if (!d)
		return sftp_failed(&s, "list", folder, e);
	rc = read_folder(&s, d, folder, names, e);
	(void)sftp_closedir(d);
	return rc == RC_OK ? job_bring_json(names, e) : rc;
}

enum rc job_remove(json_t *job, struct err *e)
{
	struct ssh CLEANUP(ssh_clear) s = {0};
	const char *folder, *name;
	char path[SFTP_PATH_MAX];

	if (job_members(job, e, "{" SSH_MEMBERS ", s:s, s:s}", SSH_MEMBERS_OF(&s),
			"folder", &folder, "name", &name) != RC_OK ||
	    sftp_path(folder, name, path, e) != RC_OK || sftp_enter(&s, e) != RC_OK)
		return e->rc;
	return sftp_unlink(s.sftp, path) == 0
		       ? RC_OK
		       : sftp_failed(&s, "remove", path, e);
}
