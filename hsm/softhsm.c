#include "softhsm.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "hsm/module.h"
#include "softhsmcopy.h"
#include "uri.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LOCK_SECONDS 5.0

#define ROOM_HINT                                                              \
	"make room on the token's file system; nothing is lost: there is a copy"
#define LOST_HINT                                                              \
	"put token.object back from a backup of this folder; do not initialise: that would end the keys"

struct softhsm {
	const struct hsm_place *place;
	P11KitUri *uri;
	char tokens[PATH_MAX]; /* the folder of the tokens' folders */
	char ours[NAME_MAX + 1]; /* the folder of the token that the URI names, or "" */
	bool put_back, torn; /* said, for one and for the other */
	int lock;
};

/* ---- is it SoftHSM? ---- */

static bool is_softhsm(const char *path)
{
	char real[PATH_MAX];
	const char *name = strrchr(path, '/');

	if (name && strstr(name, "softhsm"))
		return true;
	name = realpath(path, real) ? strrchr(real, '/') : NULL;
	return name && strstr(name, "softhsm");
}

enum rc softhsm_open(const struct hsm_place *place, struct softhsm **out,
		     struct err *e)
{
	struct softhsm CLEANUP(softhsm_free) *s = NULL;
	struct softhsm_conf c;
	char path[PATH_MAX];

	if (hsm_module_path(place->module, path, e) != RC_OK)
		return e->rc;
	if (!is_softhsm(path))
		return RC_OK;
	if (!softhsm_conf_read(&c)) {
		guard_tell(place, "token-unguarded", RC_TOKEN, c.file,
			   "SoftHSM's configuration cannot be read: its tokens are not guarded",
			   "name it in SOFTHSM2_CONF, readable for this user");
		return RC_OK;
	}
	if (!c.files) {
		guard_tell(place, "token-unguarded", RC_TOKEN, c.file,
			   "SoftHSM's database backend is not guarded",
			   "objectstore.backend = file is");
		return RC_OK;
	}
	s = calloc(1, sizeof *s);
	if (!s)
		return err_errno(e, RC_ERROR, "calloc", NULL, "SoftHSM");
	s->place = place;
	s->lock = -1;
	memcpy(s->tokens, c.tokens, sizeof s->tokens);
	if (uri_parse(place->uri, &s->uri, e) != RC_OK)
		return e->rc;
	if (place->keep &&
	    file_make_dir(place->keep, 0700, (uid_t)-1, (gid_t)-1, e) != RC_OK)
		return e->rc;
	*out = s;
	s = NULL;
	return RC_OK;
}

void softhsm_free(struct softhsm *s)
{
	if (!s)
		return;
	softhsm_unlock(s);
	uri_free(s->uri);
	free(s);
}

/* ---- the lock ---- */

/* A program that holds it for ever must not keep keyd from starting. */
static void lock(struct softhsm *s)
{
	double end = proc_now() + LOCK_SECONDS;

	s->lock = open(s->tokens, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock < 0) {
		struct err e;

		(void)err_errno(&e, RC_TOKEN, "open",
				"is it mounted? nothing is made in its place",
				"%s", s->tokens);
		guard_say(s->place, "token-folder", &e);
		return;
	}
	while (flock(s->lock, LOCK_EX | LOCK_NB) != 0) {
		if (proc_now() > end) {
			guard_tell(s->place, "token-lock", RC_BUSY, s->tokens,
				   "another program holds the lock of the tokens; going on without it",
				   "find it (fuser) and end it");
			return;
		}
		guard_nap();
	}
}

void softhsm_unlock(struct softhsm *s)
{
	fd_close(s->lock);
	s->lock = -1;
}

/* ---- before ---- */

/* The mode and the owner that SoftHSM gave it; ours must be the same user, or that
 * user could not read it any more. */
static enum rc mode_for(const char *path, mode_t *mode, struct err *e)
{
	char folder[PATH_MAX];
	struct stat st;

