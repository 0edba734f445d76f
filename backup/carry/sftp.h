/* Files of an SFTP server. */
#ifndef CARRY_SFTP_H
#define CARRY_SFTP_H

#include "base/bytes.h"
#include "ssh.h"

#define SFTP_PATH_MAX 1024
#define SFTP_CHUNK 32000u /* bytes of a read or write that every server takes */

/* The error of a call that has just failed: the server's status, or the
 * connection's end. */
enum rc sftp_failed(const struct ssh *s, const char *op, const char *path,
		    struct err *e);
/* It was the connection. */
bool sftp_lost(const struct ssh *s);

/* A file in a folder; false if that is no path, or too long a one. */
bool sftp_path_of(const char *folder, const char *name,
		  char to[SFTP_PATH_MAX]) MUST_CHECK;

/* The same, of a plain name. */
enum rc sftp_path(const char *folder, const char *name, char to[SFTP_PATH_MAX],
		  struct err *e) MUST_CHECK;

/* ".NAME.HEX" and this end, which no other job takes. */
enum rc sftp_path_new(const char *folder, const char *name, const char *end,
		      char to[SFTP_PATH_MAX], struct err *e) MUST_CHECK;

/* Connect, log in. */
enum rc sftp_enter(struct ssh *s, struct err *e) MUST_CHECK;
/* RC_NOTFOUND if there is no such folder, RC_ERROR if it is none. */
enum rc sftp_be_folder(struct ssh *s, const char *folder, struct err *e) MUST_CHECK;

/* ---- whole.c: files that are whole before they get their name ---- */

struct sftp_new {
	const char *folder;
	const char *tmp;   /* its path, */
	const char *final; /* and what it shall become: errors name this */
	unsigned mode;     /* as far as the server's umask lets it */
	struct bytes content;
};

/* Written, synced where that is offered, read back and compared. What is left of one
 * that failed is the caller's to remove. */
enum rc sftp_write_new(struct ssh *s, const struct sftp_new *f,
		       struct err *e) MUST_CHECK;

/* RC_VERIFY unless the file at `path` has this content; the error names `final`. */
enum rc sftp_same(struct ssh *s, const char *path, const char *final,
		  struct bytes content, struct err *e) MUST_CHECK;

/* Remove the folder's regular files that are leftovers. Best effort: nothing depends
 * on it. */
void sftp_sweep(struct ssh *s, const char *folder,
		bool (*is_leftover)(const struct sftp_attributes_struct *a,
				    const void *arg),
		const void *arg);

static inline void sftp_close_quietly(sftp_file f)
{
	if (f)
		(void)sftp_close(f);
}

CLEANUP_DEFINE(sftp_file, sftp_close_quietly);

#endif
