/* Names: of files in the folders that carry and the vaults write, and of servers in
 * known_hosts. */
#ifndef CARRY_NAME_H
#define CARRY_NAME_H

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* One that is put, stored and listed: one file of a folder, no path, nothing
 * hidden, nothing that is not seen. */
static inline bool carry_name_is_plain(const char *name)
{
	for (const char *s = name; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
			return false;
	return name[0] && name[0] != '.';
}

/* A folder in whose files commands may be run: an absolute path in which no shell
 * finds anything to do. */
static inline bool carry_folder_is_plain(const char *folder)
{
	for (const char *s = folder; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._/-", *s))
			return false;
	return folder[0] == '/';
}

/* ".ITLRecovery*.tmp": what the store of a backup leaves if it is cut off. One that
 * still runs has such a file too, so the next store removes those alone that are
 * older than CARRY_LEFTOVER_AGE seconds. */
#define CARRY_LEFTOVER_AGE 86400
static inline bool carry_name_is_leftover(const char *name)
{
	static const char start[] = ".ITLRecovery", end[] = ".tmp";
	size_t n = strlen(name);

	return n >= sizeof start + sizeof end - 2 &&
	       !strncmp(name, start, sizeof start - 1) &&
	       !strcmp(name + n - (sizeof end - 1), end);
}

/* A server, as known_hosts names it: "host", or "[host]:2222". Returns to. */
#define CARRY_KNOWN_HOST_MAX 272
static inline char *carry_known_host(const char *host, unsigned port,
				     char to[CARRY_KNOWN_HOST_MAX])
{
	(void)snprintf(to, CARRY_KNOWN_HOST_MAX, port == 22 ? "%s" : "[%s]:%u",
		       host, port);
	for (char *c = to; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return to;
}

#endif