	(void)snprintf(folder, sizeof folder, "%.*s",
		       num_int((size_t)(strrchr(path, '/') - path)), path);
	if (stat(folder, &st) != 0)
		return err_errno(e, RC_TOKEN, "stat", NULL, "%s", folder);
	if (st.st_uid != geteuid())
		return err_set(e, RC_TOKEN, "put back",
			       "the token's folder belongs to another user",
			       "be that user, or put the copy back by hand", "%s",
			       folder);
	*mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0600;
	return RC_OK;
}

static enum rc replace(struct softhsm *s, const char *path,
		       const struct image *copy, struct err *e)
{
	mode_t mode;

	if (mode_for(path, &mode, e) != RC_OK)
		return e->rc;
	if (file_replace(path, bytes_of(copy->p, copy->n), mode, e) != RC_OK) {
		e->rc = RC_TOKEN;
		return err_hint(e, ROOM_HINT);
	}
	s->put_back = true;
	guard_tell(s->place, "token-put-back", RC_TOKEN, path,
		   "it was not whole: the copy of it was put back",
		   "a login was cut off, or the file system was full; if the PIN is refused now, the copy is older than its change");
	return RC_OK;
}

static enum rc object_path(const struct softhsm *s, const char *name,
			   char to[PATH_MAX], struct err *e)
{
	char folder[PATH_MAX];

	if (file_path(folder, sizeof folder, s->tokens, name, e) != RC_OK)
		return e->rc;
	return file_path(to, PATH_MAX, folder, "token.object", e);
}

static bool is_wanted(const struct softhsm *s, const struct token_object *o)
{
	CK_TOKEN_INFO info;

	token_object_info(o, &info);
	return p11_kit_uri_match_token_info(s->uri, &info);
}

/* What was seen last is newer than what was proved last. */
static enum rc put_back(struct softhsm *s, const char *name, const char *path,
			struct err *e)
{
	struct image CLEANUP(image_free) seen = copy_look(s->place, name, "seen");
	struct image CLEANUP(image_free) proved = copy_look(s->place, name, "proved");

	const struct image *copy = seen.whole ? &seen : &proved;

	if (copy->whole) {
		if (replace(s, path, copy, e) == RC_OK)
			return RC_OK;
		if (is_wanted(s, &copy->o))
			return e->rc;
		guard_say(s->place, "token-torn", e); /* one of an earlier configuration */
	} else if (access(path, F_OK) == 0 && !s->torn) { /* else no token's folder */
		s->torn = true;
		guard_tell(s->place, "token-torn", RC_TOKEN, path,
			   "it is not whole, and there is no copy", LOST_HINT);
	}
	return RC_OK;
}

static void note_ours(struct softhsm *s, const char *name,
		      const struct image *now)
{
	if (!is_wanted(s, &now->o))
		return;
	(void)snprintf(s->ours, sizeof s->ours, "%s", name);
	if (!s->place->keep)
		return;
	if (copy_same(s->place, name, "proved", now))
		copy_drop_seen(s->place, name);
	else if (!copy_same(s->place, name, "seen", now))
		copy_write(s->place, name, "seen", now);
}

static enum rc see_folder(struct softhsm *s, const char *name, struct err *e)
{
	char path[PATH_MAX];
	struct stat st;

	if (file_path(path, sizeof path, s->tokens, name, e) != RC_OK)
		return e->rc;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return RC_OK;
	guard_sweep(path, ".token.object.");
	if (object_path(s, name, path, e) != RC_OK)
		return e->rc;
	struct image CLEANUP(image_free) now = image_look_twice(path);

	if (!now.whole) {
		if (put_back(s, name, path, e) != RC_OK)
			return e->rc;
		image_free_at(&now);
		now = image_look(path);
	}
	if (now.whole)
		note_ours(s, name, &now);
	return RC_OK;
}

static enum rc scan(struct softhsm *s, struct err *e)
{
	DIR CLEANUP(folder_close) *d = opendir(s->tokens);
	struct dirent *f;

	s->ours[0] = '\0';
	while (d && (f = readdir(d)))
		if (f->d_name[0] != '.' && see_folder(s, f->d_name, e) != RC_OK)
			return e->rc;
	return RC_OK;
}

