#include "ask/ask.h"
#include <string.h>

/* A vault's name has no slash and no colon, so that it is no target. */
static const struct vault_entry *by_name(const struct vault_conf *conf,
					 const char *word)
{
	for (size_t i = 0; conf && i < conf->n; i++)
		if (!strcmp(conf->entries[i].name, word))
			return &conf->entries[i];
	return NULL;
}

/* However it was written. */
static const struct vault_entry *by_target(const struct vault_conf *conf,
					   const struct vault_target *t)
{
	char text[VAULT_TEXT_MAX], other[VAULT_TEXT_MAX];

	vault_target_text(t, text);
	for (size_t i = 0; conf && i < conf->n; i++)
		if (!strcmp(vault_target_text(&conf->entries[i].target, other),
			    text))
			return &conf->entries[i];
	return NULL;
}

enum rc ask_vault_named(const struct vault_conf *conf, const char *word,
			struct vault_target *target,
			const struct vault_entry **entry, struct err *e)
{
	const struct vault_entry *found = by_name(conf, word);

	if (found)
		*target = found->target;
	else if (!strchr(word, '/') && !strchr(word, ':'))
		return err_set(e, RC_USAGE, "vault",
			       conf ? "is no vault of vault.conf"
				    : "is no target, and there is no vault.conf",
			       "name a vault of vault.conf, a folder from its / on, or sftp://USER@HOST[:PORT]/FOLDER",
			       "%.40s", word);
	else if (vault_target_read(word, target, e) != RC_OK)
		return err_hint(e, "name a vault of vault.conf, a folder from its / on, or sftp://USER@HOST[:PORT]/FOLDER");
	*entry = found ? found : by_target(conf, target);
	return RC_OK;
}
