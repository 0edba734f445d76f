/* token.object of a SoftHSM token and its copies, for softhsm.c; see hsm/start.h. */
#ifndef HSM_SOFTHSMCOPY_H
#define HSM_SOFTHSMCOPY_H

#include "hsm/start.h"
#include "tokenobject.h"
#include <dirent.h>

/* ---- words ---- */
void guard_say(const struct hsm_place *p, const char *event, const struct err *e);
void guard_tell(const struct hsm_place *p, const char *event, enum rc rc,
		const char *path, const char *why, const char *hint);
void guard_nap(void); /* 20 ms */

static inline void folder_close(DIR *d)
{
	if (d)
		(void)closedir(d);
}
CLEANUP_DEFINE(DIR *, folder_close);

/* ---- the file ---- */
struct image {
	uint8_t *p; /* malloc()ed, or NULL */
	size_t n;
	bool whole;
	struct token_object o; /* views into p */
};
static inline void image_free_at(struct image *i)
{
	free(i->p);
}

/* Not whole if it cannot be read, whatever the reason. */
struct image image_look(const char *path);
/* For 100 ms: another program's login has it empty for a moment. */
struct image image_look_twice(const char *path);

/* ---- copies in p->keep: `name` of the token's folder, `kind` "seen" or "proved" ---- */
struct image copy_look(const struct hsm_place *p, const char *name, const char *kind);
/* One that cannot be written is said: the token is as unguarded as before. */
void copy_write(const struct hsm_place *p, const char *name, const char *kind,
		const struct image *now);
void copy_drop_seen(const struct hsm_place *p, const char *name);
/* The copy is whole, and has the same PINs. */
bool copy_same(const struct hsm_place *p, const char *name, const char *kind,
	       const struct image *now);

/* Remove what a killed file_replace() left in a folder: a copy of secrets. */
void guard_sweep(const char *folder, const char *begin);

#endif
