/* file get tftp ITLRecovery.p12: a backup by hand, in the original's words. */
#include "itlctl/commands.h"
#include "itlctl/keyfile.h"
#include "itlctl/recover.h"
#include <string.h>

#define ON_LINE "VAULT behind the file's name: sftp://USER@HOST[:PORT]/DIR"
/* Where a call manager has the file. */
#define ORIGINAL_PATH "/usr/local/cm/tftp/" P12_NAME

/* Only the publisher has the file, and it is the only one. */
static enum rc find_file(struct ctl *c, struct err *e)
{
	if (!strcmp(c->args[0], P12_NAME) && ctl_on_publisher(c))
		return RC_OK;
	if (!c->json)
		(void)fprintf(c->out, "file not found\n");
	return err_set(e, RC_NOTFOUND, "file get tftp", "file not found",
		       "the publisher has " P12_NAME ", and no other file can be had",
		       "%.100s on %s", c->args[0], c->node->host);
}

/* As the original prints a float: the fewest digits that mean it, one behind the
 * point at least. */
static void print_kbytes(FILE *out, size_t bytes)
{
	float k = (float)bytes / 1024;
	char text[32];
	int digits = 1;

	do
		(void)snprintf(text, sizeof text, "%.*g", digits, (double)k);
	while (strtof(text, NULL) != k && ++digits <= 9);
	(void)fprintf(out, "Total size in Kbytes: %s%s\n", text,
		      strchr(text, '.') ? "" : ".0");
}

/* The file is made before it is asked about: its size is shown. */
static enum rc gather(struct ctl *c, const struct recovery *r,
		      struct recovery_object *o, struct err *e)
{
	FILE *out = ctl_words(c);
	enum rc rc;

	(void)fprintf(out, "Please wait while the system is gathering files info ...");
	(void)fflush(out);
	rc = recovery_make(r, RECOVERY_TFTP, o, e);
	(void)fprintf(out, rc == RC_OK ? "done.\n" : "failed.\n");
	if (rc != RC_OK)
		return rc;
	(void)fprintf(out,
		      "Sub-directories were not traversed.\n"
		      "Number of files affected: 1\n"
		      "Total size in Bytes: %zu\n", o->n);
	print_kbytes(out, o->n);
	(void)fflush(out);
	return RC_OK;
}

/* Where to, if the line says it. */
static enum rc read_vault(struct ctl *c, struct ask_vault *a,
			  struct vault_target *out, struct err *e)
{
	if (c->nargs < 2)
		return RC_OK;
	if (ctl_open(c, NEED_VAULTS, e) != RC_OK)
		return e->rc;
	return ask_vault_named(c->vaults, c->args[1], out, &a->entry, e);
}

/* Where to, unless it does. */
static enum rc ask_target(struct ask_vault *a, struct vault_target *out,
			  struct err *e)
{
	char host[256], port[8], user[65], folder[512];

	if (ask_line("SFTP server IP:", NULL, host, sizeof host, ON_LINE, e) != RC_OK ||
	    ask_line("SFTP server port [22]:", "22", port, sizeof port, ON_LINE, e) != RC_OK ||
	    ask_line("User ID:", NULL, user, sizeof user, ON_LINE, e) != RC_OK ||
	    ask_vault_password(a, "Password:", e) != RC_OK ||
	    ask_line("Download directory:", NULL, folder, sizeof folder, ON_LINE, e) != RC_OK)
		return e->rc;
	return keyfile_folder(host, port, user, folder, out, e);
}

/* A dot for each part of the way. */
static void dot(void *arg, enum recovery_step step, double seconds)
{
	(void)step;
	if (seconds < 0)
		(void)fputc('.', arg);
	(void)fflush(arg);
}

static enum rc put_file(struct ctl *c, struct recovery *r,
			const struct recovery_object *o,
			const struct vault_target *t, struct ask_vault *a,
			struct err *e)
{
	struct vault CLEANUP(vault_free) *vault = NULL;
	struct recovery_made m = {0};
	char where[VAULT_TEXT_MAX];
	enum rc rc;

	if (ask_vault_open(a, t, &vault, e) != RC_OK)
		return e->rc;
	r->step = dot;
	r->arg = ctl_words(c);
	rc = recovery_store(r, vault, vault_target_text(t, where), o, &m, e);
	(void)fprintf(r->arg, "\n");
	if (rc != RC_OK)
		return rc;
	if (c->json)
		return ctl_result(c, recovery_made_json(&m), e);
	(void)fprintf(c->out,
		      "Transfer completed.\n"
		      "Downloading file: " ORIGINAL_PATH "\n\n");
	recover_tell_made(c, &m);
	return RC_OK;
}

enum rc file_get_tftp(struct ctl *c, struct err *e)
{
	struct recovery_object CLEANUP(recovery_object_clear) o = {0};
	struct ask_vault CLEANUP(ask_vault_clear) access = ctl_vault(c);
	struct passwords CLEANUP(passwords_clear) passwords = {0};
	struct vault_target target;
	struct recovery r;
	bool yes;

	if (find_file(c, e) != RC_OK ||
	    read_vault(c, &access, &target, e) != RC_OK ||
	    passwords_ask(c, &passwords, e) != RC_OK)
		return e->rc;
	r = recover_with(c, &passwords);
	if (gather(c, &r, &o, e) != RC_OK ||
	    ask_yes("Would you like to proceed [y/n]?",
		    c->opt.value[OPT_YES] != NULL, &yes, e) != RC_OK)
		return e->rc;
	if (!yes)
		return err_set(e, RC_REFUSED, "file get tftp", "was not wanted",
			       "nothing was changed", P12_NAME);
	if (c->nargs < 2 && ask_target(&access, &target, e) != RC_OK)
		return e->rc;
	return put_file(c, &r, &o, &target, &access, e);
}
