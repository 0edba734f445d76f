/* A recovery key's file: where it is, and how it is fetched and opened. */
#include "itlctl/keyfile.h"
#include "base/num.h"
#include <string.h>

#define ASK_P12 "Enter password of the p12 file :"

/* ---- where ---- */

static bool copy(char *to, size_t cap, const char *from, size_t n)
{
	if (n == 0 || n >= cap)
		return false;
	memcpy(to, from, n);
	to[n] = '\0';
	return true;
}

static enum rc wrong(const char *what, const char *why, const char *text,
		     struct err *e)
{
	return err_set(e, RC_USAGE, what, why, "nothing was changed", "%.160s",
		       text);
}

static enum rc port_read(const char *text, unsigned *out, struct err *e)
{
	unsigned long n = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits > 0 && digits <= 5 && !text[digits])
		n = strtoul(text, NULL, 10);
	if (n == 0 || n > 65535)
		return wrong("port", "is no port: 1 to 65535", text, e);
	*out = (unsigned)n;
	return RC_OK;
}

/* Without slashes at the end; "~/x" is "x", which a server takes from the user's
 * home. */
static bool folder_read(const char *text, char *to, size_t cap)
{
	size_t n;

	if (!strcmp(text, "~"))
		text = ".";
	if (!strncmp(text, "~/", 2))
		text += 2;
	n = strlen(text);
	while (n > 1 && text[n - 1] == '/')
		n--;
	return n ? copy(to, cap, text, n) : copy(to, cap, ".", 1);
}

/* The library says whether it can be one: by what it makes of its text. */
static enum rc check_target(const struct vault_target *t, struct err *e)
{
	struct vault_target same;
	char text[VAULT_TEXT_MAX];

	if (vault_target_read(vault_target_text(t, text), &same, e) != RC_OK ||
	    strcmp(same.path, t->path) != 0)
		return wrong("SFTP server",
			     "host, user and folder cannot be the names of such",
			     text, e);
	return RC_OK;
}

enum rc keyfile_folder(const char *host, const char *port, const char *user,
		       const char *folder, struct vault_target *out,
		       struct err *e)
{
	struct vault_target t = {.remote = true};

	if (!copy(t.host, sizeof t.host, host, strlen(host)))
		return wrong("host", "is no name or address of a host", host, e);
	if (!copy(t.user, sizeof t.user, user, strlen(user)))
		return wrong("user", "is no user's name", user, e);
	if (!folder_read(folder, t.path, sizeof t.path))
		return wrong("folder", "the path is too long", folder, e);
	if (port_read(port, &t.port, e) != RC_OK || check_target(&t, e) != RC_OK)
		return e->rc;
	*out = t;
	return RC_OK;
}

/* The file's name: what stands behind the last slash. */
static enum rc name_read(const char *path, char to[VAULT_NAME_MAX],
			 size_t *before, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	*before = num_size(name - path);
	if (!strcmp(name, ".") || !strcmp(name, "..") ||
	    !copy(to, VAULT_NAME_MAX, name, strlen(name)))
		return wrong("file", "names no file, or its name is longer than 127 bytes",
			     path, e);
	return RC_OK;
}

enum rc keyfile_of_words(const struct ctl *c, const char *host, const char *user,
			 const char *path, struct keyfile *out, struct err *e)
{
	const char *port = c->opt.value[OPT_PORT];
	struct keyfile k = {0};
	size_t before;

	if (name_read(path, k.name, &before, e) != RC_OK)
		return e->rc;

	char CLEANUP_FREE *folder = strndup(path, before);

	if (!folder)
		return err_errno(e, RC_ERROR, "strndup", NULL, "%.160s", path);
	if (keyfile_folder(host, port ? port : "22", user, folder, &k.folder,
			   e) != RC_OK)
		return e->rc;
	*out = k;
	return RC_OK;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

enum rc keyfile_of_vault(const struct vault_conf *conf, const char *text,
			 struct keyfile *out, struct err *e)
{
	const char *slash = strrchr(text, '/');
	struct keyfile k = {0};
	struct vault_name ours;
	size_t before = 0;

	if (slash && (ends_with(text, ".p12") || vault_name_read(slash + 1, &ours)) &&
	    name_read(text, k.name, &before, e) != RC_OK)
		return e->rc;
	/* A folder keeps its slash, which may be all of it; a vault's name has none. */
	if (before > 1 && slash == strchr(text, '/'))
		before--;

	char CLEANUP_FREE *folder =
		k.name[0] ? strndup(text, before) : strdup(text);

	if (!folder)
		return err_errno(e, RC_ERROR, "strdup", NULL, "%.160s", text);
	if (ask_vault_named(conf, folder, &k.folder, &k.entry, e) != RC_OK)
		return e->rc;
	*out = k;
	return RC_OK;
}

/* ---- open ---- */

struct file {
	struct bytes bytes;
	const char *name; /* if it is a backup's; one from elsewhere: NULL */
	const struct secret *security;
};

static enum rc try_open(const struct file *f, const struct secret *inner,
			struct recovery_file **out, struct err *e)
{
	return recovery_open(f->bytes, f->name, f->security, inner, out, e);
}

static enum rc open_file(const struct ctl *c, const struct file *f,
			 struct recovery_file **out, struct err *e)
{
	const char *given = c->opt.value[OPT_P12_PASSWORD_FILE];
	struct secret CLEANUP(secret_free) *inner = NULL;
	struct err none;
	enum rc rc;

	if (given && secret_read_file(given, &inner, e) != RC_OK)
		return e->rc;
	rc = try_open(f, inner, out, e);
	/* Perhaps a password of its own; an envelope's p12 has none. */
	if (rc != RC_VERIFY || inner || f->name || envelope_is(f->bytes) ||
	    ask_secret(ASK_P12, NULL, "--p12-password-file FILE", &inner, &none) != RC_OK)
		return rc;
	return try_open(f, inner, out, e);
}

static enum rc explain(const struct keyfile *k, const struct file *f,
		       struct err *e)
{
	char where[VAULT_TEXT_MAX];

	if (e->rc == RC_VERIFY && !f->name && !envelope_is(f->bytes))
		(void)err_hint(e, "it opens with the cluster security password of its time, or with one of its own (--p12-password-file); or take another copy");
	if (!f->name && k->name[0])
		(void)err_within(e, k->name);
	return err_within(e, vault_target_text(&k->folder, where));
}

enum rc keyfile_open(const struct ctl *c, struct keyfile *k, struct ask_vault *a,
		     const struct secret *security, struct recovery_file **out,
		     struct err *e)
{
	struct vault CLEANUP(vault_free) *vault = NULL;
	uint8_t CLEANUP_FREE *bytes = NULL;
	struct vault_object newest;
	struct vault_name ours;
	struct file f = {.security = security};
	size_t n = 0;

	a->entry = k->entry;
	if (ask_vault_open(a, &k->folder, &vault, e) != RC_OK)
		return e->rc;
	if (!k->name[0]) {
		if (recovery_newest(vault, &newest, e) != RC_OK)
			return explain(k, &f, e);
		(void)snprintf(k->name, sizeof k->name, "%s", newest.name);
	}
	if (vault_get(vault, k->name, VAULT_OBJECT_MAX, &bytes, &n, e) != RC_OK)
		return e->rc;
	f.bytes = bytes_of(bytes, n);
	f.name = vault_name_read(k->name, &ours) ? k->name : NULL;
	if (open_file(c, &f, out, e) != RC_OK)
		return explain(k, &f, e);
	return RC_OK;
}
