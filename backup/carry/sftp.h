/* Files of an SFTP server. */
#ifndef CARRY_SFTP_H
#define CARRY_SFTP_H

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

static inline void sftp_close_quietly(sftp_file f)
{
	if (f)
		(void)sftp_close(f);
}

CLEANUP_DEFINE(sftp_file, sftp_close_quietly);

#endif
