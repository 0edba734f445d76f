/* What the files of the job `again` share. */
#ifndef CARRY_AGAIN_H
#define CARRY_AGAIN_H

#include "base/bytes.h"
#include "carry/carry.h"
#include "sftp.h"
#include <stdint.h>

#define AGAIN_SUFFIX ".sgn"

/* A .sgn, as it stands on the server. */
struct again_file {
	char *path; /* below the folder */
	uint32_t mode, gid;
};

struct again {
	struct ssh ssh;
	const char *folder;
	int max; /* bytes of a .sgn */
	struct again_file *files;
	size_t nfiles, cap;
	size_t entries;   /* of all folders */
	bool no_mv;       /* a command did not do it */
	bool no_replace;  /* SFTP's rename does not */
	char note[256];   /* why something was not atomic; "": all was */
};

/* Tell the parent why a file (CARRY_AGAIN_NONE: none that was counted) stays as it is. */
enum rc again_refused(uint32_t number, const struct err *why, struct err *e) MUST_CHECK;

/* FOLDER/PATH; too long a one was refused by the walk. */
void again_path(const struct again *t, const char *path, char to[SFTP_PATH_MAX]);

/* ---- again_tree.c ---- */

/* Find the files, and clear away what runs before left; where one was killed between
 * two renames the file that it moved aside gets its name back. */
enum rc again_walk(struct again *t, struct err *e) MUST_CHECK;

/* ---- again_write.c ---- */

#define AGAIN_ROUND 32 /* files that are asked about together */

/* One of a round. */
struct again_piece {
	uint32_t number;
	uint8_t *old;  /* the file; malloc()ed */
	size_t n;
	uint8_t *answer; /* malloc()ed: a letter, the number; of 'h' skip and the header */
	size_t nanswer;
	char tmp[SFTP_PATH_MAX]; /* "": none was written, or it has its name */
	bool done; /* the parent was told what became of it */
};

struct again_round {
	struct again_piece p[AGAIN_ROUND];
	size_t n, bytes;
};

/* What has got a new header, onto the disk and in place; each is told. */
enum rc again_write(struct again *t, struct again_round *r, struct err *e) MUST_CHECK;

#endif
