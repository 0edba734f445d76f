/*
 * Stands in for libFuzzer where there is none: runs the target on every file of
 * the folders in argv. An empty corpus is a failure: it would test nothing.
 */
#include "base/file.h"
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void folder_close(DIR *d)
{
	if (d)
		(void)closedir(d);
}
CLEANUP_DEFINE(DIR *, folder_close);

static enum rc run_file(const char *path, struct err *e)
{
	uint8_t CLEANUP_FREE *file = NULL, CLEANUP_FREE *exact = NULL;
	size_t n = 0;

	if (file_read(path, 1 << 24, &file, &n, e) != RC_OK)
		return e->rc;
	/* A copy of its own size, so that a read behind its end is found. */
	exact = malloc(n ? n : 1);
	if (!exact)
		return err_errno(e, RC_ERROR, "malloc", NULL, "%s", path);
	memcpy(exact, file, n);
	(void)LLVMFuzzerTestOneInput(exact, n);
	return RC_OK;
}

static enum rc run_folder(const char *folder, size_t *ran, struct err *e)
{
	DIR CLEANUP(folder_close) *d = opendir(folder);
	char path[PATH_MAX];

	if (!d)
		return err_errno(e, RC_ERROR, "opendir", NULL, "%s", folder);
	for (struct dirent *entry; (entry = readdir(d));) {
		if (entry->d_name[0] == '.')
			continue;
		if (file_path(path, sizeof path, folder, entry->d_name, e) != RC_OK ||
		    run_file(path, e) != RC_OK)
			return e->rc;
		++*ran;
	}
	return RC_OK;
}

int main(int argc, char **argv)
{
	size_t ran = 0;
	struct err e;
	char text[1200];

	for (int i = 1; i < argc; i++)
		if (run_folder(argv[i], &ran, &e) != RC_OK) {
			fprintf(stderr, "%s\n", err_text(&e, text, sizeof text));
			return 1;
		}
	if (!ran) {
		fprintf(stderr, "no corpus: usage: %s FOLDER...\n", argv[0]);
		return 1;
	}
	printf("%zu inputs\n", ran);
	return 0;
}
