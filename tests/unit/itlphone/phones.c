#include "support/support.h"
#include "phones.h"
#include "base/file.h"
#include "itl/itl.h"
#include "support/run.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

char *dir, *root;
struct server tftp;

void phones_setup(void)
{
	char path[4096];

	dir = support_tmpdir();
	assert_true(snprintf(path, sizeof path, "%s/tftp", dir) > 0);
	root = strdup(path);
	assert_return_code(mkdir(root, 0755), 0);
	assert_return_code(chmod(root, 0755), 0);
	tftp = server_tftp(root, 0);
}

void phones_teardown(void)
{
	server_stop(&tftp);
	support_tmpdir_remove(dir);
	free(root);
}

int fresh(void **state)
{
	int code;

	(void)state;
	free(run(&code, "rm -rf %s/state %s/*", dir, root));
	return code;
}

void serve(const char *name, struct bytes content)
{
	char path[4096];
	struct err e;

	assert_ok(file_path(path, sizeof path, root, name, &e), &e);
	if (content.p)
		assert_ok(file_replace(path, content, 0644, &e), &e);
	else
		(void)unlink(path);
}

json_t *reset_with(const char *more, int *code)
{
	char *out = run(code, ITLPHONE " --state %s/state --json --server "
				       "127.0.0.1 %s reset 2>/dev/null",
			dir, more);
	json_t *report = json_loads(out, 0, NULL);

	if (!report)
		fail_msg("no report: %s", out);
	free(out);
	return report;
}

json_t *reset(int *code)
{
	char more[64];

	(void)snprintf(more, sizeof more, "--tftp-port %u", tftp.port);
	return reset_with(more, code);
}

const char *text(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t ? t : "(null)";
}

const char *last_status(const json_t *report)
{
	const json_t *lines = json_object_get(report, "status");

	return json_string_value(
		json_array_get(lines, json_array_size(lines) - 1));
}

void check_installed(struct bytes want)
{
	char path[4096];
	uint8_t *got = NULL;
	size_t n = 0;
	struct err e;

	(void)snprintf(path, sizeof path, "%s/state/" PHONE "/ITLFile.tlv", dir);
	if (!want.n) {
		assert_int_equal(access(path, F_OK), -1);
		return;
	}
	assert_ok(file_read(path, ITL_MAX, &got, &n, &e), &e);
	assert_true(bytes_equal(bytes_of(got, n), want));
	free(got);
}
