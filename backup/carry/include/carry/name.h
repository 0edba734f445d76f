/* Names of the files that carry puts, stores and lists: one file of a folder, no
 * path, nothing hidden, nothing that is not seen. */
#ifndef CARRY_NAME_H
#define CARRY_NAME_H

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static inline bool carry_name_is_plain(const char *name)
{
	for (const char *s = name; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-", *s))
			return false;
	return name[0] && name[0] != '.';
}

#endif
