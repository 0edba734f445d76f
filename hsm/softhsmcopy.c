#include "softhsmcopy.h"
#include "base/file.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOKS 6 /* at a token.object that is not whole: 100 ms in all */

void guard_say(const struct hsm_place *p, const char *event, const struct err *e)
{
	if (p->say)
		p->say(p->arg, event, e);
}

void guard_tell(const struct hsm_place *p, const char *event, enum rc rc,
		const char *path, const char *why, const char *hint)
{
	struct err e;

	(void)err_set(&e, rc, "token", why, hint, "%s", path);
	guard_say(p, event, &e);
}

void guard_nap(void)
{
	static const struct timespec t = {.tv_nsec = 20000000};

	(void)nanosleep(&t, NULL);
}

/* ---- token.object, whole or not ---- */

struct image image_look(const char *path)
{
	struct image i = {0};
	struct err none;

	if (file_read(path, TOKEN_OBJECT_MAX, &i.p, &i.n, &none) == RC_OK)
		i.whole = token_object_read(bytes_of(i.p, i.n), &i.o);
	return i;
}

struct image image_look_twice(const char *path)
{
	struct image i = image_look(path);

	for (unsigned n = 1; !i.whole && n < LOOKS; n++) {
		image_free_at(&i);
		guard_nap();
		i = image_look(path);
	}
	return i;
}

/* ---- copies ---- */

static enum rc copy_path(const struct hsm_place *p, const char *name,
			 const char *kind, char to[PATH_MAX], struct err *e)
{
	char file[NAME_MAX + 16];

	(void)snprintf(file, sizeof file, "%s.%s", name, kind);
	return file_path(to, PATH_MAX, p->keep, file, e);
}

struct image copy_look(const struct hsm_place *p, const char *name,
		       const char *kind)
{
	char path[PATH_MAX];
	struct err none;

	if (!p->keep || copy_path(p, name, kind, path, &none) != RC_OK)
		return (struct image){0};
	return image_look(path);
}

void copy_write(const struct hsm_place *p, const char *name, const char *kind,
		const struct image *now)
{
	char path[PATH_MAX];
	struct err e;

	if (copy_path(p, name, kind, path, &e) != RC_OK ||
	    file_replace(path, bytes_of(now->p, now->n), 0600, &e) != RC_OK) {
		guard_say(p, "token-copy", &e);
		return;
	}
	if (!strcmp(kind, "proved"))
		guard_tell(p, "token-copy", RC_OK, path,
			   "a copy of the token's file was made",
			   "it is as secret as the token's folder");
}

void copy_drop_seen(const struct hsm_place *p, const char *name)
{
	char path[PATH_MAX];
	struct err none;

	if (copy_path(p, name, "seen", path, &none) == RC_OK)
		(void)unlink(path);
}

bool copy_same(const struct hsm_place *p, const char *name, const char *kind,
	       const struct image *now)
{
	struct image CLEANUP(image_free) copy = copy_look(p, name, kind);

	return copy.whole && token_object_same(&copy.o, &now->o);
}

void guard_sweep(const char *folder, const char *begin)
{
	DIR CLEANUP(folder_close) *d = opendir(folder);
	struct dirent *f;

	while (d && (f = readdir(d))) {
		size_t n = strlen(f->d_name);

		if (!strncmp(f->d_name, begin, strlen(begin)) && n > 4 &&
		    !strcmp(f->d_name + n - 4, ".tmp"))
			(void)unlinkat(dirfd(d), f->d_name, 0);
	}
}
