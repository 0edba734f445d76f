#include "config.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "hsm/token.h"
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define AT(member) offsetof(struct keyd_config, member)

const struct conf_row keyd_token_rows[] = {
	{.key = "module", .type = CONF_TEXT, .at = AT(module),
	 .help = "the token's PKCS#11 module: a path, or its p11-kit name"},
	{.key = "uri", .type = CONF_TEXT, .at = AT(uri),
	 .help = "which token: an RFC 7512 URI, as pkcs11:token=prod-a"},
	{.key = "pin", .type = CONF_TEXT, .at = AT(pin), .def = "credential:pin",
	 .help = "where the user PIN is: credential:NAME, file:/PATH, or prompt"},
	{.key = "sessions", .type = CONF_UINT, .at = AT(sessions), .def = "4",
	 .min = 1, .max = HSM_MAX_SESSIONS,
	 .help = "sessions of the token, and threads that use them"},
	{0},
};

const struct conf_row keyd_service_rows[] = {
	{.key = "deadline-seconds", .type = CONF_UINT, .at = AT(deadline_seconds),
	 .def = "30", .min = 1, .max = 3600,
	 .help = "a token that takes longer for one request is given up"},
	{.key = "generate-seconds", .type = CONF_UINT, .at = AT(generate_seconds),
	 .def = "600", .min = 1, .max = 3600,
	 .help = "the same for the generation of a key"},
	{.key = "audit-checkpoint-seconds", .type = CONF_UINT,
	 .at = AT(checkpoint_seconds), .def = "60", .min = 1, .max = 3600,
	 .help = "an entry of the audit log waits so long for a signed one behind it"},
	{.key = "audit-rotate-mib", .type = CONF_UINT, .at = AT(rotate_mib),
	 .def = "64", .min = 0, .max = 65536,
	 .help = "a new file of the audit log begins at this size; 0: never"},
	{.key = "verify", .type = CONF_BOOL, .at = AT(verify), .def = "yes",
	 .help = "each signature is verified in software before it is given out; no: for measurements alone"},
	{0},
};

static const struct conf_section sections[] = {
	{"token", keyd_token_rows, NULL},
	{"keyd", keyd_service_rows, NULL},
	{0},
};

void keyd_config_free(struct keyd_config *c)
{
	if (!c)
		return;
	cluster_free(c->cluster);
	conf_clear(keyd_token_rows, c);
	conf_clear(keyd_service_rows, c);
	free(c);
}

static enum rc check(struct keyd_config *c, const char *path, struct err *e)
{
	char where[160];

	if (!c->module || !c->uri || !c->pin)
		return err_set(e, RC_USAGE, "configuration",
			       "the section [token] is missing", NULL, "%s", path);
	if (hsm_uri_check(c->uri, e) != RC_OK) {
		(void)snprintf(where, sizeof where, "%.120s:%d: uri", path,
			       conf_line(path, "token", "uri"));
		return err_within(e, where);
	}
	if (strncmp(c->pin, "credential:", 11) != 0 &&
	    strncmp(c->pin, "file:/", 6) != 0 && strcmp(c->pin, "prompt") != 0)
		/* The value is not shown: it may be a PIN by mistake. */
		return err_set(e, RC_USAGE, "configuration",
			       "must be credential:NAME, file:/PATH, or prompt",
			       NULL, "%s:%d: pin", path,
			       conf_line(path, "token", "pin"));
	return RC_OK;
}

enum rc keyd_config_read(const char *dir, struct keyd_config **out,
			 struct err *e)
{
	struct keyd_config CLEANUP(keyd_config_free) *c = calloc(1, sizeof *c);
	char path[PATH_MAX];
	gid_t ignored;

	if (!c)
		return err_errno(e, RC_ERROR, "calloc", NULL, KEYD_CONF);
	if (conf_defaults(keyd_service_rows, c, e) != RC_OK ||
	    cluster_read(dir, &c->cluster, e) != RC_OK ||
	    file_path(path, sizeof path, dir, KEYD_CONF, e) != RC_OK ||
	    conf_read(path, sections, c, e) != RC_OK ||
	    check(c, path, e) != RC_OK ||
	    proc_user(c->cluster->keyd_user, &c->keyd_uid, &ignored, e) != RC_OK ||
	    proc_user(c->cluster->front_user, &c->front_uid, &ignored, e) !=
		    RC_OK ||
	    proc_user(c->cluster->tvs_user, &c->tvs_uid, &ignored, e) != RC_OK ||
	    proc_group(c->cluster->group, &c->group, e) != RC_OK)
		return e->rc;
	*out = c;
	c = NULL;
	return RC_OK;
}

void keyd_config_pin_path(const struct keyd_config *c, char *to, size_t cap)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	to[0] = '\0';
	if (!strncmp(c->pin, "file:", 5))
		(void)snprintf(to, cap, "%s", c->pin + 5);
	else if (!strncmp(c->pin, "credential:", 11) && dir)
		(void)snprintf(to, cap, "%s/%s", dir, c->pin + 11);
}

enum rc keyd_config_pin(const struct keyd_config *c, struct secret **out,
			struct err *e)
{
	if (!strncmp(c->pin, "file:", 5))
		return secret_read_file(c->pin + 5, out, e);
	if (!strncmp(c->pin, "credential:", 11))
		return secret_read_credential(c->pin + 11, out, e);
	return secret_ask("PIN of the token: ", out, e);
}

static enum rc check_pin_file(const struct keyd_config *c, struct err *e)
{
	struct stat st;

	if (strncmp(c->pin, "file:", 5) != 0)
		return RC_OK; /* a credential comes with the start */
	if (stat(c->pin + 5, &st) != 0)
		return err_errno(e, RC_ERROR, "stat", NULL, "%s", c->pin + 5);
	if (!S_ISREG(st.st_mode) || st.st_mode & 077 ||
	    st.st_uid != c->keyd_uid)
		return err_set(e, RC_ERROR, "PIN file",
			       "must be a file that only keyd's user can read",
			       "chown it to that user and chmod 0400 it", "%s",
			       c->pin + 5);
	return RC_OK;
}

static enum rc check_module(const struct keyd_config *c, struct err *e)
{
	if (c->module[0] != '/' || access(c->module, R_OK) == 0)
		return RC_OK;
	return err_errno(e, RC_ERROR, "module",
			 "install the token's PKCS#11 module, or correct the path",
			 "%s", c->module);
}

enum rc keyd_config_check_files(const struct keyd_config *c, const char *dir,
				struct err *e)
{
	const char *key = "module";
	char path[PATH_MAX], where[160];
	enum rc rc = check_module(c, e);
	struct err ignored;

	if (rc == RC_OK) {
		key = "pin";
		rc = check_pin_file(c, e);
	}
	if (rc == RC_OK || file_path(path, sizeof path, dir, KEYD_CONF,
				     &ignored) != RC_OK)
		return rc;
	(void)snprintf(where, sizeof where, "%.120s:%d: %s", path,
		       conf_line(path, "token", key), key);
	return err_within(e, where);
}
