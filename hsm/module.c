#include "hsm/module.h"
#include "base/file.h"
#include "base/num.h"
#include <limits.h>
#include <p11-kit/p11-kit.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MODULE_FILE (64u << 10) /* a p11-kit file has a dozen lines */

struct hsm_module {
	CK_FUNCTION_LIST *functions;
};

/* Where p11-kit looks: the administrator's folder before the packages'. */
static const char *const folders[] = {
	"/etc/pkcs11/modules",
	P11KIT_MODULE_CONFIGS,
};

static atomic_flag is_open = ATOMIC_FLAG_INIT;

/* The value of the line "module:" in the text of a p11-kit file, in place. */
static char *module_line(char *text)
{
	static const char key[] = "module:";
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		line += strspn(line, " \t");
		if (strncmp(line, key, sizeof key - 1) != 0)
			continue;
		line += sizeof key - 1;
		line += strspn(line, " \t");
		for (size_t n = strlen(line); n && strchr(" \t\r", line[n - 1]);)
			line[--n] = '\0';
		return line;
	}
	return NULL;
}

/* What the file FOLDER/NAME.module says; RC_NOTFOUND if there is no such file. */
static enum rc path_from_folder(const char *folder, const char *name,
				char to[PATH_MAX], struct err *e)
{
	char file[PATH_MAX];
	uint8_t CLEANUP_FREE *text = NULL;
	const char *value;
	size_t n;
	int len;

	if (snprintf(file, sizeof file, "%s/%s.module", folder, name) >=
	    num_int(sizeof file))
		return err_set(e, RC_USAGE, "module", "the name is too long",
			       NULL, "%.100s", name);
	if (file_read(file, MAX_MODULE_FILE, &text, &n, e) != RC_OK)
		return e->rc;
	value = module_line((char *)text);
	if (!value || !*value)
		return err_set(e, RC_USAGE, "module", "it has no line \"module:\"",
			       "name the module by its path instead", "%s",
			       file);
	len = snprintf(to, PATH_MAX, "%s%s%s",
		       value[0] == '/' ? "" : P11KIT_MODULE_PATH,
		       value[0] == '/' ? "" : "/", value);
	if (len >= PATH_MAX)
		return err_set(e, RC_USAGE, "module", "the path is too long",
			       NULL, "%s", file);
	return RC_OK;
}

enum rc hsm_module_path(const char *name, char to[PATH_MAX], struct err *e)
{
	if (name[0] == '/' && strlen(name) < PATH_MAX) {
		strcpy(to, name);
		return RC_OK;
	}
	if (!name[0] || strchr(name, '/'))
		return err_set(e, RC_USAGE, "module",
			       "neither an absolute path nor a name of p11-kit",
			       "such as /usr/lib/softhsm/libsofthsm2.so or softhsm2",
			       "\"%.100s\"", name);
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		enum rc rc = path_from_folder(folders[i], name, to, e);

		if (rc != RC_NOTFOUND)
			return rc;
	}
	return err_set(e, RC_TOKEN, "module",
		       "p11-kit has no module of this name",
		       "p11-kit list-modules lists them; or name the module by its path",
		       "\"%.100s\"", name);
}

static enum rc load(const char *path, CK_FUNCTION_LIST **out, struct err *e)
{
	CK_FUNCTION_LIST *f =
		p11_kit_module_load(path, P11_KIT_MODULE_UNMANAGED);
	const char *why = p11_kit_message();

	if (!f)
		return err_set(e, RC_TOKEN, "load module",
			       why ? why : "it is no PKCS#11 module",
			       "install the token's PKCS#11 module, and name it in the configuration",
			       "%s", path);
	*out = f;
	return RC_OK;
}

static enum rc initialize(const char *path, CK_FUNCTION_LIST *f, struct err *e)
{
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
	CK_RV rv = f->C_Initialize(&args);

	return rv == CKR_OK ? RC_OK
			    : hsm_err(e, "C_Initialize", rv, "module %s", path);
}

enum rc hsm_module_open(const char *name_or_path, struct hsm_module **out,
			struct err *e)
{
	char path[PATH_MAX];
	struct hsm_module *m;
	enum rc rc = hsm_module_path(name_or_path, path, e);

	if (rc != RC_OK)
		return rc;
	if (atomic_flag_test_and_set(&is_open))
		return err_set(e, RC_BUSY, "load module",
			       "this process has a module open already", NULL,
			       "%s", path);
	m = calloc(1, sizeof *m);
	rc = m ? load(path, &m->functions, e)
	       : err_errno(e, RC_ERROR, "calloc", NULL, "%s", path);
	if (rc == RC_OK) {
		rc = initialize(path, m->functions, e);
		if (rc != RC_OK)
			p11_kit_module_release(m->functions);
	}
	if (rc != RC_OK) {
		free(m);
		atomic_flag_clear(&is_open);
		return rc;
	}
	*out = m;
	return RC_OK;
}

void hsm_module_free(struct hsm_module *m)
{
	if (!m)
		return;
	(void)m->functions->C_Finalize(NULL);
	p11_kit_module_release(m->functions);
	free(m);
	atomic_flag_clear(&is_open);
}

CK_FUNCTION_LIST *hsm_module_functions(const struct hsm_module *m)
{
	return m->functions;
}
