/* A private folder for the targets whose subject reads files: of memory where the
 * machine has such a one. Made when it is first asked for, removed at the exit. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "base/bytes.h"
#include <limits.h>

const char *scratch_dir(void);
void scratch_path(const char *name, char to[PATH_MAX]);
void scratch_mkdir(const char *name);
void scratch_write(const char *name, struct bytes content);

#endif
