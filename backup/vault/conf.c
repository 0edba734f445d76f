#include "base/file.h"
#include "base/num.h"
#include "vault.h"
#include <ctype.h>
#include <limits.h>
#include <string.h>

#define AT(field) offsetof(struct vault_entry, field)

const struct conf_row vault_rows[] = {
	{"target", CONF_TEXT, AT(target_text), NULL, 0, 0, NULL,
	 "a folder, or sftp://USER@HOST[:PORT]/FOLDER"},
	{"identity", CONF_PATH, AT(identity), "", 0, 0, NULL,
	 "private key of the login, without a passphrase"},
	{"known-hosts", CONF_PATH, AT(known_hosts), "", 0, 0, NULL,
	 "file of the servers' keys; default: the user's own"},
	{"agent", CONF_PATH, AT(agent), "", 0, 0, NULL,
	 "socket of an SSH agent"},
	{"keep", CONF_UINT, AT(keep), "10", 1, 1000, NULL,
	 "backups that prune leaves"},
	{"seconds", CONF_UINT, AT(seconds), "60", 5, 600, NULL,
	 "deadline of each transfer"},
	{0},
};

static bool name_ok(const char *id)
{
	size_t n = strlen(id);

	for (const char *s = id; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '-' && *s != '_')
			return false;
	return n >= 1 && n < sizeof((struct vault_entry *)NULL)->name;
}

static void *open_vault(void *arg, const char *id, struct err *e)
{
	struct vault_conf *c = arg;

	if (c->n == VAULTS_MAX) {
		err_set(e, RC_USAGE, "configuration", "too many vaults", NULL, "%s",
			id);
		return NULL;
	}
	if (!name_ok(id)) {
		err_set(e, RC_USAGE, "configuration",
			"a vault's name is 1 to 32 letters, digits, '-', '_'", NULL,
			"%s", id);
		return NULL;
	}
	strcpy(c->entries[c->n].name, id);
	return &c->entries[c->n++];
}

static enum rc fail(const char *path, const struct vault_entry *v,
		    const char *key, const char *why, struct err *e)
{
	char section[48];

	(void)snprintf(section, sizeof section, "vault %s", v->name);
	return err_set(e, RC_USAGE, "configuration", why, NULL, "%s:%d: %s", path,
		       conf_line(path, section, key), key);
}

static enum rc check(const char *path, struct vault_entry *v, struct err *e)
{
	const struct {
		const char *key, *value;
	} remote[] = {
		{"identity", v->identity},
		{"known-hosts", v->known_hosts},
		{"agent", v->agent},
	};
	char why[sizeof e->why];

	if (vault_target_read(v->target_text, &v->target, e) != RC_OK) {
		memcpy(why, e->why, sizeof why);
		fail(path, v, "target", why, e);
		return err_hint(e, "give /FOLDER, or sftp://USER@HOST[:PORT]/FOLDER");
	}
	for (size_t i = 0; i < COUNT_OF(remote); i++)
		if (remote[i].value && !v->target.remote)
			return fail(path, v, remote[i].key,
				    "is for targets with sftp:// alone", e);
	return RC_OK;
}

enum rc vault_conf_read(const char *dir, struct vault_conf **out, struct err *e)
{
	static const struct conf_section sections[] = {
		{"vault", vault_rows, open_vault},
		{0},
	};
	struct vault_conf CLEANUP(vault_conf_free) *c = calloc(1, sizeof *c);
	char path[PATH_MAX];

	if (!c)
		return err_errno(e, RC_ERROR, "calloc", NULL, VAULT_CONF);
	if (file_path(path, sizeof path, dir, VAULT_CONF, e) != RC_OK)
		return e->rc;
	if (conf_read(path, sections, c, e) != RC_OK && e->rc != RC_NOTFOUND)
		return e->rc;
	for (size_t i = 0; i < c->n; i++)
		if (check(path, &c->entries[i], e) != RC_OK)
			return e->rc;
	*out = c;
	c = NULL;
	return RC_OK;
}

void vault_conf_free(struct vault_conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		conf_clear(vault_rows, &c->entries[i]);
	free(c);
}