/* A copy of the wanted token without its folder: moved away, or not mounted. */
static void miss_folder(const struct softhsm *s)
{
	DIR CLEANUP(folder_close) *d = opendir(s->place->keep);
	struct dirent *f;

	while (d && (f = readdir(d))) {
		char path[PATH_MAX], name[NAME_MAX + 1];
		struct err none;
		char *dot;

		(void)snprintf(name, sizeof name, "%s", f->d_name);
		dot = strrchr(name, '.');
		if (!dot || strcmp(dot, ".proved") != 0)
			continue;
		*dot = '\0';
		struct image CLEANUP(image_free) copy = copy_look(s->place, name, "proved");

		if (copy.whole && is_wanted(s, &copy.o) &&
		    file_path(path, sizeof path, s->tokens, name, &none) == RC_OK &&
		    access(path, F_OK) != 0)
			guard_tell(s->place, "token-folder", RC_TOKEN, path,
				   "the token's folder is not there",
				   "mount it, or restore it from its backup; nothing was made in its place");
	}
}

enum rc softhsm_before(struct softhsm *s, struct err *e)
{
	lock(s);
	s->put_back = false;
	if (s->place->keep)
		guard_sweep(s->place->keep, ".");
	if (scan(s, e) != RC_OK)
		return e->rc;
	if (!s->ours[0] && s->place->keep)
		miss_folder(s);
	return RC_OK;
}

bool softhsm_put_back(const struct softhsm *s)
{
	return s->put_back;
}

bool softhsm_torn(const struct softhsm *s)
{
	return s->torn;
}

/* ---- after ---- */

/* File and folder: SoftHSM itself never does. */
static enum rc make_durable(const char *path, struct err *e)
{
	int CLEANUP(fd_close) fd = open(path, O_RDONLY | O_CLOEXEC);

	/* A read-only file system has nothing to make durable. */
	if (fd < 0 || (fsync(fd) != 0 && errno != EROFS && errno != EINVAL))
		return err_errno(e, RC_TOKEN, "fsync", NULL, "%s", path);
	return RC_OK;
}

enum rc softhsm_after(struct softhsm *s, char **folder, struct err *e)
{
	char path[PATH_MAX], own[PATH_MAX];

	if (!s->ours[0] && scan(s, e) != RC_OK)
		return e->rc;
	if (!s->ours[0])
		return RC_OK; /* another token folder than the configuration's */
	if (object_path(s, s->ours, path, e) != RC_OK ||
	    file_path(own, sizeof own, s->tokens, s->ours, e) != RC_OK)
		return e->rc;
	struct image CLEANUP(image_free) now = image_look_twice(path);

	if (!now.whole) {
		if (put_back(s, s->ours, path, e) != RC_OK)
			return e->rc;
		image_free_at(&now);
		now = image_look(path);
	}
	if (!now.whole)
		return err_set(e, RC_TOKEN, "C_Login",
			       "the login left token.object torn, and there is no copy here",
			       "make room on the token's file system; a keyd that used this token puts its copy back when it starts",
			       "%s", path);
	if (s->place->keep) {
		if (!copy_same(s->place, s->ours, "proved", &now))
			copy_write(s->place, s->ours, "proved", &now);
		copy_drop_seen(s->place, s->ours);
	}
	if (make_durable(path, e) != RC_OK || make_durable(own, e) != RC_OK)
		return e->rc;
	*folder = strdup(own);
	return *folder ? RC_OK : err_errno(e, RC_ERROR, "strdup", NULL, "%s", own);
}

bool softhsm_raced(const struct err *e)
{
	static const CK_RV answers[] = {
		CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED, CKR_HOST_MEMORY,
		CKR_USER_PIN_NOT_INITIALIZED, CKR_GENERAL_ERROR,
	};

	for (size_t i = 0; e->rc == RC_TOKEN && i < COUNT_OF(answers); i++)
		if (answers[i] == e->code)
			return true;
	return false;
}
