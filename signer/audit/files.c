#include "audit/files.h"
#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 100000 /* more is no folder of a log */

struct found {
	uint64_t last;
	char *path;
};

void audit_files_clear(struct audit_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->paths[i]);
	free(f->paths);
	free(f->last);
	*f = (struct audit_files){0};
}

/* NAME.N, as it is written; 0: another file. */
static uint64_t number_of(const char *entry, const char *name)
{
	size_t n = strlen(name);
	const char *p = entry + n + 1;
	uint64_t v = 0;

	if (strncmp(entry, name, n) != 0 || entry[n] != '.' || *p == '0' ||
	    strlen(p) > 19)
		return 0;
	for (; *p; p++) {
		if (*p < '0' || *p > '9')
			return 0;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	return v;
}

static int by_last(const void *a, const void *b)
{
	uint64_t x = ((const struct found *)a)->last;
	uint64_t y = ((const struct found *)b)->last;

	return (x > y) - (x < y);
}

static bool keep(struct found **all, size_t *n, uint64_t last, const char *dir,
		 const char *name)
{
	char path[PATH_MAX];
	struct err ignored;
	struct found *more;

	if (*n == FILES_MAX ||
	    file_path(path, sizeof path, dir, name, &ignored) != RC_OK)
		return false;
	more = reallocarray(*all, *n + 1, sizeof *more);
	if (!more)
		return false;
	*all = more;
	more[*n].last = last;
	more[*n].path = strdup(path);
	return more[(*n)++].path != NULL;
}

/* Takes what was found over. */
static bool hand_over(struct found *all, size_t n, struct audit_files *out)
{
	qsort(all, n, sizeof *all, by_last);
	out->paths = calloc(n + 1, sizeof *out->paths);
	out->last = calloc(n + 1, sizeof *out->last);
	for (size_t i = 0; i < n; i++)
		if (out->paths && out->last) {
			out->paths[i] = all[i].path;
			out->last[i] = all[i].last;
			out->older += all[i].last != UINT64_MAX;
		} else {
			free(all[i].path);
		}
	out->n = out->paths && out->last ? n : 0;
	return out->paths && out->last;
}

enum rc audit_files_find(const char *path, struct audit_files *out, struct err *e)
{
	char folder[PATH_MAX], base[PATH_MAX];
	const char *dir = folder, *name;
	struct found *all = NULL;
	struct dirent *d;
	bool well = true;
	size_t n = 0;
	DIR *open;

	*out = (struct audit_files){0};
	(void)snprintf(folder, sizeof folder, "%s", path);
	(void)snprintf(base, sizeof base, "%s", path);
	dir = dirname(folder);
	name = basename(base);
	open = opendir(dir);
	if (!open)
		return err_errno(e, errno == ENOENT ? RC_NOTFOUND : RC_ERROR, "open",
				 "root and the group of administrators can read it",
				 "%s", dir);
	while (well && (d = readdir(open))) {
		uint64_t last = strcmp(d->d_name, name) ? number_of(d->d_name, name)
							: UINT64_MAX;

		if (last)
			well = keep(&all, &n, last, dir, d->d_name);
	}
	(void)closedir(open);
	well = hand_over(all, n, out) && well;
	free(all);
	if (!well)
		return err_errno(e, RC_ERROR, "find", NULL, "%s", path);
	if (n == 0)
		return err_set(e, RC_NOTFOUND, "find", "there is no such log",
			       "keyd makes it at its first start", "%s", path);
	return RC_OK;
}
